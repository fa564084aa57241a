package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
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

// fileAway has a mail program file every message of a mailbox in another one: it
// keeps the names, makes new ones, or writes its own fields into them; it renames,
// copies, or links.
func (a *account) fileAway(t testing.TB, from, to, names, how string) {
	t.Helper()
	a.localCreate(to)
	for _, sub := range []string{"new", "cur"} {
		entries, err := os.ReadDir(filepath.Join(a.dir(from), sub))
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			a.serial++
			key, letters, _ := strings.Cut(e.Name(), ":2,")
			switch names {
			case "kept":
			case "new":
				key = fmt.Sprintf("%d.M%dP7.filed", 1_610_000_000+a.serial, a.serial)
			case "UID":
				key += fmt.Sprintf(",U=%d", a.serial)
			}
			old, target := filepath.Join(a.dir(from), sub, e.Name()), filepath.Join(a.dir(to), "cur", key+":2,"+letters)
			switch how {
			case "mv":
				err = os.Rename(old, target)
			case "ln":
				err = os.Link(old, target)
			case "cp":
				var body []byte
				if body, err = os.ReadFile(old); err == nil {
					err = os.WriteFile(target, body, 0o600)
				}
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
}

// TestFilingIsCheap has thousands of messages moved and copied in the Maildir, by
// all ways in which programs do that. The server moves and copies its own; nothing
// is uploaded, nothing is fetched, nothing is there twice.
func TestFilingIsCheap(t *testing.T) {
	t.Parallel()
	for _, profile := range []string{"full", "condstore", "uidplus", "plain"} {
		t.Run(profile, func(t *testing.T) {
			t.Parallel()
			n := 500
			if profile == "full" && !testing.Short() {
				n = 5000
			}
			s := &stage{test: t, home: t.TempDir(), accounts: map[string]*account{}}
			a := s.newAccount(t, "me", profile)
			t.Cleanup(a.close)
			a.set()
			a.other().Append("INBOX", nil, corpus.Date(1), corpus.Sized(n+1, 1200))
			a.other().Expunge("INBOX", "1")
			a.reconnect()
			for i := range n { // into the server's files: by APPEND it takes a minute
				a.plant("INBOX", corpus.Sized(i+1, 1200))
			}
			a.other().Store("INBOX", "1:200", "+", `\Flagged`, "work")
			a.other().Store("INBOX", "100:*", "+", `\Seen`)
			a.sync()
			from := "INBOX"
			for _, step := range []struct{ to, names, how string }{
				{"Kept", "kept", "mv"}, {"New", "new", "mv"}, {"UID", "UID", "mv"}, {"Copies", "new", "cp"}, {"Links", "kept", "ln"},
			} {
				a.fileAway(t, from, step.to, step.names, step.how)
				c := a.costing(t)
				t.Logf("%s %s names %s: %d turns, %d B up, %d B down", profile, step.how, step.names, c.Turns, c.Up, c.Down)
				// What comes down are the flags, sizes and dates of the copies; without
				// CONDSTORE all flags of what is left as well, and before.
				each := 150
				if profile == "uidplus" || profile == "plain" {
					each = 300
				}
				if c.Turns > 25 || c.Up > 4096 || c.Down > int64(each*n)+16384 {
					t.Errorf("%s, names %s: filing %d messages cost %d turns, %d B up, %d B down", step.how, step.names, n, c.Turns, c.Up, c.Down)
				}
				if got := a.other().Select(a.remote(step.to)).Exists; got != n {
					t.Fatalf("%s: the server has %d messages, want %d", step.to, got, n)
				}
				if step.how == "mv" {
					if got := a.other().Select(a.remote(from)).Exists; got != 0 {
						t.Fatalf("%s: the server still has %d messages", from, got)
					}
					from = step.to
				}
				if got := len(a.files(from)); got != n {
					t.Fatalf("%s: the Maildir has %d messages, want %d", from, got, n)
				}
			}
			a.same()
			a.sync() // Dovecot tells no HIGHESTMODSEQ when a mailbox is selected for the first time
			a.quiet()
		})
	}
}

// inodes tells how many files hold the messages of some mailboxes.
func (a *account) inodes(t testing.TB, mailboxes ...string) int {
	t.Helper()
	return len(a.inodeNumbers(t, mailboxes...))
}

// inodeNumbers are those of the files that hold the messages of some mailboxes.
func (a *account) inodeNumbers(t testing.TB, mailboxes ...string) map[uint64]bool {
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
	return seen
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
