package sync

import (
	"context"
	"errors"
	"fmt"

	"godwit/mail"
)

// doubtful deals with what a server says of a mailbox and what cannot be so.
func (r *run) doubtful(ctx context.Context, b *box, o *mail.Observation) error {
	for uid := range o.Unread.All() {
		r.fail(Failure{Mailbox: b.name, UID: uid, Err: errUnread})
	}
	if b.reset || o.Complete || o.Present != nil || o.Gone.IsEmpty() {
		return nil
	}
	// Messages that the server says are gone must be missing in its count, too. A
	// server that says more than it can mean is asked for everything.
	rows, err := r.Base.FindUIDs(ctx, b.name, o.Gone)
	if err != nil {
		return fmt.Errorf("%w: %w", errBase, err)
	}
	left := int(b.before.Messages) + newer(o, b.before.UIDNext)
	for _, row := range rows {
		if row.UID < b.before.UIDNext {
			left--
		}
	}
	if left == int(o.Exists) {
		return nil
	}
	since := r.since(b)
	since.ModSeq = 0
	all, err := r.Server.Observe(ctx, b.name, since)
	if err != nil {
		return fmt.Errorf("looking at the mailbox on the server: %w", err)
	}
	b.observed = all
	b.reset = all.UIDValidity != b.before.UIDValidity
	return nil
}

// newer counts the messages of an observation from a UID on.
func newer(o *mail.Observation, from mail.UID) (count int) {
	for i := len(o.Messages) - 1; i >= 0 && o.Messages[i].UID >= from; i-- {
		count++
	}
	return count
}

// errUnread is told of messages of which the server says nothing that can be
// understood.
var errUnread = errors.New("the server lists the message, but what it says about it cannot be understood")
