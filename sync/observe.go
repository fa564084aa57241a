package sync

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"godwit/conflict"
	"godwit/mail"
	"godwit/sync/plan"

	"golang.org/x/sync/errgroup"
)

// observe looks into every mailbox in which something moved.
func (r *run) observe(ctx context.Context) error {
	var moved []*box
	for _, b := range r.order {
		if r.serverMoved(b) || r.localMoved(b) || r.windowMoved(b) || r.Bring[b.name].UIDs.Len() > 0 || !b.has().halfLeft.IsEmpty() || len(b.has().trashed) > 0 {
			moved = append(moved, b)
		}
	}
	r.tell(Listed{Total: len(r.order), Moved: len(moved)}, func(res *Result) { res.Looked = len(moved) })
	if err := r.each(ctx, moved, r.look); err != nil {
		return err
	}
	return r.lookIntoFresh(ctx)
}

// lookIntoFresh asks for the messages of new mailboxes, too, where any message
// left another mailbox on the server: it may have come up in one of these, and
// then it was not removed. And where base knows nothing at all, for it was lost, and
// any mailbox has files: they may have been moved out of these, and hold what would
// be fetched.
func (r *run) lookIntoFresh(ctx context.Context) error {
	left, lost := false, !slices.ContainsFunc(r.order, func(b *box) bool { return b.recorded })
	var fresh []*box
	for _, b := range r.order {
		if b.fresh {
			fresh = append(fresh, b)
		}
		for i := range b.items {
			left = left || b.items[i].Base != nil && (b.reset || b.items[i].ServerState == conflict.Gone) || lost && b.items[i].Local != nil
		}
	}
	if !left {
		return nil
	}
	for _, b := range r.order {
		if b.passed { // what left may be among what was passed over
			b.passed, b.entangled = false, true
			if err := r.only(b, r.compare(ctx, b)); err != nil {
				return err
			}
		}
	}
	return r.each(ctx, fresh, func(ctx context.Context, b *box) error {
		b.fresh = false
		if err := r.ask(ctx, b); err != nil {
			return err
		}
		return r.compare(ctx, b)
	})
}

// serverMoved tells whether anything may have happened on the server since the
// checkpoint. HIGHESTMODSEQ counts only where a SELECT once gave it.
func (r *run) serverMoved(b *box) bool {
	if b.server == nil || b.server.NoSelect {
		return b.before.OnServer
	}
	s := b.server.Status
	return r.Full || s == nil || r.returns(b) || b.anyDue(true) || !b.before.OnServer || b.before.ModSeq == 0 ||
		s.UIDValidity != b.before.UIDValidity || s.UIDNext != b.before.UIDNext ||
		s.Messages != b.before.Messages || s.ModSeq != b.before.ModSeq
}

// returns tells that the Maildir gets a mailbox that it did without. Base knows
// nothing of what came to the server's meanwhile.
func (r *run) returns(b *box) bool {
	if b.local == nil {
		return r.Recreate && b.recorded
	}
	return b.recorded && !b.before.OnLocal
}

// revives tells that the Maildir does without a mailbox of which base knows no
// message, but what is outside of its window. What is in it now brings it back.
func (r *run) revives(b *box) bool {
	return b.local == nil && b.recorded && !b.before.OnLocal && b.rows.Local == 0 && b.rows.Server == b.rows.Outside &&
		b.policy.Create.OnLocal() && b.policy.Mode.Pulls()
}

func (r *run) localMoved(b *box) bool {
	if b.local == nil {
		return b.before.OnLocal
	}
	return r.Full || b.anyDue(false) || !b.before.OnLocal || !b.before.Stamp.Unmoved(b.local.Stamp) || b.before.Letters != b.local.Letters
}

// selectable tells whether the server has messages to offer under that name.
func (b *box) selectable() bool { return b.server != nil && !b.server.NoSelect }

// look observes one mailbox on the sides that moved and finds the messages in
// which a side differs from base.
func (r *run) look(ctx context.Context, b *box) error {
	r.tell(Looking{b.name}, nil)
	b.looked = true
	if b.unsettled {
		b.blind = true
		return nil
	}
	var err error
	if b.rows, err = r.Base.Counts(ctx, b.name); err != nil {
		return fmt.Errorf("%w: %w", errBase, err)
	}
	if b.redate, err = r.undated(ctx, b); err != nil {
		return err
	}
	serverMoved := b.selectable() && (r.serverMoved(b) || b.redate)
	scan := b.local != nil && r.localMoved(b)

	g, gctx := errgroup.WithContext(ctx)
	scanned := make(chan struct{})
	g.Go(func() error {
		defer close(scanned)
		if b.local == nil {
			return nil
		}
		if !r.DryRun {
			// A run that died while it was fetching left its files in tmp/, and this
			// mailbox to be looked at again.
			if err := r.Local.Sweep(gctx, b.name); err != nil {
				return fmt.Errorf("removing what an earlier run left in tmp/: %w", err)
			}
		}
		if !r.DryRun && !b.before.OnLocal {
			// Base is to know it, and a mailbox that base knows and a power cut takes
			// away would look like one that the user removed.
			if err := r.Local.Anchor(gctx, b.name); err != nil {
				return fmt.Errorf("making the mailbox's directory durable: %w", err)
			}
		}
		if !r.DryRun && b.before.Letters != "" {
			// Else the next keyword to come would be a letter that those names do not
			// have, and look as if it had been taken off there.
			if err := r.Local.RestoreLetters(gctx, b.name, mail.ParseKeywordTable(b.before.Letters)); err != nil {
				return fmt.Errorf("giving the letters of keywords their meaning again: %w", err)
			}
		}
		room, err := r.Local.Room(gctx, b.name)
		if err != nil {
			return err
		}
		b.room = room
		if scan {
			b.listing, err = r.Local.Scan(gctx, b.name)
			b.blind = err != nil || !b.listing.Settled
			b.room.Open = room.Open && (err != nil || b.listing.HasFreeLetter())
		}
		return err
	})
	g.Go(func() error {
		if !serverMoved {
			return nil
		}
		// One that the Maildir has no more may have to go from the server, which only
		// an empty one can: what is in it must be known.
		// And what is in one that is to be made again must be known to be there.
		removed := b.local == nil && b.recorded
		if b.rows == (mail.Counts{}) && !r.mayLink(b) && !removed {
			// With nothing in base and nothing here, the bodies can be fetched at once.
			select {
			case <-scanned:
			case <-gctx.Done():
				return context.Cause(gctx)
			}
			// What is fetched in part has to be known by its size first.
			if !b.parts.any() && !b.windowed() && !r.limited() && r.asked(b).IsEmpty() && (b.local == nil || b.listing != nil && b.listing.Len() == 0) {
				b.fresh = true
				return nil
			}
		}
		return r.ask(gctx, b)
	})
	if err := g.Wait(); err != nil {
		return err
	}
	if b.fresh {
		b.withoutFiles()
		return nil
	}
	if err := r.compare(ctx, b); err != nil {
		return err
	}
	if err := r.identifyEarly(ctx, b); err != nil {
		return err
	}
	if b.observed == nil && b.selectable() && slices.ContainsFunc(b.items, func(i plan.Item) bool { return !i.SetAside }) {
		// Only the user did something. What shall be done on the server needs to
		// know what the mailbox allows and which UIDs are there.
		if err := r.ask(ctx, b); err != nil {
			return err
		}
		return r.compare(ctx, b)
	}
	return nil
}

// mayLink tells that asking for a new mailbox's messages may save their download:
// the server names contents, and has other mailboxes that may hold the same.
func (r *run) mayLink(b *box) bool { return b.server.EmailIDs && len(r.order) > 1 }

// ask observes the mailbox on the server.
func (r *run) ask(ctx context.Context, b *box) error {
	o, err := r.Server.Observe(ctx, b.name, r.since(b))
	if err != nil {
		return fmt.Errorf("looking at the mailbox on the server: %w", err)
	}
	b.observed = o
	b.reset = b.before.OnServer && o.UIDValidity != b.before.UIDValidity
	if err := r.doubtful(ctx, b, o); err != nil {
		return err
	}
	if b.exchanged() {
		b.items, b.observed, b.reset = nil, nil, false
		return errExchanged
	}
	o = b.observed
	if b.reset || o.Complete || o.Present != nil {
		return nil
	}
	// A run that died has recorded messages which its checkpoint does not know of.
	// What became of those, a delta since that checkpoint need not say.
	rows, err := r.Base.FindUIDs(ctx, b.name, mail.UIDSpan(b.before.UIDNext, ^mail.UID(0)))
	if err != nil {
		return fmt.Errorf("%w: %w", errBase, err)
	}
	for _, row := range rows {
		if _, listed := o.Find(row.UID); !listed && !o.Gone.Contains(row.UID) {
			all, err := r.Server.List(ctx, b.name)
			if err != nil {
				return fmt.Errorf("listing the mailbox: %w", err)
			}
			o.Present = all.Present
			break
		}
	}
	return nil
}

// exchanged tells that the mailbox was still the one that base knows when the server
// listed it, and is another one now: since then it was renamed, or removed, and its name
// given to another. Where its messages are now, this run's list does not know, and what
// is sent again would be there twice.
func (b *box) exchanged() bool {
	s := b.server.Status
	return b.reset && s != nil && s.UIDValidity == b.before.UIDValidity
}

// errExchanged is told of a mailbox whose name another one has since it was listed.
var errExchanged = fmt.Errorf("%w since the mailboxes were listed: another mailbox has the name now; it was left alone, and the next run looks where the old one is", mail.ErrUIDValidity)

// since is what base knows of the mailbox on the server.
func (r *run) since(b *box) mail.Since {
	if !b.before.OnServer || b.before.UIDValidity == 0 || r.returns(b) || b.redate || r.revives(b) {
		return mail.Since{}
	}
	if now := b.server.Status; now != nil && now.UIDValidity != 0 && now.UIDValidity != b.before.UIDValidity {
		return mail.Since{} // what it would be asked about is of another life
	}
	s := mail.Since{UIDValidity: b.before.UIDValidity, UIDNext: b.before.UIDNext, Messages: b.before.Messages}
	// Of a message that was set aside no delta tells the flags that it has.
	if !r.Full && !b.asideOnServer() {
		s.ModSeq = b.before.ModSeq
	}
	return s
}

// createdHere observes a mailbox that this run has just made on the server, so
// that uploads have a floor.
func (r *run) createdHere(ctx context.Context, b *box) error {
	o, err := r.Server.List(ctx, b.name)
	if err != nil {
		return err
	}
	b.observed = o
	if o.Present == nil || !o.Present.IsEmpty() {
		b.unfinished.Store(true) // somebody was quicker: the next run asks what it is
	}
	return nil
}

// errUnsettled is told of a mailbox that another program changes all the time.
var errUnsettled = errors.New("the Maildir is being changed by another program; what is missing there is looked at again in the next run")
