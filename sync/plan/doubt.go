package plan

import (
	"godwit/conflict"
	"godwit/mail"
)

// doubts are the new server messages that may be the same as something known,
// as far as was read: those of which more must be read, and, where that is not
// to be had, what is left alone with them.
//
// What may be the same as a message is found by size, and where both headers
// were read, by header. A mailbox of anywhere stands for messages that left
// their mailbox and may have come up in any.
type doubts struct {
	sizes map[sizeIdent]*doubtful
	heads map[headIdent]*doubtful
	any   map[int]*doubtful // whatever its size: for messages whose size is not known
}

type sizeIdent struct {
	box  int
	size int64
}

// doubtful is what is known alike, as far as a size or a header goes, and not
// found on the server yet.
type doubtful struct {
	unnamed  bool // one has no EMAILID, so that it may be the same as one that has
	hashed   bool // one has its hash known: reading the server's message decides
	headless bool // one is known by hash alone
	strong   bool // one could be decided by its header
	weak     bool // one could only be decided by its hash
	blocked  bool // something on the server may be any of these
}

// findDoubts returns, for every new server message that is not matched, whether
// it must be read: its header, or all of it; and marks what may be the same.
func (p *planner) findDoubts(ask func(m *msg, whole bool)) {
	if p.held || !p.anyNew() {
		return
	}
	wanted := p.wantedSizes()
	if len(wanted) == 0 {
		return
	}
	d := doubts{map[sizeIdent]*doubtful{}, map[headIdent]*doubtful{}, map[int]*doubtful{}}
	p.eachCandidate(func(c candidate) { d.add(c, wanted) })
	if len(d.any) == 0 {
		return
	}
	for _, b := range p.boxes {
		if b.dead {
			continue
		}
		for i := range b.msgs {
			if m := &b.msgs[i]; m.row == nil && m.file == nil {
				d.look(m, ask)
			}
		}
	}
	p.eachCandidate(func(c candidate) {
		if d.blocks(c) {
			if c.row != nil {
				c.row.doubt = true
			} else {
				c.file.doubt = true
			}
		}
	})
}

// wantedSizes are the sizes of the messages that are not matched; -1 when one
// has none.
func (p *planner) wantedSizes() map[int64]bool {
	wanted := map[int64]bool{}
	for _, b := range p.boxes {
		if b.dead {
			continue
		}
		for i := range b.msgs {
			if m := &b.msgs[i]; m.row == nil && m.file == nil {
				wanted[max(m.Server.Content.Size, -1)] = true
			}
		}
	}
	return wanted
}

// candidate is something that may be on the server as a new message: in its own
// mailbox, and with elsewhere in any.
type candidate struct {
	row       *row
	file      *file
	content   *mail.Content
	draft     bool
	elsewhere bool
}

// eachCandidate goes through all that a new server message may turn out to be:
// new files and edited ones, and messages that the server lost or never had.
func (p *planner) eachCandidate(do func(candidate)) {
	for _, b := range p.boxes {
		if b.dead {
			continue
		}
		for i := range b.rows {
			r := &b.rows[i]
			if r.msg == nil && r.renumberable() {
				do(candidate{row: r, content: onServer(&r.Base.Content), draft: r.draft(), elsewhere: r.movable()})
			}
			if r.local == conflict.Edited && r.found == nil && r.server != conflict.Unknown {
				do(candidate{row: r, content: &r.LocalContent.Content, draft: r.draft()})
			}
		}
		for i := range b.files {
			// One that is known to be a message of another mailbox is still not to
			// be brought to this one if it is here already.
			f := &b.files[i]
			if f.msg == nil && f.known() && (f.row == nil || f.row.box != b && f.row.msg == nil) {
				do(candidate{file: f, content: onServer(&f.LocalContent.Content), draft: f.draft()})
			}
		}
	}
}

func (c candidate) box() int {
	if c.row != nil {
		return c.row.box.rank
	}
	return c.file.box.rank
}

// add counts a candidate in, if anything is asked for that has its size.
func (d *doubts) add(c candidate, wanted map[int64]bool) {
	if c.content.Size < 0 || c.content.Hash.IsZero() && c.content.Head.IsZero() {
		return // nothing that could be read would decide
	}
	if !wanted[c.content.Size] && !wanted[-1] {
		return
	}
	boxes := [...]int{c.box(), anywhere}
	n := 1
	if c.elsewhere {
		n = 2
	}
	for _, box := range boxes[:n] {
		count(d.any, box, c)
		count(d.sizes, sizeIdent{box, c.content.Size}, c)
		if !c.content.Head.IsZero() {
			count(d.heads, headIdent{box: box, size: c.content.Size, head: c.content.Head}, c)
		}
	}
}

func count[K comparable](table map[K]*doubtful, k K, c candidate) {
	t := table[k]
	if t == nil {
		t = new(doubtful)
		table[k] = t
	}
	hashed := !c.content.Hash.IsZero()
	t.hashed = t.hashed || hashed
	t.headless = t.headless || c.content.Head.IsZero()
	t.unnamed = t.unnamed || c.content.EmailID == ""
	if c.draft || c.content.Weak {
		t.weak = t.weak || hashed
	} else {
		t.strong = t.strong || hashed
	}
}

// look finds out whether a message may be any of the candidates, and what has
// to be read to know.
func (d *doubts) look(m *msg, ask func(*msg, bool)) {
	c := &m.Server.Content
	if !c.Hash.IsZero() {
		return // all that could be read was
	}
	for _, box := range [...]int{m.box.rank, anywhere} {
		if box == anywhere && m.box.notLocal {
			break // no file is moved there
		}
		switch {
		case c.Size < 0:
			if t := d.any[box]; t != nil && t.may(c) {
				t.blocked, m.doubt = true, true
				ask(m, false)
			}
		case c.Head.IsZero():
			if t := d.sizes[sizeIdent{box, c.Size}]; t != nil && t.may(c) {
				t.blocked, m.doubt = true, true
				// Where only the other is a draft, the header most likely tells them apart,
				// for a size is shared by many.
				ask(m, t.hashed && m.draft())
			}
		default:
			if t := d.heads[headIdent{box: box, size: c.Size, head: c.Head}]; t != nil && t.may(c) &&
				(t.weak || t.strong && (m.draft() || c.Weak)) {
				t.blocked, m.doubt = true, true
				ask(m, true)
			}
			if t := d.sizes[sizeIdent{box, c.Size}]; t != nil && t.may(c) && t.headless && t.hashed {
				t.blocked, m.doubt = true, true
				ask(m, true)
			}
		}
	}
}

// may tells that names alone do not decide that the message is none of these.
func (t *doubtful) may(c *mail.Content) bool { return c.EmailID == "" || t.unnamed }

// blocks tells that something on the server may be this candidate.
func (d *doubts) blocks(c candidate) bool {
	boxes := [...]int{c.box(), anywhere}
	n := 1
	if c.elsewhere {
		n = 2
	}
	for _, box := range boxes[:n] {
		if t := d.any[box]; t != nil && t.blocked {
			return true
		}
		if t := d.sizes[sizeIdent{box, c.content.Size}]; t != nil && t.blocked {
			return true
		}
		if t := d.heads[headIdent{box: box, size: c.content.Size, head: c.content.Head}]; t != nil && t.blocked {
			return true
		}
	}
	return false
}
