package dovecot

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

var message = []byte("From: a@example.org\r\nSubject: hello\r\n\r\nbody\r\n")

// announced returns what the server announces after login.
func announced(t *testing.T, s *Server) string {
	t.Helper()
	c := s.Dial(t, NewUser())
	defer c.Close()
	return c.must("CAPABILITY")[0].Text
}

func TestProfilesAnnounceWhatTheyPromise(t *testing.T) {
	t.Parallel()
	for _, p := range []struct {
		name       string
		options    Options
		has, hasNo []string
	}{
		{"full", Options{}, []string{"QRESYNC", "CONDSTORE", "MOVE", "UIDPLUS", "LIST-STATUS", "SPECIAL-USE", "ESEARCH"}, []string{"COMPRESS", "ACL", "QUOTA"}},
		{"condstore", Options{Capability: CapabilityCondstore}, []string{"CONDSTORE", "ESEARCH", "LIST-STATUS"}, []string{"QRESYNC"}},
		{"uidplus", Options{Capability: CapabilityUIDPlus}, []string{"UIDPLUS", "MOVE"}, []string{"CONDSTORE", "LIST-STATUS"}},
		{"plain", Options{Capability: CapabilityPlain}, []string{"IMAP4rev1"}, []string{"CONDSTORE", "UIDPLUS", "MOVE", "ESEARCH"}},
		{"compress", Options{Compress: true}, []string{"COMPRESS=DEFLATE"}, nil},
		{"quota", Options{MaxMessages: 3}, []string{"QUOTA"}, nil},
	} {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			got := strings.Fields(announced(t, Start(t, p.options)))
			for _, want := range p.has {
				if !slices.Contains(got, want) {
					t.Errorf("%s is not announced: %v", want, got)
				}
			}
			for _, not := range p.hasNo {
				if slices.Contains(got, not) {
					t.Errorf("%s is announced: %v", not, got)
				}
			}
		})
	}
}

func TestStoragesAndNamesKeepWhatWasAppended(t *testing.T) {
	t.Parallel()
	for _, p := range []struct {
		name    string
		options Options
		mailbox string
		onDisk  string // below MailDir, where the message must be found
	}{
		{"dot", Options{}, "Wörk.2024", ".W&APY-rk.2024/cur"},
		{"slash", Options{Separator: "/"}, "Work/2024", ".Work.2024/cur"},
		{"prefix", Options{Prefix: "INBOX."}, "INBOX.Work & Play", ".Work &- Play/cur"},
		{"mdbox", Options{Storage: "mdbox", Separator: "/"}, "Work/2024", ""},
		{"memory", Options{MemoryIndex: true}, "日本.a", ".&ZeVnLA-.a/cur"},
	} {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			s := Start(t, p.options)
			user := NewUser()
			c := s.Dial(t, user)
			defer c.Close()
			c.Create(p.mailbox)
			date := time.Date(2020, 2, 3, 4, 5, 6, 0, time.FixedZone("", 3600))
			c.Append(p.mailbox, []string{`\Flagged`, "$Label1"}, date, message)
			dump := s.Dump(t, user)
			got := dump[p.mailbox]
			if len(got) != 1 {
				t.Fatalf("the dump has %v", dump)
			}
			if want := []string{"$Label1", `\Flagged`}; !slices.Equal(got[0].Flags, want) {
				t.Errorf("flags %v, want %v", got[0].Flags, want)
			}
			if !got[0].Date.Equal(date) {
				t.Errorf("date %v, want %v", got[0].Date, date)
			}
			if body := c.Messages(p.mailbox)[0].Body; !bytes.Equal(body, message) {
				t.Errorf("body %q", body)
			}
			if p.onDisk != "" {
				files, err := filepath.Glob(filepath.Join(s.MailDir(user), p.onDisk, "*"))
				if err != nil || len(files) != 1 {
					t.Errorf("files %v, %v", files, err)
				}
			}
		})
	}
}

func TestAnotherClientChangesTheAccount(t *testing.T) {
	t.Parallel()
	s := Shared(t)
	user := NewUser()
	c := s.Dial(t, user)
	defer c.Close()
	c.Fill("INBOX", 250, func(i int) []byte { return append(slices.Clone(message), byte('0'+i%10)) })
	if got := c.Select("INBOX"); got.Exists != 250 || got.UIDNext != 251 || got.UIDValidity == 0 || got.HighestModSeq == 0 {
		t.Fatalf("SELECT told %+v", got)
	}
	c.Create("A")
	c.Move("INBOX", "1:100", "A")
	c.Expunge("INBOX", "101:200")
	c.Copy("INBOX", "201", "A")
	c.Store("INBOX", "202", "+", `\Seen`, "work")
	c.Rename("A", "B")
	c.Create("C")
	c.Delete("C")
	dump := s.Dump(t, user)
	if len(dump["INBOX"]) != 50 || len(dump["B"]) != 101 || len(dump) != 2 {
		t.Fatalf("INBOX %d, B %d, mailboxes %d", len(dump["INBOX"]), len(dump["B"]), len(dump))
	}
	if got := dump["INBOX"][1]; got.UID != 202 || !slices.Equal(got.Flags, []string{`\Seen`, "work"}) {
		t.Errorf("UID %d has %v", got.UID, got.Flags)
	}
	if _, err := c.Do("SELECT nowhere"); err == nil {
		t.Error("a mailbox that does not exist could be selected")
	}
}

func TestAccessControlMakesReadOnlyAndClosedMailboxes(t *testing.T) {
	t.Parallel()
	s := Start(t, Options{ACL: true})
	user := NewUser()
	c := s.Dial(t, user)
	defer c.Close()
	c.Create("Readonly")
	c.Create("Closed")
	for mailbox, rights := range map[string]string{"Readonly": "lookup read", "Closed": "lookup"} {
		if _, err := s.Adm(append([]string{"acl", "set", "-u", user, mailbox, "owner"}, strings.Fields(rights)...)...); err != nil {
			t.Fatal(err)
		}
	}
	again := s.Dial(t, user)
	defer again.Close()
	if !again.Select("Readonly").ReadOnly {
		t.Error("Readonly can be written")
	}
	if _, err := again.Do("SELECT Closed"); err == nil {
		t.Error("Closed can be selected")
	}
	if got := again.Mailboxes(); !slices.Contains(got, "Closed") {
		t.Errorf("Closed is not listed: %v", got)
	}
}

func TestSharedIsOneServerForEachOptions(t *testing.T) {
	t.Parallel()
	if a, b := Shared(t), Shared(t); a != b {
		t.Errorf("%s and %s", a.Addr, b.Addr)
	}
	if a, b := Shared(t), Shared(t, Options{Separator: "/"}); a == b {
		t.Errorf("one server with two separators")
	}
}

func TestStoppedServerLeavesNothing(t *testing.T) {
	t.Parallel()
	require(t)
	s, err := start(Options{})
	if err != nil {
		t.Fatal(err)
	}
	s.Dial(t, "somebody").Append("INBOX", nil, time.Time{}, message)
	s.stop()
	if _, err := os.Stat(s.dir); !os.IsNotExist(err) {
		t.Errorf("%s is still there: %v", s.dir, err)
	}
	if greets(s.Addr) {
		t.Errorf("%s still answers", s.Addr)
	}
}

func TestNamesSurviveModifiedUTF7(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"INBOX": "INBOX", "Entwürfe": "Entw&APw-rfe", "日本語": "&ZeVnLIqe-", "R&D": "R&-D", "😀": "&2D3eAA-",
	} {
		got := encodeUTF7(name)
		back, err := decodeUTF7(got)
		if got != want || err != nil || back != name {
			t.Errorf("%q became %q (want %q) and back %q, %v", name, got, want, back, err)
		}
	}
}
