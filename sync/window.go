package sync

import (
	"context"
	"fmt"
	"slices"
	"time"

	"godwit/mail"
)

// Window says which of a mailbox's messages the Maildir is to have. The zero Window:
// all of them. Each of MaxAge and KeepLast narrows it.
type Window struct {
	// MaxAge is how old messages may be, by their INTERNALDATE; zero: as old as they
	// are. It counts in whole days (UTC), so that a mailbox's messages leave once a
	// day and not at any moment.
	MaxAge time.Duration
	// KeepLast is how many messages there may be: those with the highest UIDs. Zero:
	// as many as there are.
	KeepLast int
	// Unread and Flagged keep messages that are not \Seen, or \Flagged, whatever else
	// says that they are outside.
	Unread, Flagged bool
}

const day = 24 * time.Hour

// openWindow finds out what a mailbox's window is in this run. Where nothing is
// changed in the Maildir there is none.
func (r *run) openWindow(b *box) {
	if r.Window == nil || !b.policy.Mode.Pulls() {
		return
	}
	w := r.Window(b.name, b.role)
	b.keepLast = w.KeepLast
	if w.MaxAge > 0 {
		midnight := r.Now().UTC().Truncate(day)
		b.window.Since = mail.UnixTime(midnight.Add(-w.MaxAge).Unix())
	}
	if b.windowed() {
		b.window.Unread, b.window.Flagged = w.Unread, w.Flagged
		b.windowName = fmt.Sprintf("since=%d last=%d unread=%t flagged=%t", b.window.Since, w.KeepLast, w.Unread, w.Flagged)
	}
}

// windowed tells that messages of the mailbox can be outside of a window.
func (b *box) windowed() bool { return b.window.Since != 0 || b.keepLast > 0 }

// windowMoved tells that the mailbox's window is another one than that as of which
// its rows are: time passed, or the configuration changed.
func (r *run) windowMoved(b *box) bool {
	return b.selectable() && b.local != nil && b.before.OnServer && b.windowName != b.before.Window
}

// asked are the messages of a mailbox that this run's user asked for.
func (r *run) asked(b *box) mail.UIDSet {
	w := r.Bring[b.name]
	if w.UIDValidity != 0 && w.UIDValidity != b.validity() {
		return mail.UIDSet{}
	}
	return w.UIDs
}

// brought is what a row that comes here has to do with the window.
func (r *run) brought(b *box, row mail.Row) mail.Windowed {
	if r.asked(b).Contains(row.UID) && !b.window.Has(row.UID, row.Date, row.Flags) {
		return mail.Brought
	}
	return mail.InWindow
}

// errOtherUIDs is told of messages that were asked for by UIDs of another life.
var errOtherUIDs = fmt.Errorf("%w: the messages that were asked for cannot be named by their UIDs any more", mail.ErrUIDValidity)

// unasked fails what was asked for and is in no mailbox of this run, or cannot be
// named any more.
func (r *run) unasked() {
	for m, w := range r.Bring {
		b := r.boxes[m]
		switch {
		case b == nil || !b.selectable():
			r.fail(Failure{Mailbox: m, Err: fmt.Errorf("the messages that were asked for: %w", mail.ErrNoMailbox)})
		case w.UIDValidity != 0 && w.UIDValidity != b.validity():
			r.fail(Failure{Mailbox: m, Err: errOtherUIDs})
		}
	}
}

// fixWindow finds the lowest UID of those that are to be kept by their number. The
// messages of a mailbox are its rows, and what was observed of it since.
func (r *run) fixWindow(ctx context.Context, b *box) error {
	if b.keepLast <= 0 {
		return nil
	}
	o := b.observed
	var uids mail.UIDSet
	switch {
	case o != nil && o.Complete:
		for i := range o.Messages {
			uids.Add(o.Messages[i].UID)
		}
	case o != nil && o.Present != nil:
		uids = *o.Present
	default:
		gone := mail.UIDSet{}
		if o != nil {
			gone = o.Gone
		}
		known, err := r.Base.HighestUIDs(ctx, b.name, b.keepLast+1+gone.Len())
		if err != nil {
			return fmt.Errorf("%w: %w", errBase, err)
		}
		uids = known.Minus(gone)
		if o != nil {
			for i := range o.Messages {
				if o.Messages[i].UID >= b.before.UIDNext {
					uids.Add(o.Messages[i].UID)
				}
			}
		}
	}
	b.window.From = nthHighest(uids, b.keepLast)
	return nil
}

// nthHighest is the n-th highest UID of a set; zero when it has not more than n.
func nthHighest(uids mail.UIDSet, n int) mail.UID {
	ranges := uids.Ranges()
	for i := len(ranges) - 1; i >= 0; i-- {
		have := int(ranges[i].High-ranges[i].Low) + 1
		if n <= have {
			if low := ranges[i].High - mail.UID(n-1); i > 0 || low > ranges[0].Low {
				return low
			}
			return 0
		}
		n -= have
	}
	return 0
}

// applying is what base calls a window that is being applied: none that there can be.
const applying = "being applied"

// applyWindow notes in base, before anything comes or goes for another window than the
// one that the mailbox's checkpoint names, that its rows may be of any. Should the run
// die, they are looked through again, whatever the configuration is then.
func (r *run) applyWindow(ctx context.Context, b *box) error {
	if b.before.Window == b.windowName || b.before.Window == applying || b.applying || b.local == nil || b.validity() == 0 {
		return nil
	}
	c := b.checkpointed()
	if c.UIDValidity == 0 { // as for the first rows, see claims
		c.UIDValidity, c.OnServer, c.OnLocal = b.validity(), true, true
		b.claimed.Store(true)
	}
	c.Window, b.applying = applying, true
	return r.commit(ctx, mail.PutCheckpoint{Checkpoint: c})
}

// putOutside records messages that are new, and stay on the server.
func (r *run) putOutside(ctx context.Context, b *box, rows []mail.Change) error {
	if len(rows) == 0 {
		return nil
	}
	if err := r.applyWindow(ctx, b); err != nil {
		return err
	}
	for some := range slices.Chunk(rows, 2000) {
		if err := r.commit(ctx, some...); err != nil {
			return err
		}
	}
	return nil
}

// mayPass tells that new messages of a mailbox which are outside of its window can be
// nothing else: there is no row and no file of which they could be the message. A first
// run then holds no more of them than what the server said.
func (b *box) mayPass() bool {
	return b.windowed() && !b.entangled && !b.reset && b.rows == (mail.Counts{}) && (b.listing == nil || b.listing.Len() == 0)
}

// passes tells that a new message is outside, and nobody asked for it.
func (r *run) passes(b *box, m *mail.ServerMessage) bool {
	return !b.window.Has(m.UID, m.Date, m.Flags) && !b.isAside(m.UID) && !r.asked(b).Contains(m.UID)
}

// putPassed records what was passed over, unless the Maildir is to do without the
// mailbox.
func (r *run) putPassed(ctx context.Context, b *box) error {
	if !b.passed || b.local == nil || b.unfinished.Load() {
		return nil
	}
	var rows []mail.Change
	for i := range b.observed.Messages {
		m := &b.observed.Messages[i]
		if r.passes(b, m) && !b.isDoomed(m.UID) {
			rows = append(rows, mail.PutRow{Row: mail.Row{
				Mailbox: b.name, UID: m.UID, Flags: m.Flags, Content: m.Content, Date: m.Date, Window: mail.Outside,
			}})
		}
		if len(rows) == 2000 || i == len(b.observed.Messages)-1 {
			if err := r.putOutside(ctx, b, rows); err != nil {
				return err
			}
			rows = nil
		}
	}
	return nil
}
