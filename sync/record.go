package sync

import (
	"context"
	"slices"

	"godwit/mail"
)

// mostRecorded is how many rows are committed together, about: each commit waits
// for the disk, and small ones write the same pages of the indexes again and again.
const mostRecorded = 8000

// renumber takes the UIDs of another life out of base. Where nothing but records
// follows, which early says of the run as a whole, it is left to them: one commit
// writes each row's page once.
func (r *run) renumber(ctx context.Context, works map[mail.Mailbox]*work, early bool) error {
	t := together{r: r}
	rows := 0
	for _, b := range r.order {
		w := works[b.name]
		if w == nil || !w.renumber {
			continue
		}
		if early && w.onlyRecords() {
			w.records = slices.Insert(w.records, 0, mail.Change(mail.DropUIDs{Mailbox: b.name}))
			continue
		}
		t.changes = append(t.changes, mail.DropUIDs{Mailbox: b.name})
		if rows += b.rows.Server; rows >= mostRecorded {
			rows = 0
			if err := t.commit(ctx); err != nil {
				return err
			}
		}
	}
	return t.commit(ctx)
}

// record writes what both sides already agree on.
func (r *run) record(ctx context.Context, works map[mail.Mailbox]*work) error {
	t := together{r: r}
	for _, b := range r.order {
		if w := works[b.name]; w != nil {
			for some := range slices.Chunk(w.records, mostRecorded) {
				if err := t.add(ctx, some); err != nil {
					return err
				}
			}
			w.records = nil
		}
	}
	return t.commit(ctx)
}

// together commits the changes of many mailboxes together.
type together struct {
	r       *run
	changes []mail.Change
}

// add has changes committed, all of them in one commit, now or later.
func (t *together) add(ctx context.Context, changes []mail.Change) error {
	if len(t.changes) > 0 && len(t.changes)+len(changes) > mostRecorded {
		if err := t.commit(ctx); err != nil {
			return err
		}
	}
	t.changes = append(t.changes, changes...)
	return nil
}

// commit commits what was added, unless the run is being stopped.
func (t *together) commit(ctx context.Context) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	err := t.r.commit(ctx, t.changes...)
	t.changes = nil
	return err
}
