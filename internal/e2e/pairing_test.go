package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"godwit/internal/corpus"
)

// TestNothingIsTransferredTwice has messages move on the server, the server number them
// anew, and the state database be lost, also when files were moved and copied since: no
// body crosses the network that is on both sides, either way.
func TestNothingIsTransferredTwice(t *testing.T) {
	t.Parallel()
	for _, profile := range []string{"full", "condstore", "plain"} {
		t.Run(profile, func(t *testing.T) {
			t.Parallel()
			const n, size = 200, 20_000
			s := &stage{test: t, home: t.TempDir(), accounts: map[string]*account{}}
			a := s.newAccount(t, "me", profile)
			t.Cleanup(a.close)
			a.set()
			for i := range n {
				a.other().Append("INBOX", nil, corpus.Date(i), corpus.Sized(i+1, size))
			}
			a.other().Create("There")
			a.other().Create("Here")
			a.sync()
			first := a.inodeNumbers(t, "INBOX")
			lose := func() {
				for _, path := range glob(t, a.state, "state.db*") {
					if err := os.Remove(path); err != nil {
						t.Fatal(err)
					}
				}
			}
			for _, step := range []struct {
				what  string
				do    func()
				in    string // where the messages are then
				turns int
				files int // that hold them, with those of before
			}{
				{"moved on the server", func() { a.other().Move("INBOX", "1:*", "There") }, "There", 14, n},
				{"UIDVALIDITY is another one", func() {
					before := a.other().Select("There").UIDValidity
					a.reconnect()
					a.adm("mailbox", "update", "-u", a.user, "--uid-validity", fmt.Sprint(before+1), "There")
				}, "There", 14, n},
				{"the database is lost", lose, "There", 14, n},
				{"the database is lost, and files were moved", func() { lose(); a.fileAway(t, "There", "Here", "new", "mv") }, "Here", 30, n},
				{"the database is lost, and files were copied", func() { lose(); a.fileAway(t, "Here", "Copies", "kept", "cp") }, "Copies", 30, 2 * n},
			} {
				a.reconnect()
				step.do()
				a.reconnect()
				c := a.costing(t)
				t.Logf("%s, %s: %d turns, %d B up, %d B down", profile, step.what, c.Turns, c.Up, c.Down)
				// What comes down are flags, sizes, dates and headers; what goes up, commands.
				if c.Turns > step.turns || c.Up > 8192 || c.Down > n*1500 {
					t.Errorf("%s: %d messages of %d B cost %d turns, %d B up, %d B down", step.what, n, size, c.Turns, c.Up, c.Down)
				}
				if got := len(a.files(step.in)); got != n {
					t.Fatalf("%s: %d files in %s, want %d", step.what, got, step.in, n)
				}
				if got := a.inodeNumbers(t, a.mailboxes()...); len(got) != step.files {
					t.Errorf("%s: %d files hold the messages, want %d", step.what, len(got), step.files)
				} else {
					for inode := range first {
						if !got[inode] {
							t.Fatalf("%s: a file was written anew", step.what)
						}
					}
				}
				a.same()
				a.sync() // Dovecot tells no HIGHESTMODSEQ when a mailbox is selected for the first time
				a.quiet()
			}
		})
	}
}

func glob(t testing.TB, directory, pattern string) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(directory, pattern))
	if err != nil || len(found) == 0 {
		t.Fatalf("no %s in %s: %v", pattern, directory, err)
	}
	return found
}
