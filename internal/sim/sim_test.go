package sim_test

import (
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"godwit/internal/sim"
)

var (
	cases = flag.Int("sim.cases", fromEnv("GODWIT_SIM_CASES", usual), "how many cases are simulated")
	first = flag.Int("sim.first", fromEnv("GODWIT_SIM_FIRST", 1), "the seed of the first one")
	soak  = flag.Duration("sim.for", 0, "how long cases are simulated, whatever their number, from a random first seed")
	told  = flag.Bool("sim.tell", false, "the counts are printed without -v")
	most  = flag.Int("sim.report", 12, "how many failing cases are shrunk and shown")
	keep  = flag.String("sim.keep", "", "the directory that shrunk cases are written to")
)

func fromEnv(name string, otherwise int) int {
	if n, err := strconv.Atoi(os.Getenv(name)); err == nil {
		return n
	}
	return otherwise
}

// play carries a case out in a bubble of its own.
func play(t *testing.T, c sim.Case, trace bool) (broken, lines []string) {
	t.Helper()
	synctest.Test(t, func(*testing.T) { broken, lines = sim.Play(c, trace) })
	return broken, lines
}

// report shows what a failing case needs to fail, and how it does.
func report(t *testing.T, c sim.Case) {
	t.Helper()
	small := sim.Shrink(c, func(c sim.Case) bool {
		broken, _ := play(t, c, false)
		return len(broken) > 0
	})
	broken, lines := play(t, small, true)
	if *keep != "" {
		file := filepath.Join(*keep, fmt.Sprintf("seed-%d.case", c.Seed))
		if err := os.WriteFile(file, []byte("# "+strings.Join(broken, "\n# ")+"\n"+small.String()), 0o600); err != nil {
			t.Error(err)
		}
	}
	t.Errorf("seed %d: %s\nas a case for testdata/:\n%s\nwhat happens:\n%s",
		c.Seed, strings.Join(broken, "\n\t"), small, strings.Join(lines, "\n"))
}

func TestNothingIsLostDoubledOrUndone(t *testing.T) {
	t.Parallel()
	const parts = 64
	cases, first, until := *cases, *first, time.Time{}
	if testing.Short() {
		cases = min(cases, 500)
	}
	if *soak > 0 {
		cases, first, until = math.MaxInt/2, 1+rand.IntN(1<<40), time.Now().Add(*soak)
		t.Logf("the first seed is %d", first)
	}
	var next, played, onDisk, withBase, failed, open atomic.Int64
	known := openSeeds(t)
	t.Run("parts", func(t *testing.T) {
		for part := range parts {
			t.Run(fmt.Sprint(part), func(t *testing.T) {
				t.Parallel()
				for until.IsZero() || time.Now().Before(until) {
					seed := first + int(next.Add(1)) - 1
					if seed >= first+cases {
						break
					}
					c := sim.Generate(uint64(seed))
					played.Add(1)
					if c.Files == "disk" {
						onDisk.Add(1)
					}
					if c.Base == "sqlite" {
						withBase.Add(1)
					}
					broken, _ := play(t, c, false)
					if len(broken) > 0 && known[c.Seed] != "" {
						open.Add(1)
						t.Logf("seed %d is known: %s", seed, known[c.Seed])
						continue
					}
					if len(broken) > 0 {
						t.Fail()
						if int(failed.Add(1)) <= *most {
							report(t, c)
						} else {
							t.Logf("seed %d: %s", seed, broken[0])
						}
					}
				}
			})
		}
	})
	summary := fmt.Sprintf("%d cases, of which %d failed, and %d that are known to; %d over the real Maildir code, %d over the real database",
		played.Load(), failed.Load(), open.Load(), onDisk.Load(), withBase.Load())
	t.Log(summary)
	if *told {
		fmt.Println("internal/sim: " + summary)
	}
}

func TestSameSeedSameTrace(t *testing.T) {
	t.Parallel()
	seeds := uint64(200)
	if testing.Short() {
		seeds = 30
	}
	for seed := range seeds {
		c := sim.Generate(seed)
		_, once := play(t, c, true)
		_, again := play(t, c, true)
		if !slices.Equal(once, again) {
			i := 0
			for i < len(once) && i < len(again) && once[i] == again[i] {
				i++
			}
			t.Fatalf("seed %d: line %d differs:\n%s\n%s", seed, i, strings.Join(once[i:min(i+3, len(once))], "\n"), strings.Join(again[i:min(i+3, len(again))], "\n"))
		}
	}
}

func TestCasesThatOnceFailed(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*.case")
	if err != nil || len(files) == 0 {
		t.Fatal("no cases in testdata/", err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(strings.TrimSuffix(filepath.Base(file), ".case"), func(t *testing.T) {
			t.Parallel()
			c, err := sim.Parse(string(text))
			if err != nil {
				t.Fatal(err)
			}
			if broken, lines := play(t, c, true); len(broken) > 0 {
				t.Errorf("%s\n%s", strings.Join(broken, "\n"), strings.Join(lines, "\n"))
			}
		})
	}
}

func TestTextOfACaseIsTheCase(t *testing.T) {
	t.Parallel()
	for seed := range uint64(500) {
		c := sim.Generate(seed)
		d, err := sim.Parse(c.String())
		if err != nil || d.String() != c.String() {
			t.Fatalf("seed %d: %v\n%s\n%s", seed, err, c, d)
		}
	}
}

// openSeeds are those that are known to fail, and why, as far as that is known.
// They are counted and told each time, and are to become none.
func openSeeds(t *testing.T) map[uint64]string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "open-seeds.txt"))
	if err != nil {
		t.Fatal(err)
	}
	known := map[uint64]string{}
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		number, why, _ := strings.Cut(line, " ")
		seed, err := strconv.ParseUint(number, 10, 64)
		if err != nil || why == "" {
			t.Fatalf("open-seeds.txt: %q is no seed and reason", line)
		}
		known[seed] = why
	}
	return known
}
