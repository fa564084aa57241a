package e2e

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestNotmuchReadsPartialMessages indexes a message that is here in part, and then
// the whole. Without notmuch it is skipped, except where CI or
// GODWIT_REQUIRE_NOTMUCH is set.
func TestNotmuchReadsPartialMessages(t *testing.T) {
	t.Parallel()
	notmuch, err := exec.LookPath("notmuch")
	if err != nil {
		if os.Getenv("CI")+os.Getenv("GODWIT_REQUIRE_NOTMUCH") != "" {
			t.Fatal("notmuch is not installed, and required here")
		}
		t.Skip("notmuch is not installed: apt-get install notmuch")
	}
	s := &stage{test: t, home: t.TempDir(), accounts: map[string]*account{}}
	a := s.newAccount(t, "me", "full")
	t.Cleanup(a.close)
	a.set("max_size=8KB")
	text := "From: a@example.org\r\nDate: Sat, 21 Nov 2026 10:00:00 +0000\r\nMessage-ID: <whole@example.org>\r\nSubject: with a report\r\n" +
		"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nthe albatross text\r\n" +
		"--b\r\nContent-Type: text/csv\r\nContent-Disposition: attachment; filename*=utf-8''gr%C3%B6%C3%9Fe.csv\r\n\r\nkittiwake\r\n--b\r\n" +
		"Content-Type: application/octet-stream\r\nContent-Disposition: attachment; filename=\"petrel.bin\"\r\n\r\n" + strings.Repeat("0123456789\r\n", 2000) + "--b--\r\n"
	a.other().Append("INBOX", nil, time.Now(), []byte(text))
	if r := a.run(nil, "sync"); r.exit != 0 {
		t.Fatal(r)
	}
	config := filepath.Join(t.TempDir(), "notmuch")
	if err := os.WriteFile(config, []byte("[database]\npath="+a.root+"\n[user]\nname=me\nprimary_email=me@example.org\n[new]\ntags=new\nignore=.godwit;dovecot-keywords\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	ask := func(args ...string) string {
		t.Helper()
		cmd := exec.Command(notmuch, append([]string{"--config=" + config}, args...)...)
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("notmuch %v: %v %s", args, err, out)
		}
		return strings.TrimSpace(string(out))
	}
	ask("new", "--quiet")
	for _, query := range []string{"albatross", "attachment:petrel.bin", "attachment:größe.csv", "subject:report"} {
		if got := ask("count", query); got != "1" {
			t.Errorf("notmuch finds %s messages for %q in part, want 1", got, query)
		}
	}
	if shown := ask("show", "--format=json", "id:whole@example.org"); !json.Valid([]byte(shown)) || !strings.Contains(shown, "petrel.bin, application/octet-stream, 24.0 kB") {
		t.Errorf("notmuch shows\n%s", shown)
	}
	if r := a.run(nil, "fetch", "--message-id", "id:whole@example.org"); r.exit != 0 {
		t.Fatal(r)
	}
	ask("new", "--quiet")
	ask("reindex", "id:whole@example.org")
	shown := ask("show", "--format=json", "id:whole@example.org")
	if strings.Contains(shown, "was not fetched") || ask("count", "attachment:petrel.bin") != "1" || ask("count", "*") != "1" {
		t.Errorf("of the whole notmuch shows\n%s", shown)
	}
}
