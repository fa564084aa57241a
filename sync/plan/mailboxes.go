package plan

import (
	"fmt"
	"slices"

	"godwit/conflict"
	"godwit/mail"
)

const (
	localHalf  = conflict.ToLocal | conflict.LocalRemoval | conflict.Departure
	serverHalf = conflict.ToServer | conflict.ServerRemoval
)

// openMailboxes finds out what can be done in each mailbox, and creates those
// that one side lacks.
func (p *planner) openMailboxes() {
	if p.accountGone() {
		p.held = true
		p.hold(Hold{Reason: conflict.NoMailboxes, Guard: true,
			Text: "the server lists no mailboxes, or no INBOX, although it had some: nothing was done; " +
				"if they are really gone, --allow-deletes goes on"})
		for _, b := range p.boxes {
			p.unfinished(b, conflict.NoMailboxes)
		}
		return
	}
	for _, b := range p.boxes {
		p.open(b)
	}
}

// accountGone tells that the server's listing cannot be believed: base has
// mailboxes on the server, and the listing has none, or not even the INBOX,
// which every server has (RFC 9051, 5.1).
func (p *planner) accountGone() bool {
	if p.in.AllowDeletes {
		return false
	}
	for _, b := range p.boxes {
		if b.BaseServer && (p.in.NoMailboxes || b.Name == mail.Inbox && b.Server == Missing) {
			return true
		}
	}
	return false
}

func (p *planner) open(b *box) {
	b.may = b.Policy.Permits()
	policy := b.may
	if b.ReadOnly {
		b.may &^= serverHalf
	}
	b.could = b.may
	if !b.Reset {
		// Nobody chose that the mailbox cannot be changed: removals, moves and edits
		// wait until it can. (Not where waiting would have all of it numbered anew
		// each time.)
		b.could = policy
	}
	onServer, onLocal := b.Server == There, b.Local == There
	switch {
	case b.Server == Held || b.Local == Held:
		b.may, b.could = 0, 0
		b.left, b.dead = conflict.MailboxNotTouched, true
		p.unfinished(b, b.left)
	case onServer && onLocal:
		// One that only one side had when base was written is back on the other.
		b.lostLocal = b.BaseServer && !b.BaseLocal
		b.lostServer = b.BaseLocal && !b.BaseServer
		b.reviveLocal, b.reviveServer = b.lostLocal, b.lostServer
	case onServer:
		p.openServerOnly(b)
	case onLocal:
		p.openLocalOnly(b)
	default:
		b.may, b.could = 0, 0
		if b.BaseServer || b.BaseLocal {
			b.forgotten = true
			p.add(ForgetMailbox{Step{b.Name, conflict.MailboxGoneFromBoth}}, b, 0, "")
		}
	}
	if p.in.NewRoot || p.in.KeepAll || p.in.Restored {
		b.lostLocal = true
	}
	if p.in.KeepAll || p.in.Restored {
		b.lostServer = true
	}
}

// openServerOnly opens a mailbox that the server has and the Maildir has not.
func (p *planner) openServerOnly(b *box) {
	create := func(why conflict.Reason) {
		if b.may&conflict.ToLocal == 0 {
			b.closeLocal()
			return
		}
		p.add(CreateLocal{Step{b.Name, why}}, b, 0, "")
	}
	switch {
	case p.in.Recreate && (b.BaseLocal || b.BaseServer) && p.anyHeld():
		b.waits, b.left = true, conflict.MailboxGoneFromMaildir
		b.may &^= localHalf | conflict.ServerRemoval
		p.unfinished(b, b.left)
	case p.in.Recreate && (b.BaseLocal || b.BaseServer):
		b.lostLocal, b.reviveLocal = true, true
		create(conflict.MailboxRecreated)
	case b.BaseLocal && (p.in.NewRoot || p.in.Restored || b.Name == mail.Inbox && b.Rows.Local == 0):
		b.lostLocal = true
		create(conflict.MailboxRecreated)
	case p.removesOnServer(b):
		p.openToRemove(b, OnServer)
	case b.stays() && !p.in.AllowDeletes:
		create(conflict.MailboxRecreated)
	case b.Rows.Local == 0 && b.returns():
		b.lostLocal = true
		create(conflict.MailboxNewOnServer)
	case b.BaseLocal && b.Rows.Local > 0 && !p.in.AllowDeletes:
		b.left = conflict.MailboxGoneFromMaildir
		b.may &^= localHalf | conflict.ServerRemoval
	case b.BaseServer || b.BaseLocal && b.Rows != (mail.Counts{}):
		// The user removed it (and, where it held mail, has said so), or did
		// without it from the start. Its messages stay on the server. (One that only
		// the Maildir had was another: the server's is new.)
		b.closeLocal()
	case b.Policy.Create.OnLocal():
		create(conflict.MailboxNewOnServer)
	default:
		b.closeLocal()
	}
}

// returns tells that a mailbox which the Maildir has no more, and has no message of,
// holds mail that it is to have. It was removed empty, or all that was in it was
// moved away: nobody said that the Maildir is to do without what came since. Where
// that was said, base has messages that are on the server alone.
func (b *box) returns() bool {
	if !b.BaseLocal && (!b.BaseServer || b.Rows.Server > b.Rows.Outside) ||
		b.Policy.Permits()&conflict.ToLocal == 0 || !b.Policy.Create.OnLocal() {
		return false
	}
	return slices.ContainsFunc(b.msgs, func(m msg) bool { return (m.row == nil || m.row.box != b) && m.inside() }) ||
		slices.ContainsFunc(b.rows, func(r row) bool { return r.outside() && r.inside() })
}

// stays tells that a mailbox was removed from the Maildir empty, while base has messages
// of it that the server alone has: moved away or removed here, and nothing is changed for
// that on the server. Without it, nobody could tell later whether the Maildir is to
// do without what comes: it does where it was told so, by --allow-deletes.
func (b *box) stays() bool {
	return b.BaseLocal && b.Rows.Local == 0 && b.Rows.Server > b.Rows.Outside && b.Policy.Create.OnLocal() &&
		b.Policy.Permits()&conflict.ToLocal != 0
}

// reopen makes those mailboxes again that are gone from the Maildir and of which all
// messages were found elsewhere, where there is mail for them. Where nothing is changed
// on the server, there will be: its mailbox keeps its name.
func (p *planner) reopen() {
	for _, b := range p.boxes {
		if b.waits || b.left != conflict.MailboxGoneFromMaildir || p.anyHeld() ||
			!b.returns() && (b.Policy.Mode.Pushes() || !b.Policy.Create.OnLocal()) {
			continue
		}
		moved := 0
		for i := range b.rows {
			if r := &b.rows[i]; r.Base.Key != "" && r.file != nil && r.file.box != b {
				moved++
			}
		}
		if moved < b.Rows.Local {
			continue
		}
		b.left = conflict.NoReason
		b.may = b.Policy.Permits()
		if b.ReadOnly {
			b.may &^= serverHalf
		}
		p.add(CreateLocal{Step{b.Name, conflict.MailboxNewOnServer}}, b, 0, "")
	}
}

// anyHeld tells that a mailbox cannot be looked into. What another one lost may be
// there, moved or under a new name: made again, that would come back twice.
func (p *planner) anyHeld() bool {
	return slices.ContainsFunc(p.boxes, func(b *box) bool { return b.Server == Held || b.Local == Held })
}

// closeLocal settles that the Maildir is not to have the mailbox.
func (b *box) closeLocal() {
	b.notLocal = true
	b.may &^= localHalf | conflict.ServerRemoval
	b.could = b.may
}

// openLocalOnly opens a mailbox that the Maildir has and the server has not.
func (p *planner) openLocalOnly(b *box) {
	pushes := b.may&conflict.ToServer != 0
	switch {
	case p.in.Recreate && pushes && (b.BaseServer || b.BaseLocal) && p.anyHeld():
		b.waits, b.left = true, conflict.MailboxGoneFromServer
		b.may &^= serverHalf | conflict.LocalRemoval
		p.unfinished(b, b.left)
	case p.in.Recreate && pushes && (b.BaseServer || b.BaseLocal):
		b.lostServer, b.reviveServer = true, true
		p.add(CreateServer{Step{b.Name, conflict.MailboxRecreated}}, b, 0, "")
	case p.removesOnLocal(b):
		p.openToRemove(b, OnLocal)
	case b.BaseServer || b.BaseLocal && b.Rows.Server > 0:
		b.left = conflict.MailboxGoneFromServer
		b.may &^= serverHalf | conflict.LocalRemoval
	case pushes && b.Policy.Create.OnServer() && (b.Server == Missing || len(b.files) > 0):
		p.add(CreateServer{Step{b.Name, conflict.MailboxNewInMaildir}}, b, 0, "")
	default:
		b.may &^= serverHalf | conflict.LocalRemoval
		b.could = b.may
	}
}

// tellLeft says, after everything else is settled, which mailboxes were left
// alone: those that lost a side, as long as messages remain in them that did
// not just move away.
func (p *planner) tellLeft() {
	for _, b := range p.boxes {
		if b.waits {
			p.hold(Hold{Mailbox: b.Name, Reason: b.left, Incomplete: true, Text: "the mailbox is gone from one side; it is not made again " +
				"as long as another mailbox cannot be looked into, where its mail may be"})
			continue
		}
		switch b.left {
		case conflict.MailboxGoneFromMaildir:
			stays := b.Rows.Local - b.movedAway()
			if stays <= 0 {
				continue // renamed, as it seems: all of it was found elsewhere
			}
			p.unfinished(b, b.left)
			without := "goes on without it"
			if b.Policy.Remove.OnServer() {
				without = "removes it from the server, too"
			}
			p.hold(Hold{Mailbox: b.Name, Reason: b.left, Guard: true, Text: fmt.Sprintf(
				"the mailbox is gone from the Maildir, where it had %s: nothing was removed or fetched; "+
					"--recreate makes it again and fetches its mail, --allow-deletes %s", messages(stays), without)})
		case conflict.MailboxGoneFromServer:
			text := "the mailbox is gone from the server; it is kept in the Maildir; --recreate makes it again on the server"
			if n := b.leftFiles(); n > 0 {
				text = fmt.Sprintf("the mailbox is gone from the server; it is kept in the Maildir, "+
					"where %s not on the server; --recreate makes it again and uploads", areNew(n))
			} else if moved := b.movedAway(); !b.BaseServer || moved > 0 && moved >= b.Rows.Local {
				continue // told before, or renamed; and nothing is new
			}
			guard := b.mayRemoveLocal() && b.Rows.Local > b.movedAway() && b.leftFiles() == 0
			if guard {
				text += fmt.Sprintf(", --allow-deletes removes it from the Maildir, too, with %s", messages(b.Rows.Local-b.movedAway()))
				p.unfinished(b, b.left)
			}
			p.hold(Hold{Mailbox: b.Name, Reason: b.left, Guard: guard, Incomplete: b.leftFiles() > 0, Text: text})
		}
	}
}

// movedAway counts the messages that left for another mailbox.
func (b *box) movedAway() int {
	n := 0
	for i := range b.rows {
		if r := &b.rows[i]; r.Base.Key != "" && r.fate != conflict.Leave && r.fate != conflict.Wait {
			n++
		}
	}
	return n
}

// leftFiles counts the files that no row and no move accounts for.
func (b *box) leftFiles() int {
	n := 0
	for i := range b.files {
		if b.files[i].row == nil {
			n++
		}
	}
	return n
}

func messages(n int) string {
	if n == 1 {
		return "1 message"
	}
	return fmt.Sprintf("%d messages", n)
}

func areNew(n int) string {
	if n == 1 {
		return "1 message is new and"
	}
	return fmt.Sprintf("%d messages are new and", n)
}
