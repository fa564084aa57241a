package e2e

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"godwit/internal/corpus"
	"godwit/internal/wan"
)

// running is a godwit that was started and did not end yet.
type running struct {
	cmd *exec.Cmd
	out bytes.Buffer
	end chan struct{}
}

func (a *account) start(t testing.TB, args ...string) *running {
	t.Helper()
	r := &running{cmd: a.stage.command(t, nil, args...), end: make(chan struct{})}
	r.cmd.Stdout, r.cmd.Stderr = &r.out, &r.out
	if err := r.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(r.end)
		r.cmd.Wait()
	}()
	t.Cleanup(func() {
		r.cmd.Process.Kill()
		<-r.end
	})
	return r
}

// wait waits for the end and returns the exit code.
func (r *running) wait(t testing.TB, within time.Duration) int {
	t.Helper()
	select {
	case <-r.end:
	case <-time.After(within):
		t.Fatalf("godwit still runs after %v; so far: %s", within, r.out.String())
	}
	return r.cmd.ProcessState.ExitCode()
}

// until waits for a condition.
func until(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !holds(); {
		if time.Now().After(deadline) {
			t.Fatalf("%s did not come about", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// stalled starts a run that hangs in the network, holding its account.
func stalled(t testing.TB, m *model) *running {
	t.Helper()
	m.a.proxy.Reset()
	m.a.proxy.Fail(func(int) wan.Fault { return wan.Fault{AfterDown: 600, Stall: true} })
	r := m.a.start(t, "sync")
	until(t, "a stalled connection", func() bool { return m.a.proxy.Counts().Cuts > 0 })
	return r
}

func TestSecondRunIsToldWhoHoldsTheAccount(t *testing.T) {
	t.Parallel()
	m := newModel(t, "full", 31, 20)
	m.stir(t, 1)
	first := stalled(t, m)
	start := time.Now()
	r := m.a.run(nil, "sync")
	if r.exit != 6 {
		t.Errorf("a second run: %v", r)
	}
	if took := time.Since(start); took > 3*time.Second {
		t.Errorf("the second run took %v to say so", took)
	}
	if !strings.Contains(r.stderr, fmt.Sprint(first.cmd.Process.Pid)) {
		t.Errorf("the second run does not say that process %d holds the account: %s", first.cmd.Process.Pid, r.stderr)
	}
	// One that waits goes on when the first is gone, even by a crash.
	waiting := m.a.start(t, "sync", "--wait")
	select {
	case <-waiting.end:
		t.Fatalf("--wait did not wait: %s", waiting.out.String())
	case <-time.After(300 * time.Millisecond):
	}
	m.a.online()
	first.cmd.Process.Kill()
	if code := waiting.wait(t, 30*time.Second); code != 0 {
		t.Errorf("after waiting: exit %d, %s", code, waiting.out.String())
	}
	m.settle(t)
}

func TestSignalsEndARunWithinTwoSeconds(t *testing.T) {
	t.Parallel()
	m := newModel(t, "full", 32, 40)
	for _, signal := range []os.Signal{syscall.SIGTERM, os.Interrupt} {
		m.stir(t, 1)
		r := stalled(t, m)
		start := time.Now()
		if err := r.cmd.Process.Signal(signal); err != nil {
			t.Fatal(err)
		}
		code := r.wait(t, 20*time.Second)
		if took := time.Since(start); took > 2*time.Second {
			t.Errorf("%v ended the run after %v", signal, took)
		}
		if code == 0 {
			t.Errorf("%v: exit 0 though nothing was done", signal)
		}
		if strings.Contains(r.out.String(), "goroutine ") {
			t.Errorf("%v: a stack trace:\n%s", signal, r.out.String())
		}
		m.a.online()
		m.settle(t)
	}
}

// TestMailReaderAtWork has another program rename the files of a large mailbox all
// the time, as mail readers do when flags change, while godwit runs again and
// again. Nothing may be taken for removed.
func TestMailReaderAtWork(t *testing.T) {
	t.Parallel()
	const messages = 3000
	s := &stage{test: t, home: t.TempDir(), accounts: map[string]*account{}}
	a := s.newAccount(t, "me", "full")
	t.Cleanup(a.close)
	a.set()
	a.other().Fill("INBOX", messages, func(i int) []byte { return corpus.Sized(i+1, 900) })
	a.sync()

	var stop atomic.Bool
	var renames int
	done := make(chan error, 1)
	go func() { done <- reader(filepath.Join(a.root, "INBOX"), &stop, &renames) }()
	for round := range rounds(t, 10) {
		a.other().Append("INBOX", nil, corpus.Date(1), corpus.Sized(messages+1+round, 900))
		r := a.run(nil, "sync")
		if r.exit != 0 && r.exit != 1 {
			t.Errorf("round %d: %v", round, r)
		}
		if got := a.other().Select("INBOX").Exists; got != messages+1+round {
			t.Fatalf("round %d: the server has %d messages, want %d", round, got, messages+1+round)
		}
	}
	stop.Store(true)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	t.Logf("%d renames", renames)
	if renames < 1000 {
		t.Errorf("the mail reader renamed only %d files", renames)
	}
	a.sync()
	a.same()
	if got := len(a.files("INBOX")); got != messages+rounds(t, 10) {
		t.Errorf("the Maildir has %d messages, want %d", got, messages+rounds(t, 10))
	}
	a.quiet()
}

// reader changes flags by renaming, through the whole mailbox and again.
func reader(dir string, stop *atomic.Bool, renames *int) error {
	for pass := 0; ; pass++ {
		for _, sub := range []string{"new", "cur"} {
			entries, err := os.ReadDir(filepath.Join(dir, sub))
			if err != nil {
				return err
			}
			for _, e := range entries {
				if stop.Load() {
					return nil
				}
				key, _, _ := strings.Cut(e.Name(), ":2,")
				to := filepath.Join(dir, "cur", key+[]string{":2,S", ":2,FS", ":2,RS", ":2,"}[pass%4])
				err := os.Rename(filepath.Join(dir, sub, e.Name()), to)
				if err == nil {
					*renames++
				} else if !os.IsNotExist(err) { // godwit may have renamed it as well
					return err
				}
			}
		}
	}
}

// TestDiskFull gives the Maildir a file system that is too small.
func TestDiskFull(t *testing.T) {
	t.Parallel()
	for _, place := range []string{"Maildir", "state", "both"} {
		t.Run(place, func(t *testing.T) {
			t.Parallel()
			s := &stage{test: t, home: t.TempDir(), accounts: map[string]*account{}}
			a := s.newAccount(t, "me", "full")
			t.Cleanup(a.close)
			a.set()
			const messages = 200
			disks := map[string]string{a.root: "1m", filepath.Dir(a.state): "192k"}
			switch place {
			case "Maildir":
				delete(disks, filepath.Dir(a.state))
			case "state":
				delete(disks, a.root)
			}
			for dir, size := range disks {
				smallDisk(t, dir, size)
			}
			a.other().Fill("INBOX", messages, func(i int) []byte { return corpus.Sized(i+1, 12_000) })
			r := a.run(nil, "sync")
			if place != "state" || r.exit != 0 {
				if r.exit != 1 {
					t.Errorf("disk full: %v", r)
				}
				if !strings.Contains(r.stderr, "full") && !strings.Contains(r.stderr, "no space") {
					t.Errorf("the message does not tell what is wrong: %s", r.stderr)
				}
			}
			// What came is whole, and nothing went the other way.
			if got := a.other().Select("INBOX").Exists; got != messages {
				t.Fatalf("the server has %d messages", got)
			}
			have := map[sum]bool{}
			for _, m := range a.other().Messages("INBOX") {
				have[m.Sum] = true
			}
			for _, f := range a.files("INBOX") {
				if !have[f.wire] {
					t.Errorf("%s is no message of the server", f.path)
				}
			}
			for dir := range disks {
				remount(t, dir, 0, "size=64m")
			}
			a.sync()
			a.same()
			a.quiet()
		})
	}
}
