package contract_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"time"

	"godwit/internal/fake"
	"godwit/mail"
	"godwit/maildir"
	"godwit/statedb"
	"godwit/sync"
)

// TestNoDeliveryIsMissedAroundARun puts files into mailboxes right before, during
// and right after a run, on the real file system, and demands that the next run,
// which follows at once, brings all of them to the server, each once.
func TestNoDeliveryIsMissedAroundARun(t *testing.T) {
	t.Parallel()
	rounds := 120
	if testing.Short() {
		rounds = 40
	}
	directory := t.TempDir()
	root := filepath.Join(directory, "Mail")
	local, err := maildir.Open(maildir.Options{Root: root, Account: "work", TrashDir: filepath.Join(directory, "state", "trash")})
	if err != nil {
		t.Fatal(err)
	}
	base, err := statedb.Open(t.Context(), filepath.Join(directory, "state", "state.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := base.Close(); err != nil {
			t.Error(err)
		}
	})
	server := fake.NewServer(fake.Modern)
	boxes := []mail.Mailbox{mail.Inbox, "Work", "Lists"}
	for _, m := range boxes[1:] {
		server.CreateMailbox(m, "")
	}
	run := func() sync.Result {
		t.Helper()
		res, err := sync.Run(t.Context(), sync.Options{Account: "work", Server: server, Local: local, Base: base})
		if err != nil {
			t.Fatal(err)
		}
		return res
	}
	run()

	random := rand.New(rand.NewPCG(1, 1))
	next := 0
	put := func(t *testing.T) {
		m := boxes[next%len(boxes)]
		dir := filepath.Join(root, string(m))
		name := fmt.Sprintf("%d.M%dP1.timing", 1_700_000_000+next, next)
		text := fmt.Sprintf("Date: Mon, 03 Feb 2020 10:00:00 +0000\nMessage-ID: <%d@example.org>\nSubject: %[1]d\n\nbody %[1]d\n", next)
		if err := os.WriteFile(filepath.Join(dir, "tmp", name), []byte(text), 0o600); err != nil {
			t.Error(err)
		}
		to := filepath.Join(dir, "new", name)
		if next%2 == 0 {
			to = filepath.Join(dir, "cur", name+":2,S")
		}
		if err := os.Rename(filepath.Join(dir, "tmp", name), to); err != nil {
			t.Error(err)
		}
		next++
	}
	during, late := 0, 0
	for round := range rounds {
		if round%3 == 0 {
			put(t) // right before
		}
		ended, done := make(chan struct{}), make(chan struct{})
		pauses := make([]time.Duration, 1+random.IntN(6))
		for i := range pauses {
			pauses[i] = time.Duration(random.Int64N(int64(12 * time.Millisecond)))
		}
		go func() {
			defer close(done)
			for _, pause := range pauses {
				time.Sleep(pause) // what is tried are moments
				put(t)
				select {
				case <-ended:
					late++
				default:
					during++
				}
			}
		}()
		run()
		close(ended)
		<-done
		if round%5 == 0 {
			put(t) // right after, and right before the next
		}
		res := run()
		on := 0
		for _, m := range boxes {
			on += len(server.Messages(m))
		}
		if on != next {
			t.Fatalf("round %d: %d files were put there, and the server has %d messages; the run uploaded %d of them, looked into %d mailboxes, failures %v, held %v, unfinished %v",
				round, next, on, res.Pushed, res.Looked, res.Failures, res.Plan.Holds, res.Plan.Unfinished)
		}
	}
	if quiet := run(); quiet.Changed() {
		t.Errorf("a run with nothing to do did something: %+v", quiet)
	}
	t.Logf("%d files, of which %d came during a run and %d right after one", next, during, late)
	if during < rounds/4 {
		t.Error("hardly any file came during a run")
	}
}
