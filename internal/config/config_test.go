package config

import (
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"godwit/conflict"
	"godwit/mail"
)

var update = flag.Bool("update", false, "write the golden files anew")

func TestEveryKeyIsRead(t *testing.T) {
	t.Parallel()
	c := parseFile(t, "testdata/good/everything.toml")
	if got := c.Names(); !cmp.Equal(got, []string{"work", "google", "tunnel", "near"}) {
		t.Fatalf("accounts %q", got)
	}
	work, _ := c.Account("work")
	secret, err := work.IMAP.Password.Get(t.Context())
	if err != nil || secret.Reveal() != "hunter2" {
		t.Errorf("password %q, %v", secret.Reveal(), err)
	}
	plain := *work
	plain.overrides, plain.IMAP.Password = nil, nil
	want := Account{
		Name: "work", Maildir: "/home/me/Mail/work", Layout: MaildirPP,
		Include: []Pattern{"*"}, Exclude: []Pattern{"Junk", `\Junk`, "Lists/%"},
		Policy: conflict.Policy{
			Expunge: conflict.LocalOnly, ExpungeFlagged: true, Remove: conflict.RemoveServer, MaxDeletePercent: 50,
		},
		Parts:  Parts{MaxSize: 2_000_000, MaxText: 64 << 10, HeadersOnly: true, FetchFlagged: true},
		Window: Window{MaxAge: 90 * day, KeepLast: 5000, Flagged: true},
		Trash:  "Deleted Items", KeepDeleted: 14 * 24 * time.Hour, TrashCopy: true, SubscribedOnly: true, Connections: 8,
		Map: map[mail.Mailbox]mail.Mailbox{"[Gmail]/Sent Mail": "Sent", "INBOX": "INBOX"},
		IMAP: IMAP{
			Host: "imap.example.org", Port: 1143, TLS: StartTLS, CA: "/etc/ca.pem",
			Fingerprint: "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff",
			Timeout:     90 * time.Second, User: "me@example.org",
		},
	}
	if d := cmp.Diff(want, plain, cmp.AllowUnexported(Account{})); d != "" {
		t.Errorf("work (-want +got):\n%s", d)
	}
	tunnel, _ := c.Account("tunnel")
	if tunnel.IMAP.Password != nil || tunnel.KeepDeleted != 0 || !cmp.Equal(tunnel.IMAP.Command, []string{"ssh", "host", "imapd"}) {
		t.Errorf("tunnel %+v", tunnel)
	}
	near, _ := c.Account("near")
	if near.IMAP.Host != "127.0.0.1" || near.IMAP.Port != 143 {
		t.Errorf("near %+v", near.IMAP)
	}
}

func TestDefaultsAreTheDocumentedOnes(t *testing.T) {
	t.Parallel()
	a := parseFile(t, "testdata/good/least.toml").Accounts[0]
	plain := *a
	plain.IMAP.Password = nil
	want := Account{
		Name: "home", Maildir: "/home/me/Mail", Layout: Verbatim, Include: []Pattern{"*"}, Parts: Parts{MaxText: 256_000},
		Window: Window{Unread: true, Flagged: true},
		Trash:  "auto", KeepDeleted: 30 * 24 * time.Hour, Connections: 4, Link: true, Map: map[mail.Mailbox]mail.Mailbox{},
		IMAP: IMAP{
			Host: "imap.example.org", Port: 993, TLS: Implicit, Timeout: time.Minute, Compress: true, User: "me",
		},
	}
	if d := cmp.Diff(want, plain, cmp.AllowUnexported(Account{})); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

func TestMailboxTablesBendThePolicy(t *testing.T) {
	t.Parallel()
	a := parseFile(t, "testdata/good/everything.toml").Accounts[0]
	pulled := a.Policy
	pulled.Mode, pulled.Expunge, pulled.ExpungeFlagged, pulled.Remove = conflict.Pull, conflict.None, false, conflict.RemoveNone
	more := pulled
	more.MaxDeletePercent = 90
	for name, want := range map[mail.Mailbox]conflict.Policy{"INBOX": a.Policy, "Lists/rust": pulled, "Lists/go": more} {
		if d := cmp.Diff(want, a.PolicyFor(name, "")); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
	}
}

// TestFaultsAreAllNamed compares what is said of each bad file with a golden
// one. go test -update writes them.
func TestFaultsAreAllNamed(t *testing.T) {
	t.Parallel()
	for _, file := range files(t, "testdata/bad/*.toml") {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			data, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			c, err := Parse(data, "config.toml", "/home/me")
			if _, is := errors.AsType[*Error](err); !is || c != nil {
				t.Fatalf("Parse = %v, %v: want no configuration and an *Error", c, err)
			}
			golden := strings.TrimSuffix(file, ".toml") + ".want"
			got := err.Error() + "\n"
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")); d != "" {
				t.Errorf("(-want +got):\n%s", d)
			}
		})
	}
}

func TestPasswordInAFileThatOthersCanReadIsRefused(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("testdata/good/everything.toml")
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "config.toml")
	for mode, good := range map[fs.FileMode]bool{0o600: true, 0o400: true, 0o640: false, 0o604: false, 0o644: false, 0o610: false} {
		if err := os.WriteFile(file, data, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(file, mode); err != nil {
			t.Fatal(err)
		}
		_, err := Load(file)
		if (err == nil) != good {
			t.Errorf("mode %o: %v", mode, err)
		}
		if err != nil && (!strings.Contains(err.Error(), "chmod 600") || strings.Contains(err.Error(), "hunter2")) {
			t.Errorf("mode %o: %v", mode, err)
		}
		if err := os.Chmod(file, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	command := filepath.Join(t.TempDir(), "config.toml")
	least, err := os.ReadFile("testdata/good/least.toml")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(command, least, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(command); err != nil {
		t.Errorf("a file without a password may be read by all: %v", err)
	}
}

func TestMissingFileIsAnErrorOfTheSystem(t *testing.T) {
	t.Parallel()
	if _, err := Load(filepath.Join(t.TempDir(), "none.toml")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("Load: %v", err)
	}
	if _, err := Load(t.TempDir()); err == nil {
		t.Error("a directory was read as a configuration")
	}
}

func TestDefaultPathFollowsTheEnvironment(t *testing.T) {
	t.Setenv("HOME", "/home/me")
	for dir, want := range map[string]string{
		"/etc/me":  "/etc/me/godwit/config.toml",
		"":         "/home/me/.config/godwit/config.toml",
		"relative": "/home/me/.config/godwit/config.toml",
	} {
		t.Setenv("XDG_CONFIG_HOME", dir)
		if got, err := DefaultPath(); got != want || err != nil {
			t.Errorf("XDG_CONFIG_HOME=%q: %q, %v, want %q", dir, got, err, want)
		}
	}
}

// TestDocumentationNamesEveryKey keeps docs/configuration.md complete.
func TestDocumentationNamesEveryKey(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/configuration.md")
	if err != nil {
		t.Fatal(err)
	}
	var keys []string
	for key := range accountKeys {
		keys = append(keys, key)
	}
	for key := range policyKeys {
		keys = append(keys, key)
	}
	for key := range imapKeys {
		keys = append(keys, key)
	}
	for _, key := range keys {
		if !strings.Contains(string(page), "`"+key+"`") {
			t.Errorf("docs/configuration.md does not tell about `%s`", key)
		}
	}
}

// TestDocumentationShowsTheProviders compares the table in docs/configuration.md
// with what is filled in. go test -update writes it.
func TestDocumentationShowsTheProviders(t *testing.T) {
	t.Parallel()
	const file, from, to = "../../docs/configuration.md", "<!-- providers -->\n", "<!-- /providers -->"
	page, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(page), from)
	table, after, ended := strings.Cut(rest, to)
	if !found || !ended {
		t.Fatalf("%s has no place for the providers", file)
	}
	var want strings.Builder
	want.WriteString("| `provider` | `host` | `port` | `tls` | `connections` | `exclude` | `trash` |\n|---|---|---|---|---|---|---|\n")
	quoted := func(s string) string { return "`\"" + s + "\"`" }
	for _, p := range providers {
		a := ofProvider(t, p.name, "host = \"other.example.org\"\n")
		host := ""
		if p.host != "" {
			a = ofProvider(t, p.name, "")
			host = quoted(a.IMAP.Host)
		}
		var exclude []string
		for _, e := range a.Exclude {
			exclude = append(exclude, "'"+string(e)+"'")
		}
		fmt.Fprintf(&want, "| %s | %s | `%d` | %s | `%d` | `[%s]` | %s |\n", quoted(p.name), host, a.IMAP.Port,
			quoted(map[TLS]string{Implicit: "implicit", StartTLS: "starttls", NoTLS: "none"}[a.IMAP.TLS]), a.Connections,
			strings.Join(exclude, ", "), quoted(a.Trash))
	}
	want.WriteString("\n")
	for _, p := range providers {
		fmt.Fprintf(&want, "- %s: %s\n", quoted(p.name), p.note)
	}
	if *update {
		if err := os.WriteFile(file, []byte(before+from+want.String()+to+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if d := cmp.Diff(strings.Split(want.String(), "\n"), strings.Split(table, "\n")); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

// ofProvider is an account of a provider, with more lines in its imap table.
func ofProvider(t *testing.T, name, lines string) *Account {
	t.Helper()
	text := "[accounts.a]\nmaildir = \"/m\"\nprovider = \"" + name + "\"\n[accounts.a.imap]\nuser = \"me\"\npassword_command = [\"p\"]\n" + lines
	c, err := Parse([]byte(text), "config.toml", "/home/me")
	if err != nil {
		t.Fatalf("provider %s: %v", name, err)
	}
	return c.Accounts[0]
}

// TestKeysOverrideTheProvider has each of a provider's settings given as well.
func TestKeysOverrideTheProvider(t *testing.T) {
	t.Parallel()
	text := `[accounts.a]
maildir = "/m"
connections = 9
exclude = []
trash = "auto"
provider = "gmail"
[accounts.a.imap]
user = "me"
host = "127.0.0.1"
tls = "starttls"
password_command = ["p"]
`
	c, err := Parse([]byte(text), "config.toml", "/home/me")
	if err != nil {
		t.Fatal(err)
	}
	a := c.Accounts[0]
	if a.Connections != 9 || len(a.Exclude) != 0 || a.Trash != "auto" || a.IMAP.Host != "127.0.0.1" || a.IMAP.TLS != StartTLS || a.IMAP.Port != 143 {
		t.Errorf("%+v", a)
	}
	if yahoo := ofProvider(t, "yahoo", "host = \"export.imap.mail.yahoo.com\"\n"); yahoo.IMAP.Shown != 10_000 {
		t.Errorf("%+v", yahoo.IMAP)
	}
	if bridge := ofProvider(t, "proton-bridge", "port = 2143\n"); bridge.IMAP.Port != 2143 || bridge.IMAP.TLS != StartTLS {
		t.Errorf("%+v", bridge.IMAP)
	}
	if bridge := ofProvider(t, "proton-bridge", "tls = \"implicit\"\n"); bridge.IMAP.Port != 993 {
		t.Errorf("%+v", bridge.IMAP)
	}
	if tunnel := ofProvider(t, "dovecot", "command = [\"ssh\"]\n"); tunnel.IMAP.Host != "" || tunnel.IMAP.Port != 0 {
		t.Errorf("%+v", tunnel.IMAP)
	}
}

func TestStateFollowsTheEnvironment(t *testing.T) {
	t.Setenv("HOME", "/home/me")
	for dir, want := range map[string]string{
		"/var/me": "/var/me/godwit/work", "": "/home/me/.local/state/godwit/work", "relative": "/home/me/.local/state/godwit/work",
	} {
		t.Setenv("XDG_STATE_HOME", dir)
		if got, err := StateDir("work"); got != want || err != nil {
			t.Errorf("XDG_STATE_HOME=%q: %q, %v, want %q", dir, got, err, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	seeds := append(files(f, "testdata/good/*.toml"), files(f, "testdata/bad/*.toml")...)
	for _, file := range seeds {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := Parse(data, "config.toml", "/home/me")
		if err != nil {
			e, is := errors.AsType[*Error](err)
			if !is || len(e.Problems) == 0 || c != nil {
				t.Fatalf("Parse = %v, %#v", c, err)
			}
			lines := strings.Count(string(data), "\n") + 1
			for _, p := range e.Problems {
				if p.Line < 0 || p.Line > lines || p.Text == "" {
					t.Errorf("problem %+v in a file of %d lines", p, lines)
				}
			}
			return
		}
		for _, a := range c.Accounts {
			if !goodName(a.Name) || !filepath.IsAbs(a.Maildir) || len(a.Include) == 0 || a.Connections < 1 ||
				a.IMAP.Timeout <= 0 || (a.IMAP.Host == "") == (len(a.IMAP.Command) == 0) {
				t.Errorf("accepted: %+v", a)
			}
		}
	})
}

func parseFile(t *testing.T, file string) *Config {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	c, err := Parse(data, file, "/home/me")
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// files is a glob that must find something: a test over no files passes always.
func files(t testing.TB, pattern string) []string {
	t.Helper()
	found, err := filepath.Glob(pattern)
	if err != nil || len(found) == 0 {
		t.Fatalf("%s: %d files, %v", pattern, len(found), err)
	}
	return found
}
