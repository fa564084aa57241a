package undo

import (
	"context"
	"fmt"
	"slices"

	"godwit/mail"
)

// moved plans to move a message back.
func (u *Undo) moved(ctx context.Context, g []mail.Operation) (*Step, *Left, error) {
	o := g[0]
	if o.Other == "" || o.Other == o.Mailbox {
		return nil, &Left{Entry: o, Why: "where it came from is not known"}, nil
	}
	row, err := u.rowOf(ctx, &o)
	if err != nil {
		return nil, nil, err
	}
	if row == nil {
		return nil, &Left{Entry: o, Why: fmt.Sprintf("it is not in %s any more", o.Mailbox)}, nil
	}
	key, err := u.freeKey(ctx, o.Other, o.OtherKey)
	return &Step{
		Kind: MoveFile, Mailbox: o.Other, From: o.Mailbox, Key: key, FromKey: row.Key, Flags: row.Flags, Content: row.Content,
	}, nil, err
}

// restored plans to take back what an undo brought back.
func (u *Undo) restored(ctx context.Context, g []mail.Operation) (*Step, *Left, error) {
	o := g[0]
	if o.Other != "" && o.Side == mail.SideLocal {
		return u.moved(ctx, g)
	}
	if o.Side == mail.SideServer {
		row, err := u.arrivedSince(ctx, &o)
		if err != nil || row == nil {
			return nil, &Left{Entry: o, Why: fmt.Sprintf("it is not in %s any more", o.Mailbox)}, err
		}
		// Its file goes to the trash, and the server's message where removed ones go.
		return &Step{Kind: Remove, Mailbox: o.Mailbox, Key: row.Key, Flags: row.Flags, Content: row.Content}, nil, nil
	}
	l, err := u.listing(ctx, o.Mailbox)
	if err != nil {
		return nil, nil, err
	}
	if l != nil {
		if file, found := l.Find(o.Key); found {
			return &Step{Kind: Remove, Mailbox: o.Mailbox, Key: o.Key, Flags: file.Flags(l.Table), Content: o.Content}, nil, nil
		}
	}
	return nil, &Left{Entry: o, Why: fmt.Sprintf("it is not in %s any more", o.Mailbox)}, nil
}

// arrivedSince finds the row of a message that was moved to a mailbox on the
// server, and fetched then.
func (u *Undo) arrivedSince(ctx context.Context, o *mail.Operation) (*mail.Row, error) {
	if o.Content.Hash.IsZero() {
		return u.rowOf(ctx, o)
	}
	rows, err := u.Base.FindContent(ctx, []mail.Hash{o.Content.Hash})
	if err != nil {
		return nil, err
	}
	for _, row := range rows {
		if row.Mailbox == o.Mailbox && row.ID >= o.Mark && row.Key != "" && !u.used[row.ID] {
			found, err := u.fileOf(ctx, &row)
			if err != nil || found {
				u.used[row.ID] = found
				return &row, err
			}
		}
	}
	return nil, nil
}

// rowOf finds an entry's message where the entry left it, with its file and the
// flags that this has now; nil when either is not there.
func (u *Undo) rowOf(ctx context.Context, o *mail.Operation) (*mail.Row, error) {
	var rows []mail.Row
	var err error
	if o.Key != "" {
		rows, err = u.Base.FindKeys(ctx, o.Mailbox, []mail.Key{o.Key})
	}
	if err == nil && len(rows) == 0 && o.UID() != 0 {
		rows, err = u.Base.FindUIDs(ctx, o.Mailbox, o.UIDs)
	}
	if err != nil {
		return nil, err
	}
	for _, row := range rows {
		if row.Key == "" || u.used[row.ID] {
			continue
		}
		found, err := u.fileOf(ctx, &row)
		if err != nil || found {
			u.used[row.ID] = found
			return &row, err
		}
	}
	return nil, nil
}

// flags plans to change flags back: of those messages whose flags nobody has
// changed since.
func (u *Undo) flags(ctx context.Context, p *Plan, o mail.Operation) (*Step, []Left, error) {
	var rows []mail.Row
	var err error
	switch {
	case !o.UIDs.IsEmpty():
		same, verr := u.sameValidity(ctx, &o)
		if verr != nil {
			return nil, nil, verr
		}
		if !same {
			return nil, []Left{{Entry: o, Why: "the server has numbered the mailbox anew since (UIDVALIDITY)"}}, nil
		}
		rows, err = u.Base.FindUIDs(ctx, o.Mailbox, o.UIDs)
	case o.Key != "":
		rows, err = u.Base.FindKeys(ctx, o.Mailbox, []mail.Key{o.Key})
	}
	if err == nil && len(rows) == 0 && o.Key != "" && o.UID() != 0 {
		// It may have gone and come back meanwhile, by an undo and another: then the
		// server gave it another UID.
		if rows, err = u.Base.FindKeys(ctx, o.Mailbox, []mail.Key{o.Key}); len(rows) > 0 {
			if !o.Content.Hash.IsZero() && rows[0].Content.Hash != o.Content.Hash {
				rows = nil
			} else {
				o.UIDs = uidsOf(rows)
			}
		}
	}
	if err != nil {
		return nil, nil, err
	}
	step := &Step{Kind: Flag, Mailbox: o.Mailbox, Delta: mail.FlagsBetween(o.Flags, o.Before), Flags: o.Before}
	var changed, gone mail.UIDSet
	left := o.UIDs
	gone.AddSet(left.Minus(uidsOf(rows)))
	for i := range rows {
		was := rows[i].Flags
		found, err := u.fileOf(ctx, &rows[i])
		switch {
		case err != nil:
			return nil, nil, err
		case !found:
			gone.Add(rows[i].UID)
		case !was.Equal(o.Flags) || !rows[i].Flags.Equal(o.Flags):
			changed.Add(rows[i].UID)
		default:
			step.Keys = append(step.Keys, rows[i].Key)
			step.Content = rows[i].Content
		}
	}
	if u.returned(p, &o, step.Delta, &gone) && len(step.Keys) == 0 && gone.IsEmpty() && changed.IsEmpty() {
		return nil, nil, nil
	}
	var leftovers []Left
	for _, l := range []struct {
		uids mail.UIDSet
		why  string
	}{{changed, "its flags were changed since"}, {gone, fmt.Sprintf("it is not in %s any more", o.Mailbox)}} {
		if l.uids.IsEmpty() {
			continue
		}
		entry := o
		entry.UIDs, entry.Count = l.uids, l.uids.Len()
		leftovers = append(leftovers, Left{Entry: entry, Why: l.why})
	}
	if len(step.Keys) == 0 {
		if len(leftovers) == 0 {
			leftovers = []Left{{Entry: o, Why: fmt.Sprintf("it is not in %s any more", o.Mailbox)}}
		}
		return nil, leftovers, nil
	}
	return step, leftovers, nil
}

// returned takes those that the plan brings back out of the messages that are gone.
// What comes from the trash gets its flags changed on the way; what the server
// has kept comes back with those that it had when it was removed. What is moved back
// had the same change made where it is now, and the plan takes that one back.
func (u *Undo) returned(p *Plan, o *mail.Operation, delta mail.FlagDelta, gone *mail.UIDSet) bool {
	var back mail.UIDSet
	for uid := range gone.All() {
		at, is := u.returning[number{o.Mailbox, uid}]
		if !is {
			continue
		}
		s := &p.Steps[at]
		if s.Kind == MoveFile && s.Entries[0].Kind != mail.OperationRemoved && !changesBack(p, s, delta) {
			continue
		}
		back.Add(uid)
		if s.Kind == Restore || s.Kind == Copy {
			s.Flags = delta.Apply(s.Flags)
		}
		if o.Count == 1 {
			s.Entries = append(s.Entries, *o)
		}
	}
	*gone = gone.Minus(back)
	return !back.IsEmpty()
}

// changesBack tells that a plan changes the flags of a file that it moves afterwards.
func changesBack(p *Plan, move *Step, delta mail.FlagDelta) bool {
	return slices.ContainsFunc(p.Steps, func(s Step) bool {
		return s.Kind == Flag && s.Mailbox == move.From && s.Delta == delta && slices.Contains(s.Keys, move.FromKey)
	})
}

func uidsOf(rows []mail.Row) (set mail.UIDSet) {
	for _, row := range rows {
		set.Add(row.UID)
	}
	return set
}

func (u *Undo) sameValidity(ctx context.Context, o *mail.Operation) (bool, error) {
	known, err := u.Base.Checkpoints(ctx)
	if err != nil {
		return false, err
	}
	for _, c := range known {
		if c.Mailbox == o.Mailbox {
			return o.UIDValidity == 0 || c.UIDValidity == o.UIDValidity, nil
		}
	}
	return true, nil // and no message of it will be found
}
