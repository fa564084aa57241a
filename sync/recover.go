package sync

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"godwit/conflict"
	"godwit/mail"
)

// recover settles what an earlier run was about to do when it died, before
// anything else is decided: each intent is either found carried out, and
// recorded as if the run had lived, or dropped, so that it is planned anew. An
// intent in a mailbox that is not part of this run waits.
func (r *run) recover(ctx context.Context) error {
	byBox := map[*box][]mail.Intent{}
	for _, i := range r.intents {
		if b := r.boxes[i.Mailbox]; b != nil {
			byBox[b] = append(byBox[b], i)
		}
	}
	var left []mail.Intent
	for _, b := range r.order {
		if len(byBox[b]) == 0 {
			continue
		}
		s := settler{r: r, b: b}
		err := s.settle(ctx, byBox[b])
		b.unsettled = err != nil
		if err := r.only(b, err); err != nil {
			return err
		}
		left = append(left, s.left...)
	}
	if r.Restored {
		// Of a base that is not of this time, no removal is believed.
		var forgotten []mail.Change
		for _, in := range left {
			forgotten = append(forgotten, mail.DropIntent{ID: in.ID})
		}
		return r.commit(ctx, forgotten...)
	}
	// What was replaced or moved away must go before anybody takes it for new.
	byBox = map[*box][]mail.Intent{}
	for _, in := range left {
		if b := r.boxes[in.Mailbox]; b != nil {
			byBox[b] = append(byBox[b], in)
		}
	}
	for _, b := range r.order {
		if err := r.only(b, r.finishRemovals(ctx, b, byBox[b])); err != nil {
			return err
		}
	}
	return nil
}

// settler settles the intents of one mailbox.
type settler struct {
	r       *run
	b       *box
	changes []mail.Change
	left    []mail.Intent // removals that are still to be carried out
}

func (s *settler) settle(ctx context.Context, intents []mail.Intent) error {
	var placed, sent, leaving, copied []mail.Intent
	for _, i := range intents {
		switch i.Kind {
		case mail.IntentDeliver, mail.IntentRelocate:
			placed = append(placed, i)
		case mail.IntentUpload, mail.IntentTransfer:
			sent = append(sent, i)
		case mail.IntentLeave:
			leaving = append(leaving, i)
		case mail.IntentTrash:
			copied = append(copied, i)
		case mail.IntentRemove:
			s.left = append(s.left, i)
		}
	}
	if err := s.placed(ctx, placed); err != nil {
		return err
	}
	if err := s.sent(ctx, sent); err != nil {
		return err
	}
	if err := s.r.copied(ctx, s.b, copied); err != nil {
		return err
	}
	stayed, err := s.r.stayed(ctx, leaving)
	if err != nil {
		return err
	}
	return s.r.commit(ctx, append(s.changes, stayed...)...)
}

// placed settles deliveries and relocations: a file under the intended key is
// the message, wherever the user has put it meanwhile.
func (s *settler) placed(ctx context.Context, intents []mail.Intent) error {
	if len(intents) == 0 {
		return nil
	}
	keys := make([]mail.Key, len(intents))
	for i, in := range intents {
		keys[i] = in.Key
	}
	found, err := s.r.Local.Locate(ctx, keys)
	if err != nil {
		return err
	}
	where := map[mail.Mailbox]bool{}
	for _, file := range found {
		where[file.Mailbox] = true
	}
	for _, m := range slices.Sorted(maps.Keys(where)) {
		if err := s.r.Local.Flush(ctx, m); err != nil { // the run died, maybe, before it did
			return err
		}
	}
	var came mail.UIDSet
	for _, in := range intents {
		if file, there := found[in.Key]; there && in.UIDValidity == s.b.statusValidity(in) {
			row := mail.Row{
				ID: in.OldRow, Mailbox: in.Mailbox, UID: in.UID, Key: in.Key,
				Flags: in.Flags, Content: in.Content, // no inode: the user may have edited it
			}
			s.changes = append(s.changes, mail.PutRow{Row: row})
			if in.From == "" && in.OldRow == 0 {
				came.Add(in.UID)
			} else {
				s.changes = append(s.changes, s.r.did(s.placedEntry(in, row)))
			}
			if err := s.unlink(ctx, in, file.Message); err != nil {
				return err
			}
			if in.From == "" && in.FromKey != "" {
				if _, err := s.r.Local.Remove(ctx, in.Mailbox, []mail.Key{in.FromKey}, s.r.runID); err != nil {
					return err
				}
			}
		}
		s.changes = append(s.changes, mail.DropIntent{ID: in.ID})
	}
	if !came.IsEmpty() {
		s.changes = append(s.changes, s.r.came(mail.SideLocal, s.b, came, ""))
	}
	return s.unplaced(ctx, intents, found)
}

// unplaced has the files looked for under any name that were to be delivered for
// messages which base has outside of a window, and are not where they were placed: the
// user may have moved one on since. Base knew of it nothing by which to find it.
func (s *settler) unplaced(ctx context.Context, intents []mail.Intent, found map[mail.Key]mail.Located) error {
	lost := map[int64]*mail.Intent{}
	var uids mail.UIDSet
	for i := range intents {
		in := &intents[i]
		if _, there := found[in.Key]; !there && in.Kind == mail.IntentDeliver && in.From == "" && in.OldRow != 0 && in.UIDValidity == s.b.statusValidity(*in) {
			lost[in.OldRow] = in
			uids.Add(in.UID)
		}
	}
	if len(lost) == 0 {
		return nil
	}
	rows, err := s.r.Base.FindUIDs(ctx, s.b.name, uids)
	if err != nil {
		return fmt.Errorf("%w: %w", errBase, err)
	}
	for _, row := range rows {
		if in := lost[row.ID]; in != nil && row.UID == in.UID && row.Window == mail.Outside {
			row.Content = in.Content.OnServer()
			s.changes = append(s.changes, mail.PutRow{Row: row})
			s.b.own().halfLeft.Add(row.UID)
		}
	}
	return nil
}

// unlink takes the old name from a file that a dead run relocated, if it still has
// it: where a renaming is a link and an unlink, the run may have died between them.
// Nothing moved in the directory that it is in, so that no scan would find it.
func (s *settler) unlink(ctx context.Context, in mail.Intent, now mail.LocalMessage) error {
	if in.Kind != mail.IntentRelocate {
		return nil
	}
	c, err := s.r.Local.Read(ctx, in.From, in.FromKey)
	if errors.Is(err, mail.ErrGone) || errors.Is(err, mail.ErrNoMailbox) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("looking for the old name of a file that was moved: %w", err)
	}
	if c.Inode != 0 && c.Inode == now.Inode {
		_, err = s.r.Local.Remove(ctx, in.From, []mail.Key{in.FromKey}, s.r.runID)
	}
	return err
}

// placedEntry is the journal's for a delivery or relocation that a dead run had
// carried out.
func (s *settler) placedEntry(in mail.Intent, row mail.Row) mail.Operation {
	kind := mail.OperationArrived
	switch {
	case in.Kind == mail.IntentRelocate:
		kind = mail.OperationMoved
	case in.FromKey != "":
		kind = mail.OperationReplaced
	}
	entry := s.b.about(kind, mail.SideLocal, row, conflict.NoReason)
	entry.UIDValidity, entry.Other, entry.OtherKey = in.UIDValidity, in.From, in.FromKey
	return entry
}

// statusValidity is the mailbox's UIDVALIDITY as far as this run has heard it;
// the intent's own, when it has not.
func (b *box) statusValidity(in mail.Intent) mail.UIDValidity {
	if b.server != nil && b.server.Status != nil && b.server.Status.UIDValidity != 0 {
		return b.server.Status.UIDValidity
	}
	return in.UIDValidity
}

// sent settles uploads and transfers: a message at the floor or above that base
// does not know, with the intended content, is it.
func (s *settler) sent(ctx context.Context, intents []mail.Intent) error {
	var open []mail.Intent
	for _, in := range intents {
		if !s.b.selectable() || in.UIDValidity != s.b.statusValidity(in) {
			s.changes = append(s.changes, mail.DropIntent{ID: in.ID})
			continue
		}
		open = append(open, in)
	}
	if len(open) == 0 {
		return nil
	}
	found, _, err := s.r.findSent(ctx, s.b, open, mail.UIDSet{}, true)
	if err != nil {
		return err
	}
	for _, in := range open {
		uid, there := found[in.ID]
		if there {
			s.arrived(in, uid)
		}
		s.changes = append(s.changes, mail.DropIntent{ID: in.ID})
	}
	return nil
}

// arrived records that an upload or a transfer reached the server as uid. What
// it replaces, or where it came from, is to be removed there.
func (s *settler) arrived(in mail.Intent, uid mail.UID) {
	// Without an inode, so that the file is read again: the user may have edited it.
	row := mail.Row{
		ID: in.OldRow, Mailbox: in.Mailbox, UID: uid, Key: in.Key, Flags: in.Flags, Content: in.Content,
	}
	s.changes = append(s.changes, mail.PutRow{Row: row})
	if entry, one := s.b.sentEntry(in, row, conflict.NoReason, ""); one {
		s.changes = append(s.changes, s.r.did(entry))
	} else {
		s.changes = append(s.changes, s.r.came(mail.SideServer, s.b, mail.UIDs(uid), ""))
	}
	if in.UID != 0 && (in.Kind == mail.IntentUpload || in.OldRow != 0) {
		from, validity := in.From, in.UIDValidity
		if in.Kind == mail.IntentUpload {
			from = in.Mailbox
		} else if b := s.r.boxes[from]; b != nil {
			validity = b.before.UIDValidity
		}
		old := mail.Intent{ID: s.r.nextID.Add(1), Kind: mail.IntentRemove, Mailbox: from, UIDValidity: validity, UID: in.UID}
		s.changes = append(s.changes, mail.PutIntent{Intent: old})
		s.left = append(s.left, old)
	}
}

// finishRemovals carries out what the second halves of edits and moves left behind
// in a mailbox. What the server keeps, because others are marked \Deleted, is
// tried again with the run's own removals: the others may be those, marked by a
// run that died before it could expunge them.
func (r *run) finishRemovals(ctx context.Context, b *box, intents []mail.Intent) error {
	var due []mail.Intent
	var settled []mail.Change
	for _, in := range intents {
		if b.selectable() && in.UIDValidity == b.statusValidity(in) {
			due = append(due, in)
		} else {
			settled = append(settled, mail.DropIntent{ID: in.ID})
		}
	}
	kept, err := r.removeLeft(ctx, b.name, due)
	if err != nil {
		return err
	}
	for _, in := range due {
		if kept.Contains(in.UID) {
			extra := b.own()
			extra.doomed = append(extra.doomed, in)
		} else {
			settled = append(settled, mail.DropIntent{ID: in.ID})
		}
	}
	return r.commit(ctx, settled...)
}

// removeLeft removes the messages of IntentRemoves of one mailbox and UIDVALIDITY,
// as far as they are still there. It returns those that the server keeps.
func (r *run) removeLeft(ctx context.Context, m mail.Mailbox, intents []mail.Intent) (kept mail.UIDSet, err error) {
	if len(intents) == 0 {
		return mail.UIDSet{}, nil
	}
	var uids mail.UIDSet
	for _, in := range intents {
		uids.Add(in.UID)
	}
	kept, err = r.Server.Remove(ctx, m, intents[0].UIDValidity, uids)
	switch {
	case errors.Is(err, mail.ErrUIDValidity), errors.Is(err, mail.ErrNoMailbox), errors.Is(err, mail.ErrGone):
		return mail.UIDSet{}, nil
	case err != nil:
		return mail.UIDSet{}, fmt.Errorf("removing messages that were replaced: %w", err)
	}
	return kept, nil
}

// isDoomed tells that a message is to be removed, though base knows it no more.
func (b *box) isDoomed(uid mail.UID) bool {
	return slices.ContainsFunc(b.has().doomed, func(in mail.Intent) bool { return in.UID == uid })
}

// errKept is told of messages that the server cannot expunge one by one.
var errKept = errors.New("the server cannot expunge single messages and other messages in the mailbox are marked \\Deleted: it stays, marked; expunge the mailbox once to be rid of it")
