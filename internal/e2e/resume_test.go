package e2e

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"godwit/internal/corpus"
	"godwit/internal/wan"
)

// heavy is an account with a few small messages and one of so many octets.
func heavy(t *testing.T, profile string, size int) (a *account, octets int64) {
	t.Helper()
	s := &stage{test: t, home: t.TempDir(), accounts: map[string]*account{}}
	a = s.newAccount(t, "me", profile)
	t.Cleanup(a.close)
	a.set()
	large := corpus.Attachment(9, size*3/4)
	a.other().Append("INBOX", []string{`\Flagged`}, corpus.Date(9), large)
	for i := range 3 {
		a.other().Append("INBOX", nil, corpus.Date(i), corpus.Message(i))
	}
	return a, int64(len(large))
}

// heaviness is the size that these tests are about: 50 MB, a fifth with -short.
func heaviness() int {
	if testing.Short() {
		return 10_000_000
	}
	return 50_000_000
}

// leftOver lists what is kept of large messages, and what is in tmp/ of INBOX.
func (a *account) leftOver(t testing.TB) []string {
	t.Helper()
	var all []string
	for _, dir := range []string{filepath.Join(a.state, "incoming"), filepath.Join(a.dir("INBOX"), "tmp")} {
		entries, err := os.ReadDir(dir)
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		for _, e := range entries {
			all = append(all, filepath.Join(dir, e.Name()))
		}
	}
	return all
}

// TestACutTransferGoesOn cuts every connection after random numbers of octets, until
// all is here.
func TestACutTransferGoesOn(t *testing.T) {
	t.Parallel()
	for name, fresh := range map[string]bool{"a new mailbox": true, "a known mailbox": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			random := rand.New(rand.NewPCG(7, 11))
			var a *account
			var size int64
			if fresh {
				a, size = heavy(t, "full", heaviness())
			} else {
				a, _ = heavy(t, "condstore", 1000)
				a.sync()
				large := corpus.Attachment(10, heaviness()*3/4)
				size = int64(len(large))
				a.other().Append("INBOX", nil, corpus.Date(10), large)
			}
			a.proxy.Reset()
			a.proxy.Fail(func(int) wan.Fault { return wan.Fault{AfterDown: 1 + random.Int64N(size/4)} })
			runs := 1
			for ; a.run(nil, "sync").exit != 0; runs++ {
				if runs > 200 {
					t.Fatal("it never ends")
				}
			}
			c := a.proxy.Counts()
			t.Logf("%d octets: %d runs, %d connections, %d cuts, %d octets down", size, runs, c.Connections, c.Cuts, c.Down)
			if c.Cuts < 3 {
				t.Errorf("only %d cuts", c.Cuts)
			}
			if c.Down > size+size/10 {
				t.Errorf("%d octets came down for a message of %d", c.Down, size)
			}
			a.online()
			a.same()
			a.quiet()
			if left := a.leftOver(t); len(left) > 0 {
				t.Errorf("left over: %v", left)
			}
		})
	}
}

// arriving waits until so many octets of a large message are kept, or until done.
func (a *account) arriving(t testing.TB, octets int64, done <-chan error) bool {
	t.Helper()
	look := time.NewTicker(5 * time.Millisecond)
	defer look.Stop()
	for {
		select {
		case <-done:
			return false
		case <-look.C:
		}
		entries, err := os.ReadDir(filepath.Join(a.state, "incoming"))
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		for _, e := range entries {
			if info, err := e.Info(); err == nil && info.Size() >= octets {
				return true
			}
		}
	}
}

// killAt starts a run and kills it when so many octets of a large message are
// kept; it tells whether it came to that.
func (a *account) killAt(t testing.TB, octets int64) bool {
	t.Helper()
	cmd := a.stage.command(t, nil, "sync")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	if !a.arriving(t, octets, done) {
		return false
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-done
	return true
}

// TestAKilledTransferGoesOn kills runs at random points of a transfer; each costs
// what came in the last second or so.
func TestAKilledTransferGoesOn(t *testing.T) {
	t.Parallel()
	a, size := heavy(t, "full", heaviness())
	rate := size / 4
	a.proxy.Set(wan.Network{Rate: rate})
	a.proxy.Reset()
	random := rand.New(rand.NewPCG(3, 1))
	kills := 0
	for at := int64(0); kills < 6; kills++ {
		if at += 1 + random.Int64N(size/6); !a.killAt(t, at) {
			break
		}
	}
	a.proxy.Set(wan.Network{})
	a.sync()
	c := a.proxy.Counts()
	t.Logf("%d octets: %d kills, %d octets down", size, kills, c.Down)
	if most := size + size/10 + int64(kills)*rate*3/2; c.Down > most || kills < 3 {
		t.Errorf("%d octets came down for a message of %d, with %d kills", c.Down, size, kills)
	}
	a.same()
	a.quiet()
	if left := a.leftOver(t); len(left) > 0 {
		t.Errorf("left over: %v", left)
	}
}

// TestALargeMessageComesLast kills a run in the middle of a large message: all
// small ones are here, of later mailboxes too, and flags were changed.
func TestALargeMessageComesLast(t *testing.T) {
	t.Parallel()
	a, _ := heavy(t, "full", 1000)
	a.other().Create("Later")
	a.other().Append("Later", nil, corpus.Date(20), corpus.Message(20))
	a.sync()
	large := corpus.Attachment(10, 4_000_000)
	a.other().Append("INBOX", nil, corpus.Date(10), large)
	a.other().Append("Later", nil, corpus.Date(21), corpus.Message(21))
	a.other().Append("INBOX", nil, corpus.Date(22), corpus.Message(22))
	a.other().Store("INBOX", "1", "+", `\Answered`)
	a.other().Expunge("INBOX", "2")
	a.proxy.Set(wan.Network{Rate: 1_000_000})
	if !a.killAt(t, 1_000_000) {
		t.Fatal("the run was over before it was killed")
	}
	files := a.files("INBOX")
	if len(files) != 4 {
		t.Errorf("%d messages are in INBOX before the large one, want 4", len(files))
	}
	if n := len(a.files("Later")); n != 2 {
		t.Errorf("%d messages are in Later, want 2", n)
	}
	answered := 0
	for _, f := range files {
		if strings.Contains(f.path, ":2,") && strings.Contains(f.path[strings.LastIndex(f.path, ":2,"):], "R") {
			answered++
		}
	}
	if answered != 1 {
		t.Errorf("%d messages are \\Answered, want 1", answered)
	}
	a.proxy.Set(wan.Network{})
	a.sync()
	a.same()
	a.quiet()
}

// TestABudgetIsKept runs with a budget until nothing is left. What crosses the wire
// is what was said, and nothing of it comes twice.
func TestABudgetIsKept(t *testing.T) {
	t.Parallel()
	const budget = 2_000_000
	a, size := heavy(t, "full", 5_000_000)
	a.other().Create("Later")
	a.other().Fill("Later", 150, func(i int) []byte { return corpus.Sized(30+i, 20_000) })
	size += 150 * 20_000
	total, runs := int64(0), 0
	for left := true; left; runs++ {
		if runs > 10 {
			t.Fatal("it never ends")
		}
		a.proxy.Reset()
		r := a.sync("--budget", "2MB")
		left = strings.Contains(r.stdout, "left to the next run")
		c := a.proxy.Counts()
		if c.Up+c.Down > budget {
			t.Errorf("run %d: %d octets crossed, with a budget of %d", runs+1, c.Up+c.Down, budget)
		}
		if left && c.Up+c.Down < budget*9/10 {
			t.Errorf("run %d: only %d octets crossed, with a budget of %d: %s", runs+1, c.Up+c.Down, budget, r.stdout)
		}
		total += c.Up + c.Down
		if runs == 0 {
			if n := len(a.files("INBOX")); n != 3 {
				t.Errorf("%d of the 3 small messages of INBOX are here after the first run", n)
			}
		}
	}
	t.Logf("%d octets in %d runs: %d crossed", size, runs, total)
	if total > size+size/10 {
		t.Errorf("%d octets crossed for %d", total, size)
	}
	a.same()
	a.quiet()
}

// TestATimeIsKept gives runs too little time on a slow line. They end in time,
// well, and the next one goes on.
func TestATimeIsKept(t *testing.T) {
	t.Parallel()
	const rate = 500_000
	a, size := heavy(t, "full", 3_000_000)
	a.proxy.Set(wan.Network{Rate: rate})
	a.proxy.Reset()
	runs := 0
	for left := true; left; runs++ {
		if runs > 10 {
			t.Fatal("it never ends")
		}
		began := time.Now()
		r := a.sync("--for", "2s")
		left = strings.Contains(r.stdout, "left to the next run")
		if took := time.Since(began); took > 15*time.Second {
			t.Errorf("it took %v", took)
		}
		if n := len(a.files("INBOX")); n < 3 {
			t.Errorf("%d of the 3 small messages are here", n)
		}
	}
	c := a.proxy.Counts()
	t.Logf("%d octets in %d runs: %d came down", size, runs, c.Down)
	if runs < 2 || c.Down > size+size/5 {
		t.Errorf("%d runs, %d octets for %d", runs, c.Down, size)
	}
	a.proxy.Set(wan.Network{})
	a.same()
	a.quiet()
}
