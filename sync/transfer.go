package sync

import (
	"context"
	"errors"
	"fmt"

	"godwit/mail"
	"godwit/sync/plan"
)

// moveOnServer has the server move messages after their files.
func (r *run) moveOnServer(ctx context.Context, w *work) error {
	groups := map[mail.Mailbox][]*sending{}
	var order []mail.Mailbox
	for _, op := range w.moves {
		s := r.transferring(w, op.Step, op.Row, op.Local, op.Content, op.Flags)
		s.store, s.mark = op.Store, op.Mark
		s.intent.OldRow = op.Row.ID
		if groups[op.Row.Mailbox] == nil {
			order = append(order, op.Row.Mailbox)
		}
		groups[op.Row.Mailbox] = append(groups[op.Row.Mailbox], s)
	}
	for _, from := range order {
		if err := r.sendFrom(ctx, w, from, groups[from], r.Server.Move); err != nil {
			return r.stranded(groups, err)
		}
		r.unfinishLost(from, groups[from])
	}
	return nil
}

// copyOnServer has the server copy messages whose content new files have. A copy
// whose source went away meanwhile becomes an upload.
func (r *run) copyOnServer(ctx context.Context, w *work) error {
	groups := map[mail.Mailbox][]*sending{}
	ops := map[int64]plan.CopyServer{}
	var order []mail.Mailbox
	for _, op := range w.copies {
		if r.boxes[op.Source.Mailbox] == nil {
			r.copyInstead(w, op)
			continue
		}
		s := r.transferring(w, op.Step, op.Source, op.Local, op.Content, op.Flags)
		s.store, s.mark = op.Store, op.Mark
		ops[s.intent.ID] = op
		if groups[op.Source.Mailbox] == nil {
			order = append(order, op.Source.Mailbox)
		}
		groups[op.Source.Mailbox] = append(groups[op.Source.Mailbox], s)
	}
	for _, from := range order {
		if err := r.sendFrom(ctx, w, from, groups[from], r.Server.Copy); err != nil {
			return r.stranded(groups, err)
		}
		for _, s := range groups[from] {
			if errors.Is(s.err, mail.ErrGone) {
				r.copyInstead(w, ops[s.intent.ID])
			}
		}
	}
	return nil
}

// copyInstead uploads what the server cannot copy. A file that holds its message
// only in part is never sent: it waits for the next run.
func (r *run) copyInstead(w *work, op plan.CopyServer) {
	if op.Content.Partial > 0 {
		w.b.unfinished.Store(true)
		r.lost(op.Content.Hash)
		return
	}
	w.uploads = append(w.uploads, uploadInstead(op))
}

func uploadInstead(op plan.CopyServer) plan.Upload {
	return plan.Upload{Step: op.Step, Local: op.Local, Content: op.Content, Flags: op.Flags, Send: op.Flags, Mark: op.Mark}
}

// stranded keeps what was to leave where it is when its transfer failed.
func (r *run) stranded(groups map[mail.Mailbox][]*sending, err error) error {
	for from, sends := range groups {
		for _, s := range sends {
			r.lost(s.intent.Content.Hash)
			r.unfinish(r.homes[s.intent.OldRow])
		}
		r.unfinish(from)
	}
	return err
}

func (r *run) unfinishLost(from mail.Mailbox, sends []*sending) {
	for _, s := range sends {
		if s.err != nil {
			r.unfinish(from)
		}
	}
}

// transferring prepares a copy or a move of row's message to w's mailbox.
func (r *run) transferring(w *work, step plan.Step, row mail.Row, local mail.LocalMessage, c mail.LocalContent, flags mail.Flags) *sending {
	content := row.Content
	if !c.Hash.IsZero() {
		content = c.Content
		content.EmailID = row.Content.EmailID
	}
	return &sending{
		date: row.Date,
		intent: mail.Intent{
			ID: r.nextID.Add(1), Kind: mail.IntentTransfer, Mailbox: w.b.name, UIDValidity: w.b.validity(), UID: row.UID,
			Key: local.Key, Flags: flags, Content: content, Floor: w.b.floor(), From: row.Mailbox,
		},
		step: step, local: local, flags: flags, source: row.Key,
	}
}

// transferCall is Server.Copy or Server.Move.
type transferCall func(ctx context.Context, from mail.Mailbox, v mail.UIDValidity, uids mail.UIDSet, to mail.Mailbox) ([]mail.Copied, error)

// sendFrom transfers messages of one mailbox to w's.
func (r *run) sendFrom(ctx context.Context, w *work, from mail.Mailbox, sends []*sending, call transferCall) error {
	var intents []mail.Change
	for _, s := range sends {
		s.intent.Flags = s.recorded(w.b)
		intents = append(intents, mail.PutIntent{Intent: s.intent})
	}
	if err := r.commit(ctx, intents...); err != nil {
		return err
	}
	if err := r.step("transfer.intended"); err != nil {
		return err
	}
	source := r.boxes[from]
	leaving := source.own().leaving
	source.wroteServer.Store(true)
	w.b.wroteServer.Store(true)
	err := r.send(ctx, w, sends, func(open []*sending) error {
		var uids mail.UIDSet
		for _, s := range open {
			uids.Add(s.intent.UID)
		}
		// Without UIDPLUS a move ends in EXPUNGE, which would stumble over what
		// another move from there has marked.
		select {
		case leaving <- struct{}{}:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		copied, err := call(ctx, from, source.validity(), uids, w.b.name)
		<-leaving
		to, seen := map[mail.UID]mail.UID{}, map[mail.UID]bool{}
		for _, c := range copied {
			to[c.From], seen[c.From] = c.To, true
		}
		// One source can be wanted several times: the copies after the first
		// find nothing left in the answer, and it is copied again for them.
		for _, s := range open {
			uid, answered := to[s.intent.UID]
			s.halved = s.halved || err != nil && answered
			switch {
			case !answered && err == nil && seen[s.intent.UID]:
			case !answered && err == nil:
				s.err = fmt.Errorf("UID %d of %s: %w", s.intent.UID, from, mail.ErrGone)
			case answered && uid >= w.b.floor():
				s.uid, s.taken = uid, true
				delete(to, s.intent.UID)
			case answered:
				s.taken = true
				delete(to, s.intent.UID)
			}
		}
		return err
	})
	if err != nil {
		return r.sentSoFar(ctx, w, sends, err)
	}
	return r.sent(ctx, w, sends, "transfer")
}

// moveLocally renames files after their server messages.
func (r *run) moveLocally(ctx context.Context, w *work) error {
	if len(w.relocates) == 0 {
		return nil
	}
	b := w.b
	type moving struct {
		op plan.MoveLocal
		in mail.Intent
	}
	var movings []moving
	var intents []mail.Change
	relocates, err := r.stillToMove(ctx, w)
	if err != nil {
		for _, op := range w.relocates {
			r.lost(op.Row.Content.Hash)
			r.unfinishRow(&op.Row)
		}
		return err
	}
	if len(relocates) == 0 {
		return nil
	}
	for _, op := range relocates {
		in := mail.Intent{
			ID: r.nextID.Add(1), Kind: mail.IntentRelocate, Mailbox: b.name, UIDValidity: b.validity(), UID: op.Server.UID,
			Key: r.Local.NewKey(), Flags: op.Server.Flags, Content: op.Row.Content,
			From: op.Row.Mailbox, FromKey: op.Row.Key, OldRow: op.Row.ID,
		}
		movings = append(movings, moving{op, in})
		intents = append(intents, mail.PutIntent{Intent: in})
	}
	if err := r.commit(ctx, intents...); err != nil {
		return err
	}
	if err := r.step("relocate.intended"); err != nil {
		return err
	}
	b.wroteLocal.Store(true)
	var changes []mail.Change
	for _, m := range movings {
		changes = append(changes, mail.DropIntent{ID: m.in.ID})
		if from := r.boxes[m.op.Row.Mailbox]; from != nil {
			from.wroteLocal.Store(true)
		}
		file, err := r.Local.Relocate(ctx, m.op.Row.Mailbox, m.op.Row.Key, b.name, m.in.Key, m.op.File)
		if err != nil {
			r.lost(m.op.Row.Content.Hash)
			r.unfinishRow(&m.op.Row)
			if errors.Is(err, mail.ErrGone) {
				b.unfinished.Store(true) // the user was quicker: seen next time
				continue
			}
			r.fail(Failure{Mailbox: b.name, Key: m.op.Row.Key, Err: fmt.Errorf("moving the file from %s: %w", m.op.Row.Mailbox, err)})
			continue
		}
		row := m.op.Row
		row.Mailbox, row.UID, row.Key, row.Inode = b.name, m.op.Server.UID, file.Key, file.Inode
		if m.op.Server.Date != 0 {
			row.Date = m.op.Server.Date
		}
		row.Flags = m.op.Flags
		if m.op.Row.Inode != file.Inode { // edited before, or since the scan: read again
			row.Inode = 0
			b.unfinished.Store(true)
		}
		if !m.op.Store.IsZero() {
			w.later(plan.StoreServer{Step: m.op.Step, Row: row, Delta: m.op.Store})
		}
		row.Flags = undone(m.op.Store, row.Flags)
		entry := b.about(mail.OperationMoved, mail.SideLocal, row, m.op.Reason)
		entry.Other, entry.OtherUID, entry.OtherKey = m.op.Row.Mailbox, m.op.Row.UID, m.op.Row.Key
		changes = append(changes, mail.PutRow{Row: row}, r.did(entry))
		r.tell(Changed{Mailbox: b.name, Side: OnLocal, What: "move", UID: row.UID, Key: row.Key,
			Detail: "from " + string(m.op.Row.Mailbox), Reason: m.op.Reason}, func(res *Result) { res.Moved++ })
	}
	if err := r.step("relocate.moved"); err != nil {
		return err
	}
	if err := r.commit(ctx, changes...); err != nil {
		return err
	}
	return r.step("relocate.recorded")
}
