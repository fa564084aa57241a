package sync

import (
	"context"
	"errors"
	"fmt"

	"godwit/mail"
	"godwit/sync/plan"
)

// lookBack observes, when all is done, the mailboxes that the run changed on
// the server. Two things there want another transfer for both sides to be the
// same: what was moved to the trash mailbox, and what the server altered when it
// was uploaded. The observation also lets the checkpoint come to rest behind the
// run's own changes.
func (r *run) lookBack(ctx context.Context) error {
	var boxes []*box
	for _, b := range r.order {
		if !b.selectable() || b.unfinished.Load() {
			continue
		}
		if b.wroteServer.Load() && b.observed != nil ||
			b.name == r.trash && r.trashed.Load() && b.policy.Mode.Pulls() && b.local != nil {
			boxes = append(boxes, b)
		}
	}
	works := map[mail.Mailbox]*work{}
	for _, b := range boxes {
		works[b.name] = &work{b: b}
	}
	err := r.each(ctx, boxes, func(ctx context.Context, b *box) error {
		return r.lookBackAt(ctx, works[b.name])
	})
	if err != nil {
		return err
	}
	if r.denied.Load() {
		if err := r.lookAnew(ctx); err != nil {
			return err
		}
	}
	for _, b := range boxes {
		w := works[b.name]
		if !w.transfers() {
			delete(works, b.name)
		}
	}
	if len(works) == 0 {
		return nil
	}
	return r.transfer(ctx, works, r.fetchNow)
}

// lookAnew has the next run ask for all of those mailboxes that this one changed on the
// server, although nothing moves there: what was to leave one of them may be there still.
func (r *run) lookAnew(ctx context.Context) error {
	var changes []mail.Change
	for _, b := range r.order {
		if c := b.checkpointed(); b.wroteServer.Load() {
			b.unfinished.Store(true)
			if c.UIDValidity != 0 {
				c.ModSeq = 0
				changes = append(changes, mail.PutCheckpoint{Checkpoint: c})
			}
		}
	}
	return r.commit(ctx, changes...)
}

// errNeverHad is told of messages that the server said it took.
var errNeverHad = errors.New("the server said that it took the message, and says now that it never had one of that UID: it is sent again by the next run")

func (r *run) lookBackAt(ctx context.Context, w *work) error {
	b := w.b
	since := r.since(b)
	if b.observed != nil {
		since = b.observed.Next()
	}
	o, err := r.Server.Observe(ctx, b.name, since)
	if err != nil {
		return fmt.Errorf("looking at the mailbox once more: %w", err)
	}
	if since.UIDValidity != 0 && o.UIDValidity != since.UIDValidity {
		b.unfinished.Store(true) // the next run pairs it anew
		return nil
	}
	if b.observed == nil {
		b.looked, b.observed = true, o
		if o.ModSeq != 0 && (o.Present != nil || !o.Gone.IsEmpty() || len(o.Messages) > 0 && o.Messages[0].UID < since.UIDNext) {
			b.unfinished.Store(true) // others were at it, too: the next run sees to that
		}
	} else {
		b.own().after = o
	}
	var added mail.UIDSet
	for i := range o.Messages {
		if o.Messages[i].UID >= since.UIDNext {
			added.Add(o.Messages[i].UID)
		}
	}
	// All that base has there, from the old UIDNEXT on: what was added and is gone
	// again is in no delta, and the next run has to look for it.
	rows, err := r.Base.FindUIDs(ctx, b.name, mail.UIDSpan(since.UIDNext, ^mail.UID(0)))
	if err != nil {
		return fmt.Errorf("%w: %w", errBase, err)
	}
	for i := range rows {
		if _, listed := o.Find(rows[i].UID); !listed {
			b.unfinished.Store(true)
		}
		if o.NeverHad(rows[i].UID) {
			r.denied.Store(true)
			r.fail(Failure{Mailbox: b.name, UID: rows[i].UID, Key: rows[i].Key, Err: errNeverHad})
		}
	}
	known := make(map[mail.UID]*mail.Row, len(rows))
	for i := range rows {
		known[rows[i].UID] = &rows[i]
	}
	for uid := range added.All() {
		m, _ := o.Find(uid)
		row := known[uid]
		switch {
		case row == nil && b.name == r.trash && r.trashed.Load() && b.policy.Mode.Pulls() && b.local != nil:
			if !b.window.Has(m.UID, m.Date, m.Flags) {
				w.outside = append(w.outside, mail.PutRow{Row: mail.Row{
					Mailbox: b.name, UID: m.UID, Flags: m.Flags, Content: m.Content, Date: m.Date, Window: mail.Outside,
				}})
				continue
			}
			w.fetches = append(w.fetches, plan.Fetch{Step: plan.Step{Mailbox: b.name}, Message: m, Flags: m.Flags})
		case row != nil && b.has().uploaded.Contains(uid) && b.policy.Mode.Pulls() && m.Content.Size >= 0 && m.Content.Size != row.Content.OnServer().Size:
			// What the server made of it is the truth.
			w.fetches = append(w.fetches, plan.Fetch{Step: plan.Step{Mailbox: b.name}, Message: m, Flags: m.Flags, Row: row})
			w.replace = true
		}
	}
	return r.putOutside(ctx, b, w.outside)
}
