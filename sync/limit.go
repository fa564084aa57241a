package sync

import (
	"context"
	"errors"
	"io"
	gosync "sync"
	"time"

	"godwit/mail"
)

// Limit is how much a run, or several that share it, may transfer. What it does not
// allow for is left to the next run, and is no failure. It bounds bodies, of
// messages fetched and uploaded: what finds out what there is to do, flags, moves
// and removals cost little, and are always carried out. The zero Limit is none.
type Limit struct {
	// Octets is how many may cross the connections, both ways, all commands and
	// answers counted; zero: any number.
	Octets int64
	// Until is when no transfer begins any more, and those under way are stopped;
	// uploads are not. Zero: never.
	Until time.Time

	mu       gosync.Mutex
	wires    []func() int64
	reserved int64 // octets of bodies that are transferred, and that have been
	came     int64 // of them, those that crossed
}

// overhead is what a message costs beside its body, about: its line in the answer,
// or its part of a command.
const overhead = 300

// atTheEnd is what a run may still have to say when all is transferred: what else
// happened, and good-bye.
const atTheEnd = 8 << 10

// errTimeUp ends transfers when the time is over. To those who are given it as the
// context's cause it is a cancellation.
var errTimeUp error = timeUp{}

type timeUp struct{}

func (timeUp) Error() string        { return "the time that the run was given is over" }
func (timeUp) Is(target error) bool { return target == context.Canceled }

// meter counts what crosses a server's connections from now on against the limit.
func (l *Limit) meter(wire func() int64) {
	if l == nil || wire == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.wires = append(l.wires, wire)
}

// room is how many octets of bodies may still be transferred. The caller holds mu.
func (l *Limit) room() int64 {
	crossed := l.came
	if len(l.wires) > 0 {
		crossed = 0
		for _, w := range l.wires {
			crossed += w()
		}
	}
	return l.Octets - min(atTheEnd, l.Octets/8) - crossed - max(0, l.reserved-l.came)
}

// take reserves room for a body, and its overhead; false: there is none, or no
// time. Give it back with done.
func (l *Limit) take(size int64, now time.Time) bool {
	if l == nil {
		return true
	}
	if l.over(now) {
		return false
	}
	if l.Octets == 0 {
		return true
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.room() < size+overhead {
		return false
	}
	l.reserved += size + overhead
	return true
}

// some reserves what room there is, up to most octets and the overhead; zero where
// there is less than least.
func (l *Limit) some(least, most int64, now time.Time) int64 {
	if l == nil || l.Octets == 0 || l.over(now) {
		return 0
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	n := min(most, l.room()-overhead)
	if n < least {
		return 0
	}
	l.reserved += n + overhead
	return n
}

func (l *Limit) over(now time.Time) bool {
	return l != nil && !l.Until.IsZero() && !now.Before(l.Until)
}

// crossed notes octets of bodies that came, or went.
func (l *Limit) crossed(n int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.came += n
}

// done ends what was reserved, of which so many octets were counted as they
// crossed.
func (l *Limit) done(reserved, counted int64) {
	if l == nil || l.Octets == 0 {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.wires) > 0 {
		l.reserved -= reserved // the wires have it
		l.came -= counted
	} else {
		l.came += reserved - counted
	}
}

// metered counts a body as it is read.
type metered struct {
	io.Reader
	limit *Limit
	n     *int64
}

func (m metered) Read(p []byte) (int, error) {
	n, err := m.Reader.Read(p)
	m.limit.crossed(int64(n))
	*m.n += int64(n)
	return n, err
}

// limited tells that the run may have to leave something.
func (r *run) limited() bool { return r.Limit != nil }

// within bounds fetching by the time that there is.
func (r *run) within(ctx context.Context) (context.Context, context.CancelFunc) {
	if r.Limit == nil || r.Limit.Until.IsZero() {
		return ctx, func() {}
	}
	return context.WithDeadlineCause(ctx, r.Limit.Until, errTimeUp)
}

// ranOut tells that ctx ended for that.
func ranOut(ctx context.Context) bool { return errors.Is(context.Cause(ctx), errTimeUp) }

// batchSize is how much is fetched, or sent, at a time.
func (r *run) batchSize() (messages int, octets int64) {
	if r.limited() {
		return 64, min(1<<20, r.Large)
	}
	return batchMessages, batchOctets
}

// postpone notes that a message is left to the next run, for the limit; octets are
// those that it still takes.
func (r *run) postpone(b *box, octets int64) {
	b.unfinished.Store(true)
	r.tell(nil, func(res *Result) {
		res.Remaining.Messages++
		res.Remaining.Bytes += max(0, octets)
	})
}

// Remaining is what a limit made a run leave to the next one.
type Remaining struct {
	Messages int
	Bytes    int64 // octets that are still to be transferred for them
}

// admit takes from a batch what the limit allows for, the newest first, and leaves
// the rest: the octets reserved are to be given back.
func (f *fetching) admit(uids mail.UIDSet) (some mail.UIDSet, octets int64) {
	r := f.r
	if !r.limited() {
		return uids, 0
	}
	ranges := uids.Ranges()
	for i := len(ranges) - 1; i >= 0; i-- {
		for uid := ranges[i].High; uid >= ranges[i].Low && uid > 0; uid-- {
			if n := f.need(uid); r.Limit.take(n, r.Now()) {
				some.Add(uid)
				octets += n + overhead
			}
		}
	}
	f.postponeAll(uids.Minus(some))
	return some, octets
}

// need is how many octets are still to come of a message.
func (f *fetching) need(uid mail.UID) int64 {
	r, size := f.r, int64(0)
	if op := f.wanted[uid]; op != nil {
		size = max(0, op.Message.Content.Size)
		if f.w.b.parts.split(size, op.Flags) && !f.w.replace {
			size = min(size, aPart)
		}
	}
	if i, some := r.incomplete[place{f.w.b.name, uid}]; some && i.UIDValidity == f.w.b.validity() {
		size = max(0, size-i.Octets)
	}
	return size
}

// aPart is what a message takes, about, that is fetched in part: its header, its
// structure, and an ordinary text.
const aPart = 24 << 10

// begun leaves those of the messages to the next run of which only some octets were
// wanted, or, where the time is over, all of them.
func (f *fetching) begun(g *gathering, uids mail.UIDSet, over bool) (left mail.UIDSet) {
	for uid := range uids.All() {
		if over || g.most[uid] > 0 {
			f.r.postpone(f.w.b, g.need(uid, f.need(uid)))
			left.Add(uid)
		}
	}
	f.unfinishRows(left)
	return left
}

// postponeAll leaves messages to the next run.
func (f *fetching) postponeAll(uids mail.UIDSet) {
	for uid := range uids.All() {
		f.r.postpone(f.w.b, f.need(uid))
	}
	f.unfinishRows(uids)
}
