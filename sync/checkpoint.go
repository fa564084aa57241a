package sync

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"godwit/mail"
	"godwit/sync/plan"
)

// grain is longer than the clock tick by which file systems stamp directories,
// where they do it finely at all.
const grain = 25 * time.Millisecond

// checkpoint records how far every mailbox came. Where the run itself changed
// something, it looks once more: if what it sees is what base has, nobody else
// did anything meanwhile, and the next run need not look at all.
func (r *run) checkpoint(ctx context.Context) error {
	var boxes []*box
	wrote := false
	for _, b := range r.order {
		if b.unfinished.Load() || !b.looked && !b.created || !b.selectable() && b.local == nil {
			continue // in the last case it is forgotten
		}
		boxes = append(boxes, b)
		wrote = wrote || b.wroteLocal.Load()
	}
	if wrote {
		select { // so that the stamps taken now can be trusted
		case <-time.After(grain):
		case <-ctx.Done():
		}
	}
	err := errors.Join(r.each(ctx, boxes, r.confirm), r.settleAside(ctx))
	changes := r.asideChanges()
	for _, b := range boxes {
		if c := r.checkpointOf(b); c != b.checkpointed() && !b.unfinished.Load() {
			changes = append(changes, mail.PutCheckpoint{Checkpoint: c})
		}
	}
	if err := errors.Join(err, r.commit(ctx, changes...)); err != nil {
		return err
	}
	for _, b := range boxes {
		r.tell(Finished{b.name}, nil)
	}
	return r.step("checkpoint")
}

// confirm looks at the sides that this run changed. What it sees is kept only
// if it is what base has.
func (r *run) confirm(ctx context.Context, b *box) error {
	if l := b.listing; l != nil {
		// All that is still wanted of it; a large mailbox's names need not be held
		// while it is looked at again.
		b.listing = &mail.Listing{Stamp: l.Stamp, Settled: l.Settled, Table: l.Table}
	}
	if after := b.has().after; after != nil {
		seen := box{name: b.name, policy: b.policy, server: b.server, local: b.local, before: b.before, room: b.room, observed: after, aside: b.aside}
		if doomed := b.has().doomed; len(doomed) > 0 {
			seen.own().doomed = doomed
		}
		same, err := r.agrees(ctx, &seen)
		if err != nil {
			return err
		}
		if same {
			b.observed = after
		}
	}
	if b.wroteLocal.Load() && b.local != nil {
		t, err := r.Local.Tally(ctx, b.name)
		if err != nil {
			return fmt.Errorf("looking at the Maildir once more: %w", err)
		}
		same, err := r.agreesWithFiles(ctx, b, t)
		if err != nil {
			return err
		}
		switch {
		case same:
			b.listing = &mail.Listing{Stamp: t.Stamp, Settled: t.Settled, Table: t.Table}
		case b.listing != nil && !slices.Equal(b.listing.Table, t.Table):
			// Letters that meant nothing when they were read may mean something now,
			// though no file's name changed.
			b.listing.Settled = false
		}
	}
	return nil
}

// agreesWithFiles tells whether the files of a mailbox are those of base, with
// the flags that base has. It compares sums, so that a mailbox of a million
// messages to which one came costs no more memory than one of ten.
func (r *run) agreesWithFiles(ctx context.Context, b *box, t mail.Tally) (bool, error) {
	if !b.selectable() && b.before.OnServer {
		return false, nil // what became of its rows is not settled
	}
	var sum mail.Sum
	var letters []byte
	for row, err := range r.Base.RowsByKey(ctx, b.name) {
		if err != nil {
			return false, fmt.Errorf("%w: %w", errBase, err)
		}
		if b.policy.ExpungeFlagged && row.Flags.System&mail.Deleted != 0 {
			return false, nil // both sides agree, and it is to go
		}
		letters = letters[:0]
		if row.Flags.Keywords != "" {
			for _, keyword := range row.Flags.Keywords.List() {
				letter, known := t.Table.Letter(keyword)
				switch {
				case known:
					letters = append(letters, letter)
				case b.room.Holds(keyword):
					return false, nil // the file could show it
				}
			}
			slices.Sort(letters)
		}
		sum.Add(row.Key, row.Flags.System, string(letters), row.Inode)
	}
	for _, m := range b.has().asideFiles {
		sum.Add(m.Key, m.System, m.Letters, m.Inode)
	}
	return sum == t.Sum, nil
}

// checkpointOf is the mailbox's checkpoint after this run.
func (r *run) checkpointOf(b *box) mail.Checkpoint {
	c := b.checkpointed()
	if b.observed != nil {
		c.UIDValidity, c.UIDNext = b.observed.UIDValidity, b.observed.UIDNext
		c.ModSeq, c.Messages = b.observed.ModSeq, b.observed.Exists
	}
	if b.listing != nil {
		c.Stamp, c.Letters = b.listing.Stamp, b.listing.Table.String()
		if !b.listing.Settled {
			c.Stamp = c.Stamp.Forgotten()
		}
	}
	if b.pendingLocal || b.rescan {
		c.Stamp = c.Stamp.Forgotten()
	}
	if b.pendingServer {
		c.ModSeq = 0
	}
	if c.Window = b.windowName; b.lingers.Load() {
		c.Window = ""
	}
	// A mailbox that vanished from the server stays known as one that was there,
	// until the plan forgets it; and so does the inbox. One that the Maildir shall
	// do without is new should it come again.
	c.OnServer = c.OnServer || b.selectable()
	c.OnLocal = b.local != nil || c.OnLocal && b.name == mail.Inbox
	if b.server != nil && b.server.Status != nil {
		c.MailboxID = b.server.Status.MailboxID
	}
	return c
}

// distrust forgets the stamps of the mailboxes that the Maildir had and has not now,
// before anything is done: their messages may be found elsewhere, and go there. Should
// one come back as it was, under whatever name, it is read again.
func (r *run) distrust(ctx context.Context) error {
	var changes []mail.Change
	for _, b := range r.order {
		if b.local != nil || !b.before.OnLocal || b.before.Stamp == b.before.Stamp.Forgotten() {
			continue
		}
		c := b.checkpointed()
		c.Stamp = c.Stamp.Forgotten()
		changes = append(changes, mail.PutCheckpoint{Checkpoint: c})
	}
	return r.commit(ctx, changes...)
}

// checkpointPulled records, for a run that was stopped, the mailboxes that were
// only to be fetched and were fetched whole.
func (r *run) checkpointPulled(ctx context.Context, works map[mail.Mailbox]*work) error {
	entangled := map[mail.Mailbox]bool{}
	for _, op := range r.result.Plan.Operations {
		switch op := op.(type) {
		case plan.Fetch, plan.FetchAll, plan.CreateLocal:
		case plan.Record:
			if op.Row.Window != mail.Outside || op.Row.ID != 0 { // those are recorded before anything is fetched
				entangled[op.Mailbox] = true
			}
		case plan.MoveServer:
			entangled[op.Row.Mailbox], entangled[op.Mailbox] = true, true
		case plan.MoveLocal:
			entangled[op.Row.Mailbox], entangled[op.Mailbox] = true, true
		default:
			entangled[op.In()] = true
		}
	}
	var changes []mail.Change
	for _, b := range r.order {
		w := works[b.name]
		if w == nil || entangled[b.name] || b.unfinished.Load() || b.observed == nil ||
			!w.counted.Load() || w.due.Load() > 0 || len(w.links)+len(w.fetches) > 0 || len(w.flags) > 0 {
			continue
		}
		b.listing = nil
		c := r.checkpointOf(b)
		c.Stamp = c.Stamp.Forgotten()
		if b.local != nil {
			c.Stamp = b.local.Stamp.Forgotten()
		}
		changes = append(changes, mail.PutCheckpoint{Checkpoint: c})
	}
	return r.commit(ctx, changes...)
}
