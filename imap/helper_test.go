package imap_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	gosync "sync"
	"testing"
	"time"

	"godwit/imap"
	"godwit/internal/dovecot"
	"godwit/mail"
)

// everything wants the status of every mailbox.
func everything(mail.Mailbox, mail.Role) bool { return true }

// password yields the password of all test servers.
func password(context.Context) (string, error) { return dovecot.Password, nil }

// at sets the options to reach an address.
func at(o imap.Options, addr string) imap.Options {
	host, port, _ := net.SplitHostPort(addr)
	o.Host = host
	o.Port, _ = strconv.Atoi(port)
	return o
}

// cleartext are options for a test server without TLS.
func cleartext(addr, user string) imap.Options {
	return at(imap.Options{TLS: imap.TLSNone, User: user, Password: password, Timeout: 20 * time.Second}, addr)
}

// open makes an account that is closed when the test ends.
func open(t testing.TB, o imap.Options) *imap.Account {
	t.Helper()
	a, err := imap.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() })
	return a
}

// patient is a context that ends before the test binary would.
func patient(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// profile is a server with more or less abilities.
type profile struct {
	name    string
	options dovecot.Options
}

var profiles = []profile{
	{"qresync", dovecot.Options{}},
	{"condstore", dovecot.Options{Capability: dovecot.CapabilityCondstore}},
	{"uidplus", dovecot.Options{Capability: dovecot.CapabilityUIDPlus}},
	{"plain", dovecot.Options{Capability: dovecot.CapabilityPlain}},
	{"memory", dovecot.Options{MemoryIndex: true}},
	{"synchronising", dovecot.Options{Capability: "IMAP4rev1 UIDPLUS MULTIAPPEND"}},
}

// eachProfile runs the test against every profile, with an account and another
// client of it.
func eachProfile(t *testing.T, test func(t *testing.T, p profile, a *imap.Account, other *dovecot.Client)) {
	t.Parallel()
	for _, p := range profiles {
		t.Run(p.name, func(t *testing.T) {
			t.Parallel()
			server := dovecot.Shared(t, p.options)
			user := dovecot.NewUser()
			other := server.Dial(t, user)
			t.Cleanup(other.Close)
			test(t, p, open(t, cleartext(server.Addr, user)), other)
		})
	}
}

// message is a small message by number.
func message(i int) []byte {
	return fmt.Appendf(nil, "From: a@example.org\r\nDate: Sat, 21 Nov 2026 10:00:00 +0000\r\nMessage-ID: <%d@example.org>\r\nSubject: %d\r\n\r\nbody %d\r\n", i, i, i)
}

// upload is a message to be appended.
func upload(body []byte, flags ...string) mail.Upload {
	return mail.Upload{
		Flags: mail.ParseFlags(flags...), Date: 1_700_000_000, Size: int64(len(body)),
		Open: func() (mail.Body, error) { return io.NopCloser(bytes.NewReader(body)), nil },
	}
}

// collect is a sink that keeps the bodies.
type collect struct {
	bodies map[mail.UID][]byte
	flags  map[mail.UID]mail.Flags
	calls  int
}

func (c *collect) take(m mail.ServerMessage, body io.Reader) error {
	c.calls++
	octets, err := io.ReadAll(body)
	if err != nil {
		return err
	}
	if c.bodies == nil {
		c.bodies, c.flags = map[mail.UID][]byte{}, map[mail.UID]mail.Flags{}
	}
	if int64(len(octets)) != m.Content.Size {
		return fmt.Errorf("UID %d: %d octets, the size is said to be %d", m.UID, len(octets), m.Content.Size)
	}
	c.bodies[m.UID], c.flags[m.UID] = octets, m.Flags
	return nil
}

// must ends the test on an error.
func must[T any](value T, err error) func(t testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
}

// scripted is a server on loopback that answers as a test wants.
type scripted struct {
	Addr string

	mu       gosync.Mutex
	commands []string
	conns    int
}

// peer is one connection to a scripted server.
type peer struct {
	net.Conn
	r      *bufio.Reader
	server *scripted
	Number int // of the connection, from 0
}

// script starts a server. greeting is its first line. answer is asked first for
// each command; it tells whether it took it. What it leaves is answered as a plain server
// with an empty INBOX would.
func script(t testing.TB, greeting string, answer func(p *peer, tag, command string) bool) *scripted {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &scripted{Addr: listener.Addr().String()}
	var running gosync.WaitGroup
	live := map[net.Conn]bool{}
	running.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			s.mu.Lock()
			p := &peer{Conn: conn, r: bufio.NewReader(conn), server: s, Number: s.conns}
			s.conns++
			live[conn] = true
			s.mu.Unlock()
			running.Go(func() {
				defer conn.Close()
				p.serve(greeting, answer)
			})
		}
	})
	t.Cleanup(func() {
		listener.Close()
		s.mu.Lock()
		for conn := range live {
			conn.Close()
		}
		s.mu.Unlock()
		running.Wait()
	})
	return s
}

// sent returns the commands that came, without their tags.
func (s *scripted) sent() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.commands)
}

// count returns how many commands began like this.
func (s *scripted) count(prefix string) (n int) {
	for _, c := range s.sent() {
		if strings.HasPrefix(c, prefix) {
			n++
		}
	}
	return n
}

func (p *peer) say(format string, args ...any) { fmt.Fprintf(p.Conn, format+"\r\n", args...) }

// serve runs the dialogue. Literals of commands are read and left out; the
// command then has {n} where they were.
func (p *peer) serve(greeting string, answer func(p *peer, tag, command string) bool) {
	if greeting != "" {
		p.say("%s", greeting)
	}
	for {
		command, err := p.line()
		if err != nil {
			return
		}
		tag, text, _ := strings.Cut(command, " ")
		p.server.mu.Lock()
		p.server.commands = append(p.server.commands, text)
		p.server.mu.Unlock()
		if answer == nil || !answer(p, tag, text) {
			p.ordinary(tag, text)
		}
	}
}

func (p *peer) line() (string, error) {
	var whole strings.Builder
	for {
		line, err := p.r.ReadString('\n')
		if err != nil {
			return "", err
		}
		line = strings.TrimRight(line, "\r\n")
		whole.WriteString(line)
		open := strings.LastIndexByte(line, '{')
		if open < 0 || !strings.HasSuffix(line, "}") {
			return whole.String(), nil
		}
		size, wait := strings.TrimSuffix(line[open+1:], "}"), true
		if s, ok := strings.CutSuffix(size, "+"); ok {
			size, wait = s, false
		}
		n, err := strconv.Atoi(size)
		if err != nil {
			return whole.String(), nil
		}
		if wait {
			p.say("+ go on")
		}
		if _, err := io.CopyN(io.Discard, p.r, int64(n)); err != nil {
			return "", err
		}
	}
}

// ordinary answers as a plain server would.
func (p *peer) ordinary(tag, command string) {
	verb, _, _ := strings.Cut(strings.TrimPrefix(command, "UID "), " ")
	switch verb {
	case "CAPABILITY":
		p.say("* CAPABILITY IMAP4rev1 LITERAL+\r\n%s OK done", tag)
	case "AUTHENTICATE", "LOGIN":
		p.say("%s OK [CAPABILITY IMAP4rev1 LITERAL+] in", tag)
	case "NAMESPACE":
		p.say("* NAMESPACE ((\"\" \"/\")) NIL NIL\r\n%s OK done", tag)
	case "LIST", "LSUB":
		p.say("* %s () \"/\" INBOX\r\n%s OK done", verb, tag)
	case "STATUS":
		p.say("* STATUS INBOX (MESSAGES 0 UIDNEXT 1 UIDVALIDITY 7)\r\n%s OK done", tag)
	case "SELECT":
		p.say("* 0 EXISTS\r\n* OK [UIDVALIDITY 7] x\r\n* OK [UIDNEXT 1] x\r\n%s OK [READ-WRITE] done", tag)
	case "SEARCH":
		p.say("* SEARCH\r\n%s OK done", tag)
	case "LOGOUT":
		p.say("* BYE\r\n%s OK done", tag)
		p.Conn.Close()
	case "FETCH", "STORE", "NOOP", "CREATE", "SUBSCRIBE", "ENABLE", "EXPUNGE", "COPY", "APPEND":
		p.say("%s OK done", tag)
	default:
		p.say("%s BAD what", tag)
	}
}

const ready = "* OK [CAPABILITY IMAP4rev1 SASL-IR LITERAL+ AUTH=PLAIN] ready"
