package e2e

import (
	"os"
	"syscall"
	"testing"

	"godwit/internal/corpus"
	"godwit/internal/wan"
)

// costing runs godwit and tells what crossed the network.
func (a *account) costing(t testing.TB, args ...string) wan.Counts {
	t.Helper()
	a.proxy.Reset()
	a.sync(args...)
	return a.proxy.Counts()
}

// inodes tells how many files hold the messages of some mailboxes.
func (a *account) inodes(t testing.TB, mailboxes ...string) int {
	t.Helper()
	seen := map[uint64]bool{}
	for _, m := range mailboxes {
		for _, f := range a.files(m) {
			info, err := os.Stat(f.path)
			if err != nil {
				t.Fatal(err)
			}
			seen[info.Sys().(*syscall.Stat_t).Ino] = true
		}
	}
	return len(seen)
}

// TestCopiesOnTheServerAreNotFetched has another client copy messages: before the
// first look at the copies, and after; to a new mailbox and to one that is known.
func TestCopiesOnTheServerAreNotFetched(t *testing.T) {
	t.Parallel()
	const n, size = 60, 20_000
	for _, link := range []string{"true", "false"} {
		t.Run("link="+link, func(t *testing.T) {
			t.Parallel()
			s := &stage{test: t, home: t.TempDir(), accounts: map[string]*account{}}
			a := s.newAccount(t, "me", "full")
			t.Cleanup(a.close)
			a.set("link=" + link)
			for i := range n {
				a.other().Append("INBOX", nil, corpus.Date(i), corpus.Sized(i+1, size))
			}
			a.other().Create("Old")
			a.other().Append("Old", nil, corpus.Date(n), corpus.Sized(n+1, 1000))
			a.sync()
			a.other().Copy("INBOX", "1:*", "Old")
			a.other().Store("Old", "3:9", "+", `\Flagged`, "kept")
			c := a.costing(t)
			t.Logf("%d copies: %d turns, %d B down", n, c.Turns, c.Down)
			if c.Down > n*1500 || c.Turns > 14 {
				t.Errorf("%d copies of %d B cost %d turns and %d B", n, size, c.Turns, c.Down)
			}
			a.same()
			want := n + 1
			if link == "false" {
				want = 2*n + 1
			}
			if got := a.inodes(t, "INBOX", "Old"); got != want {
				t.Errorf("%d files hold the messages, want %d", got, want)
			}
			a.quiet()
			// What is in the trash of one mailbox is still in the other.
			a.other().Expunge("INBOX", "1:5")
			for _, f := range a.files("Old")[:2] {
				a.localFlag("Old", f, `+\Answered`)
			}
			a.sync()
			a.same()
			a.quiet()
		})
	}
}
