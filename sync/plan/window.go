package plan

import (
	"godwit/conflict"
	"godwit/mail"
)

// A mailbox may have a window: messages outside of it are on the server, and base
// knows them, and the Maildir does without them. That a row is outside is said by
// the row itself, never found out from a file that is missing. So nothing that is
// missing because of a window can be taken for removed: a row without a key has no
// file whose absence could mean anything ([conflict.Rules], from Outside on).

// outside tells that base knows the message to be outside of its window.
func (r *row) outside() bool { return r.local == conflict.Never && r.Base.Window == mail.Outside }

// inside tells that the window has the message where the server has it now, or that
// it was asked for.
func (r *row) inside() bool {
	uid, date := r.Base.UID, r.Base.Date
	if m := r.serverMessage(); m != nil {
		uid = m.UID
		if m.Date != 0 {
			date = m.Date
		}
	}
	return r.Asked || r.msgBox().Window.Has(uid, date, r.serverFlags())
}

// inside tells that a new message of the server is to be brought to the Maildir.
func (m *msg) inside() bool {
	return m.Asked || m.box.Window.Has(m.Server.UID, m.Server.Date, m.Server.Flags)
}

// staysOutside records of a message whose file is not here, and would be fetched again,
// that the server alone has it, where its window has it no more. Its mailbox was made
// again, or someone wants to keep it: the server keeps it. Once here, it would stay
// until the window is looked at anew, and then leave. (What was asked for comes again, and
// so does all where nothing leaves.)
func (p *planner) staysOutside(r *row) bool {
	b, row := r.msgBox(), r.now()
	if r.inside() || r.Base.Window == mail.Brought || b.may&conflict.Departure == 0 {
		return false
	}
	row.Mailbox, row.Key, row.Inode, row.Window = b.Name, "", 0, mail.Outside
	row.Content = r.Base.Content.OnServer()
	row.Flags = b.spoken(r.flags().Server, r.serverRaw())
	p.record(r, row, conflict.OutsideWindow)
	return true
}

// unread tells that a message is outside and was never here: nothing is known of it
// by which it could be found under another UID or in another mailbox, and nothing is
// lost by taking it for another one.
func (r *row) unread() bool {
	return r.outside() && r.file == nil && r.Base.Content.Hash.IsZero()
}

// matchPutBack finds files that were put into a mailbox whose window has not their
// message. It comes after the moves: a file that was taken there from another mailbox
// is that mailbox's message, and not one that happens to be the same and outside; the
// other way round, the one that it left would be removed from the server.
func (p *planner) matchPutBack() {
	for _, b := range p.boxes {
		if b.dead || b.Rows.Outside == 0 {
			continue
		}
		var outside map[mail.Hash][]*row
		for i := range b.files {
			f := &b.files[i]
			if f.row != nil || f.msg != nil || !f.known() {
				continue
			}
			if outside == nil {
				outside = map[mail.Hash][]*row{}
				for j := range b.rows {
					if r := &b.rows[j]; r.outside() && r.file == nil && !r.Base.Content.Hash.IsZero() {
						outside[r.Base.Content.Hash] = append(outside[r.Base.Content.Hash], r)
					}
				}
			}
			if rows := outside[f.LocalContent.Hash]; len(rows) > 0 {
				join(rows[0], f)
				outside[f.LocalContent.Hash] = rows[1:]
			}
		}
	}
}

// matchTaken finds the files that were about to leave when a run died, and that
// somebody took to another mailbox under another name since. What is not found has
// left: nothing else follows from its absence.
func (p *planner) matchTaken() {
	p.eachRow(func(r *row) {
		if !r.Leaving || !r.outside() || r.file != nil || r.Base.Content.Hash.IsZero() {
			return
		}
		for _, b := range p.boxes {
			for i := range b.files {
				if f := &b.files[i]; r.file == nil && !b.dead && b != r.box && f.row == nil && f.msg == nil && f.LocalContent.Hash == r.Base.Content.Hash {
					join(r, f)
				}
			}
		}
	})
}

// leaves tells that a message which both sides have is outside of its window, and that
// nothing is to be done about it first on either side: whatever was changed here is on
// the server by now.
func (p *planner) leaves(r *row) bool {
	b := r.box
	switch {
	case r.Base.Window != mail.InWindow, r.Base.Key == "", r.Base.UID == 0, r.file != nil, r.msg != nil, r.found != nil:
		return false
	case r.altered, r.Whole, r.Asked, r.SetAside:
		return false
	case b.removing != nil, p.in.NewRoot, p.in.KeepAll, p.in.Restored:
		return false
	case b.Policy.ExpungeFlagged && b.may&conflict.ServerRemoval != 0 && (r.Base.Flags.System|r.serverFlags().System)&mail.Deleted != 0:
		return false // it is to be expunged
	case r.inside():
		return false
	case !r.localFlags().Equal(r.serverFlags()):
		return false // what is not to be carried out, or cannot be now, stays where it is
	}
	row, _, store, mark := r.merge()
	return store.IsZero() && mark.IsZero() && !b.Window.Has(row.UID, row.Date, row.Flags)
}
