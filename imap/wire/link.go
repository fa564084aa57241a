package wire

import (
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// byeWait is how long a server that said BYE may take to close.
const byeWait = 5 * time.Second

// closeWait bounds how long closing may take. The socket is dead by then in any
// case; what may be slow is a TLS alert to a peer that does not read, or a
// callback of the user's.
const closeWait = time.Second

// minimalRate is how many octets a second must move, in either direction, so that
// it counts as progress. What is slower is as good as silence: a server that sends
// an octet now and then could hold a run for ever. It is low enough for the lines
// by which servers say that they are still at work.
const minimalRate = 1

// mostDemanded is how many octets are enough, however long the timeout is.
const mostDemanded = 120

// link is the connection with a rolling deadline: while a command is under way
// progress, in either direction, sets the clock back. An upload may
// be read slowly while nothing is answered, and an answer may be long while
// nothing is written, so both directions share it.
type link struct {
	conn net.Conn

	mu      sync.Mutex
	timeout time.Duration
	busy    bool // a command is under way and its answer is due
	dead    bool
	// Of the time that is left until something must have moved, what was spent
	// waiting is taken off; what the consumer of the data takes is not.
	left  time.Duration
	moved int       // octets since the clock was set back
	since time.Time // when it was
}

// arm sets the deadlines anew.
func (l *link) arm() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.armLocked()
}

func (l *link) armLocked() {
	if l.dead {
		return // the past deadline that ends all waiting stays
	}
	var deadline time.Time
	if l.busy {
		deadline = time.Now().Add(l.left)
	}
	l.conn.SetDeadline(deadline) // an error here is one of the next Read or Write, too
}

// reset sets the clock back. The caller holds mu.
func (l *link) reset() { l.left, l.moved, l.since = l.timeout, 0, time.Now() }

// progress counts octets that moved after a wait since begun.
func (l *link) progress(n int, begun time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if begun.Before(l.since) {
		begun = l.since
	}
	l.moved += n
	if l.moved > min(mostDemanded, int(minimalRate*l.timeout/time.Second)) {
		l.reset()
	} else {
		l.left = max(0, l.left-time.Since(begun))
	}
}

// setBusy says whether an answer is due. A Read that already waits gets its
// deadline with the next arm, which the flush of the command does.
func (l *link) setBusy(busy bool) {
	l.mu.Lock()
	if busy && !l.busy {
		l.reset()
	}
	l.busy = busy
	l.mu.Unlock()
}

// hurry shortens the timeout, for a server that said BYE.
func (l *link) hurry() {
	l.mu.Lock()
	l.timeout = min(l.timeout, byeWait)
	l.left = min(l.left, l.timeout)
	l.busy = true
	l.mu.Unlock()
}

func (l *link) Read(p []byte) (int, error) {
	l.arm()
	begun := time.Now()
	n, err := l.conn.Read(p)
	l.progress(n, begun)
	return n, l.explain(err)
}

func (l *link) Write(p []byte) (int, error) {
	// In pieces, so that a slow network moves something before the deadline.
	const piece = 64 << 10
	written := 0
	for {
		l.arm()
		begun := time.Now()
		n, err := l.conn.Write(p[written:min(len(p), written+piece)])
		written += n
		l.progress(n, begun)
		if err != nil || written == len(p) {
			l.arm()
			return written, l.explain(err)
		}
	}
}

func (l *link) explain(err error) error {
	if errors.Is(err, os.ErrDeadlineExceeded) {
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.moved > 0 {
			return fmt.Errorf("only %d octets moved in %v: %w", l.moved, l.timeout, err)
		}
		return fmt.Errorf("no octet moved for %v: %w", l.timeout, err)
	}
	return err
}

// kill ends all reading and writing, now and for good. The deadline comes first,
// because it alone is sure to wake a reader and a writer at once.
func (l *link) kill() {
	l.mu.Lock()
	if l.dead {
		l.mu.Unlock()
		return
	}
	l.dead = true
	l.mu.Unlock()
	l.conn.SetDeadline(time.Unix(1, 0))
	// tls.Conn.Close waits up to five seconds to send an alert; the socket below
	// does not.
	closer := l.conn
	for range 4 {
		inner, ok := closer.(interface{ NetConn() net.Conn })
		if !ok || inner.NetConn() == nil {
			break
		}
		closer = inner.NetConn()
	}
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		closer.Close()
	}()
	select {
	case <-closed:
	case <-time.After(closeWait):
	}
}

// counter counts what passed on to w, before it is passed on: what it did not
// count has certainly not reached the server.
type counter struct {
	w interface{ Write([]byte) (int, error) }
	n atomic.Int64
}

func (c *counter) Write(p []byte) (int, error) {
	c.n.Add(int64(len(p)))
	return c.w.Write(p)
}
