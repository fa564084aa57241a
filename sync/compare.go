package sync

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"godwit/conflict"
	"godwit/mail"
	"godwit/sync/plan"
)

// compare finds the messages of a mailbox in which a side differs from base,
// and reads those files that base does not know.
func (r *run) compare(ctx context.Context, b *box) error {
	d := differ{r: r, b: b, byRow: map[int64]int{}}
	if len(b.has().asideFiles) > 0 {
		b.own().asideFiles = nil
	}
	if err := r.fixWindow(ctx, b); err != nil {
		return err
	}
	b.passing = b.mayPass()
	if !b.passing && (b.reset || b.rows == (mail.Counts{})) {
		d.items = make([]plan.Item, 0, b.mostItems())
		if b.reset {
			d.byRow = make(map[int64]int, b.rows.Local)
		}
	}
	if err := errors.Join(d.both(ctx), d.window(ctx)); err != nil {
		return err
	}
	if err := d.withAside(ctx); err != nil {
		return err
	}
	b.items = d.items
	if err := d.read(ctx); err != nil {
		return err
	}
	return d.putBack(ctx)
}

// mostItems is how many items there are when nothing is known to be the same on both
// sides.
func (b *box) mostItems() int {
	n := b.rows.Local
	if b.listing != nil {
		n += b.listing.Len()
	}
	if b.observed != nil {
		n += len(b.observed.Messages)
	}
	return n
}

// differ collects the differences of one mailbox: at most one item a row.
type differ struct {
	r     *run
	b     *box
	items []plan.Item
	byRow map[int64]int // row ID -> index in items
}

func (d *differ) both(ctx context.Context) error {
	switch {
	case d.b.listing != nil:
		if err := d.local(ctx); err != nil {
			return err
		}
	case d.b.local == nil && d.b.before.OnLocal:
		if err := d.lost(d.r.Base.RowsByKey(ctx, d.b.name), func(i *plan.Item) { i.LocalState = conflict.Gone }); err != nil {
			return err
		}
		// What is outside of its window keeps the mailbox on the server.
		if err := d.lost(d.r.Base.OutsideRows(ctx, d.b.name, 0), nothing); err != nil {
			return err
		}
	}
	if d.r.Recreate && (d.b.local == nil || !d.b.selectable()) || d.r.returns(d.b) {
		// What a side was to do without comes back with its mailbox.
		if err := errors.Join(d.lost(d.r.Base.RowsByUID(ctx, d.b.name), nothing), d.lost(d.r.Base.RowsByKey(ctx, d.b.name), nothing)); err != nil {
			return err
		}
	}
	switch {
	case d.b.observed != nil:
		return d.server(ctx)
	case !d.b.selectable() && d.b.before.OnServer:
		return d.lost(d.r.Base.RowsByUID(ctx, d.b.name), func(i *plan.Item) { i.ServerState = conflict.Gone })
	}
	return nil
}

func nothing(*plan.Item) {}

// lost lists all rows of a mailbox whose one side is gone as a whole, or numbered
// anew. What that means is for the plan to say.
func (d *differ) lost(rows iter.Seq2[mail.Row, error], mark func(*plan.Item)) error {
	for row, err := range rows {
		if err != nil {
			return fmt.Errorf("%w: %w", errBase, err)
		}
		mark(d.of(row))
	}
	return nil
}

// of returns the item of a row, making it when there is none yet. A row that
// no longer, or never, had a side has not lost it now.
func (d *differ) of(row mail.Row) *plan.Item {
	i, ok := d.byRow[row.ID]
	if !ok {
		i = len(d.items)
		item := plan.Item{Base: &row, LocalState: conflict.Same, ServerState: conflict.Same}
		if row.Key == "" {
			item.LocalState = conflict.Never
		}
		if row.UID == 0 {
			item.ServerState = conflict.Never
		}
		d.items = append(d.items, item)
		d.byRow[row.ID] = i
	}
	return &d.items[i]
}

// local joins the scan and base, both in the order of keys, so that only what
// differs is ever held: a million equal messages cost a pass over each.
func (d *differ) local(ctx context.Context) error {
	next, stop := iter.Pull2(d.r.Base.RowsByKey(ctx, d.b.name))
	defer stop()
	row, err, more := next()
	l := d.b.listing
	for i := 0; i < l.Len() || more; {
		if err != nil {
			return fmt.Errorf("%w: %w", errBase, err)
		}
		switch {
		case !more || i < l.Len() && l.Key(i) < row.Key:
			m := l.At(i)
			d.items = append(d.items, plan.Item{Local: &m, LocalState: conflict.Here})
			i++
			continue
		case i == l.Len() || row.Key < l.Key(i):
			state := conflict.Gone
			if !l.Settled {
				state = conflict.Unknown
			}
			d.of(row).LocalState = state
		default:
			m := l.At(i)
			if m.Inode != row.Inode || !d.sameLocally(row, m) {
				item := d.of(row)
				item.Local, item.LocalState = &m, conflict.Here
			} else if d.b.policy.ExpungeFlagged && row.Flags.System&mail.Deleted != 0 {
				d.of(row) // both sides agree, and it is to go
			}
			i++
		}
		row, err, more = next()
	}
	return err
}

// sameLocally tells whether a file's flags are those of its row, as far as the
// mailbox can show them.
func (d *differ) sameLocally(row mail.Row, m mail.LocalMessage) bool {
	if m.System != row.Flags.System {
		return false
	}
	if m.Letters == "" && row.Flags.Keywords == "" {
		return true
	}
	here := m.Flags(d.b.listing.Table)
	return here.Union(d.b.room.Missing(row.Flags)).Equal(row.Flags)
}

// server joins what the server said with base.
func (d *differ) server(ctx context.Context) error {
	o := d.b.observed
	if d.b.reset {
		return d.serverReset(ctx)
	}
	if o.Complete || o.Present != nil {
		return d.serverWhole(ctx)
	}
	var asked mail.UIDSet
	for i := range o.Messages {
		asked.Add(o.Messages[i].UID)
	}
	asked.AddSet(o.Gone)
	rows, err := d.r.Base.FindUIDs(ctx, d.b.name, asked)
	if err != nil {
		return fmt.Errorf("%w: %w", errBase, err)
	}
	known := make(map[mail.UID]bool, len(rows))
	for _, row := range rows {
		known[row.UID] = true
		if m, listed := o.Find(row.UID); listed {
			d.listed(row, m)
		} else {
			d.gone(row)
		}
	}
	for i := range o.Messages {
		if !known[o.Messages[i].UID] {
			d.added(o.Messages[i])
		}
	}
	return nil
}

// serverWhole joins a full listing and base, both in the order of UIDs.
func (d *differ) serverWhole(ctx context.Context) error {
	o := d.b.observed
	i := 0
	for row, err := range d.r.Base.RowsByUID(ctx, d.b.name) {
		if err != nil {
			return fmt.Errorf("%w: %w", errBase, err)
		}
		for ; i < len(o.Messages) && o.Messages[i].UID < row.UID; i++ {
			d.added(o.Messages[i])
		}
		switch {
		case i < len(o.Messages) && o.Messages[i].UID == row.UID:
			d.listed(row, o.Messages[i])
			i++
		case o.Removed(row.UID):
			d.gone(row)
		}
	}
	for ; i < len(o.Messages); i++ {
		d.added(o.Messages[i])
	}
	return nil
}

// gone notes that the server has a message no more; or never had one that it said it
// took. That is believed of those alone that no listing has shown since: some servers
// give the UID of a newest message again when that is removed.
func (d *differ) gone(row mail.Row) {
	item := d.of(row)
	item.ServerState = conflict.Gone
	item.Untaken = row.UID >= d.b.before.UIDNext && d.b.observed.NeverHad(row.UID)
}

// serverReset lists everything when UIDVALIDITY changed: rows' UIDs name
// nothing any more, and every server message is to be paired by content.
func (d *differ) serverReset(ctx context.Context) error {
	files := 0
	unknown := func(i *plan.Item) {
		i.ServerState = conflict.Unknown
		if i.Base.Key != "" {
			files++
		}
	}
	if err := d.lost(d.r.Base.RowsByUID(ctx, d.b.name), unknown); err != nil {
		return err
	}
	// Nearly always that was all of them.
	if files != d.b.rows.Local {
		if err := d.lost(d.r.Base.RowsByKey(ctx, d.b.name), unknown); err != nil {
			return err
		}
	}
	for i := range d.b.observed.Messages {
		d.added(d.b.observed.Messages[i])
	}
	return nil
}

func (d *differ) listed(row mail.Row, m mail.ServerMessage) {
	if d.b.redate && row.Date == 0 && m.Date != 0 {
		item := d.of(row)
		item.Server, item.ServerState = &m, conflict.Here
		return
	}
	if m.Flags.Equal(row.Flags) || m.Flags.Union(d.b.observed.Keywords.Missing(row.Flags)).Equal(row.Flags) {
		return
	}
	item := d.of(row)
	item.Server, item.ServerState = &m, conflict.Here
}

func (d *differ) added(m mail.ServerMessage) {
	if d.b.isDoomed(m.UID) {
		return // it is not new, but about to go
	}
	if d.b.passing && d.r.passes(d.b, &m) {
		d.b.passed = true
		return
	}
	d.items = append(d.items, plan.Item{Server: &m, ServerState: conflict.Here})
}

// read opens the files that base does not know, or whose inode it does not
// know: they are new, or edited, or merely restored.
func (d *differ) read(ctx context.Context) error {
	kept := d.items[:0]
	files := fileReader{r: d.r, b: d.b}
	for at, item := range d.items {
		if isUnread(&item) {
			a := d.b.asideFile(item.Local)
			if a != nil && a.Tried == mail.AttemptRead && (a.failed || !a.due) {
				if d.unreadable(&item) {
					kept = append(kept, item)
				}
				continue
			}
			c, err := files.read(ctx, d.items[at:])
			switch {
			case errors.Is(err, mail.ErrGone), errors.Is(err, mail.ErrNoMailbox):
				// Renamed or removed since the scan, maybe with its mailbox: the next run
				// sees where it is.
				d.b.unfinished.Store(true)
				if item.Base == nil {
					d.b.blind = true
					continue
				}
				item.LocalState = conflict.Unknown
				item.Local = nil
			case err != nil && ends(err):
				return err
			case err != nil && ofItsOwn(err):
				q := mail.Quarantined{Key: item.Local.Key, Inode: item.Local.Inode, Size: -1}
				d.r.putAside(d.b, q, mail.AttemptRead, fmt.Errorf("reading the file: %w", err))
				if !d.unreadable(&item) {
					continue
				}
			case err != nil:
				d.r.fail(Failure{Mailbox: d.b.name, Key: item.Local.Key, Err: fmt.Errorf("reading the file: %w", err)})
				if item.Base == nil {
					d.b.blind = true
					continue
				}
				item.LocalState, item.Local = conflict.Unknown, nil
			default:
				c.Weak = c.Weak || d.r.ByHash
				item.LocalContent = c
				if a != nil && a.Tried == mail.AttemptRead {
					a.settled = true
				} else if a != nil && !a.settled {
					item.SetAside = item.SetAside || !a.due
					d.b.addAsideFile(*item.Local)
					d.b.rescan = d.b.rescan || item.Base != nil && !a.due
				}
				if item.Base != nil && c.Hash != item.Base.Content.Hash {
					item.LocalState = conflict.Edited
				}
			}
		}
		kept = append(kept, item)
	}
	clear(d.items[len(kept):])
	d.items, d.b.items = kept, kept
	return nil
}

// agrees tells whether neither side differs from base in anything, as the box's
// newest observation and listing have it. Nothing is read but names.
func (r *run) agrees(ctx context.Context, b *box) (bool, error) {
	d := differ{r: r, b: b, byRow: map[int64]int{}}
	if err := d.both(ctx); err != nil {
		return false, err
	}
	for i := range d.items {
		if item := &d.items[i]; item.Base != nil || item.Server == nil || !b.isAside(item.Server.UID) {
			return false, nil
		}
	}
	return true, nil
}
