package plan

import (
	"fmt"
	"slices"

	"godwit/conflict"
	"godwit/mail"
)

// What follows decides whether a mailbox that was removed from one side is removed
// from the other. With mail in it, that takes --allow-deletes; and mail that is
// new there, or has flags since then that ask to keep it, keeps the mailbox. Its
// messages are removed like any others, to the trash; the mailbox goes when it is
// empty.

// The guard on removals of mailboxes: so many, and more than this part of what
// base knows, are held back.
const (
	maxMailboxCount   = 4
	maxMailboxPercent = 25
)

// removesOnServer tells whether a mailbox that the Maildir has lost is to go from
// the server. INBOX cannot (RFC 9051, 6.3.5), and the trash mailbox takes what is
// removed.
func (p *planner) removesOnServer(b *box) bool {
	return b.BaseLocal && b.Name != mail.Inbox && !p.isTrash(b) && b.Policy.Remove.OnServer() &&
		b.may&conflict.ToServer != 0 && !b.ReadOnly && !p.in.NewRoot && !p.in.Restored &&
		(b.emptyOn(OnServer) || p.in.AllowDeletes && b.may&conflict.ServerRemoval != 0)
}

// removesOnLocal tells whether a mailbox that the server has lost is to go from the
// Maildir.
func (p *planner) removesOnLocal(b *box) bool {
	return b.BaseServer && b.mayRemoveLocal() && !p.in.NewRoot && !p.in.Restored && len(b.files) == 0 &&
		(b.emptyOn(OnLocal) || p.in.AllowDeletes)
}

// emptyOn tells that the one side which has the mailbox holds nothing in it: what base
// knows of there was removed on that side, too, or moved away.
func (b *box) emptyOn(on Side) bool {
	gone := 0
	for i := range b.rows {
		r := &b.rows[i]
		here, other := r.local, r.server
		if on == OnServer {
			here, other = other, here
		}
		if here == conflict.Gone && other == conflict.Gone {
			gone++
		}
	}
	return b.Rows.Local == b.Rows.Server && b.Rows.Local == gone
}

// isTrash tells that removals go to the mailbox.
func (p *planner) isTrash(b *box) bool {
	return b.Role == mail.RoleTrash || slices.ContainsFunc(p.boxes, func(other *box) bool { return other.Trash == b.Name })
}

func (b *box) mayRemoveLocal() bool {
	return b.Name != mail.Inbox && b.Policy.Remove.OnLocal() && b.Policy.Permits()&conflict.LocalRemoval != 0
}

// openToRemove opens a mailbox whose messages are removed from the one side that
// has it; or leaves it alone, where one of them is wanted.
func (p *planner) openToRemove(b *box, on Side) {
	wanted := len(b.files) + len(b.msgs)
	for i := range b.rows {
		r := &b.rows[i]
		switch {
		case on == OnServer && r.server == conflict.Here && conflict.Keeps(r.Base.Flags, r.Server.Flags):
			wanted++
		case on == OnLocal && (r.local == conflict.Edited || r.local == conflict.Unknown ||
			r.local == conflict.Here && conflict.Keeps(r.Base.Flags, r.Local.Flags(b.Table))):
			wanted++
		}
	}
	if wanted > 0 || b.Fresh {
		b.left = conflict.MailboxHasMail
		// could stays: what was moved here from another mailbox waits for the user's
		// word as well. Were it given up there, and then the mailbox made again, the
		// side would have it in both.
		b.may = 0
		p.unfinished(b, b.left)
		p.hold(Hold{Mailbox: b.Name, Reason: b.left, Incomplete: true, Text: fmt.Sprintf(
			"the mailbox was removed from the other side, but %s is new %s, or flagged, answered or edited since: it is kept; "+
				"--recreate makes it again", someMail(wanted), on)})
		return
	}
	b.removing = &on
	if on == OnServer {
		b.notLocal = true
		b.may &^= localHalf
	} else {
		b.may &^= serverHalf
	}
	b.could = b.may
}

func someMail(n int) string {
	if n == 0 {
		return "mail in it"
	}
	return messages(n) + " in it"
}

// removeMailboxes adds the removals of those mailboxes that will be empty, unless
// there are too many.
func (p *planner) removeMailboxes() {
	known := 0
	var empty []*box
	for _, b := range p.boxes {
		if b.BaseServer || b.BaseLocal {
			known++
		}
		if b.removing == nil {
			continue
		}
		_, unfinished := p.plan.Unfinished[b.Name]
		stays := slices.ContainsFunc(b.rows, func(r row) bool { return !r.leaves(*b.removing) })
		if unfinished || stays || p.filled(b) || b.orphans > 0 {
			if !unfinished {
				p.hold(Hold{Mailbox: b.Name, Reason: conflict.MailboxHasMail, Incomplete: true,
					Text: "the mailbox was removed from the other side, but not all of its messages are to go: it is kept"})
			}
			p.unfinished(b, conflict.MailboxHasMail)
			continue
		}
		empty = append(empty, b)
	}
	if p.in.KeepAll {
		for _, b := range empty {
			p.unfinished(b, conflict.RepairKeeps)
		}
		return
	}
	if !p.in.AllowDeletes && len(empty) >= maxMailboxCount && len(empty)*100 > maxMailboxPercent*known {
		p.hold(Hold{Reason: conflict.TooManyMailboxes, Guard: true, Text: fmt.Sprintf(
			"%d of %d mailboxes are gone from one side and would be removed from the other, %s among them; "+
				"none was removed, --allow-deletes lets it", len(empty), known, empty[0].Name)})
		for _, b := range empty {
			p.unfinished(b, conflict.TooManyMailboxes)
		}
		return
	}
	for _, b := range empty {
		why := conflict.MailboxRemovedFromMaildir
		if *b.removing == OnLocal {
			why = conflict.MailboxRemovedFromServer
		}
		p.add(RemoveMailbox{Step{b.Name, why}, *b.removing}, b, 0, "")
	}
}

// leaves tells that a message will not be on that side of its mailbox any more.
func (r *row) leaves(on Side) bool {
	switch r.fate {
	case conflict.DropServer, conflict.FollowLocal:
		return on == OnServer
	case conflict.DropLocal, conflict.FollowServer:
		return on == OnLocal
	case conflict.Append:
		return r.fileBox() != r.box
	case conflict.Restore:
		return r.msgBox() != r.box
	}
	return r.fate == conflict.Forget
}

// filled tells that something is brought into a mailbox.
func (p *planner) filled(b *box) bool {
	return slices.ContainsFunc(p.steps, func(s step) bool {
		switch s.op.(type) {
		case Fetch, FetchAll, Upload, CopyServer, MoveServer, MoveLocal, CreateServer, CreateLocal:
			return s.op.In() == b.Name
		}
		return false
	})
}
