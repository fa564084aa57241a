package sim_test

import (
	"slices"
	"strings"
	"testing"

	"godwit/internal/sim"
)

// TestLargeMessagesGoOn disturbs runs at every point of a large message's way, and
// counts how many went on from what was kept.
func TestLargeMessagesGoOn(t *testing.T) {
	t.Parallel()
	cases := uint64(250)
	if testing.Short() {
		cases = 80
	}
	went, whole, left, reported := 0, 0, 0, 0
	for seed := range cases {
		c := sim.GenerateLarge(seed)
		broken, lines := play(t, c, true)
		if len(broken) > 0 {
			if reported++; reported < 4 {
				report(t, c)
			}
			t.Errorf("seed %d: %s", seed, broken[0])
		}
		if slices.Contains(lines, "  Server.Fetch rest ") {
			went++
		}
		if slices.Contains(lines, "  Server.Fetch body ") {
			whole++
		}
		if slices.ContainsFunc(lines, func(line string) bool {
			return strings.Contains(line, " left ") && !strings.Contains(line, " left 0 ")
		}) {
			left++
		}
	}
	t.Logf("of %d cases %d fetched messages, %d went on with some, and %d left some for a limit", cases, whole, went, left)
	if went < int(cases)/20 || left < int(cases)/20 {
		t.Errorf("only %d of %d cases went on with what was kept, and %d had a limit", went, cases, left)
	}
}
