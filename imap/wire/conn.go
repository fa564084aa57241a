package wire

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"time"

	imap "github.com/emersion/go-imap/v2"
	"github.com/klauspost/compress/flate"
)

// Options configure a [Conn].
type Options struct {
	// Capabilities are what the server announced after login. Nothing is used
	// that is not among them.
	Capabilities imap.CapSet
	// Timeout ends the connection when a command is under way and for so long
	// no octet moved in either direction. Zero: one minute. It does not run
	// during IDLE.
	Timeout time.Duration
	// MaxLine is how many octets a line may have, literals apart; those that
	// list UIDs (SEARCH, ESEARCH, VANISHED, COPYUID) may have 32 times as many.
	// Zero: 1 MiB; at least 64 KiB.
	MaxLine int
	// MaxLiteral is the largest literal accepted, in octets. Zero: 1 TiB.
	MaxLiteral int64
	// TempDir is where bodies are spooled that came before their UID and are
	// larger than 1 MiB. Empty: os.TempDir.
	TempDir string
	// Handler is given the events. Nil: they are dropped.
	Handler Handler
}

// maxAlerts is how many ALERT texts are kept.
const maxAlerts = 16

// Conn is an authenticated IMAP connection. Its methods may be called by several
// goroutines; commands are sent in the order in which they were started. The
// context given to a command covers its writing and its waiting: when it ends
// before the answer came, the connection ends with it, within moments.
type Conn struct {
	caps    imap.CapSet
	handler Handler
	tempDir string
	link    *link
	ended   chan struct{} // closed when the reading goroutine is over

	// The writing side belongs to whoever holds the token in writing.
	writing  chan struct{}
	out      *bufio.Writer
	passed   *counter // what left out
	taken    int64    // octets ever given to out
	dirty    bool     // some of them may not have been sent
	deflater *flate.Writer
	packed   *bufio.Writer // behind deflater, which writes in driblets

	mu       sync.Mutex // guards what follows; never held while reading or writing
	pending  []*command // oldest first
	lastTag  uint64
	reason   error // why the connection ended, or is about to
	bye      error
	idling   bool
	leaving  bool // LOGOUT was sent
	awaiting *command
	alerts   []string

	// The rest belongs to the reading goroutine.
	p      parser
	flood  flood
	exists uint32 // as EXISTS said last
	flags  flagCache
	msg    Message
	held   []spool
}

// NewConn takes over an authenticated connection, at a response boundary with
// no command under way. The connection belongs to the Conn from now on.
func NewConn(conn net.Conn, o Options) *Conn {
	if o.Timeout <= 0 {
		o.Timeout = time.Minute
	}
	if o.MaxLine <= 0 {
		o.MaxLine = 1 << 20
	}
	if o.MaxLiteral <= 0 {
		o.MaxLiteral = 1 << 40
	}
	c := &Conn{
		caps:    make(imap.CapSet, len(o.Capabilities)),
		handler: o.Handler,
		tempDir: o.TempDir,
		link:    &link{conn: conn, timeout: o.Timeout, left: o.Timeout},
		ended:   make(chan struct{}),
		writing: make(chan struct{}, 1),
	}
	for name := range o.Capabilities {
		c.caps[imap.Cap(strings.ToUpper(string(name)))] = struct{}{}
	}
	c.passed = &counter{w: c.link}
	c.out = bufio.NewWriterSize(c.passed, 64<<10)
	c.p = parser{rd: newReader(c.link), maxLine: max(o.MaxLine, readerSize), maxLiteral: o.MaxLiteral}
	go c.read()
	return c
}

// Err tells why the connection ended; nil while it can be used.
func (c *Conn) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.reason == nil {
		return c.bye
	}
	return c.reason
}

// Done is closed when the connection has ended.
func (c *Conn) Done() <-chan struct{} { return c.ended }

// Alerts returns the texts of the ALERTs since the last call, oldest first (at
// most the 16 newest).
func (c *Conn) Alerts() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	alerts := c.alerts
	c.alerts = nil
	return alerts
}

// Has tells whether the server announced the capability.
func (c *Conn) Has(name imap.Cap) bool { return c.caps.Has(name) }

// Close ends the connection at once; commands under way fail with a [LostError].
// It never waits for the server. Calling it again does nothing.
func (c *Conn) Close() error {
	c.fail(ErrClosed)
	select {
	case <-c.ended:
	case <-time.After(closeWait): // a callback that does not return
	}
	return nil
}

// Logout says LOGOUT, waits for the answer or the end of the connection, and
// closes it.
func (c *Conn) Logout(ctx context.Context) error {
	defer c.Close()
	t := c.text()
	t.raw("LOGOUT")
	cmd := c.start(ctx, &command{name: "LOGOUT", logout: true}, t)
	_, err := c.command(cmd).Wait()
	if cmd.answered { // a server that closed without a word has logged us out, too
		return err
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return nil
}

// fail ends the connection. The first reason counts.
func (c *Conn) fail(err error) {
	c.mu.Lock()
	if c.reason == nil {
		c.reason = err
	}
	c.mu.Unlock()
	c.link.kill()
}

// read is the reading goroutine: it lives as long as the connection.
func (c *Conn) read() {
	defer close(c.ended)
	for {
		if err := c.response(); err != nil {
			c.end(err)
			return
		}
	}
}

// end fails whatever is under way.
func (c *Conn) end(err error) {
	c.mu.Lock()
	switch {
	case c.reason != nil:
	case c.bye != nil:
		c.reason = c.bye
	case c.leaving:
		c.reason = ErrClosed
	case err == io.EOF:
		c.reason = fmt.Errorf("the server closed the connection: %w", io.ErrUnexpectedEOF)
	default:
		c.reason = err
	}
	reason := c.reason
	pending := c.pending
	c.pending, c.awaiting = nil, nil
	c.mu.Unlock()
	c.link.kill()
	for _, cmd := range pending {
		cmd.finish(&LostError{Sent: c.passed.n.Load() > cmd.offset, Err: reason})
	}
}

// event gives an event to the handler.
func (c *Conn) event(e Event) {
	if c.handler != nil {
		c.handler(e)
	}
}
