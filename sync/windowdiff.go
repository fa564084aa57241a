package sync

import (
	"context"
	"fmt"
	"slices"

	"godwit/conflict"
	"godwit/mail"
	"godwit/sync/plan"
)

// Which messages of a mailbox the plan has to be told of because of its window, beside
// those in which a side differs from base.

// undated tells that rows whose age is asked for have no date: those of an old
// database, or of a run that died. The server is asked for all of its mailbox's.
func (r *run) undated(ctx context.Context, b *box) (bool, error) {
	if b.window.Since == 0 || !r.windowMoved(b) {
		return false, nil
	}
	for row, err := range r.Base.RowsByKey(ctx, b.name) {
		if err != nil {
			return false, fmt.Errorf("%w: %w", errBase, err)
		}
		if row.Date == 0 && row.UID != 0 {
			return true, nil
		}
	}
	return false, nil
}

// window lists the messages that the window has now and had not, and those that it
// has not any more; and those that were asked for.
func (d *differ) window(ctx context.Context) error {
	r, b := d.r, d.b
	if b.reset { // all are listed
		return nil
	}
	moved := r.windowMoved(b)
	counted := b.keepLast > 0 && b.observed != nil
	if b.windowed() && (moved || counted) {
		for row, err := range r.Base.RowsByKey(ctx, b.name) {
			if err != nil {
				return fmt.Errorf("%w: %w", errBase, err)
			}
			if row.Window == mail.InWindow && row.UID != 0 && !b.window.Has(row.UID, row.Date, row.Flags) {
				d.of(row)
			}
		}
	}
	if moved || counted {
		from := b.window.From
		if moved {
			from = 0
		}
		for row, err := range r.Base.OutsideRows(ctx, b.name, from) {
			if err != nil {
				return fmt.Errorf("%w: %w", errBase, err)
			}
			if b.window.Has(row.UID, row.Date, row.Flags) {
				d.of(row)
			}
		}
	}
	if err := d.leaving(ctx); err != nil {
		return err
	}
	return d.asked(ctx)
}

// leaving lists the messages whose files were about to leave when a run died.
func (d *differ) leaving(ctx context.Context) error {
	rows, err := d.r.Base.FindUIDs(ctx, d.b.name, d.b.has().halfLeft)
	if err != nil {
		return fmt.Errorf("%w: %w", errBase, err)
	}
	for _, row := range rows {
		if row.Window == mail.Outside {
			d.of(row).Leaving = true
		}
	}
	return nil
}

// asked marks what was asked for.
func (d *differ) asked(ctx context.Context) error {
	uids := d.r.asked(d.b)
	if uids.IsEmpty() {
		return nil
	}
	rows, err := d.r.Base.FindUIDs(ctx, d.b.name, uids)
	if err != nil {
		return fmt.Errorf("%w: %w", errBase, err)
	}
	for _, row := range rows {
		if row.Window == mail.Outside {
			d.of(row).Asked = true
		}
	}
	for i := range d.items {
		if item := &d.items[i]; item.Base == nil && item.Server != nil && uids.Contains(item.Server.UID) {
			item.Asked = true
		}
	}
	return nil
}

// putBack lists the messages outside of the window whose file somebody may have put
// into the mailbox: a new file is not to be sent that the server has. Of one that was
// never here no more is known than its size; it is given as a message that base does
// not know, so that the server is asked what it is. Its row tells that from then on.
func (d *differ) putBack(ctx context.Context) error {
	b := d.b
	if b.rows.Outside == 0 || b.reset || !b.selectable() {
		return nil
	}
	hashes, files := map[mail.Hash]bool{}, map[int64][]mail.Content{}
	at := map[int64]int{}
	known, err := d.known(ctx)
	if err != nil {
		return err
	}
	for i := range d.items {
		switch item := &d.items[i]; {
		case item.Base != nil:
			at[item.Base.ID] = i
		case item.Local != nil && !item.LocalContent.Hash.IsZero():
			hashes[item.LocalContent.Hash] = true
			if c := item.LocalContent.OnServer(); !known[item.LocalContent.Hash] {
				files[c.Size] = append(files[c.Size], c)
			}
		}
	}
	if len(hashes) == 0 {
		return nil
	}
	for row, err := range d.r.Base.OutsideRows(ctx, b.name, 0) {
		if err != nil {
			return fmt.Errorf("%w: %w", errBase, err)
		}
		i, listed := at[row.ID]
		switch {
		case hashes[row.Content.Hash]:
			if !listed {
				d.items = append(d.items, plan.Item{Base: &row, LocalState: conflict.Never, ServerState: conflict.Same})
			}
		case !row.Content.Hash.IsZero() || !mayBeAny(row.Content, files):
		case !listed:
			d.items = append(d.items, plan.Item{Server: onServer(row), ServerState: conflict.Here})
		case d.items[i].ServerState == conflict.Same || d.items[i].ServerState == conflict.Here:
			seen := d.items[i].Server
			if seen == nil {
				seen = onServer(row)
			} else if seen.Content.Size < 0 { // a change of flags tells no more
				seen.Content, seen.Date = row.Content, row.Date
			}
			d.items[i] = plan.Item{Server: seen, ServerState: conflict.Here, Asked: d.items[i].Asked}
		}
	}
	b.items = d.items
	return nil
}

// known are the contents of new files that base has as another message's, from which
// a file is copied or moved: that is what it is.
func (d *differ) known(ctx context.Context) (map[mail.Hash]bool, error) {
	var hashes []mail.Hash
	for i := range d.items {
		if item := &d.items[i]; item.Base == nil && item.Local != nil && !item.LocalContent.Hash.IsZero() {
			hashes = append(hashes, item.LocalContent.Hash)
		}
	}
	if len(hashes) == 0 {
		return nil, nil
	}
	rows, err := d.r.Base.FindContent(ctx, hashes)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errBase, err)
	}
	known := make(map[mail.Hash]bool, len(rows))
	for _, row := range rows {
		known[row.Content.Hash] = true
	}
	return known, nil
}

// mayBeAny tells that a content is not proved to be different from all of these, which
// are by their sizes.
func mayBeAny(c mail.Content, files map[int64][]mail.Content) bool {
	may := func(f mail.Content) bool { return c.Compare(f) != mail.Different }
	if c.Size >= 0 {
		return slices.ContainsFunc(files[c.Size], may)
	}
	for _, some := range files {
		if slices.ContainsFunc(some, may) {
			return true
		}
	}
	return false
}

// onServer is the message that a row knows to be on the server alone.
func onServer(row mail.Row) *mail.ServerMessage {
	return &mail.ServerMessage{UID: row.UID, Flags: row.Flags, Date: row.Date, Content: row.Content}
}
