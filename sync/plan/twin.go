package plan

import (
	"godwit/conflict"
	"godwit/mail"
)

// A message that is new on the server, and is nothing that base knows in another
// place, may still have a content that is here: another client copied it, or the
// server shows one message in several mailboxes. Then no body is transferred.
// What is not decided here is merely fetched, so that nothing ever waits for it.

// twinning finds the twins of new server messages.
type twinning struct {
	p     *planner
	byID  map[int64]*row // nil without Alike
	known map[mail.Likeness][]candidateTwin
	fresh map[mail.Likeness][]*msg // the new messages
}

// candidateTwin is a file that may have the content of a new message.
type candidateTwin struct {
	content mail.Content
	draft   bool
	twin    Twin
}

// findTwins returns for new server messages the file with their content, or the
// message that is fetched before and will have it. settled says that the fate of
// what base knows is decided, as it must be for an answer. ask is told of those
// whose header has to be read first.
func (p *planner) findTwins(settled bool, ask func(m *msg)) map[*msg]*Twin {
	t := twinning{p: p}
	if !t.collect() {
		return nil
	}
	if settled {
		t.place()
	} else {
		t.placeAlike()
	}
	t.addFiles()
	found := map[*msg]*Twin{}
	for _, b := range p.boxes {
		for i := range b.msgs {
			m := &b.msgs[i]
			if !p.fetches(m) {
				continue
			}
			switch twin, unsure := t.find(m); {
			case twin != nil:
				found[m] = twin
			case unsure && ask != nil && m.Server.Content.Head.IsZero():
				ask(m)
			}
		}
	}
	return found
}

// fetches tells that a message is new and to be brought to the Maildir.
func (p *planner) fetches(m *msg) bool {
	b := m.box
	return m.row == nil && m.file == nil && !m.doubt && b.left == conflict.NoReason && b.may&conflict.ToLocal != 0 && !b.dead && m.inside()
}

func likeness(m *msg) (mail.Likeness, bool) {
	c := &m.Server.Content
	return mail.Likeness{Size: c.Size, Date: m.Server.Date}, c.Size >= 0 && m.Server.Date != 0
}

// mostAlike bounds how many messages of one size and date are compared with each
// other: where a clumsy import gave all of them one date, they are fetched.
const mostAlike = 64

// collect gathers the messages that may have a twin; false when there is none.
// Of most new messages nothing has the size and the date, and then all this costs
// one look into a table for each.
func (t *twinning) collect() bool {
	t.fresh = map[mail.Likeness][]*msg{}
	for _, b := range t.p.boxes {
		for i := range b.msgs {
			if m := &b.msgs[i]; t.p.fetches(m) {
				if l, ok := likeness(m); ok && len(t.fresh[l]) <= mostAlike {
					t.fresh[l] = append(t.fresh[l], m)
				}
			}
		}
	}
	t.known = map[mail.Likeness][]candidateTwin{}
	return len(t.fresh) > 0
}

// addFiles takes the files that base does not know.
func (t *twinning) addFiles() {
	for _, b := range t.p.boxes {
		if b.dead {
			continue
		}
		for i := range b.files {
			if f := &b.files[i]; f.known() {
				t.add(f.LocalContent.Content, f.LocalContent.Date, f.draft(),
					Twin{Mailbox: b.Name, Key: f.Local.Key, Content: f.LocalContent.Content})
			}
		}
	}
}

// placeAlike takes the rows as base has them.
func (t *twinning) placeAlike() {
	for _, row := range t.p.in.Alike {
		t.addRow(row, Twin{Mailbox: row.Mailbox, Key: row.Key, Content: row.Content})
	}
}

// place takes the rows where their files will be.
func (t *twinning) place() {
	if len(t.p.in.Alike) == 0 {
		return
	}
	t.byID = map[int64]*row{}
	wanted := make(map[int64]bool, len(t.p.in.Alike))
	for _, row := range t.p.in.Alike {
		wanted[row.ID] = true
	}
	for _, b := range t.p.boxes {
		for i := range b.rows {
			if r := &b.rows[i]; wanted[r.Base.ID] {
				t.byID[r.Base.ID] = r
			}
		}
	}
	for _, row := range t.p.in.Alike {
		r := t.byID[row.ID]
		switch {
		case r == nil: // nothing was observed to differ
			t.addRow(row, Twin{Mailbox: row.Mailbox, Key: row.Key, Content: row.Content})
		case r.local == conflict.Edited:
		case r.fate == conflict.FollowServer:
			t.addRow(row, Twin{Mailbox: r.msgBox().Name, UID: r.msg.Server.UID})
		case r.file != nil:
			t.addRow(row, Twin{Mailbox: r.file.box.Name, Key: r.file.Local.Key, Content: row.Content})
		case r.localThere():
			t.addRow(row, Twin{Mailbox: row.Mailbox, Key: row.Key, Content: row.Content})
		}
	}
}

func (t *twinning) addRow(row mail.Row, twin Twin) {
	t.add(row.Content, row.Date, row.Flags.System&mail.Draft != 0, twin)
}

func (t *twinning) add(c mail.Content, date mail.UnixTime, draft bool, twin Twin) {
	l := mail.Likeness{Size: c.Size, Date: date}
	if c.Partial > 0 || c.Hash.IsZero() { // not whole, or not to be checked
		return
	}
	if len(t.fresh[l]) == 0 || len(t.known[l]) >= mostAlike {
		return
	}
	t.known[l] = append(t.known[l], candidateTwin{c, draft, twin})
}

// find returns a message's twin. unsure says that reading its header may find one.
func (t *twinning) find(m *msg) (twin *Twin, unsure bool) {
	l, ok := likeness(m)
	if !ok {
		return nil, false
	}
	c := m.Server.Content
	for i := range t.known[l] {
		k := &t.known[l][i]
		switch compareTwin(c, k.content, m.draft() || k.draft) {
		case mail.Same:
			return &k.twin, false
		case mail.Unsure:
			unsure = true
		}
	}
	fresh := t.fresh[l]
	if len(fresh) > mostAlike {
		fresh = nil
	}
	for _, first := range fresh {
		if first == m {
			break // it is the first of its content, and others wait for it
		}
		switch compareTwin(c, first.Server.Content, m.draft() || first.draft()) {
		case mail.Same:
			return &Twin{Mailbox: first.box.Name, UID: first.Server.UID}, false
		case mail.Unsure:
			unsure = true
		}
	}
	if unsure {
		return nil, true
	}
	// The header of the first is needed, too, for others to be compared with.
	for _, other := range fresh {
		if other != m && compareTwin(c, other.Server.Content, m.draft() || other.draft()) == mail.Unsure {
			return nil, true
		}
	}
	return nil, false
}

// compareTwin is Compare, but that of drafts, which are edited with header and
// size unchanged, and of weak headers, nothing is worth reading.
func compareTwin(c, d mail.Content, draft bool) mail.Match {
	switch match := c.Compare(d); {
	case c.EmailID != "" && d.EmailID != "", !c.Hash.IsZero() && !d.Hash.IsZero():
		return match
	case draft, c.Weak && !c.Head.IsZero(), d.Weak && !d.Head.IsZero():
		return mail.Different
	default:
		return match
	}
}
