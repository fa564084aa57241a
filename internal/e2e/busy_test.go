package e2e

import (
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"godwit/internal/corpus"
)

// busyWork is what the other program did in the Maildir.
type busyWork struct {
	renamed, delivered, moved, removed int
	gone                               map[sum]bool // what it removed
	came                               map[sum]bool // what it delivered
	err                                error
}

// What the other program does beside each run, flags apart, which it changes all the
// time: as much as leaves the mailbox as large as it is, and no guard finds too much.
const (
	deliveriesARun = 40
	movesARun      = 40
	removalsARun   = 5
)

// busy works on a mailbox at full speed until it is stopped, as mail readers,
// filters and delivery agents do: it renames flags, and, as often as more allows,
// delivers, moves to another mailbox and back, and removes.
func busy(root string, random *rand.Rand, sums map[string]sum, first int, stop, more <-chan struct{}) *busyWork {
	w := &busyWork{gone: map[sum]bool{}, came: map[sum]bool{}}
	var names []string // in INBOX/cur, as this program last left them
	read := func() {
		names = names[:0]
		entries, err := os.ReadDir(filepath.Join(root, "INBOX", "cur"))
		if err != nil {
			w.err = err
			return
		}
		for _, e := range entries {
			names = append(names, e.Name())
		}
	}
	read()
	deliveries, moves, removals := 0, 0, 0
	move := func(from, to string) bool {
		err := os.Rename(from, to)
		if err != nil && !os.IsNotExist(err) { // godwit may have renamed it as well
			w.err = err
		}
		return err == nil
	}
	for turn := 0; w.err == nil; turn++ {
		select {
		case <-stop:
			return w
		case <-more:
			deliveries, moves, removals = deliveriesARun, movesARun, removalsARun
		default:
		}
		if turn%5000 == 4999 {
			read()
		}
		at := random.IntN(len(names))
		name := names[at]
		key, _, _ := strings.Cut(name, ":2,")
		path := filepath.Join(root, "INBOX", "cur", name)
		switch {
		case turn%100 == 0 && deliveries > 0:
			deliveries--
			body := corpus.Sized(first+w.delivered, 700)
			fresh := fmt.Sprintf("%d.M%dP3.busy", 1_600_000_000+w.delivered, w.delivered)
			tmp := filepath.Join(root, "INBOX", "tmp", fresh)
			if w.err = os.WriteFile(tmp, corpus.LocalForm(body), 0o600); w.err == nil && move(tmp, filepath.Join(root, "INBOX", "new", fresh)) {
				w.delivered++
				w.came[sha256.Sum256(body)] = true
			}
		case turn%100 == 50 && moves > 0: // and another one back
			moves--
			if move(path, filepath.Join(root, "Work", "cur", name)) {
				w.moved++
				names[at] = names[len(names)-1]
				names = names[:len(names)-1]
			}
		case turn%100 == 75 && moves > 0:
			moves--
			back, err := os.ReadDir(filepath.Join(root, "Work", "cur"))
			if err != nil {
				w.err = err
			} else if len(back) > 0 {
				name := back[random.IntN(len(back))].Name()
				if move(filepath.Join(root, "Work", "cur", name), filepath.Join(root, "INBOX", "cur", name)) {
					w.moved++
					names = append(names, name)
				}
			}
		case turn%100 == 25 && removals > 0:
			content, known := sums[key]
			if !known {
				continue
			}
			if err := os.Remove(path); err == nil {
				removals--
				w.removed++
				w.gone[content] = true
				names[at] = names[len(names)-1]
				names = names[:len(names)-1]
			}
		default: // a change of flags
			other := key + []string{":2,S", ":2,FS", ":2,RS", ":2,"}[random.IntN(4)]
			if move(path, filepath.Join(root, "INBOX", "cur", other)) {
				w.renamed++
				names[at] = other
			}
		}
	}
	return w
}

// shelve puts messages into the server's INBOX as files: a hundred times as fast as
// telling the server about each.
func (a *account) shelve(n int) {
	a.t.Helper()
	dir := filepath.Join(a.storage("INBOX"), "cur")
	info, err := os.Stat(dir)
	if err != nil {
		a.t.Fatalf("%v", err)
	}
	owner := info.Sys().(*syscall.Stat_t)
	for i := range n {
		body := corpus.Sized(i+2, 700)
		path := filepath.Join(dir, fmt.Sprintf("%d.M%dP9.shelf,S=%d,W=%[3]d:2,", 1_500_000_000+i, i, len(body)))
		if err := os.WriteFile(path, body, 0o600); err != nil {
			a.t.Fatalf("%v", err)
		}
		if err := os.Lchown(path, int(owner.Uid), int(owner.Gid)); err != nil {
			a.t.Fatalf("%v", err)
		}
	}
}

// TestBusyMailboxLosesAndDoublesNothing runs godwit in a loop while another program
// works on a large mailbox at full speed. (GODWIT_E2E_BUSY is how large: of 20,000
// messages nearly all have other flags in each run, and a run takes a minute.) At the end the server has
// what was there and what was delivered, each once, without what was removed; and
// at no time did it miss anything else.
func TestBusyMailboxLosesAndDoublesNothing(t *testing.T) {
	t.Parallel()
	messages := numberFromEnv("GODWIT_E2E_BUSY", 4_000)
	runs := max(4, casesOfEach/20)
	if testing.Short() {
		messages, runs = 2000, 3
	}
	s := &stage{test: t, home: t.TempDir(), accounts: map[string]*account{}}
	a := s.newAccount(t, "me", "full")
	t.Cleanup(a.close)
	a.set("imap.timeout=60s")
	a.other().Create(a.remote("Work"))
	a.other().Append("INBOX", nil, corpus.Date(1), corpus.Sized(1, 700)) // so that its directory is there
	a.shelve(messages - 1)
	a.reconnect()
	a.sync()

	want := map[sum]bool{}
	sums := map[string]sum{} // by key
	for _, f := range a.files("INBOX") {
		want[f.wire] = true
		key, _, _ := strings.Cut(filepath.Base(f.path), ":2,")
		sums[key] = f.wire
	}
	if len(want) != messages {
		t.Fatalf("the Maildir has %d different messages, want %d", len(want), messages)
	}
	// Everything is in cur/ for the other program.
	for _, f := range a.files("INBOX") {
		if dir, name := filepath.Split(f.path); strings.HasSuffix(dir, "/new/") {
			if err := os.Rename(f.path, filepath.Join(a.root, "INBOX", "cur", name+":2,")); err != nil {
				t.Fatal(err)
			}
		}
	}
	stop, more, ended := make(chan struct{}), make(chan struct{}), make(chan *busyWork, 1)
	go func() {
		ended <- busy(a.root, rand.New(rand.NewPCG(4, 4)), sums, messages+1, stop, more)
	}()
	codes := map[int]int{}
	for n := range runs {
		select {
		case more <- struct{}{}:
		case w := <-ended:
			t.Fatalf("the other program ended: %v", w.err)
		}
		r := a.run(nil, "sync")
		codes[r.exit]++
		if r.exit != 0 && r.exit != 1 {
			t.Errorf("a run over a busy mailbox: %v", r)
		}
		// No more is gone from the server than was removed here.
		on := a.other().Select("INBOX").Exists + a.other().Select(a.remote("Work")).Exists
		if least := messages - removalsARun*(n+1); on < least {
			t.Fatalf("run %d: the server has %d messages, and must have %d at least: %v", n, on, least, r)
		}
	}
	close(stop)
	w := <-ended
	if w.err != nil {
		t.Fatal(w.err)
	}
	var r result
	for range 4 {
		if r = a.run(nil, "sync"); r.exit == 0 {
			break
		}
	}
	if r.exit != 0 {
		t.Fatalf("godwit does not come to rest: %v", r)
	}
	a.same()
	have := map[sum]bool{}
	for _, box := range []string{"INBOX", "Work"} {
		for _, f := range a.files(box) {
			have[f.wire] = true
		}
	}
	for content := range w.came {
		want[content] = true
	}
	for content := range w.gone {
		delete(want, content)
	}
	var wrong []string
	for content := range want {
		if !have[content] {
			wrong = append(wrong, fmt.Sprintf("%x was removed by nobody and is gone", content[:4]))
		}
	}
	for content := range have {
		if !want[content] {
			wrong = append(wrong, fmt.Sprintf("%x is there though it was removed", content[:4]))
		}
	}
	slices.Sort(wrong)
	if len(wrong) > 0 {
		t.Errorf("%d messages are wrong:\n%s", len(wrong), strings.Join(wrong[:min(20, len(wrong))], "\n"))
	}
	a.quiet()
	t.Logf("%d runs (exit codes %v) beside %d renames, %d deliveries, %d moves and %d removals", runs, codes, w.renamed, w.delivered, w.moved, w.removed)
	if w.renamed < 1000 || w.delivered == 0 || w.moved == 0 || w.removed == 0 {
		t.Error("the other program was not busy")
	}
	for range runs {
		counted(fmt.Sprintf("runs over a busy mailbox of %d messages", messages))
	}
}
