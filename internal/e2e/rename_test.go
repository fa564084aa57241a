package e2e

import (
	"testing"

	"godwit/internal/corpus"
)

// TestARenameCostsAFewTurns: a mailbox of thousands of messages that was renamed
// on one side is renamed on the other by one command, and nothing of it is
// transferred.
func TestARenameCostsAFewTurns(t *testing.T) {
	t.Parallel()
	messages := 5000
	if testing.Short() {
		messages = 500
	}
	s := &stage{test: t, home: t.TempDir(), accounts: map[string]*account{}}
	a := s.newAccount(t, "me", "full")
	t.Cleanup(a.close)
	a.set()
	a.other().Create(a.remote("Work"))
	a.other().Fill(a.remote("Work"), messages, func(i int) []byte { return corpus.Message(i + 1) })
	a.sync()
	a.quiet()
	for _, c := range []struct {
		name   string
		rename func()
		turns  int
		octets int64
	}{
		{"there", func() { a.other().Rename(a.remote("Work"), a.remote("Job")) }, 8, 24 << 10},
		{"here", func() { a.localRename("Job", "Work") }, 8, 8 << 10},
	} {
		a.reconnect()
		c.rename()
		a.reconnect()
		a.online()
		a.sync()
		got := a.proxy.Counts()
		t.Logf("renamed %s: %d turns, %d octets up, %d down", c.name, got.Turns, got.Up, got.Down)
		if got.Turns > c.turns || got.Up+got.Down > c.octets {
			t.Errorf("renamed %s: %d turns and %d octets, want at most %d and %d; sent:\n%s",
				c.name, got.Turns, got.Up+got.Down, c.turns, c.octets, a.proxy.Sent())
		}
		a.same()
		a.quiet()
	}
}
