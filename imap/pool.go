package imap

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	gosync "sync"
	"time"

	"godwit/imap/wire"
	"godwit/mail"
)

// pool is the account's data connections. A session is in idle, or belongs to
// the call that acquired it.
type pool struct {
	mu      gosync.Mutex
	wanted  int // by the options
	limit   int // that the server allows
	open    int // sessions, idle or not, those being made, and a stage
	idle    []*session
	live    map[*session]bool
	changed chan struct{} // closed and replaced whenever somebody may go on
	closed  bool
}

func newPool(limit int) *pool {
	return &pool{wanted: limit, limit: limit, live: map[*session]bool{}, changed: make(chan struct{})}
}

// wake lets those who wait look again. The caller holds mu.
func (p *pool) wake() {
	close(p.changed)
	p.changed = make(chan struct{})
}

// drop gives up a place that was taken for a connection.
func (p *pool) drop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.open--
	p.wake()
}

// makeRoom takes a place for a connection to list with, closing an idle one
// where there is none.
func (p *pool) makeRoom() error {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return ErrClosed
	}
	p.limit = p.wanted // a new run tries again
	var out *session
	if p.open >= p.limit && len(p.idle) > 0 {
		out = p.idle[0]
		p.idle = p.idle[1:]
		delete(p.live, out)
		p.open--
	}
	p.open++
	p.mu.Unlock()
	if out != nil {
		out.end()
	}
	return nil
}

// take returns an idle session, best one with the mailbox selected, or tells to
// make one (nil, nil), or what to wait for.
func (p *pool) take(m mail.Mailbox) (s *session, wait <-chan struct{}, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return nil, nil, ErrClosed
	}
	p.idle = slices.DeleteFunc(p.idle, func(s *session) bool {
		dead := s.conn.Err() != nil
		if dead {
			p.open--
			delete(p.live, s)
			s.conn.Close()
		}
		return dead
	})
	best := -1
	for i, s := range p.idle {
		switch {
		case m != "" && s.mailbox == m:
			best = i
		case best < 0, s.mailbox == "" && p.idle[best].mailbox != m:
			best = i
		}
	}
	if best >= 0 {
		s = p.idle[best]
		p.idle = slices.Delete(p.idle, best, best+1)
		return s, nil, nil
	}
	if p.open < max(p.limit, 1) {
		p.open++
		return nil, nil, nil
	}
	return nil, p.changed, nil
}

// release gives a session back; one that ended is forgotten.
func (p *pool) release(s *session) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.closed:
		s.conn.Close()
		delete(p.live, s)
		p.open--
	case s.conn.Err() != nil:
		s.conn.Close()
		delete(p.live, s)
		p.open--
	default:
		p.live[s] = true
		p.idle = append(p.idle, s)
	}
	p.wake()
}

// takeSelected takes the idle sessions out of the pool that have a mailbox
// selected, or one below it.
func (p *pool) takeSelected(m mail.Mailbox) []*session {
	p.mu.Lock()
	defer p.mu.Unlock()
	var taken []*session
	p.idle = slices.DeleteFunc(p.idle, func(s *session) bool {
		if s.mailbox == "" || !s.mailbox.Under(m) {
			return false
		}
		taken = append(taken, s)
		delete(p.live, s)
		p.open--
		return true
	})
	p.wake()
	return taken
}

// refused lowers the limit after a connection could not be made, if there is
// another; it tells to how many.
func (p *pool) refused() (limit int, others bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.open--
	p.wake()
	if p.open < 1 {
		return 0, false
	}
	p.limit = min(p.limit, p.open)
	return p.limit, true
}

// close ends all sessions. Those in use end under their users' hands.
func (p *pool) close() {
	p.mu.Lock()
	p.closed = true
	idle := p.idle
	p.idle = nil
	var busy []*session
	for s := range p.live {
		if !slices.Contains(idle, s) {
			busy = append(busy, s)
		}
	}
	p.wake()
	p.mu.Unlock()
	for _, s := range busy {
		s.conn.Close()
	}
	var all gosync.WaitGroup
	for _, s := range idle {
		all.Go(s.end)
	}
	all.Wait()
}

// acquire returns a session for the mailbox, for the caller alone until it is
// released.
func (a *Account) acquire(ctx context.Context, m mail.Mailbox) (*session, error) {
	for {
		s, wait, err := a.pool.take(m)
		if err != nil {
			return nil, err
		}
		if wait != nil {
			select {
			case <-wait:
				continue
			case <-ctx.Done():
				return nil, context.Cause(ctx)
			}
		}
		if s == nil {
			s, err = a.connect(ctx)
			if err != nil {
				limit, others := a.pool.refused()
				if !others || ctx.Err() != nil {
					return nil, err
				}
				a.remark(fmt.Sprintf("the server allows no more than %d connections: %v", limit, err))
				continue
			}
		}
		if err := s.prepare(ctx); err != nil {
			a.pool.release(s)
			if ctx.Err() != nil {
				return nil, context.Cause(ctx)
			}
			return nil, offline(err)
		}
		return s, nil
	}
}

// connect makes one more session.
func (a *Account) connect(ctx context.Context) (*session, error) {
	st, err := a.login(ctx)
	if err != nil {
		return nil, err
	}
	s := a.newSession(st)
	a.pool.mu.Lock()
	a.pool.live[s] = true
	closed := a.pool.closed
	a.pool.mu.Unlock()
	if closed {
		s.conn.Close()
		return nil, ErrClosed
	}
	return s, nil
}

// lostError says that a call failed because its connection ended, and may be
// made again.
type lostError struct {
	err      error
	progress bool // something was done before
	at       bool // the server let us in, and went at what it was asked
}

func (e *lostError) Error() string { return e.err.Error() }
func (e *lostError) Unwrap() error { return e.err }

// backoff is how long to wait before each new try.
var backoff = []time.Duration{200 * time.Millisecond, time.Second, 3 * time.Second}

// repeat runs op again while it fails with a lostError, a few times in a row.
func (a *Account) repeat(ctx context.Context, op func() error) error {
	for failures := 0; ; {
		err := op()
		var lost *lostError
		switch {
		case err == nil:
			a.mends()
			return nil
		case errors.Is(err, mail.ErrUncertain):
			return err
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case !errors.As(err, &lost):
			return err
		case a.isClosed():
			return ErrClosed
		}
		if lost.progress {
			failures = 0
		}
		if errors.Is(err, os.ErrDeadlineExceeded) {
			failures++ // that took a whole timeout already
		}
		if failures >= len(backoff) {
			if lost.at && !errors.Is(err, os.ErrDeadlineExceeded) && a.breaks() {
				return fmt.Errorf("the server ends the connection whenever it is asked for this: %w", lost.err)
			}
			return offline(err)
		}
		timer := time.NewTimer(backoff[failures])
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return context.Cause(ctx)
		}
		failures++
	}
}

// mostBroken is how many calls in a row may fail because the server goes, each
// time, at what it is asked, before it counts as gone altogether. Until then
// it is one damaged mailbox that ends it, and the others go on.
const mostBroken = 2

// breaks counts a call that the server would not survive; false when there were
// too many.
func (a *Account) breaks() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.broken++
	return a.broken <= mostBroken
}

func (a *Account) mends() {
	a.mu.Lock()
	a.broken = 0
	a.mu.Unlock()
}

// with runs op with a session, again with another one when the connection is
// lost under it.
func (a *Account) with(ctx context.Context, m mail.Mailbox, op func(*session) error) error {
	if err := a.known(ctx); err != nil {
		return err
	}
	return a.repeat(ctx, func() error {
		s, err := a.acquire(ctx, m)
		if err != nil {
			return a.again(ctx, err)
		}
		defer a.pool.release(s)
		return a.judge(ctx, s, op(s))
	})
}

// again makes an error of connecting one after which another try is made: the
// account worked before, and nothing says that it never will again.
func (a *Account) again(ctx context.Context, err error) error {
	a.mu.Lock()
	worked := a.worked
	a.mu.Unlock()
	if !worked || ctx.Err() != nil || !errors.Is(err, mail.ErrOffline) || errors.Is(err, ErrTLS) || errors.Is(err, ErrLogin) {
		return err
	}
	return &lostError{err: err}
}

// judge makes an error of an operation one after which another try is made, if
// its connection is what failed.
func (a *Account) judge(ctx context.Context, s *session, err error) error {
	var lost *lostError
	var sink *sinkError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &lost), errors.Is(err, mail.ErrUncertain):
		return a.secrets.wrap(err)
	case ctx.Err() != nil:
		return err
	case errors.As(err, &sink):
		return err
	case errors.Is(err, wire.ErrFlood): // it would say it all again
		return a.secrets.wrap(err)
	case s.conn.Err() != nil:
		return &lostError{err: a.secrets.wrap(err), progress: s.progress, at: s.mailbox != "" || s.asked}
	}
	return a.secrets.wrap(err)
}
