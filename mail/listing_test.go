package mail

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestListingGivesBackWhatWasAddedByKey(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		keys := rapid.SliceOfDistinct(rapid.StringMatching(`[a-c.]{1,4}`), rapid.ID[string]).Draw(t, "keys")
		var l Listing
		want := map[Key]LocalMessage{}
		for i, k := range keys {
			m := LocalMessage{
				Key: Key(k), System: System(rapid.Uint8Range(0, 63).Draw(t, "flags")),
				Letters: rapid.SampledFrom([]string{"", "a", "bz"}).Draw(t, "letters"), Inode: uint64(i + 1), New: i%2 == 0,
			}
			want[m.Key] = m
			l.Add(m)
		}
		l.Sort()
		slices.Sort(keys)
		if l.Len() != len(keys) {
			t.Fatalf("%d messages, want %d", l.Len(), len(keys))
		}
		for i, k := range keys {
			if l.Key(i) != Key(k) || l.At(i) != want[Key(k)] {
				t.Fatalf("message %d is %+v, want %+v", i, l.At(i), want[Key(k)])
			}
			if m, ok := l.Find(Key(k)); !ok || m != want[Key(k)] {
				t.Fatalf("Find(%q) gives %+v, %v", k, m, ok)
			}
		}
		if _, ok := l.Find("zz"); ok {
			t.Fatal("found a key that was never added")
		}
	})
}

func TestStampsThatAreRacyProveNothing(t *testing.T) {
	s := Stamp{Cur: DirStamp{1, 2, 3}, New: DirStamp{4, 5, 6}}
	later := s
	later.Racy = true
	if !s.Unmoved(later) {
		t.Error("equal stamps count as moved")
	}
	if later.Unmoved(s) || (Stamp{}).Unmoved(Stamp{}) {
		t.Error("a racy or empty stamp counts as proof")
	}
}

func BenchmarkListingSort(b *testing.B) {
	for b.Loop() {
		var l Listing
		for i := range 100_000 {
			l.Add(LocalMessage{Key: Key(fmt.Sprintf("%d.M%06dP1.host,S=%d", 1_400_000_000+i*7919%100_003, i, i)), Inode: uint64(i)})
		}
		l.Sort()
	}
}
