package plan

import (
	"slices"

	"godwit/conflict"
	"godwit/mail"
)

// settle decides about a message that base knows, and adds what that takes.
func (p *planner) settle(r *row) {
	elsewhere := r.fileBox() != r.box || r.msgBox() != r.box
	switch {
	case r.box.dead, r.box.left != conflict.NoReason && !elsewhere:
		p.wait(r, r.box.left)
		return
	case r.box.forgotten && !elsewhere:
		return
	case r.doubt || r.file != nil && r.file.doubt:
		p.wait(r, conflict.NotIdentified)
		return
	}
	local, server := r.situations()
	if local&conflict.There != 0 && server&conflict.There != 0 && p.leaves(r) {
		local, server = conflict.Leaving, conflict.Leaving
	}
	may, could := r.permits()
	rule := conflict.Decide(local, server, could)
	if rule.Needs&^may != 0 {
		p.wait(r, p.leftReason(r))
		return
	}
	if rule.Do == conflict.Append && server == conflict.Removed && p.anyDead() {
		p.wait(r, conflict.NotProved) // it may have been moved to where nothing could be seen
		return
	}
	r.fate = rule.Do
	p.carryOut(r, rule)
}

// anyDead tells whether a mailbox could not be read.
func (p *planner) anyDead() bool {
	return slices.ContainsFunc(p.boxes, func(b *box) bool { return b.dead })
}

// wait leaves a message alone in this run, on both sides and wherever it went.
func (p *planner) wait(r *row, why conflict.Reason) {
	r.fate = conflict.Wait
	p.unfinished(r.box, why)
	p.unfinished(r.fileBox(), why)
	p.unfinished(r.msgBox(), why)
}

// leftReason says which of a message's mailboxes keeps it waiting.
func (p *planner) leftReason(r *row) conflict.Reason {
	for _, b := range [...]*box{r.fileBox(), r.msgBox(), r.box} {
		if b.left != conflict.NoReason {
			return b.left
		}
	}
	return conflict.MailboxReadOnly
}

// situations says what each side shows, in the words of the rules.
func (r *row) situations() (local, server conflict.Situation) {
	file, msg := r.fileBox(), r.msgBox()
	joined := file == msg && file != r.box
	switch {
	case r.local == conflict.Unknown:
		local = conflict.Undecided
	case joined:
		local = conflict.Joined
	case file != r.box:
		local = conflict.Elsewhere
	case r.file != nil && r.local == conflict.Never:
		local = conflict.Kept
	case r.local == conflict.Edited:
		local = conflict.Changed
	case r.file != nil || r.localThere():
		local = conflict.Touch(r.Base.Flags, r.localFlags())
	case r.outside() && r.inside():
		local = conflict.Returning
	case r.outside():
		local = conflict.Outside
	case r.local == conflict.Never && !r.box.reviveLocal:
		local = conflict.Absent
	case r.local == conflict.Never || r.box.lostLocal:
		local = conflict.Lost
	default:
		local = conflict.Removed
	}
	switch {
	case r.server == conflict.Unknown:
		server = conflict.Undecided
	case joined:
		server = conflict.Joined
	case msg != r.box:
		server = conflict.Elsewhere
	case r.msg != nil && !r.box.Reset:
		server = conflict.Kept
	case r.msg != nil || r.serverThere():
		server = conflict.Touch(r.Base.Flags, r.serverFlags())
	case r.box.Reset || r.server == conflict.Never && r.box.reviveServer:
		server = conflict.Lost
	case r.server == conflict.Never:
		server = conflict.Absent
	case r.box.lostServer, r.Untaken:
		server = conflict.Lost
	default:
		server = conflict.Removed
	}
	return local, server
}

// permits returns what can be done about a message: what all the mailboxes
// allow in which a side has it. A side that does not have it forbids nothing.
func (r *row) permits() (may, could conflict.Permit) {
	may = conflict.BothWays | conflict.LocalRemoval | conflict.ServerRemoval | conflict.Departure
	could = may
	onLocal, onServer := r.localThere() || r.file != nil, r.serverThere() || r.msg != nil
	if onLocal {
		may, could = may&r.fileBox().may, could&r.fileBox().could
	}
	if onServer {
		m, c := r.msgBox().may, r.msgBox().could
		if r.local == conflict.Edited && r.msgBox() != r.box {
			// An edit is sent to where the file is; the old content may stay.
			m, c = m|conflict.ToServer, c|conflict.ToServer
		}
		may, could = may&m, could&c
	}
	if !onLocal && !onServer {
		may, could = r.box.may, r.box.could
	}
	return may, could
}

// carryOut adds the operations of a rule.
func (p *planner) carryOut(r *row, rule conflict.Rule) {
	switch rule.Do {
	case conflict.Wait:
		p.wait(r, rule.Reason)
	case conflict.Leave, conflict.Note, conflict.Merge:
		p.agree(r, rule)
	case conflict.Restore, conflict.Append, conflict.Replace:
		if rule.Do == conflict.Restore && p.staysOutside(r) {
			return
		}
		if rule.Do == conflict.Replace && p.in.KeepAll {
			p.wait(r, conflict.RepairKeeps)
			return
		}
		if rule.Do != conflict.Restore && r.inPart() {
			r.fileBox().orphans++
			p.giveUpServer(r, rule)
			return
		}
		if r.SetAside || r.file != nil && r.file.SetAside {
			r.fate = conflict.Wait
			if rule.Do != conflict.Replace { // an edit shows as long as the directory is read
				p.wait(r, conflict.SetAside)
			}
			return
		}
		p.bring(r, rule)
	case conflict.FollowServer:
		p.followServer(r, rule)
	case conflict.FollowLocal:
		p.followLocal(r, rule)
	case conflict.DropLocal:
		row := r.now()
		row.Flags = r.Base.Flags
		p.add(RemoveLocal{Step: Step{r.fileBox().Name, rule.Reason}, Row: row}, r.fileBox(), row.UID, row.Key)
	case conflict.DropServer:
		row := r.now()
		row.Flags = r.Base.Flags
		p.add(RemoveServer{Step: Step{r.msgBox().Name, rule.Reason}, Row: row, Trash: r.msgBox().trash()}, r.msgBox(), row.UID, row.Key)
	case conflict.PutAway:
		row, _, _, _ := r.merge()
		p.add(PutAway{Step: Step{r.box.Name, rule.Reason}, Row: row}, r.box, row.UID, row.Key)
	case conflict.GiveUpLocal:
		p.giveUpLocal(r, rule)
	case conflict.GiveUpServer:
		p.giveUpServer(r, rule)
	case conflict.Forget:
		if r.file != nil {
			r.file.row = nil
		}
		if r.msg != nil {
			r.msg.row = nil
		}
		if r.found != nil {
			p.adopt(r)
		}
		p.add(Forget{Step: Step{r.box.Name, rule.Reason}, Row: r.base()}, r.box, r.Base.UID, r.Base.Key)
	}
}

// bring adds the transfer that a rule asks for.
func (p *planner) bring(r *row, rule conflict.Rule) {
	switch rule.Do {
	case conflict.Restore:
		p.restore(r, rule)
	case conflict.Append:
		if r.msg != nil { // the edit wins over the server's move
			r.msg.row, r.msg = nil, nil
			r.server = conflict.Gone
		}
		p.upload(r, rule, 0)
	case conflict.Replace:
		p.upload(r, rule, r.now().UID)
	}
}

// inPart tells that the file holds its message only in part.
func (r *row) inPart() bool {
	_, c := r.onLocal()
	return c.Partial > 0 || r.altered
}

// anew tells that UIDs in the mailbox begin anew.
func (b *box) anew() bool { return b.Reset || b.reviveServer && b.Server != There }

// base is the row as base has it when the operations run: without the UID of another
// life.
func (r *row) base() mail.Row {
	row := *r.Base
	if r.box.anew() {
		row.UID = 0
	}
	return row
}

// now is the row with what was found of its file and its server message. Its
// mailbox is the one that has both, or the one that base says.
func (r *row) now() mail.Row {
	row := r.base()
	row.Content = r.content()
	if r.file != nil {
		row.Key = r.file.Local.Key
		row.Inode = inode(r.file.Local, r.file.LocalContent)
	} else if r.rewritten {
		row.Inode = inode(r.Local, r.LocalContent)
	}
	if r.msg != nil {
		row.UID = r.msg.Server.UID
	}
	if m := r.serverMessage(); m != nil && m.Date != 0 {
		row.Date = m.Date
	}
	if r.fileBox() == r.msgBox() {
		row.Mailbox = r.fileBox().Name
	}
	if r.file != nil && row.Window == mail.Outside {
		row.Window = mail.Brought // somebody put the file there
	}
	return row
}

// record adds a Record, unless base says the same already.
func (p *planner) record(r *row, row mail.Row, why conflict.Reason) {
	base := r.base()
	if row.Flags.Equal(base.Flags) {
		row.Flags = base.Flags // however it is spelled
	}
	if row != base {
		p.add(Record{Step: Step{row.Mailbox, why}, Row: row}, r.box, row.UID, row.Key)
	}
}

// agree settles a message about whose existence and place there is nothing to
// do: flags are merged, and base learns what it did not know.
func (p *planner) agree(r *row, rule conflict.Rule) {
	if r.local == conflict.Edited {
		return // nothing can be done about the edit, and base must not take it for settled
	}
	flags, row, why := r.flags(), r.now(), r.reason(rule)
	onLocal, onServer := r.localThere() || r.file != nil, r.serverThere() || r.msg != nil
	if !onLocal || !onServer {
		row.Flags = flags.Local
		if onServer {
			row.Flags = flags.Server
		}
		p.record(r, row, why)
		return
	}
	b := r.fileBox()
	row, merged, store, mark := r.merge()
	if !store.IsZero() {
		p.add(StoreServer{Step: Step{b.Name, why}, Row: row, Delta: store}, b, row.UID, row.Key)
	}
	if !mark.IsZero() {
		p.add(FlagLocal{Step: Step{b.Name, why}, Row: row, Delta: mark}, b, row.UID, row.Key)
	}
	if store.IsZero() && mark.IsZero() {
		p.record(r, row, why)
	}
	// What is removed so comes to the trash with its mark, and must be safe there.
	if b.Policy.ExpungeFlagged && b.Trash != b.Name && b.may&conflict.ServerRemoval != 0 &&
		merged.Local.System&merged.Server.System&mail.Deleted != 0 {
		p.expunge(r, row)
	}
}

// merge returns the row of a message that both sides have, as it is when its flags are
// merged, and what that takes on each side.
func (r *row) merge() (row mail.Row, merged conflict.Merged, store, mark mail.FlagDelta) {
	b, flags := r.fileBox(), r.flags()
	merged = flags.Merge(b.may)
	store = b.storable(mail.FlagsBetween(r.serverRaw(), merged.Server))
	mark = b.markable(mail.FlagsBetween(r.localRaw(), merged.Local))
	row = r.now()
	row.Flags = r.tell(b, merged.Row, store, mark)
	return row, merged, store, mark
}

// expunge removes a message that is marked \Deleted on both sides.
func (p *planner) expunge(r *row, row mail.Row) {
	b := r.msgBox()
	r.fate = conflict.DropServer
	step, then := Step{b.Name, conflict.MarkedDeleted}, row
	if b.may&conflict.LocalRemoval == 0 {
		then.UID = 0
	}
	p.add(RemoveServer{Step: step, Row: row, Trash: b.trash(), Then: &then}, b, row.UID, row.Key)
	if b.may&conflict.LocalRemoval != 0 {
		p.add(RemoveLocal{Step: step, Row: row}, b, row.UID, row.Key)
	}
}

// reason names what is known better than "flags changed".
func (r *row) reason(rule conflict.Rule) conflict.Reason {
	switch {
	case rule.Reason != conflict.FlagsChanged && rule.Reason != conflict.Unchanged:
		return rule.Reason
	case r.box.Reset:
		return conflict.UIDValidityChanged
	case r.msg != nil:
		return conflict.Renumbered
	case r.file != nil && r.local == conflict.Never:
		return conflict.PutBack
	case r.file != nil:
		return conflict.Renamed
	case r.rewritten && r.Base.Flags.Equal(r.localFlags()) && r.Base.Flags.Equal(r.serverFlags()):
		return conflict.Rewritten
	}
	return conflict.FlagsChanged
}

// restore fetches a message whose file is not there, to where the server has it.
func (p *planner) restore(r *row, rule conflict.Rule) {
	b, row := r.msgBox(), r.base()
	if b != r.box {
		row.Key = "" // it may be in use there
	}
	m := mail.ServerMessage{UID: r.Base.UID, Flags: r.Base.Flags, Date: r.Base.Date, Content: r.Base.Content.OnServer()}
	if seen := r.serverMessage(); seen != nil {
		m = *seen
	}
	merged := r.flags().Merge(b.may)
	store := b.storable(mail.FlagsBetween(r.serverRaw(), merged.Server))
	p.add(Fetch{
		Step: Step{b.Name, rule.Reason}, Message: m, Flags: r.tell(b, merged.Row, store, mail.FlagDelta{}), Store: store, Row: &row,
	}, b, m.UID, row.Key)
}

// upload appends a message's file, where it is, and with replace has its old
// content removed.
func (p *planner) upload(r *row, rule conflict.Rule, replace mail.UID) {
	b, row, flags := r.fileBox(), r.base(), r.flags()
	if r.found != nil {
		flags.Server = flags.Server.Union(r.found.Server.Flags)
	}
	merged := flags.Merge(b.may)
	mark := b.markable(mail.FlagsBetween(r.localRaw(), merged.Local))
	op := Upload{
		Step: Step{b.Name, rule.Reason}, Flags: r.tell(b, merged.Row, mail.FlagDelta{}, mark), Mark: mark,
		Send: merged.Server.Minus(b.unheld(merged.Server)), Row: &row, Replace: replace,
	}
	op.Local, op.Content = r.onLocal()
	if r.found != nil {
		op.Found = r.found.Server.UID
		op.Store = b.storable(mail.FlagsBetween(r.found.Server.Flags, merged.Server))
	}
	p.add(op, b, replace, op.Local.Key)
}

// onLocal is a message's file, as observed, or else as base has it.
func (r *row) onLocal() (mail.LocalMessage, mail.LocalContent) {
	l := mail.LocalMessage{Key: r.Base.Key, System: r.Base.Flags.System, Inode: r.Base.Inode}
	if seen := r.localMessage(); seen != nil {
		l = *seen
	}
	c := mail.LocalContent{Content: r.Base.Content, Inode: r.Base.Inode}
	switch {
	case r.file != nil:
		c = r.file.LocalContent
	case !r.LocalContent.Hash.IsZero():
		c = r.LocalContent
	}
	return l, c
}

// followServer moves the file to where the server has the message now.
func (p *planner) followServer(r *row, rule conflict.Rule) {
	b, row := r.msgBox(), r.now()
	merged := r.flags().Merge(b.may)
	row.Mailbox, row.UID, row.Flags = r.fileBox().Name, r.base().UID, r.Base.Flags
	if r.local == conflict.Edited {
		// The edit is sent by the next run, from its new place: base keeps the old
		// content, and an inode that no file has.
		row.Content, row.Inode = r.Base.Content, 0
		p.unfinished(b, rule.Reason)
	}
	store := b.storable(mail.FlagsBetween(r.serverRaw(), merged.Server))
	p.add(MoveLocal{
		Step: Step{b.Name, rule.Reason}, Row: row, Server: *r.msg.Server, File: merged.Local, Store: store,
		Flags: r.tell(b, merged.Row, store, mail.FlagDelta{}),
	}, b, r.msg.Server.UID, row.Key)
}

// followLocal moves the server's message to where its file is now.
func (p *planner) followLocal(r *row, rule conflict.Rule) {
	b, row := r.fileBox(), r.now()
	merged := r.flags().Merge(b.may)
	row.Mailbox, row.Key, row.Inode, row.Flags = r.msgBox().Name, r.Base.Key, r.Base.Inode, r.Base.Flags
	store := b.storable(mail.FlagsBetween(r.serverRaw(), merged.Server))
	mark := b.markable(mail.FlagsBetween(r.localRaw(), merged.Local))
	p.add(MoveServer{
		Step: Step{b.Name, rule.Reason}, Row: row, Local: *r.file.Local, Content: r.file.LocalContent, Store: store, Mark: mark,
		Flags: r.tell(b, merged.Row, store, mark),
	}, b, row.UID, r.file.Local.Key)
}

// giveUpLocal records that the Maildir does without the message. A file that
// was taken for it is one of its own then.
func (p *planner) giveUpLocal(r *row, rule conflict.Rule) {
	b, row := r.msgBox(), r.now()
	row.Mailbox, row.Key, row.Inode, row.Flags = b.Name, "", 0, b.spoken(r.flags().Server, r.serverRaw())
	row.Content = r.Base.Content
	if r.Base.Window != mail.Outside {
		row.Window = mail.InWindow
	}
	p.record(r, row, rule.Reason)
	if r.file != nil {
		r.file.row = nil
	}
	if r.found != nil {
		p.adopt(r)
	}
}

// giveUpServer records that the server does without the message. A message
// that was taken for it is one of its own then.
func (p *planner) giveUpServer(r *row, rule conflict.Rule) {
	b, row := r.fileBox(), r.now()
	row.Mailbox, row.UID, row.Flags = b.Name, 0, r.flags().Local
	mark := mail.FlagDelta{}
	if b != r.box {
		mark = b.markable(mail.FlagsBetween(r.localRaw(), row.Flags)) // letters differ from place to place
		row.Flags.Keywords = b.written(row.Flags.Keywords, mark.Apply(r.localRaw()).Keywords)
	}
	if mark.IsZero() {
		p.record(r, row, rule.Reason)
	} else {
		p.add(FlagLocal{Step: Step{b.Name, rule.Reason}, Row: row, Delta: mark}, b, 0, row.Key)
	}
	if r.msg != nil {
		r.msg.row = nil
	}
}

// adopt makes a row of an edited file and the server message that has its
// content already, where the row that the file had goes without it.
func (p *planner) adopt(r *row) {
	p.pair(r.box, r.Local, r.LocalContent, r.Local.Flags(r.box.Table), r.found)
}

// trash is where removals on the server go: nowhere from the trash itself.
func (b *box) trash() mail.Mailbox {
	if b.Trash == b.Name {
		return ""
	}
	return b.Trash
}
