package sync

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"godwit/mail"
	"godwit/sync/plan"
)

// Files of messages that are outside of a window leave the Maildir.

// WindowSteps are the points of a run in which files leave that are outside of a
// mailbox's window. See [Options.Step].
var WindowSteps = []string{
	"leave.intended", // base says that the server alone has them, and intents were committed
	"leave.moved",    // files in the trash
	"leave.recorded", // intents dropped
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
		if some, err = r.unedited(ctx, b, some); err != nil {
			return err
		}
		if len(some) == 0 {
			continue
		}
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
		there, err := r.stillHere(ctx, in, found)
		if err != nil {
			return nil, err
		}
		if !there {
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

// stillHere tells whether the file of an intent is in the Maildir. One of that name in
// another mailbox is it, unless it is that of a message which base has there: mail
// programs copy files with their names.
func (r *run) stillHere(ctx context.Context, in mail.Intent, found map[mail.Key]mail.Located) (bool, error) {
	at, there := found[in.Key]
	if !there || at.Mailbox == in.Mailbox {
		return there, nil
	}
	rows, err := r.Base.FindKeys(ctx, at.Mailbox, []mail.Key{in.Key})
	if err != nil {
		return false, fmt.Errorf("%w: %w", errBase, err)
	}
	if len(rows) == 0 {
		return true, nil
	}
	_, err = r.Local.Read(ctx, in.Mailbox, in.Key)
	if errors.Is(err, mail.ErrGone) || errors.Is(err, mail.ErrNoMailbox) {
		return false, nil
	}
	return err == nil, err
}
