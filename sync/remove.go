package sync

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"godwit/mail"
	"godwit/sync/plan"
)

// removeMailboxes removes the mailboxes that the other side lost, now that they are
// empty, those below others first. One that holds something after all stays.
func (r *run) removeMailboxes(ctx context.Context, works map[mail.Mailbox]*work) error {
	var boxes []*box
	for _, b := range r.order {
		if w := works[b.name]; w != nil && w.removeMailbox != nil && !b.unfinished.Load() {
			boxes = append(boxes, b)
		}
	}
	slices.SortFunc(boxes, func(a, b *box) int { return strings.Compare(string(b.name), string(a.name)) })
	for _, b := range boxes {
		if err := r.only(b, r.removeMailbox(ctx, b, *works[b.name].removeMailbox)); err != nil {
			return err
		}
	}
	return nil
}

func (r *run) removeMailbox(ctx context.Context, b *box, op plan.RemoveMailbox) error {
	counts, err := r.Base.Counts(ctx, b.name)
	if err != nil {
		return fmt.Errorf("%w: %w", errBase, err)
	}
	if op.On == plan.OnServer && counts.Server > 0 || op.On == plan.OnLocal && counts.Local > 0 {
		b.unfinished.Store(true) // something could not be removed, and was told
		return nil
	}
	side, step := OnServer, "delete.server"
	if op.On == plan.OnServer {
		err = r.Server.Delete(ctx, b.name, b.validity())
	} else {
		side, step = OnLocal, "delete.local"
		err = r.Local.DeleteMailbox(ctx, b.name)
	}
	if err != nil && !errors.Is(err, mail.ErrNoMailbox) {
		return fmt.Errorf("removing the mailbox: %w", err)
	}
	if err := r.step(step); err != nil {
		return err
	}
	if err := r.commit(ctx, mail.DropMailbox{Mailbox: b.name}); err != nil {
		return err
	}
	b.server, b.local, b.looked, b.created = nil, nil, false, false // no checkpoint
	r.tell(Changed{Mailbox: b.name, Side: side, What: "delete", Reason: op.Reason}, func(res *Result) { res.Deleted++ })
	return r.step("delete.recorded")
}
