package wire

import (
	"context"
	"fmt"
	"strconv"
	"sync"

	imap "github.com/emersion/go-imap/v2"

	"godwit/mail"
)

// MaxSetOctets is the longest UID set written into one command. Servers refuse
// or close from 16,000 octets on. Longer sets are split over several commands,
// pipelined.
const MaxSetOctets = 8000

// tagPrefix stands before the number of a command.
const tagPrefix = "g"

// command is one tagged command on its way. After start, its fields belong to
// the reading goroutine until done is closed, and to nobody after that.
type command struct {
	name   string
	uids   mail.UIDSet // those it names
	logout bool
	// barrier: it changes which mailbox is selected, so that what comes before
	// its answer cannot be meant for later commands.
	barrier bool

	// What it collects; nil for what it does not.
	selected *SelectData
	qresync  bool
	fetch    *fetchCommand
	search   *searchCommand
	store    *StoreData
	copied   *copyCommand
	appended *appendCommand
	status   *statusCommand
	enabled  *[]imap.Cap
	compress bool
	idle     bool

	tag      uint64
	offset   int64 // in the octets written on the connection
	stop     func() bool
	answered bool  // its tagged answer came
	problem  error // a sink's, or a malformed response
	err      error
	done     chan struct{}
	proceed  chan struct{} // the server asks for the literal (or accepts IDLE)
}

// finish ends the command. Only one hand ever does: whoever took it off pending,
// or who started it and could not.
func (cmd *command) finish(err error) {
	if err != nil {
		cmd.err = fmt.Errorf("%s: %w", cmd.name, err)
	}
	if cmd.stop != nil {
		cmd.stop()
	}
	close(cmd.done)
}

// tagText is the tag as it is written.
func (cmd *command) tagText() string { return tagPrefix + strconv.FormatUint(cmd.tag, 10) }

// Command is a command that was started.
type Command[T any] struct {
	c       *Conn
	parts   []*command
	collect func() T
	once    sync.Once
	data    T
	err     error
}

// Wait sends whatever was written, waits for the command's tagged answer, and
// returns its data. The data is valid, as far as it came, also with an error;
// several calls return the same. A command split into several (see
// [MaxSetOctets]) is done when all are; the error is that of the first that
// failed.
func (x *Command[T]) Wait() (T, error) {
	x.once.Do(func() {
		for _, part := range x.parts {
			x.c.flush(part.done)
			<-part.done
			if x.err == nil {
				x.err = part.err
			}
		}
		if x.collect != nil {
			x.data = x.collect()
		}
	})
	return x.data, x.err
}

// command makes a Command of one that returns no data.
func (c *Conn) command(cmd *command) *Command[struct{}] {
	return &Command[struct{}]{c: c, parts: []*command{cmd}}
}

// refused is a command that was not sent.
func refused[T any](c *Conn, name string, err error) *Command[T] {
	cmd := &command{name: name, done: make(chan struct{})}
	cmd.finish(err)
	return &Command[T]{c: c, parts: []*command{cmd}}
}

// text begins a command's text.
func (c *Conn) text() *text { return &text{caps: c.caps} }

// start registers the command and writes it. It always returns a command that
// will be done.
func (c *Conn) start(ctx context.Context, cmd *command, t *text) *command {
	c.startWith(ctx, cmd, t, nil)
	return cmd
}

// startWith also runs more, while it still holds the writing side, unless the
// command failed before.
func (c *Conn) startWith(ctx context.Context, cmd *command, t *text, more func()) {
	cmd.done = make(chan struct{})
	cmd.proceed = make(chan struct{}, 1)
	if t.err != nil {
		cmd.finish(t.err)
		return
	}
	if err := c.lockWriting(ctx); err != nil {
		cmd.finish(err)
		return
	}
	defer c.unlockWriting()
	if !c.register(ctx, cmd) {
		return
	}
	c.write([]byte(cmd.tagText() + " "))
	from := 0
	for _, cut := range t.cuts {
		c.write(t.buf[from:cut])
		if !c.await(cmd) {
			return
		}
		from = cut
	}
	c.write(t.buf[from:])
	if more == nil {
		c.write([]byte("\r\n"))
	} else {
		more()
	}
}

// register puts the command among those whose answer is due, unless it cannot be
// sent any more. The caller holds the writing side, so that the order of tags is
// that of the commands.
func (c *Conn) register(ctx context.Context, cmd *command) bool {
	c.mu.Lock()
	var err error
	switch {
	case ctx.Err() != nil:
		err = ctx.Err()
	case c.reason != nil:
		err = &LostError{Err: c.reason}
	case c.bye != nil:
		err = &LostError{Err: c.bye}
	case c.leaving:
		err = &LostError{Err: ErrClosed}
	case c.idling:
		err = ErrIdling
	}
	if err != nil {
		c.mu.Unlock()
		cmd.finish(err)
		return false
	}
	c.lastTag++
	cmd.tag, cmd.offset = c.lastTag, c.taken
	cmd.stop = context.AfterFunc(ctx, func() { c.fail(ctx.Err()) })
	c.pending = append(c.pending, cmd)
	c.leaving = cmd.logout
	c.link.setBusy(true)
	c.mu.Unlock()
	return true
}

// lockWriting waits for the writing side.
func (c *Conn) lockWriting(ctx context.Context) error {
	select {
	case c.writing <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-c.ended:
		return &LostError{Err: c.Err()}
	}
}

func (c *Conn) unlockWriting() { <-c.writing }

// write gives octets to the connection. An error ends the connection and so
// reaches every command through the reading goroutine.
func (c *Conn) write(b []byte) {
	n, err := c.out.Write(b)
	c.taken += int64(n)
	c.dirty = true
	if err != nil {
		c.fail(err)
	}
}

// await sends what was written and waits until the server asks for more. False:
// the command was refused, or the connection ended; nothing more of it may be
// sent.
func (c *Conn) await(cmd *command) bool {
	c.mu.Lock()
	c.awaiting = cmd
	c.mu.Unlock()
	c.push()
	select {
	case <-cmd.proceed:
		return true
	case <-cmd.done:
	}
	select {
	case <-cmd.proceed: // both came: what was asked for is owed, whatever the answer
		return true
	default:
	}
	c.mu.Lock()
	if c.awaiting == cmd {
		c.awaiting = nil
	}
	c.mu.Unlock()
	return false
}

// push sends what was written. The caller holds the writing side.
func (c *Conn) push() {
	c.dirty = false
	err := c.out.Flush()
	if err == nil && c.deflater != nil {
		if err = c.deflater.Flush(); err == nil {
			err = c.packed.Flush()
		}
	}
	if err != nil {
		c.fail(err)
	}
	// A Read that waits since before the command was registered has no deadline.
	c.link.arm()
}

// Flush sends what was written. [Command.Wait] does it, too.
func (c *Conn) Flush() error {
	c.flush(nil)
	return c.Err()
}

// flush sends what was written, unless done is closed before the writing side is
// free: whoever holds it may be waiting for the disk.
func (c *Conn) flush(done <-chan struct{}) {
	select {
	case <-done:
		return
	default:
	}
	select {
	case c.writing <- struct{}{}:
		if c.dirty {
			c.push()
		}
		c.unlockWriting()
	case <-done:
	case <-c.ended:
	}
}
