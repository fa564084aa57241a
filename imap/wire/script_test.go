package wire

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	imap "github.com/emersion/go-imap/v2"
)

// script plays a server: "C: " is a line that must come next, "S: " a line that
// is sent, "s: " the same without a line end ("\r" and "\n" may be written as in
// Go), "S bye" closes. Tags are g1, g2 and so on.
type script struct {
	t    *testing.T
	conn net.Conn
	in   *bufio.Reader
	done chan struct{}
}

// play connects a Conn to a server that follows the text.
func play(t *testing.T, o Options, text string) *Conn {
	t.Helper()
	c, s := connect(t, o)
	go func() {
		defer close(s.done)
		s.run(text)
	}()
	t.Cleanup(func() {
		c.Close()
		<-s.done
	})
	return c
}

// connect connects a Conn to a server that a test plays by hand.
func connect(t *testing.T, o Options) (*Conn, *script) {
	t.Helper()
	client, server := net.Pipe()
	t.Cleanup(func() { server.Close() })
	if o.Timeout == 0 {
		o.Timeout = 20 * time.Second
	}
	c := NewConn(client, o)
	t.Cleanup(func() { c.Close() })
	return c, &script{t: t, conn: server, in: bufio.NewReader(server), done: make(chan struct{})}
}

func (s *script) run(text string) {
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(strings.TrimLeft(line, "\t"), "\n")
		switch {
		case line == "":
		case line == "S:":
			s.send("\r\n")
		case line == "S bye":
			s.conn.Close()
			return
		case strings.HasPrefix(line, "C: "):
			if !s.expect(line[3:]) {
				s.conn.Close()
				return
			}
		case strings.HasPrefix(line, "S: "):
			s.send(unescape(line[3:]) + "\r\n")
		case strings.HasPrefix(line, "s: "):
			s.send(unescape(line[3:]))
		default:
			s.t.Errorf("script line %q", line)
		}
	}
}

func unescape(s string) string {
	return strings.NewReplacer(`\r`, "\r", `\n`, "\n", `\0`, "\x00").Replace(s)
}

func (s *script) expect(want string) bool {
	got, err := s.in.ReadString('\n')
	if got = strings.TrimSuffix(got, "\r\n"); err != nil || got != want {
		s.t.Errorf("the client sent %q (%v), not %q", got, err, want)
		return false
	}
	return true
}

func (s *script) send(text string) {
	io.WriteString(s.conn, text) // a client that is gone is what the test is about
}

func caps(names ...imap.Cap) Options {
	set := imap.CapSet{imap.CapIMAP4rev1: {}}
	for _, n := range names {
		set[n] = struct{}{}
	}
	return Options{Capabilities: set}
}

// wait waits for a command that must succeed.
func wait[T any](t *testing.T, x *Command[T]) T {
	t.Helper()
	data, err := x.Wait()
	if err != nil {
		t.Fatalf("%v", err)
	}
	return data
}

// stillUsable proves that the connection is in step.
func stillUsable(t *testing.T, c *Conn) {
	t.Helper()
	if err := c.Err(); err != nil {
		t.Fatalf("connection ended: %v", err)
	}
	if _, err := c.Noop(t.Context()).Wait(); err != nil {
		t.Fatalf("connection out of step: %v", err)
	}
}

var background = context.Background()

// transcript records what a sink was given.
type transcript struct{ lines []string }

func (r *transcript) sink(m *Message, b *Body) error {
	line := fmt.Sprintf("uid=%d flags=(%s) modseq=%d date=%d size=%d email=%q", m.UID, m.Flags, m.ModSeq, m.Date, m.Size, m.EmailID)
	if b != nil {
		text, err := io.ReadAll(b)
		if err != nil {
			return err
		}
		line += fmt.Sprintf(" [%s]=%q nil=%v", b.Section.Spec, text, b.Nil)
	}
	r.lines = append(r.lines, line)
	return nil
}

func (r *transcript) check(t *testing.T, want ...string) {
	t.Helper()
	if len(want) != len(r.lines) {
		t.Fatalf("%d results instead of %d:\n%s", len(r.lines), len(want), strings.Join(r.lines, "\n"))
	}
	for i := range want {
		if r.lines[i] != want[i] {
			t.Errorf("result %d:\n got %s\nwant %s", i, r.lines[i], want[i])
		}
	}
}
