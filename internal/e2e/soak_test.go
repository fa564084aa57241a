package e2e

import (
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	gosync "sync"
	"testing"
	"time"
)

// Two variables make the tests of this package longer than `make test` has them:
// GODWIT_E2E_CASES is how many cases of each kind are carried out, and with
// GODWIT_E2E_PATIENT godwit waits as long as users have it wait for a server that
// may still be at work. Without, the tests see to it that it is not, and have
// godwit wait no longer: nothing else is different.
var (
	casesOfEach = numberFromEnv("GODWIT_E2E_CASES", 40)
	patient     = os.Getenv("GODWIT_E2E_PATIENT") != ""
)

func numberFromEnv(name string, otherwise int) int {
	if n, err := strconv.Atoi(os.Getenv(name)); err == nil && n > 0 {
		return n
	}
	return otherwise
}

// hang is how long a run may take that is expected to end: far longer than any
// does, on the busiest machine.
const hang = 3 * time.Minute

// tally counts the cases, for the line at the end.
var tally struct {
	gosync.Mutex
	done  map[string]int
	began time.Time
}

func counted(what string) {
	tally.Lock()
	defer tally.Unlock()
	if tally.done == nil {
		tally.done = map[string]int{}
	}
	tally.done[what]++
}

// summary tells what was carried out to its end. That a message was lost, doubled
// or a run hung fails the test that saw it, and its case is not counted.
func summary(to io.Writer, code int) {
	tally.Lock()
	defer tally.Unlock()
	if len(tally.done) == 0 {
		return
	}
	var parts []string
	for _, what := range slices.Sorted(maps.Keys(tally.done)) {
		parts = append(parts, fmt.Sprintf("%d %s", tally.done[what], what))
	}
	verdict := "nothing lost, nothing doubled, nothing hung"
	if code != 0 {
		verdict = "and others FAILED, see above"
	}
	fmt.Fprintf(to, "survived %s in %v: %s\n", strings.Join(parts, ", "), time.Since(tally.began).Round(time.Second), verdict)
}

// lanes carries out n cases in some accounts side by side, for much of a case is
// waiting. Every other one is on a server that can do little. attempt tells
// whether what the case is about came to pass: a run may be over before.
func lanes(t *testing.T, what string, n int, settings []string, attempt func(t *testing.T, m *model, random *rand.Rand) bool) {
	t.Helper()
	if testing.Short() {
		n = max(2, n/10)
	}
	width := min(8, max(2, n/10))
	for lane := range width {
		profile := []string{"full", "plain"}[lane%2]
		t.Run(fmt.Sprintf("%s-%d", profile, lane), func(t *testing.T) {
			t.Parallel()
			share := n / width
			if lane < n%width {
				share++
			}
			m := newModel(t, profile, uint64(1000+lane), 60, settings...)
			m.hurry()
			random := rand.New(rand.NewPCG(uint64(n), uint64(lane)))
			for done, tries := 0, 0; done < share; tries++ {
				if tries > 4*share+8 {
					t.Fatalf("of %d tries only %d came to pass", tries, done)
				}
				m.stir(t, 1)
				happened := attempt(t, m, random)
				m.a.online()
				m.alone(t)
				m.settle(t)
				if happened {
					done++
					counted(what)
				}
			}
		})
	}
}

// hurry has godwit not wait for a server that may still be at work on what a lost
// connection had told it to do; the test waits for it instead.
func (m *model) hurry() {
	if !patient {
		m.a.environ = []string{"GODWIT_PATIENCE=1ms"}
	}
}

// alone waits until no session of the account is left on the server but the test's
// own: then the server is not at work for a run that is gone.
func (m *model) alone(t testing.TB) {
	t.Helper()
	if patient {
		return
	}
	until(t, "the end of the server's work for the run before", func() bool {
		out, err := m.a.server.Adm("who", "-1", m.a.user)
		if err != nil {
			t.Fatalf("doveadm who: %v\n%s", err, out)
		}
		others := strings.Count(out, m.a.user)
		if m.a.client != nil {
			others--
		}
		return others <= 0
	})
}
