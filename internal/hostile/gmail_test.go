package hostile

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
)

// gmail is an account of Gmail's with the preset for it, and what it has sent.
type gmail struct {
	*stage
	messages, octets atomic.Int64 // bodies sent whole
}

func newGmail(t *testing.T) *gmail {
	g := &gmail{stage: newStage(t)}
	g.account = []string{`provider = "gmail"`}
	g.server.Do(func() {
		g.server.Gmail()
		g.server.After = func(_ *Conn, cmd *Command, answer string) string {
			if cmd.Verb == "UID FETCH" {
				messages, octets := Bodies(answer)
				g.messages.Add(int64(messages))
				g.octets.Add(int64(octets))
			}
			return answer
		}
	})
	return g
}

// letter is a message of some size.
func letter(n int) []byte {
	return append(Text(fmt.Sprintf("letter %d", n)), strings.Repeat("Lorem ipsum dolor sit amet.\r\n", 500+n)...)
}

// sync runs, as often as the sides need to settle, and tells what was fetched.
func (g *gmail) sync(runs int) (messages, octets int64) {
	g.t.Helper()
	g.server.Do(func() { g.server.heard = nil })
	g.messages.Store(0)
	g.octets.Store(0)
	for range runs {
		if r := g.run(mostTime, "sync"); r.exit != 0 {
			g.t.Fatal(r)
		}
	}
	return g.messages.Load(), g.octets.Load()
}

// excluded are the views that the preset leaves out.
var excluded = regexp.MustCompile(`^\[Gmail\]/(Important|Starred) `)

// same checks that both sides hold the same, but for what the preset leaves out.
func (g *gmail) same() {
	g.t.Helper()
	server, local := g.sides()
	server = slices.DeleteFunc(server, excluded.MatchString)
	if !slices.Equal(server, local) {
		g.t.Errorf("the sides differ:\nserver\n  %s\nMaildir\n  %s", strings.Join(server, "\n  "), strings.Join(local, "\n  "))
	}
}

// in tells in which mailboxes of the server a message is.
func (g *gmail) in(body []byte) string {
	var names []string
	g.server.Do(func() {
		for _, b := range g.server.Mailboxes {
			if slices.ContainsFunc(b.Messages, func(m *Message) bool { return string(m.Body) == string(body) }) {
				names = append(names, b.Name)
			}
		}
	})
	return strings.Join(names, ", ")
}

// file is the file of a message in a mailbox.
func (g *gmail) file(body []byte, mailbox string) string {
	g.t.Helper()
	for _, f := range g.mails() {
		octets, err := os.ReadFile(f.path)
		if err == nil && f.mailbox == mailbox && strings.ReplaceAll(string(octets), "\n", "\r\n") == string(body) {
			return f.path
		}
	}
	g.t.Fatalf("no file of that message in %s", mailbox)
	return ""
}

func (g *gmail) heard(pattern string) bool {
	return slices.ContainsFunc(g.server.Heard(), regexp.MustCompile(pattern).MatchString)
}

// TestGmailIsFetchedOnceAndLinked plays Gmail's labels with the preset: what is in
// many mailboxes crosses the wire once and is one file, whatever happens to its
// labels; a removal takes a label off; nothing is lost, and both sides agree.
func TestGmailIsFetchedOnceAndLinked(t *testing.T) {
	t.Parallel()
	g := newGmail(t)
	const n = 24
	total, here := 0, 0
	g.server.Do(func() {
		s := g.server
		work, family, lists := s.Add("Work"), s.Add("Family"), s.Add("Lists/Go")
		for i := range n {
			m := s.Deliver(s.Mailbox("INBOX"), letter(i), `\Seen`)
			total, here = total+len(m.Body), here+2
			s.Label(s.Mailbox("[Gmail]/Important"), m)
			if i%2 == 0 {
				s.Label(work, m)
				s.Label(family, m)
				s.Label(lists, m)
				here += 3
			}
			if i%5 == 0 {
				s.Label(s.Mailbox("[Gmail]/Starred"), m)
			}
		}
	})
	if messages, octets := g.sync(1); messages != n || octets != int64(total) {
		t.Errorf("%d messages (%d octets) were fetched as %d (%d octets)", n, total, messages, octets)
	}
	g.same()
	inodes, files := map[uint64]bool{}, g.mails()
	for _, f := range files {
		info, err := os.Stat(f.path)
		if err != nil {
			t.Fatal(err)
		}
		inodes[info.Sys().(*syscall.Stat_t).Ino] = true
	}
	if len(files) != here || len(inodes) != n {
		t.Errorf("%d names of %d files, want %d of %d", len(files), len(inodes), here, n)
	}
	if g.heard(`(SELECT|EXAMINE|STATUS) "?\[Gmail\]/(Important|Starred)`) {
		t.Error("an excluded view was opened")
	}
	if messages, _ := g.sync(1); messages > 0 || g.heard(busy.String()) {
		t.Errorf("a run with nothing to do says %q", g.server.Heard())
	}

	rename := func(from, to string) {
		t.Helper()
		if err := os.Rename(from, to); err != nil {
			t.Fatal(err)
		}
	}
	for _, step := range []struct {
		what   string
		do     func()
		letter int
		in     string // the mailboxes that it is in then
		says   string // what the server is told
	}{
		{"another client gives a label", func() {
			s := g.server
			s.Do(func() { s.Label(s.Add("Later"), s.Mailbox("INBOX").Messages[1]) })
		}, 1, "INBOX, [Gmail]/All Mail, [Gmail]/Important, Later", ""},
		{"another client archives", func() {
			s := g.server
			s.Do(func() { s.Remove(s.Mailbox("INBOX"), s.Mailbox("INBOX").Messages[0].UID) })
		}, 0, "[Gmail]/All Mail, [Gmail]/Important, [Gmail]/Starred, Work, Family, Lists/Go", ""},
		{"filed here", func() {
			from := g.file(letter(3), "INBOX")
			rename(from, filepath.Join(g.root, "Work", "cur", filepath.Base(from)))
		}, 3, "[Gmail]/All Mail, [Gmail]/Important, Work", "UID MOVE"},
		{"copied here", func() {
			if err := os.Link(g.file(letter(5), "INBOX"), filepath.Join(g.root, "Work", "cur", "1732183200.copy:2,S")); err != nil {
				t.Fatal(err)
			}
		}, 5, "INBOX, [Gmail]/All Mail, [Gmail]/Important, [Gmail]/Starred, Work", "UID COPY"},
		{"removed here from one of many mailboxes", func() { os.Remove(g.file(letter(4), "INBOX")) },
			4, "[Gmail]/All Mail, [Gmail]/Important, Work, Family, Lists/Go", "UID EXPUNGE"},
		{"removed here from the last mailbox", func() { os.Remove(g.file(letter(7), "INBOX")) },
			7, "[Gmail]/All Mail, [Gmail]/Important", "UID EXPUNGE"},
		{"flagged here", func() {
			from := g.file(letter(6), "Work")
			rename(from, strings.TrimSuffix(from, "S")+"FS")
		}, 6, "INBOX, [Gmail]/All Mail, [Gmail]/Important, Work, Family, Lists/Go", `UID STORE .*\\Flagged`},
		{"moved to the trash here", func() {
			from := g.file(letter(8), "INBOX")
			rename(from, filepath.Join(g.root, Trash, "cur", filepath.Base(from)))
		}, 8, Trash, "UID MOVE"},
		{"new here", func() { g.put("Work", "1732183200.new", letter(99)) },
			99, "[Gmail]/All Mail, Work", "APPEND"},
		{"sent by another client", func() {
			s := g.server
			s.Do(func() { s.Label(s.Mailbox("[Gmail]/Sent Mail"), s.Deliver(s.Mailbox(AllMail), letter(98), `\Seen`)) })
		}, 98, "[Gmail]/All Mail, [Gmail]/Sent Mail", ""},
	} {
		step.do()
		messages, octets := g.sync(2)
		want := int64(0)
		if step.letter == 98 {
			want = 1
		}
		if messages != want {
			t.Errorf("%s: %d messages (%d octets) were fetched, want %d", step.what, messages, octets, want)
		}
		if got := g.in(letter(step.letter)); got != step.in {
			t.Errorf("%s: the message is in %s, want %s", step.what, got, step.in)
		}
		if step.says != "" && !g.heard("^"+step.says) {
			t.Errorf("%s: the server was not told %s: %q", step.what, step.says, g.server.Heard())
		}
		if g.heard(`^(UID EXPUNGE|UID MOVE|APPEND)`) && step.says == "" {
			t.Errorf("%s: the server was told %q", step.what, g.server.Heard())
		}
		g.same()
		if messages, _ := g.sync(1); messages > 0 || g.heard(busy.String()) {
			t.Errorf("%s: a run with nothing to do says %q", step.what, g.server.Heard())
		}
	}
	if g.heard(`UID EXPUNGE`) {
		t.Errorf("there was something to do: %q", g.server.Heard())
	}
}

// TestGmailsLimitOfConnections has other programs hold most of the connections
// that Gmail allows.
func TestGmailsLimitOfConnections(t *testing.T) {
	t.Parallel()
	g := newGmail(t)
	g.account = append(g.account, "connections = 12")
	var refused atomic.Int64
	g.server.Do(func() {
		s := g.server
		for i := range 12 {
			s.Deliver(s.Add(fmt.Sprintf("Label %d", i)), letter(i))
		}
		s.Before = func(c *Conn, cmd *Command) bool {
			many := false
			s.Do(func() { many = len(s.conns) > 2 })
			if !many || cmd.Verb != "AUTHENTICATE" && cmd.Verb != "LOGIN" {
				return false
			}
			refused.Add(1)
			c.Say("%s NO [ALERT] Too many simultaneous connections. (Failure)", cmd.Tag)
			return true
		}
	})
	if messages, _ := g.sync(1); messages != 12 {
		t.Errorf("%d of 12 messages were fetched", messages)
	}
	if refused.Load() == 0 {
		t.Error("no connection was refused: the test proves nothing")
	}
	g.same()
}
