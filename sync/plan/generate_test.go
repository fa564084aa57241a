package plan_test

import (
	"slices"

	"godwit/conflict"
	"godwit/mail"

	"pgregory.net/rapid"
)

// tape is where a random world comes from: bytes that rapid draws, and makes
// fewer and smaller when it looks for the simplest world that fails. When it
// is at its end it reads zeros, which choose what is least.
type tape struct{ bytes []byte }

func drawTape(t *rapid.T) *tape {
	return &tape{rapid.SliceOfN(rapid.Byte(), 160, 160).Draw(t, "tape")}
}

// below returns a number below n.
func (t *tape) below(n int) int {
	if len(t.bytes) == 0 {
		return 0
	}
	b := int(t.bytes[0])
	t.bytes = t.bytes[1:]
	return b % n
}

func (t *tape) oneIn(n int) bool { return t.below(n) == n-1 && n > 1 }

// options say what a random world may have.
type options struct {
	modes      []conflict.Mode
	policies   bool // expunge policies other than the default, expunge_flagged
	remembered bool // rows that one side gave up
	resets     bool
	rooms      bool // sides that cannot hold every keyword
	duplicates bool // the same content several times
	readOnly   bool
	trash      bool
	windows    bool
	parts      bool // files that hold their messages only in part
}

const (
	poolSize = 12
	fresh    = 40 // contents from here on are each used once
)

type generator struct {
	*tape
	options
	w    *world
	next int // the last content that was used once
}

// generate makes a world in which both sides agreed, and then changed.
func generate(t *tape, o options) *world {
	g := &generator{tape: t, options: o, w: &world{}, next: fresh}
	policy := conflict.Policy{Mode: o.modes[t.below(len(o.modes))]}
	if o.policies && t.oneIn(2) {
		policy.Expunge = conflict.Sides(t.below(4))
		policy.ExpungeFlagged = t.oneIn(3)
	}
	for _, name := range []mail.Mailbox{mail.Inbox, "A", "B"} {
		b := &mbox{
			name: name, onServer: true, onLocal: true, baseServer: true, baseLocal: true,
			policy: policy, localOpen: true, serverOpen: true,
		}
		if o.rooms {
			if t.oneIn(4) {
				b.localOpen, b.table = false, mail.KeywordTable{"k2"}
			}
			if t.oneIn(4) {
				b.serverOpen, b.serverKnown = false, mail.NewKeywords([]string{"k1", "$Forwarded"}[:1+t.below(2)]...)
			}
			if t.oneIn(3) && b.localOpen {
				b.table = mail.KeywordTable{"k2", "", "k1"} // letters differ from mailbox to mailbox
			}
		}
		if o.windows {
			g.window(b)
		}
		b.readOnly = o.readOnly && t.oneIn(4)
		g.w.boxes = append(g.w.boxes, b)
	}
	if o.trash && t.oneIn(2) {
		for _, b := range g.w.boxes[:2] {
			b.trash = "B"
		}
	}
	for range t.below(7) {
		g.agreed()
	}
	for i := range g.w.rows {
		g.changeServer(g.w.rows[i])
		g.changeLocal(g.w.rows[i])
	}
	for range t.below(3) {
		b := g.anyBox()
		c := g.content()
		b.appendMsg(c, g.serverFlags(b, c))
	}
	for range t.below(3) {
		b := g.anyBox()
		g.addFile(b, g.content(), g.flags(0))
	}
	if t.oneIn(2) { // the same message came to both sides, by ways of its own
		c := g.content()
		b := g.anyBox()
		b.appendMsg(c, g.serverFlags(b, c))
		if !o.duplicates || t.oneIn(2) {
			g.addFile(b, c, g.flags(c))
		} else {
			g.addFile(g.anyBox(), c, g.flags(c))
		}
	}
	// What waits for a mailbox that cannot be changed would have one that was
	// numbered anew go through that on every run.
	readOnly := slices.ContainsFunc(g.w.boxes, func(b *mbox) bool { return b.readOnly })
	if o.resets && !readOnly && t.oneIn(2) {
		for _, b := range g.w.boxes {
			if t.oneIn(2) {
				g.reset(b)
			}
		}
	}
	return g.w
}

// window gives a mailbox one, or none.
func (g *generator) window(b *mbox) {
	n := g.below(64)
	if n&1 != 0 {
		b.window.Since = mail.UnixTime(1000 + g.below(7))
	}
	if n&2 != 0 {
		b.window.From = mail.UID(g.below(6))
	}
	b.window.Unread, b.window.Flagged = n&12 == 4, n&48 != 0
}

// outside makes a row one that an earlier window had not: its file is not here, and
// may never have been.
func (g *generator) outside(b *mbox, r *mail.Row, c int) {
	b.dropFile(r.Key)
	r.Content = r.Content.OnServer()
	r.Key, r.Inode, r.Window, r.Date = "", 0, mail.Outside, dateOf(c)
	r.Flags = b.msg(r.UID).flags
	if g.oneIn(2) {
		r.Content = mail.Content{Size: r.Content.Size}
	}
	if g.oneIn(4) { // the user puts it there himself
		g.addFile(b, c, g.flags(c))
	}
}

func (g *generator) anyBox() *mbox { return g.w.boxes[g.below(len(g.w.boxes))] }

func (g *generator) content() int {
	if g.duplicates && !g.oneIn(3) {
		return g.below(poolSize)
	}
	g.next += 2
	return g.next
}

// flags draws flags for a message with content c; a draft's always has \Draft.
func (g *generator) flags(c int) mail.Flags {
	n := g.below(64)
	f := mail.Flags{}
	for i, s := range [...]mail.System{mail.Seen, mail.Flagged, mail.Deleted, mail.Forwarded} {
		if n&(1<<i) != 0 && n&1 == i&1 {
			f.System |= s
		}
	}
	f.Keywords = [...]mail.Keywords{"", "k1", "k2", "k1 k2"}[n>>4]
	if isDraft(c) {
		f.System |= mail.Draft
	}
	return f
}

// serverFlags are flags that the server can have.
func (g *generator) serverFlags(b *mbox, c int) mail.Flags {
	return b.holdable(g.flags(c))
}

func (b *mbox) holdable(f mail.Flags) mail.Flags {
	f = f.Minus(b.serverRoom().Missing(f))
	if !b.serverRoom().Holds("$Forwarded") {
		f.System &^= mail.Forwarded
	}
	return f
}

func (g *generator) addFile(b *mbox, c int, flags mail.Flags) *lfile {
	if isDraft(c) {
		flags.System |= mail.Draft
	}
	f := lfile{key: g.w.newKey(), c: c, inode: g.w.newInode()}
	b.encode(&f, flags)
	b.files = append(b.files, f)
	return &b.files[len(b.files)-1]
}

// agreed adds a message that both sides have, or that one of them gave up.
func (g *generator) agreed() {
	b, c := g.anyBox(), g.content()
	flags := g.flags(c)
	sides := 0
	if g.remembered {
		sides = [...]int{0, 0, 0, 1, 2}[g.below(5)]
	}
	r := mail.Row{Mailbox: b.name, Flags: flags, Content: contentOf(c)}
	if sides != 1 {
		r.UID = b.appendMsg(c, b.holdable(flags))
	}
	if sides != 2 {
		f := g.addFile(b, c, flags)
		r.Key, r.Inode = f.key, f.inode
		if g.parts && sides == 0 && canBePart(c) && g.oneIn(2) {
			f.part, r.Content = true, partOf(c)
		}
	}
	if g.windows && r.UID != 0 && r.Key != "" {
		switch g.below(5) {
		case 3:
			g.outside(b, &r, c)
		case 4:
			r.Window = mail.Brought
		}
	}
	g.w.putRow(r)
}

func (g *generator) toggle(f mail.Flags) mail.Flags {
	switch g.below(8) {
	case 0, 1:
		f.System ^= mail.Seen
	case 2:
		f.System ^= mail.Flagged
	case 3:
		f.System ^= mail.Deleted
	case 4:
		f.System ^= mail.Forwarded
	case 5:
		f = mail.FlagDelta{Add: mail.Flags{Keywords: "k1"}}.Apply(f)
	case 6:
		f = mail.FlagDelta{Add: mail.Flags{Keywords: "k2"}}.Apply(f)
	case 7:
		f.Keywords = ""
	}
	return f
}

// changeServer has another client of the server do something to a message.
func (g *generator) changeServer(r mail.Row) {
	b := g.w.box(r.Mailbox)
	m := b.msg(r.UID)
	if m == nil {
		return
	}
	c := m.c
	if g.oneIn(3) {
		m.flags = b.holdable(g.toggle(m.flags))
	}
	switch g.below(10) {
	case 5, 6:
		if r.Content.Partial == 0 { // else what is left of it stays here, and is told by each run
			b.dropMsg(r.UID)
		}
	case 7, 8:
		to, flags := g.anyBox(), m.flags
		if to != b {
			b.dropMsg(r.UID)
			to.appendMsg(c, to.holdable(flags))
		}
	case 9:
		if flags := m.flags; g.duplicates {
			to := g.anyBox()
			to.appendMsg(c, to.holdable(flags))
		} else { // the same message under another UID
			b.dropMsg(r.UID)
			b.appendMsg(c, flags)
		}
	}
}

// changeLocal has the user do something to a file.
func (g *generator) changeLocal(r mail.Row) {
	b := g.w.box(r.Mailbox)
	f := b.file(r.Key)
	if f == nil {
		return
	}
	if g.oneIn(3) {
		b.encode(f, g.toggle(b.decode(f)))
	}
	switch g.below(12) {
	case 5, 6:
		b.dropFile(r.Key)
	case 7, 8: // a mail reader moves a file with all of its name, letters too
		to, moved := g.anyBox(), *f
		if to != b {
			if g.oneIn(2) {
				moved.key = g.w.newKey()
			}
			b.dropFile(r.Key)
			to.files = append(to.files, moved)
		}
	case 9:
		f.key = g.w.newKey()
	case 10:
		f.inode = g.w.newInode()
		if !g.oneIn(4) && !f.part {
			if isDraft(f.c) {
				f.c ^= 1 // the other half of the pair: same header, same size
			} else if g.next += 2; isDraft(g.next) {
				g.next += 2
				f.c = g.next
			} else {
				f.c = g.next
			}
		}
	case 11:
		if g.duplicates {
			to, flags, part := g.anyBox(), b.decode(f), f.part
			g.addFile(to, f.c, flags).part = part
		}
	}
}

// reset numbers a mailbox anew on the server, as if it were another one.
func (g *generator) reset(b *mbox) {
	b.reset = true
	old := b.msgs
	b.msgs, b.uidNext = nil, 0
	for len(old) > 0 {
		i := g.below(len(old))
		b.appendMsg(old[i].c, old[i].flags)
		old = append(old[:i:i], old[i+1:]...)
	}
}
