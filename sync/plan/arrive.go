package plan

import (
	"godwit/conflict"
	"godwit/mail"
)

// arrive brings to each side what is new on the other.
func (p *planner) arrive() {
	twins := p.findTwins(true, nil)
	p.findSources(twins)
	for _, b := range p.boxes {
		if b.Fresh && b.left == conflict.NoReason && b.may&conflict.ToLocal != 0 && b.Server == There {
			p.add(FetchAll{Step{b.Name, conflict.NewOnServer}}, b, 0, "")
		}
		for i := range b.files {
			if f := &b.files[i]; f.row == nil {
				p.arriveFile(f)
			}
		}
		for i := range b.msgs {
			if m := &b.msgs[i]; m.row == nil && m.file == nil {
				p.arriveMessage(m, twins[m])
			}
		}
	}
}

// arriveFile brings a new file to the server, or pairs it with the new server
// message that it was found to be.
func (p *planner) arriveFile(f *file) {
	b := f.box
	switch {
	case b.left != conflict.NoReason:
		p.unfinished(b, b.left)
	case f.msg != nil:
		p.pair(b, f.Local, f.LocalContent, f.Local.Flags(b.Table), f.msg)
	case !f.known():
		p.unfinished(b, conflict.NotProved)
	case f.doubt:
		p.unfinished(b, conflict.NotIdentified)
	case f.SetAside:
		// Its time has not come.
	case b.may&conflict.ToServer == 0:
		// It stays what it is: the Maildir's own.
	case p.mayBeHeld(f):
		p.unfinished(b, conflict.NotProved)
	default:
		p.send(f)
	}
}

// mayBeHeld tells that a file may have come from a mailbox of which nothing is
// known in this run.
func (p *planner) mayBeHeld(f *file) bool {
	if p.unseen == nil {
		p.unseen = map[mail.Hash]bool{}
		dead := map[mail.Mailbox]bool{}
		for _, b := range p.boxes {
			dead[b.Name] = b.dead
		}
		for _, c := range p.in.Copies {
			if c.Key != "" && dead[c.Mailbox] {
				p.unseen[c.Content.Hash] = true
			}
		}
	}
	return p.unseen[f.LocalContent.Hash]
}

// pair records that a file and a server message are one message, and merges
// their flags; nobody took off those that only one of them has.
func (p *planner) pair(b *box, l *mail.LocalMessage, c mail.LocalContent, local mail.Flags, m *msg) {
	merged := conflict.Flags{Local: local, Server: m.Server.Flags}.Merge(b.may)
	row := mail.Row{
		Mailbox: b.Name, UID: m.Server.UID, Key: l.Key, Flags: merged.Row, Content: c.Content, Inode: inode(l, c), Date: m.Server.Date,
	}
	if m.Server.Content.EmailID != "" {
		row.Content.EmailID = m.Server.Content.EmailID
	}
	step := Step{b.Name, conflict.PairedByContent}
	store := b.storable(mail.FlagsBetween(m.Server.Flags, merged.Server))
	mark := b.markable(mail.FlagsBetween(local, merged.Local))
	if !store.IsZero() {
		p.add(StoreServer{Step: step, Row: row, Delta: store}, b, row.UID, row.Key)
	}
	if !mark.IsZero() {
		p.add(FlagLocal{Step: step, Row: row, Delta: mark}, b, row.UID, row.Key)
	}
	if store.IsZero() && mark.IsZero() {
		p.add(Record{Step: step, Row: row}, b, row.UID, row.Key)
	}
}

// send uploads a new file, or has the server copy what it holds.
func (p *planner) send(f *file) {
	b, raw := f.box, f.Local.Flags(f.box.Table)
	s, ok := p.source(f)
	if !ok && f.LocalContent.Partial > 0 {
		// Nothing on the server waits for it: a mailbox whose UIDVALIDITY changed need
		// not be paired anew by each run because of it.
		b.orphans++
		p.rescan(b)
		return
	}
	if !ok {
		p.add(Upload{
			Step:  Step{b.Name, conflict.NewInMaildir},
			Local: *f.Local, Content: f.LocalContent, Flags: raw, Send: raw.Minus(b.unheld(raw)),
		}, b, 0, f.Local.Key)
		return
	}
	flags := raw
	if s.box != nil && s.box != b && s.row.Key == f.Local.Key && b.may&conflict.ToLocal != 0 {
		flags = f.Local.Flags(s.box.Table) // the file was copied as it is, letters and all
	}
	p.add(CopyServer{
		Step: Step{b.Name, conflict.CopyOfKnown}, Source: s.row,
		Local: *f.Local, Content: f.LocalContent, Flags: flags,
		Store: b.storable(mail.FlagsBetween(s.flags, flags)),
		Mark:  b.markable(mail.FlagsBetween(raw, flags)),
	}, b, 0, f.Local.Key)
}

// arriveMessage brings a new server message to the Maildir.
func (p *planner) arriveMessage(m *msg, twin *Twin) {
	b := m.box
	switch {
	case b.left != conflict.NoReason:
		p.unfinished(b, b.left)
	case m.SetAside && (m.inside() || m.Server.Date == 0 && m.Server.Flags.IsZero()):
		// Its time has not come. (In the second case too little is known to tell more.)
	case m.doubt:
		p.unfinished(b, conflict.NotIdentified)
	case b.may&conflict.ToLocal == 0:
		// It stays what it is: the server's own.
	case !m.inside():
		p.add(Record{Step: Step{b.Name, conflict.OutsideWindow}, Row: mail.Row{
			Mailbox: b.Name, UID: m.Server.UID, Flags: m.Server.Flags, Content: m.Server.Content, Date: m.Server.Date, Window: mail.Outside,
		}}, b, m.Server.UID, "")
	default:
		p.add(Fetch{Step: Step{b.Name, conflict.NewOnServer}, Message: *m.Server, Flags: m.Server.Flags, Twin: twin}, b, m.Server.UID, "")
	}
}

// source is a message that the server holds and keeps through this plan.
type source struct {
	row   mail.Row
	flags mail.Flags // on the server
	box   *box       // nil when nothing moved in its mailbox
}

// sourceIdent names a content; with a mailbox or a key, only the sources in that
// mailbox, or under that key.
type sourceIdent struct {
	hash    mail.Hash
	mailbox mail.Mailbox
	key     mail.Key
}

// findSources finds, for the contents of the files that are to be sent, what
// the server holds already and can copy.
func (p *planner) findSources(twins map[*msg]*Twin) {
	wanted := map[mail.Hash]bool{}
	for _, b := range p.boxes {
		if b.left != conflict.NoReason || b.may&conflict.ToServer == 0 {
			continue
		}
		for i := range b.files {
			if f := &b.files[i]; f.row == nil && f.msg == nil && f.known() && !f.doubt {
				wanted[f.LocalContent.Hash] = true
			}
		}
	}
	if len(wanted) == 0 {
		return
	}
	p.sources = map[sourceIdent]source{}
	moved := map[int64]bool{}
	p.eachRow(func(r *row) {
		if !wanted[r.Base.Content.Hash] {
			return
		}
		moved[r.Base.ID] = true
		if r.copiable() {
			p.addSource(source{row: *r.Base, flags: r.serverRaw(), box: r.box})
		}
	})
	boxes := make(map[mail.Mailbox]*box, len(p.boxes))
	for _, b := range p.boxes {
		boxes[b.Name] = b
	}
	for _, c := range p.in.Copies {
		b := boxes[c.Mailbox]
		if c.UID == 0 || moved[c.ID] || !wanted[c.Content.Hash] || b != nil && !b.steady() {
			continue
		}
		p.addSource(source{row: c, flags: c.Flags, box: b})
	}
	p.newSources(wanted, twins)
}

// newSources adds what this plan has just found to be the same on both sides. After
// the database was lost that is all there is, and a file that was moved or copied
// since then is sent to a server that has it.
func (p *planner) newSources(wanted map[mail.Hash]bool, twins map[*msg]*Twin) {
	add := func(m *msg, k mail.Key, c mail.Content) {
		if wanted[c.Hash] && c.Partial == 0 && m.row == nil && !m.SetAside && !m.box.dead && m.box.Server == There && m.box.left == conflict.NoReason {
			p.addSource(source{
				row:   mail.Row{Mailbox: m.box.Name, UID: m.Server.UID, Key: k, Flags: m.Server.Flags, Content: c, Date: m.Server.Date},
				flags: m.Server.Flags, box: m.box,
			})
		}
	}
	for _, b := range p.boxes {
		for i := range b.files {
			if f := &b.files[i]; f.row == nil && f.msg != nil && f.known() {
				add(f.msg, f.Local.Key, f.LocalContent.Content)
			}
		}
		for i := range b.msgs {
			m := &b.msgs[i]
			if twin := twins[m]; twin != nil && twin.Key != "" && m.file == nil {
				add(m, twin.Key, twin.Content)
			}
		}
	}
}

// steady tells that base's UIDs can be named in the mailbox.
func (b *box) steady() bool { return b.Server == There && !b.Reset && !b.dead }

// copiable tells that a message is on the server where base has it, and stays.
func (r *row) copiable() bool {
	if !r.box.steady() || !r.serverThere() || r.msg != nil {
		return false
	}
	switch r.fate {
	case conflict.Leave, conflict.Note, conflict.Merge, conflict.Restore, conflict.GiveUpLocal, conflict.PutAway:
		return true
	}
	return false
}

// addSource keeps the first source of each kind: in a mailbox, under a key, and
// at all. The first is the one with the least mailbox name and UID.
func (p *planner) addSource(s source) {
	h := s.row.Content.Hash
	for _, k := range [...]sourceIdent{{h, s.row.Mailbox, ""}, {h, "", s.row.Key}, {h, "", ""}} {
		old, ok := p.sources[k]
		if !ok || s.row.Mailbox < old.row.Mailbox || s.row.Mailbox == old.row.Mailbox && s.row.UID < old.row.UID {
			p.sources[k] = s
		}
	}
}

// source returns what the server shall copy for a file: from its own mailbox,
// else the one that the file was copied from, else any.
func (p *planner) source(f *file) (source, bool) {
	h := f.LocalContent.Hash
	for _, k := range [...]sourceIdent{{h, f.box.Name, ""}, {h, "", f.Local.Key}, {h, "", ""}} {
		if s, ok := p.sources[k]; ok {
			return s, true
		}
	}
	return source{}, false
}
