package sync

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"godwit/conflict"
	"godwit/mail"
	"godwit/sync/plan"
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

// WindowSteps are the points of a run in which files leave that are outside of a
// mailbox's window. See [Options.Step].
var WindowSteps = []string{
	"leave.intended", // base says that the server alone has them, and intents were committed
	"leave.moved",    // files in the trash
	"leave.recorded", // intents dropped
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

// lingering notes the mailboxes in which the plan leaves a message that the window
// has not: what is sent or moved goes there first, and its file leaves in the run
// after. And what is removed, or comes, moves a window that goes by number.
func (r *run) lingering(p *plan.Plan) {
	for _, op := range p.Operations {
		b := r.boxes[op.In()]
		if b == nil {
			continue
		}
		var row mail.Row
		moves := false
		switch op := op.(type) {
		case plan.StoreServer:
			row = op.Row
		case plan.FlagLocal:
			row = op.Row
		case plan.Record:
			row = op.Row
		case plan.Upload:
			row, moves = mail.Row{Key: op.Local.Key, Flags: op.Flags, Date: op.Content.Date}, true
		case plan.CopyServer:
			row, moves = mail.Row{Key: op.Local.Key, Flags: op.Flags, Date: op.Source.Date}, true
		case plan.MoveServer:
			row, moves = mail.Row{Key: op.Local.Key, Flags: op.Flags, Date: op.Row.Date}, true
			r.countsAnew(op.Row.Mailbox)
		case plan.MoveLocal:
			row = mail.Row{Key: op.Row.Key, UID: op.Server.UID, Flags: op.Flags, Date: op.Server.Date}
		case plan.RemoveServer:
			r.countsAnew(op.Row.Mailbox)
			r.countsAnew(op.Trash)
		default:
			continue
		}
		if moves {
			r.countsAnew(b.name)
		}
		if row.Key != "" && row.Window == mail.InWindow && (row.Date == 0 && b.window.Since != 0 || !b.window.Has(row.UID, row.Date, row.Flags)) {
			b.lingers.Store(true)
		}
	}
}

// countsAnew notes that the run changes how many messages a mailbox has.
func (r *run) countsAnew(m mail.Mailbox) {
	if b := r.boxes[m]; b != nil && b.keepLast > 0 {
		b.lingers.Store(true)
	}
}

// leave has the files leave that are outside of the mailbox's window. See [Steps] for
// the order: base says first that the server alone has the message, and an intent
// names the file, so that no death of the run and no look at the Maildir can take the
// missing file for a removal.
func (r *run) leave(ctx context.Context, w *work) error {
	b := w.b
	if len(w.putAway) == 0 || b.local == nil {
		return nil
	}
	if b.observed == nil {
		b.unfinished.Store(true) // the mailbox was not looked into
		return nil
	}
	ops, err := r.stillShown(ctx, b, w.putAway)
	if err != nil || len(ops) == 0 {
		return err
	}
	if ops, err = r.stillToLeave(ctx, b, ops); err != nil || len(ops) == 0 {
		return err
	}
	for some := range slices.Chunk(ops, 2000) {
		if err := r.leaveSome(ctx, b, some); err != nil {
			return err
		}
	}
	return nil
}

// stillShown leaves out those messages that the server does not show now. The plan was
// made from what it said had changed, and from base: that a message is there, which
// nobody had said anything about, is known only when it is seen. For from then on the
// server has the only copy.
func (r *run) stillShown(ctx context.Context, b *box, ops []plan.PutAway) ([]plan.PutAway, error) {
	o, err := r.Server.List(ctx, b.name)
	if err != nil {
		return nil, fmt.Errorf("looking whether the server has what is to leave: %w", err)
	}
	if o.Present == nil || o.UIDValidity != b.validity() {
		b.unfinished.Store(true)
		return nil, nil
	}
	return slices.DeleteFunc(ops, func(op plan.PutAway) bool {
		if !o.Present.Contains(op.Row.UID) {
			b.unfinished.Store(true) // removed meanwhile: the next run hears of it
			return true
		}
		return op.Row.UID < o.Hidden // it stays, as long as the server hides it
	}), nil
}

// stillToLeave leaves out those files to which anything was done since the scan.
func (r *run) stillToLeave(ctx context.Context, b *box, ops []plan.PutAway) ([]plan.PutAway, error) {
	now, err := r.Local.Stamp(ctx, b.name)
	if err != nil {
		return nil, fmt.Errorf("looking at the files that are to leave: %w", err)
	}
	if b.seen().Unmoved(now) {
		return ops, nil
	}
	l, err := r.Local.Scan(ctx, b.name)
	if err != nil {
		return nil, fmt.Errorf("looking at the files that are to leave: %w", err)
	}
	d := differ{r: r, b: &box{before: unknown, listing: l, room: b.room}}
	return slices.DeleteFunc(ops, func(op plan.PutAway) bool {
		m, there := l.Find(op.Row.Key)
		touched := !there || m.Inode != op.Row.Inode || !d.sameLocally(op.Row, m)
		if touched {
			b.unfinished.Store(true)
		}
		return touched
	}), nil
}

func (r *run) leaveSome(ctx context.Context, b *box, ops []plan.PutAway) error {
	keys := make([]mail.Key, len(ops))
	entries := make([]mail.Operation, len(ops))
	intents := make([]mail.Intent, len(ops))
	var changes []mail.Change
	for i, op := range ops {
		row := op.Row
		keys[i] = row.Key
		entries[i] = b.about(mail.OperationLeft, mail.SideLocal, row, op.Reason)
		intents[i] = mail.Intent{
			ID: r.nextID.Add(1), Kind: mail.IntentLeave, Mailbox: b.name, UIDValidity: b.validity(),
			UID: row.UID, Key: row.Key, Flags: row.Flags, Content: row.Content, OldRow: row.ID,
		}
		changes = append(changes, mail.PutIntent{Intent: intents[i]}, mail.PutRow{Row: outsideRow(row)})
	}
	if err := r.commit(ctx, append(changes, r.willDo(entries)...)...); err != nil {
		return err
	}
	if err := r.step("leave.intended"); err != nil {
		return err
	}
	b.wroteLocal.Store(true)
	results, err := r.Local.Remove(ctx, b.name, keys, r.runID)
	if err != nil {
		// What was done of it is not known: the next run looks for the files.
		return fmt.Errorf("putting files away that are outside of the window: %w", err)
	}
	if err := r.step("leave.moved"); err != nil {
		return err
	}
	changes = nil
	var stayed []mail.Intent
	for i, err := range results {
		if err != nil {
			// Moved, renamed or removed at this very moment; or it could not be moved.
			b.unfinished.Store(true)
			stayed = append(stayed, intents[i])
			changes = append(changes, didNot(entries[i:i+1])...)
			if !errors.Is(err, mail.ErrGone) {
				r.fail(Failure{Mailbox: b.name, Key: keys[i], Err: fmt.Errorf("putting the file away: %w", err)})
			}
			continue
		}
		changes = append(changes, mail.DropIntent{ID: intents[i].ID}, r.did(entries[i]))
	}
	back, err := r.stayed(ctx, stayed)
	if err != nil {
		return err
	}
	if err := r.commit(ctx, append(changes, back...)...); err != nil {
		return err
	}
	for i, err := range results {
		if err == nil {
			r.tell(Changed{Mailbox: b.name, Side: OnLocal, What: "leave", UID: ops[i].Row.UID, Key: keys[i], Reason: ops[i].Reason},
				func(res *Result) { res.Left++ })
		}
	}
	return r.step("leave.recorded")
}

// outsideRow is what base knows of a message whose file is not here because of the
// window.
func outsideRow(row mail.Row) mail.Row {
	row.Content = row.Content.OnServer()
	row.Key, row.Inode, row.Window = "", 0, mail.Outside
	return row
}

// stayed settles intents of files that may not have left: a file that is anywhere in
// the Maildir is its message's again, wherever the user put it; of one that is nowhere
// base says already all there is to say.
func (r *run) stayed(ctx context.Context, intents []mail.Intent) ([]mail.Change, error) {
	if len(intents) == 0 {
		return nil, nil
	}
	keys := make([]mail.Key, len(intents))
	for i, in := range intents {
		keys[i] = in.Key
	}
	found, err := r.Local.Locate(ctx, keys)
	if err != nil {
		return nil, err
	}
	var changes []mail.Change
	for _, in := range intents {
		changes = append(changes, mail.DropIntent{ID: in.ID})
		if _, there := found[in.Key]; !there {
			if b := r.boxes[in.Mailbox]; b != nil {
				b.own().halfLeft.Add(in.UID) // of use before the plan is made
			}
			continue
		}
		rows, err := r.Base.FindUIDs(ctx, in.Mailbox, mail.UIDs(in.UID))
		if err != nil {
			return nil, fmt.Errorf("%w: %w", errBase, err)
		}
		for _, row := range rows {
			if row.ID == in.OldRow && row.Window == mail.Outside {
				// No inode: the file is read again, for the user may have edited it.
				row.Key, row.Window, row.Content = in.Key, mail.InWindow, in.Content
				changes = append(changes, mail.PutRow{Row: row})
			}
		}
	}
	return changes, nil
}
