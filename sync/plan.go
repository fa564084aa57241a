package sync

import (
	"context"
	"fmt"
	"slices"

	"godwit/conflict"
	"godwit/mail"
	"godwit/sync/plan"
)

// plan asks the planner, after it was given what it needs to know of the
// contents.
func (r *run) plan(ctx context.Context) error {
	in, err := r.planInput(ctx)
	if err != nil {
		return err
	}
	prepared, err := r.prepare(ctx, &in)
	if err != nil {
		return err
	}
	p := prepared.Make()
	p.Holds = append(p.Holds, r.renameHolds...)
	if len(r.renamed) > 0 {
		operations := make([]plan.Operation, 0, len(r.renamed)+len(p.Operations))
		for _, op := range r.renamed {
			operations = append(operations, op)
		}
		p.Operations = append(operations, p.Operations...)
	}
	r.lingering(&p)
	r.homes = map[int64]mail.Mailbox{}
	for _, b := range r.order {
		for i := range b.items {
			if row := b.items[i].Base; row != nil {
				r.homes[row.ID] = row.Mailbox
			}
		}
	}
	r.mu.Lock()
	r.result.Plan = p
	r.mu.Unlock()
	for m := range p.Unfinished {
		if b := r.boxes[m]; b != nil {
			b.unfinished.Store(true)
		}
	}
	for m := range p.Rescan {
		if b := r.boxes[m]; b != nil {
			b.rescan = true
		}
	}
	stay := r.keywordsThatStay(p)
	r.result.Plan.Holds = append(r.result.Plan.Holds, stay...)
	p.Holds = append(p.Holds, stay...)
	for _, b := range r.order {
		if h, pending := r.pending(b); pending {
			r.result.Plan.Holds = append(r.result.Plan.Holds, h)
			p.Holds = append(p.Holds, h)
		}
		b.items = nil // the plan has of it what is still needed
	}
	left := r.undecided(&p)
	r.result.Plan.Holds = append(r.result.Plan.Holds, left...)
	p.Holds = append(p.Holds, left...)
	messages, octets := 0, int64(0)
	for _, op := range p.Operations {
		switch op := op.(type) {
		case plan.Fetch:
			if op.Twin != nil {
				continue
			}
			messages, octets = messages+1, octets+max(0, op.Message.Content.Size)
		case plan.Upload:
			messages, octets = messages+1, octets+max(0, op.Content.Size)
		case plan.FetchAll:
			if b := r.boxes[op.Mailbox]; b != nil && b.server != nil && b.server.Status != nil {
				messages += int(b.server.Status.Messages)
			}
		}
	}
	r.tell(Planned{Operations: len(p.Operations), Messages: messages, Bytes: octets}, nil)
	for _, h := range p.Holds {
		r.tell(HeldBack{h}, func(res *Result) { res.Held += len(h.Removals) })
	}
	return nil
}

// pending notes changes that stay on their side, by the mode or because the
// mailbox is READ-ONLY. The latter is told: nobody asked for it.
func (r *run) pending(b *box) (plan.Hold, bool) {
	readOnly := b.observed != nil && b.observed.ReadOnly
	local, server := 0, 0
	for _, item := range b.items {
		switch item.LocalState {
		case conflict.Here, conflict.Edited, conflict.Gone:
			local++
		}
		if item.ServerState == conflict.Here || item.ServerState == conflict.Gone {
			server++
		}
	}
	b.pendingLocal = local > 0 && (readOnly || !b.policy.Mode.Pushes())
	b.pendingServer = server > 0 && !b.policy.Mode.Pulls()
	if !readOnly || local == 0 || !b.policy.Mode.Pushes() {
		return plan.Hold{}, false
	}
	return plan.Hold{
		Mailbox: b.name, Reason: conflict.OtherWay, Incomplete: true,
		Text: fmt.Sprintf("the server opens the mailbox READ-ONLY, so it is only pulled; %s in the Maildir", stay(local)),
	}, true
}

func stay(n int) string {
	if n == 1 {
		return "1 change stays"
	}
	return fmt.Sprintf("%d changes stay", n)
}

func (r *run) planInput(ctx context.Context) (plan.Input, error) {
	in := plan.Input{AllowDeletes: r.AllowDeletes, NewRoot: r.NewRoot && !r.root.Marker, KeepAll: r.KeepAll, Restored: r.Restored, Recreate: r.Recreate, NoMailboxes: r.noMailboxes}
	r.doubtAbsence()
	removals := false
	in.Mailboxes = make([]plan.Mailbox, 0, len(r.order))
	for _, b := range r.order {
		in.Mailboxes = append(in.Mailboxes, r.planMailbox(b))
		removals = removals || slices.ContainsFunc(b.items, func(item plan.Item) bool { return item.Base != nil })
	}
	var err error
	if removals {
		if in.Total, err = r.Base.Total(ctx); err != nil {
			return in, fmt.Errorf("%w: %w", errBase, err)
		}
	}
	return in, nil
}

// doubtAbsence takes back what scans seem to prove removed, where some of the
// Maildir could not be seen: it may have been moved there. A mailbox that is gone
// as a whole is another matter, with a guard of its own.
func (r *run) doubtAbsence() {
	r.acquit()
	if !slices.ContainsFunc(r.order, func(b *box) bool { return b.blind || b.hides() }) {
		return
	}
	for _, b := range r.order {
		for i := range b.items {
			if item := &b.items[i]; b.local != nil && item.LocalState == conflict.Gone {
				item.LocalState = conflict.Unknown
				b.own().doubted++
			}
		}
	}
}

func (r *run) planMailbox(b *box) plan.Mailbox {
	for i := range b.items {
		if row := b.items[i].Base; row != nil && row.Content.Partial > 0 {
			b.items[i].Whole = r.wantsWhole(b, *row)
		}
	}
	m := plan.Mailbox{
		Name: b.name, Role: b.role, BaseServer: b.before.OnServer, BaseLocal: b.before.OnLocal,
		Fresh: b.fresh, Reset: b.reset, Policy: b.policy, Window: b.window, Rows: b.rows, Items: b.items,
		LocalRoom: b.room, ServerRoom: mail.KeywordRoom{Open: true}, Trash: r.trash,
	}
	switch {
	case b.server == nil:
		m.Server = plan.Missing
	case b.server.NoSelect:
		m.Server = plan.NoSelect
	default:
		m.Server = plan.There
	}
	if b.local != nil {
		m.Local = plan.There
	} else {
		m.LocalRoom = mail.KeywordRoom{Open: true}
	}
	if b.unsettled || b.looked && b.unfinished.Load() && b.items == nil && !b.fresh {
		// Looking at it failed; what is there is not known.
		m.Server, m.Local = plan.Held, plan.Held
	}
	if b.observed != nil {
		m.ReadOnly = b.observed.ReadOnly
		m.ServerRoom = b.observed.Keywords
	}
	if b.listing != nil {
		m.Table = b.listing.Table
	}
	return m
}
