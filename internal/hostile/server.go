package hostile

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/klauspost/compress/flate"
)

// The login of the account's only user. The password is a canary: it must not
// be seen anywhere.
const (
	User     = "me@example.org"
	Password = "Canary-4711-\"sings\""
)

// Full are the capabilities of a server that can do all that godwit uses.
const Full = "IMAP4rev1 SASL-IR AUTH=PLAIN LITERAL+ NAMESPACE UIDPLUS ESEARCH LIST-EXTENDED LIST-STATUS SPECIAL-USE " +
	"MOVE ENABLE CONDSTORE QRESYNC MULTIAPPEND"

// Plain are those of one that can do next to nothing.
const Plain = "IMAP4rev1 UIDPLUS"

// Server is an IMAP server on a loopback port. Its exported fields are set
// before the first connection, or inside [Server.Do].
type Server struct {
	Host string
	Port int

	// Mailboxes are the account's, in the order of LIST.
	Mailboxes []*Mailbox
	// Capabilities are announced in the greeting, if that is the usual one, and
	// after login.
	Capabilities string
	// Shown is how many messages a session is shown of a mailbox, the newest; zero:
	// all.
	Shown int
	// Greeting is the first line; empty: the usual one.
	Greeting string
	// TLS is used after STARTTLS; nil: there is no STARTTLS.
	TLS *tls.Config
	// Raw, when not nil, has each connection for itself, instead of all else.
	Raw func(net.Conn)
	// Before is asked for each command before anything else; true: it has dealt
	// with it. The server's lock is not held.
	Before func(c *Conn, cmd *Command) bool
	// After gets an ordinary answer, up to and including its tagged line, and
	// returns what is to be sent.
	After func(c *Conn, cmd *Command, answer string) string

	mu       sync.Mutex
	modSeq   uint64
	labels   bool // mailboxes are labels; see Gmail
	ids      uint64
	verbs    map[string]int
	heard    []string
	conns    map[net.Conn]bool
	closing  bool
	listener net.Listener
	running  sync.WaitGroup
}

// Start starts a server with an empty INBOX. Close it when it is no longer
// needed.
func Start() (*Server, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("hostile: %w", err)
	}
	address := listener.Addr().(*net.TCPAddr)
	s := &Server{
		Host: address.IP.String(), Port: address.Port, listener: listener,
		Capabilities: Full, verbs: map[string]int{}, conns: map[net.Conn]bool{},
	}
	s.Add("INBOX")
	s.running.Go(s.accept)
	return s, nil
}

func (s *Server) accept() {
	for {
		conn, err := s.listener.Accept()
		if err != nil {
			return
		}
		s.mu.Lock()
		s.conns[conn] = true
		raw, closing := s.Raw, s.closing
		s.mu.Unlock()
		if closing {
			conn.Close()
			return
		}
		s.running.Go(func() {
			defer func() {
				conn.Close()
				s.mu.Lock()
				delete(s.conns, conn)
				s.mu.Unlock()
			}()
			if raw != nil {
				raw(conn)
				return
			}
			newConn(s, conn).serve()
		})
	}
}

// Close ends all connections and waits for their ends.
func (s *Server) Close() {
	s.listener.Close()
	s.Drop()
	s.mu.Lock()
	s.closing = true
	s.mu.Unlock()
	s.Drop()
	s.running.Wait()
}

// Drop ends all connections that there are now.
func (s *Server) Drop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for conn := range s.conns {
		conn.Close()
	}
}

// Do runs f while no command is being answered.
func (s *Server) Do(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
}

// Honest takes back whatever was bent, but for the account itself, and ends all
// connections.
func (s *Server) Honest() {
	s.Do(func() {
		s.Greeting, s.Raw, s.Before, s.After = "", nil, nil, nil
		s.verbs, s.heard = map[string]int{}, nil
	})
	s.Drop()
}

// Heard are the commands since the last Honest, without their tags, on all
// connections.
func (s *Server) Heard() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.heard)
}

// Conn is a connection to a server.
type Conn struct {
	Server *Server

	conn    net.Conn
	r       *reader
	w       io.Writer
	deflate *flate.Writer
	tls     bool

	user     bool // logged in
	selected *Mailbox
	view     []uint32 // UIDs as the client was told of
	qresync  bool
	condense bool // CONDSTORE
	out      bytes.Buffer
}

func newConn(s *Server, conn net.Conn) *Conn {
	c := &Conn{Server: s, conn: conn, w: conn}
	c.r = &reader{Reader: bufio.NewReader(conn)}
	c.r.ask = func() { c.Write("+ go on\r\n") }
	return c
}

// Write sends octets now. It tells whether the client is still there.
func (c *Conn) Write(text string) bool {
	if _, err := io.WriteString(c.w, text); err != nil {
		return false
	}
	return c.deflate == nil || c.deflate.Flush() == nil
}

// Say sends a line now.
func (c *Conn) Say(format string, args ...any) bool {
	return c.Write(fmt.Sprintf(format, args...) + "\r\n")
}

// Drip sends a text an octet at a time, with a pause before each.
func (c *Conn) Drip(text string, pause time.Duration) {
	for i := range len(text) {
		time.Sleep(pause)
		if !c.Write(text[i : i+1]) {
			return
		}
	}
}

// Silence says nothing until the client goes.
func (c *Conn) Silence() { io.Copy(io.Discard, c.conn) }

// Cut ends the connection.
func (c *Conn) Cut() { c.conn.Close() }

// Ordinary is the answer that the server would give.
func (c *Conn) Ordinary(cmd *Command) string {
	c.Server.mu.Lock()
	defer c.Server.mu.Unlock()
	c.out.Reset()
	c.answer(cmd)
	return c.out.String()
}

func (c *Conn) serve() {
	s := c.Server
	greeting := ""
	s.Do(func() {
		greeting = s.Greeting
		if greeting == "" {
			greeting = "* OK [CAPABILITY " + c.capabilities() + "] ready"
		}
	})
	c.user = strings.HasPrefix(greeting, "* PREAUTH")
	if !c.Say("%s", greeting) {
		return
	}
	for {
		cmd, err := c.r.command()
		if err != nil {
			if cmd == nil || !c.Say("%s BAD %q", cmd.Tag, err) {
				return
			}
			continue
		}
		var before func(*Conn, *Command) bool
		var after func(*Conn, *Command, string) string
		s.Do(func() {
			cmd.Nth = s.verbs[cmd.Verb]
			s.verbs[cmd.Verb]++
			if len(s.heard) < 10000 {
				s.heard = append(s.heard, cmd.Line)
			}
			before, after = s.Before, s.After
		})
		if before != nil && before(c, cmd) {
			continue
		}
		answer := c.Ordinary(cmd)
		if after != nil {
			answer = after(c, cmd, answer)
		}
		if !c.Write(answer) {
			return
		}
		switch done := strings.Contains(answer, cmd.Tag+" OK"); {
		case cmd.Verb == "LOGOUT":
			return
		case cmd.Verb == "STARTTLS" && done:
			secure := tls.Server(c.conn, s.TLS)
			c.conn, c.w, c.r.Reader, c.tls = secure, secure, bufio.NewReader(secure), true
		case cmd.Verb == "COMPRESS" && done:
			c.Compress()
		}
	}
}

// Compress deflates both directions from now on.
func (c *Conn) Compress() {
	c.deflate, _ = flate.NewWriter(c.conn, flate.BestCompression)
	c.w = c.deflate
	c.r.Reader = bufio.NewReader(flate.NewReader(c.r.Reader))
}

// capabilities are those of this moment. The server's lock is held.
func (c *Conn) capabilities() string {
	caps := c.Server.Capabilities
	if c.Server.TLS != nil && !c.tls {
		caps += " STARTTLS LOGINDISABLED"
	}
	return caps
}

// can tells whether the server announces a capability. Its lock is held.
func (c *Conn) can(name string) bool {
	return slices.Contains(strings.Fields(c.Server.Capabilities), name)
}
