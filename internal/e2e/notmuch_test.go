package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"godwit/internal/corpus"
)

// TestNotmuchReadsPartialMessages indexes a message that is here in part, and then
// the whole. Without notmuch it is skipped, except where CI or
// GODWIT_REQUIRE_NOTMUCH is set.
func TestNotmuchReadsPartialMessages(t *testing.T) {
	t.Parallel()
	tool(t, "notmuch", "GODWIT_REQUIRE_NOTMUCH")
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
	ask := a.notmuch(t)
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

// notmuch indexes the account's Maildir; what it returns runs a command of notmuch.
func (a *account) notmuch(t *testing.T) func(args ...string) string {
	t.Helper()
	path := tool(t, "notmuch", "GODWIT_REQUIRE_NOTMUCH")
	config := filepath.Join(t.TempDir(), "notmuch")
	if err := os.WriteFile(config, []byte("[database]\npath="+a.root+"\n[user]\nname=me\nprimary_email=me@example.org\n[new]\ntags=new\nignore=.godwit;dovecot-keywords\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return func(args ...string) string {
		t.Helper()
		cmd := exec.Command(path, append([]string{"--config=" + config}, args...)...)
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("notmuch %v: %v %s", args, err, out)
		}
		return strings.TrimSpace(string(out))
	}
}

// TestNotmuchFindsNamesAndTextsOfEveryStructure indexes messages of every structure
// in part, and again when they are whole.
func TestNotmuchFindsNamesAndTextsOfEveryStructure(t *testing.T) {
	t.Parallel()
	tool(t, "notmuch", "GODWIT_REQUIRE_NOTMUCH")
	a := structured(t, "max_size=8KB", "max_text=8KB")
	ask := a.notmuch(t)
	all := corpus.StructuredMessages()
	names := func() (found []string) {
		t.Helper()
		for _, m := range all {
			id := "id:" + m.Name + "@structured.example.org"
			if got := ask("count", id); got != "1" {
				t.Errorf("notmuch has %s of %s", got, m.Name)
			}
			for _, name := range m.Names {
				if ask("count", id+` and attachment:"`+strings.ReplaceAll(name, `"`, " ")+`"`) == "1" {
					found = append(found, name)
				}
			}
		}
		return found
	}
	finds := func(query string, want string) {
		t.Helper()
		if got := ask("count", query); got != want {
			t.Errorf("notmuch finds %s messages for %q, want %s", got, query, want)
		}
	}
	ask("new", "--quiet")
	inPart := names()
	finds("albatross", "4")
	finds("id:text-alone@structured.example.org and kittiwake", "1")
	finds("puffin", "0")
	if r := a.run(nil, "fetch", "--all"); r.exit != 0 {
		t.Fatal(r)
	}
	ask("new", "--quiet")
	ask("reindex", "*")
	// It takes what is inline for no attachment, and indexes no word of 90 octets.
	if whole := names(); !slices.Equal(inPart, whole) || len(whole) < 10 {
		t.Errorf("of attachments notmuch finds, in part and whole,\n%q\n%q", inPart, whole)
	}
	finds("albatross", "4")
	finds("puffin", "1")
	finds("*", fmt.Sprint(len(all)))
}
