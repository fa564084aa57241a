package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"godwit/internal/corpus"
)

// TestTablesThatDovecotWroteAreRead: a Maildir that Dovecot itself has kept, with
// its own files, is the local side. Both sides are the same from the first.
func TestTablesThatDovecotWroteAreRead(t *testing.T) {
	t.Parallel()
	s := &stage{test: t, home: t.TempDir(), accounts: map[string]*account{}}
	a := s.newAccount(t, "me", "full")
	t.Cleanup(a.close)
	a.set("layout=maildir++")
	c := a.other()
	c.Create("Work")
	for i, flags := range [][]string{{"red", "blue", `\Seen`}, {"blue"}, {"$Label1", `\Flagged`}, {`\Answered`}} {
		c.Append("INBOX", flags, corpus.Date(i+1), corpus.Message(i+1))
	}
	c.Append("Work", []string{"blue", "green"}, corpus.Date(9), corpus.Message(9))
	a.reconnect() // so that Dovecot has put everything into its files
	if err := os.MkdirAll(filepath.Dir(a.root), 0o700); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("cp", "-r", a.server.MailDir(a.user), a.root).CombinedOutput(); err != nil {
		t.Fatalf("copying Dovecot's Maildir: %v\n%s", err, out)
	}
	if _, err := os.Stat(filepath.Join(a.root, ".Work", "dovecot-keywords")); err != nil {
		t.Fatalf("Dovecot wrote no table: %v", err)
	}
	before := a.serverLines()
	a.sync()
	a.same()
	after := a.serverLines()
	if len(before) != len(after) {
		t.Errorf("the server has other messages:\n%q\n%q", before, after)
	}
	if got := len(a.files("INBOX")) + len(a.files("Work")); got != 5 {
		t.Errorf("%d files", got)
	}
	a.quiet()
	// And on: Dovecot adds keywords to its side, a mail reader to this one.
	a.other().Store("Work", "1", "+", "late")
	a.localFlag("INBOX", a.files("INBOX")[0], "+mine")
	a.sync()
	a.same()
	a.quiet()
}
