package maildir

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"godwit/mail"
)

// TestBringMovesAMailboxAndNothingElse brings mailboxes out of the root and into it,
// beside and below others, into themselves, and where somebody is.
func TestBringMovesAMailboxAndNothingElse(t *testing.T) {
	t.Parallel()
	a := newAccount(t, Options{})
	for _, m := range []mail.Mailbox{"Work", "Work/2024", "Other"} {
		must(t, a.Create(t.Context(), m))
	}
	put(t, a, "Work/cur/1:2,Sa", "a message")
	put(t, a, "Work/dovecot-keywords", "0 mine\n")
	put(t, a, "Work/notes.txt", "somebody's")
	put(t, a, "Work/2024/cur/2:2,S", "another")
	must(t, a.Bring(t.Context(), "Work", "."))
	must(t, a.Bring(t.Context(), "Work", ".")) // nothing is left to be moved
	equalStrings(t, "the root", files(t, a, "."), []string{"cur/1:2,Sa"})
	for path, there := range map[string]bool{
		"dovecot-keywords": true, "notes.txt": false, "Work/notes.txt": true, "Work/cur": false, "Work/2024/cur/2:2,S": true, ".godwit": true,
	} {
		if _, err := os.Stat(filepath.Join(a.root, path)); (err == nil) != there {
			t.Errorf("%s: %v, want it there: %v", path, err, there)
		}
	}
	must(t, a.Bring(t.Context(), ".", "Job/deep"))
	if _, err := os.Stat(filepath.Join(a.root, ".godwit")); err != nil {
		t.Errorf("the marker: %v", err)
	}
	must(t, a.Bring(t.Context(), "Job/deep", "Job"))
	equalStrings(t, "Job", files(t, a, "Job"), []string{"cur/1:2,Sa"})
	if _, err := os.Stat(filepath.Join(a.root, "Job/deep")); !os.IsNotExist(err) {
		t.Errorf("what holds nothing stays: %v", err)
	}
	if err := a.Bring(t.Context(), "Job", "Other"); !errors.Is(err, fs.ErrExist) {
		t.Errorf("over another mailbox: %v", err)
	}
	equalStrings(t, "Job", files(t, a, "Job"), []string{"cur/1:2,Sa"})
	for place, want := range map[string]bool{"Job": true, "Work": false, "Work/2024": true, ".": false, "nowhere": false} {
		if got, err := a.Occupied(place); got != want || err != nil {
			t.Errorf("%s is occupied: %v, %v, want %v", place, got, err, want)
		}
	}
	// A run died when it had moved some of it.
	must(t, os.MkdirAll(filepath.Join(a.root, "New"), 0o700))
	must(t, os.Rename(filepath.Join(a.root, "Job/dovecot-keywords"), filepath.Join(a.root, "New/dovecot-keywords")))
	must(t, os.Rename(filepath.Join(a.root, "Job/new"), filepath.Join(a.root, "New/new")))
	must(t, a.Bring(t.Context(), "Job", "New"))
	listing := scan(t, a, "New")
	if listing.Len() != 1 || listing.Table.Decode("a") != "mine" {
		t.Errorf("New has %d messages, and letter a means %q", listing.Len(), listing.Table.Decode("a"))
	}
}
