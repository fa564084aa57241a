package mail

import (
	"testing"

	"pgregory.net/rapid"
)

func TestSumIsThatOfTheSetInAnyOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		message := rapid.Custom(func(t *rapid.T) LocalMessage {
			return LocalMessage{
				Key: Key(rapid.StringMatching(`[ab]{1,3}`).Draw(t, "key")), System: System(rapid.Uint8Range(0, 3).Draw(t, "flags")),
				Letters: rapid.SampledFrom([]string{"", "a", "ab"}).Draw(t, "letters"), Inode: rapid.Uint64Range(1, 3).Draw(t, "inode"),
			}
		})
		all := rapid.SliceOfN(message, 1, 6).Draw(t, "messages")
		sum := func(messages []LocalMessage) (s Sum) {
			for _, m := range messages {
				s.Add(m.Key, m.System, m.Letters, m.Inode)
			}
			return s
		}
		want := sum(all)
		if got := sum(rapid.Permutation(all).Draw(t, "order")); got != want {
			t.Fatal("another order gives another sum")
		}
		i := rapid.IntRange(0, len(all)-1).Draw(t, "index")
		other := message.Filter(func(m LocalMessage) bool { return m != all[i] }).Draw(t, "other")
		changed := append([]LocalMessage{}, all...)
		changed[i] = other
		if sum(changed) == want {
			t.Fatalf("%+v for %+v gives the same sum", other, all[i])
		}
		if sum(append(changed[:i:i], changed[i+1:]...)) == want {
			t.Fatal("a message less gives the same sum")
		}
	})
}

func TestLettersAndKeyDoNotRunIntoEachOther(t *testing.T) {
	var a, b Sum
	a.Add("bc", 0, "a", 1)
	b.Add("c", 0, "ab", 1)
	if a == b {
		t.Error("two messages have one sum")
	}
}

func BenchmarkSum(b *testing.B) {
	var s Sum
	b.ReportAllocs()
	for b.Loop() {
		s.Add("1763692800.M000001Q1P4242Rgodwit1a2b3c4d.host", Seen, "", 123456)
	}
}
