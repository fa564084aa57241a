package e2e

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"godwit/internal/wan"
	"godwit/sync"
)

// rounds is how often a test that draws at random does so.
func rounds(t testing.TB, n int) int {
	t.Helper()
	if testing.Short() {
		return max(2, n/10)
	}
	return n
}

// TestKillAtEveryStepLosesAndDoublesNothing kills godwit where a crash would leave
// different things behind, the first and the second time it comes there, and
// runs it again.
func TestKillAtEveryStepLosesAndDoublesNothing(t *testing.T) {
	t.Parallel()
	if len(sync.Steps) == 0 {
		t.Fatal("no steps")
	}
	each := max(1, (casesOfEach+len(sync.Steps)-1)/len(sync.Steps))
	for s, step := range sync.Steps {
		t.Run(step, func(t *testing.T) {
			t.Parallel()
			m := newModel(t, "full", uint64(s), 40)
			m.hurry()
			for n, kills := 0, 0; kills < each; n++ {
				m.stir(t, 1)
				time := 1 + n%2
				r := m.a.run([]string{fmt.Sprintf("GODWIT_CRASH_AT=%s:%d", step, time)}, "sync")
				if time == 1 && r.exit != -1 {
					t.Fatalf("a run with every kind of change does not come to %s: %v", step, r)
				}
				m.alone(t)
				m.settle(t)
				if r.exit == -1 {
					kills++
					counted("kills at named points")
				}
			}
		})
	}
}

// TestKillTwiceInARowLosesAndDoublesNothing kills the run that recovers, too.
func TestKillTwiceInARowLosesAndDoublesNothing(t *testing.T) {
	t.Parallel()
	m := newModel(t, "full", 77, 60)
	m.hurry()
	random := rand.New(rand.NewPCG(5, 5))
	for range rounds(t, 20) {
		m.stir(t, 1)
		var at []string
		for range 3 {
			step := sync.Steps[random.IntN(len(sync.Steps))]
			at = append(at, step)
			m.a.run([]string{"GODWIT_CRASH_AT=" + step}, "sync")
			m.alone(t)
		}
		t.Log("killed at", at)
		m.settle(t)
	}
}

// TestKillAtAnyMomentLosesAndDoublesNothing kills godwit at random moments.
func TestKillAtAnyMomentLosesAndDoublesNothing(t *testing.T) {
	t.Parallel()
	lanes(t, "kills at random moments", casesOfEach, nil, func(t *testing.T, m *model, random *rand.Rand) bool {
		if m.whole == 0 {
			start := time.Now()
			m.a.sync()
			m.whole = time.Since(start)
			m.stir(t, 1)
		}
		after := time.Duration(random.Int64N(int64(m.whole)))
		killed := m.killAfter(t, after)
		t.Logf("killed after %v: %v", after, killed)
		return killed
	})
}

// killAfter starts godwit sync and kills it after a while; it tells whether the
// run had not ended by then.
func (m *model) killAfter(t testing.TB, after time.Duration) bool {
	t.Helper()
	cmd := m.a.stage.command(t, nil, "sync")
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	timer := time.AfterFunc(after, func() { cmd.Process.Kill() })
	defer timer.Stop()
	cmd.Wait()
	return cmd.ProcessState.ExitCode() == -1
}

// TestCutAtAnyByteLosesAndDoublesNothing cuts connections after random numbers of
// bytes, from the server or to it.
func TestCutAtAnyByteLosesAndDoublesNothing(t *testing.T) {
	t.Parallel()
	for _, direction := range []string{"down", "up"} {
		t.Run(direction, func(t *testing.T) {
			t.Parallel()
			lanes(t, "connections cut ("+direction+")", casesOfEach, nil, func(t *testing.T, m *model, random *rand.Rand) bool {
				return m.disturbed(t, random, direction, false)
			})
		})
	}
}

// TestSilenceAtAnyByteLosesAndDoublesNothing lets connections fall silent instead,
// which nobody is told of.
func TestSilenceAtAnyByteLosesAndDoublesNothing(t *testing.T) {
	t.Parallel()
	for _, direction := range []string{"down", "up"} {
		t.Run(direction, func(t *testing.T) {
			t.Parallel()
			lanes(t, "connections stalled ("+direction+")", casesOfEach, nil, func(t *testing.T, m *model, random *rand.Rand) bool {
				m.a.set("imap.timeout=1s")
				defer m.a.set("imap.timeout=20s")
				return m.disturbed(t, random, direction, true)
			})
		})
	}
}

// disturbed runs godwit while its first connection, or each, fails after some
// bytes, and tells whether one did.
func (m *model) disturbed(t *testing.T, random *rand.Rand, direction string, stall bool) bool {
	t.Helper()
	if m.most == 0 {
		m.a.proxy.Reset()
		m.a.sync()
		counts := m.a.proxy.Counts()
		if m.most = counts.Down / 2; direction == "up" { // several connections share the bytes
			m.most = counts.Up / 2
		}
		m.stir(t, 1)
	}
	n := 1 + random.Int64N(m.most)
	all := random.IntN(4) == 0
	m.a.proxy.Reset()
	m.a.proxy.Fail(func(connection int) wan.Fault {
		switch {
		case connection > 0 && !all:
			return wan.Fault{}
		case direction == "up":
			return wan.Fault{AfterUp: n, Stall: stall}
		}
		return wan.Fault{AfterDown: n, Stall: stall}
	})
	start := time.Now()
	r := m.a.run(nil, "sync")
	cuts := m.a.proxy.Counts().Cuts
	took := time.Since(start)
	t.Logf("%s after %d bytes (all: %v): exit %d after %v, %d connections failed; %s", direction, n, all, r.exit, took, cuts, strings.TrimSpace(r.stderr))
	if r.exit != 0 && r.exit != 1 && r.exit != 4 {
		t.Errorf("a connection that failed ended with %v", r)
	}
	if stall && took > time.Minute {
		t.Errorf("silence was borne for %v, with a timeout of 1s", took)
	}
	return cuts > 0
}

// TestStallEndsWithTheNetworkCode lets the network fall silent.
func TestStallEndsWithTheNetworkCode(t *testing.T) {
	t.Parallel()
	m := newModel(t, "full", 21, 40, "imap.timeout=1s")
	for _, after := range []int64{10, 400, 2000} {
		m.stir(t, 1)
		m.a.proxy.Fail(func(int) wan.Fault { return wan.Fault{AfterDown: after, Stall: true} })
		start := time.Now()
		r := m.a.run(nil, "sync")
		if r.exit != 4 {
			t.Errorf("silence after %d bytes: %v", after, r)
		}
		if took := time.Since(start); took > 30*time.Second {
			t.Errorf("silence after %d bytes was borne for %v, with a timeout of 1s", after, took)
		}
		m.a.online()
		m.settle(t)
	}
}

// TestEveryServerConverges changes both sides again and again, on servers that can
// do less.
func TestEveryServerConverges(t *testing.T) {
	t.Parallel()
	for profile := range profiles {
		if profile == "quota" {
			continue // holds five messages
		}
		t.Run(profile, func(t *testing.T) {
			t.Parallel()
			m := newModel(t, profile, 13, 60)
			for range rounds(t, 8) {
				m.stir(t, 2)
				m.a.sync()
				m.settle(t)
			}
			// The state is lost: everything is found again.
			for _, name := range []string{"state.db", "state.db-wal", "state.db-shm"} {
				if err := os.Remove(m.a.state + "/" + name); err != nil && !os.IsNotExist(err) {
					t.Fatal(err)
				}
			}
			m.settle(t)
		})
	}
}

// TestLayoutsConverge does the same in each layout.
func TestLayoutsConverge(t *testing.T) {
	t.Parallel()
	for _, layout := range []string{"verbatim", "maildir++", "flat"} {
		t.Run(layout, func(t *testing.T) {
			t.Parallel()
			m := newModel(t, "slash", 14, 60, "layout="+layout)
			for range rounds(t, 6) {
				m.stir(t, 2)
				m.a.sync()
				m.settle(t)
			}
		})
	}
}
