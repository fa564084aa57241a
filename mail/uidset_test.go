package mail

import (
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// drawSet draws a set and, beside it, the same set as a map.
func drawSet(t *rapid.T, label string) (UIDSet, map[UID]bool) {
	var s UIDSet
	model := map[UID]bool{}
	for range rapid.IntRange(0, 12).Draw(t, label+" ranges") {
		low := UID(rapid.Uint32Range(0, 60).Draw(t, label+" low"))
		high := low + UID(rapid.Uint32Range(0, 8).Draw(t, label+" length"))
		s.AddRange(low, high)
		for u := max(low, 1); u <= high; u++ {
			model[u] = true
		}
	}
	return s, model
}

func agree(t *rapid.T, s UIDSet, model map[UID]bool) {
	t.Helper()
	want := slices.Sorted(maps.Keys(model))
	if got := slices.Collect(s.All()); !slices.Equal(got, want) {
		t.Fatalf("set %v holds %v, want %v", s, got, want)
	}
	if s.Len() != len(want) {
		t.Fatalf("Len of %v is %d, want %d", s, s.Len(), len(want))
	}
	for i, r := range s.Ranges() {
		if r.Low > r.High || i > 0 && s.Ranges()[i-1].High+1 >= r.Low {
			t.Fatalf("ranges of %v are not ascending and apart", s)
		}
	}
	for u := UID(0); u < 80; u++ {
		if s.Contains(u) != model[u] {
			t.Fatalf("%v.Contains(%d) is %v", s, u, s.Contains(u))
		}
	}
}

func TestUIDSetIsASet(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, inA := drawSet(t, "a")
		b, inB := drawSet(t, "b")
		agree(t, a, inA)

		minus := maps.Clone(inA)
		maps.DeleteFunc(minus, func(u UID, _ bool) bool { return inB[u] })
		agree(t, a.Minus(b), minus)

		both := maps.Clone(inA)
		maps.DeleteFunc(both, func(u UID, _ bool) bool { return !inB[u] })
		agree(t, a.Intersect(b), both)

		maps.Copy(inA, inB)
		a.AddSet(b)
		agree(t, a, inA)
	})
}

func TestChunksKeepEveryUIDAndBothLimits(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, model := drawSet(t, "s")
		count := rapid.IntRange(0, 9).Draw(t, "count")
		size := rapid.SampledFrom([]int{0, 8, 20}).Draw(t, "size")
		var all UIDSet
		for _, c := range s.Chunks(count, size) {
			if count > 0 && c.Len() > count || size > 0 && len(c.String()) > size || c.IsEmpty() {
				t.Fatalf("chunk %v of %v breaks a limit (count %d, size %d)", c, s, count, size)
			}
			if !c.Intersect(all).IsEmpty() {
				t.Fatalf("chunk %v comes twice", c)
			}
			all.AddSet(c)
		}
		agree(t, all, model)
	})
}

func TestUIDSetReachesTheLastUID(t *testing.T) {
	s := UIDSpan(4294967290, ^UID(0))
	s.Add(^UID(0))
	s.Add(4294967289)
	if got := s.String(); got != "4294967289:4294967295" {
		t.Errorf("String is %q", got)
	}
	if n := s.Len(); n != 7 {
		t.Errorf("Len is %d", n)
	}
	if got := s.Minus(UIDs(^UID(0))).String(); got != "4294967289:4294967294" {
		t.Errorf("without the last: %q", got)
	}
}
