package wire

import (
	"context"
	"errors"
	"strings"

	"godwit/mail"
)

// FetchOptions say what to fetch.
type FetchOptions struct {
	// UIDs to ask for. A range up to the highest UID is written "n:*"; the
	// server's answer for a message below n is no result.
	UIDs     mail.UIDSet
	Items    Item
	Sections []Section
	// ChangedSince, when not zero, asks only for messages whose MODSEQ is greater
	// (RFC 7162, 3.1.4.1); Vanished, for the expunged ones besides (3.2.6).
	ChangedSince mail.ModSeq
	Vanished     bool
}

// Sink takes a result of FETCH. Without Sections it is called for each message
// with body nil, and again when the server tells of the same message again: the
// last call counts. With Sections it is called once for each section of each
// message. m is valid only during the call. An error stops the command: nothing
// more is given to the sink, the rest of the answer is skipped (end the context to
// skip it sooner), and Wait returns the error.
type Sink func(m *Message, body *Body) error

// FetchData is what FETCH told apart from what the sink was given.
type FetchData struct {
	// Vanished are the UIDs of VANISHED (EARLIER).
	Vanished mail.UIDSet
	// Delivered are the messages all of whose Sections came to their last octet,
	// none of them NIL, and which the sink took without an error. Empty when no
	// section was asked for. Only with the tagged OK (a nil error) do they count.
	Delivered mail.UIDSet
}

// fetchCommand is what the parts of one FETCH share.
type fetchCommand struct {
	options  FetchOptions
	sink     Sink
	data     FetchData
	met      mail.UIDSet // messages whose sections were given to the sink
	told     int         // results without sections
	err      error       // the sink's
	sections int
}

// errTooMany is the error of a FETCH to which the server answers without end.
var errTooMany = errors.New("the server tells of more messages than it says there are")

func (f *fetchCommand) sinkErr() error { return f.err }

// give calls the sink, unless it has failed. It tells whether the sink took it.
func (f *fetchCommand) give(m *Message, b *Body) bool {
	if f.err != nil {
		return false
	}
	err := f.sink(m, b)
	if err != nil && (b == nil || b.err == nil) {
		f.err = err // else the connection broke, and that is the error to report
	}
	return err == nil
}

// Fetch is UID FETCH. A nil sink takes every result and does nothing.
func (c *Conn) Fetch(ctx context.Context, o FetchOptions, sink Sink) *Command[FetchData] {
	if sink == nil {
		sink = func(*Message, *Body) error { return nil }
	}
	f := &fetchCommand{options: o, sink: sink, sections: len(o.Sections)}
	x := &Command[FetchData]{c: c, collect: func() FetchData { return f.data }}
	for _, chunk := range o.UIDs.Chunks(0, MaxSetOctets) {
		t := c.text()
		t.raw("UID FETCH ")
		t.openUIDs(chunk)
		f.options.write(t)
		cmd := &command{name: "UID FETCH", uids: chunk, fetch: f}
		x.parts = append(x.parts, c.start(ctx, cmd, t))
	}
	return x
}

func (o *FetchOptions) write(t *text) {
	t.raw(" (UID")
	for _, item := range itemNames {
		if o.Items&item.bit != 0 {
			t.raw(" ")
			t.raw(item.name)
		}
	}
	for _, s := range o.Sections { // last, so that all else is known when a literal comes
		t.raw(" ")
		t.section(s)
	}
	t.raw(")")
	if o.ChangedSince == 0 {
		return
	}
	t.raw(" (CHANGEDSINCE ")
	t.number(uint64(o.ChangedSince))
	if o.Vanished {
		t.raw(" VANISHED")
	}
	t.raw(")")
}

var itemNames = [...]struct {
	bit  Item
	name string
}{
	{ItemFlags, "FLAGS"}, {ItemDate, "INTERNALDATE"}, {ItemSize, "RFC822.SIZE"},
	{ItemModSeq, "MODSEQ"}, {ItemEmailID, "EMAILID"}, {ItemGmailID, "X-GM-MSGID"},
	{ItemStructure, "BODYSTRUCTURE"},
}

// section returns which of the sections the response named, -1 for none.
func (o *FetchOptions) section(spec []byte, origin int64) int {
	for i, s := range o.Sections {
		if (s.Length == 0 && origin < 0 || s.Length > 0 && s.Offset == origin) &&
			len(s.Spec) == len(spec) && strings.EqualFold(s.Spec, string(spec)) {
			return i
		}
	}
	return -1
}

// fetched reads FETCH (RFC 9051, 7.5.2).
func (c *Conn) fetched(seq uint32) {
	p := &c.p
	c.msg = Message{Seq: seq}
	m := &c.msg
	given := 0 // sections given to the sink of owner
	var owner *command
	p.expect('(', "no list behind FETCH")
	for p.ok() {
		p.spaces()
		if p.take(')') {
			break
		}
		if at := p.item(m, &c.flags); at {
			took, by := c.section(m, owner)
			if by != nil {
				owner = by
			}
			if took {
				given++
			}
		}
	}
	p.end()
	if p.ok() {
		owner, given = c.release(m, owner, given)
	}
	for i := range c.held {
		c.held[i].close()
	}
	clear(c.held)
	c.held = c.held[:0]
	if !p.ok() {
		if p.err == nil {
			c.complain(c.fetchFor(m), p.malformed())
		}
		return
	}
	if owner != nil {
		c.flood.useful = true
		owner.fetch.met.Add(m.UID)
		if given == owner.fetch.sections {
			owner.fetch.data.Delivered.Add(m.UID)
		}
		return
	}
	c.metadata(m)
}

// item reads one item of FETCH into m. True: it is a section, whose name is next.
func (p *parser) item(m *Message, flags *flagCache) bool {
	// FLAGS, UID and MODSEQ are all that a scan of a whole mailbox has.
	i := 0
	for i < len(p.line) && p.line[i] != ' ' && p.line[i] != '[' && p.line[i] != ')' && p.line[i] != '(' {
		i++
	}
	word := p.line[:i]
	if i == 0 || i > 24 {
		p.fail("no FETCH item")
		return false
	}
	p.line = p.line[i:]
	if p.peek() == '[' {
		if equalFold(word, "BODY") {
			return true
		}
		p.sectionName() // BINARY[…], BINARY.SIZE[…]
		p.skipValue()
		return false
	}
	p.spaces()
	var name [24]byte
	switch string(upper(name[:0], word)) {
	case "UID":
		m.UID = p.uid()
		p.about = m.UID
	case "FLAGS":
		m.Flags = flags.parse(p.flagList())
		m.Has |= ItemFlags
	case "MODSEQ":
		p.expect('(', "MODSEQ without parentheses")
		m.ModSeq = p.modSeq()
		p.expect(')', "MODSEQ without parentheses")
		m.Has |= ItemModSeq
	case "INTERNALDATE":
		m.Date = p.date()
		m.Has |= ItemDate
	case "RFC822.SIZE":
		m.Size = int64(p.number(1<<63 - 1))
		m.Has |= ItemSize
	case "EMAILID":
		m.EmailID = p.objectID()
		m.Has |= ItemEmailID
	case "BODYSTRUCTURE":
		m.Structure = p.structureOrNone()
		m.Has |= ItemStructure
	case "X-GM-MSGID":
		m.EmailID = string(p.word())
		m.Has |= ItemGmailID
	default:
		p.skipValue()
	}
	return false
}

// fetchFor returns the FETCH that a malformed response for m fails: the one that
// asked for it, or when that cannot be told, the oldest.
func (c *Conn) fetchFor(m *Message) *command {
	if cmd := c.oldest(func(cmd *command) bool {
		return cmd.fetch != nil && (m.UID == 0 || cmd.uids.Contains(m.UID))
	}); cmd != nil {
		return cmd
	}
	return c.oldest(nil)
}

// section reads a section's name and value. It gives the value to the sink of
// the command that asked for it, if all that the sink is to know is known; holds
// it, if not; and skips what nobody asked for. took tells that the sink had it
// whole.
func (c *Conn) section(m *Message, owner *command) (took bool, by *command) {
	p := &c.p
	spec, origin := p.sectionName()
	if !p.ok() {
		return false, nil
	}
	at := -1
	asked := c.oldest(func(cmd *command) bool {
		if cmd.fetch == nil || owner != nil && cmd != owner {
			return false
		}
		at = cmd.fetch.options.section(spec, origin)
		return at >= 0 && (m.UID == 0 || cmd.uids.Contains(m.UID) && !cmd.fetch.met.Contains(m.UID))
	})
	p.spaces()
	if asked == nil {
		p.skipValue()
		p.afterValue()
		return false, nil
	}
	name := asked.fetch.options.Sections[at]
	if p.peek() != '{' && p.peek() != '~' { // small enough to be in the line
		s := spool{section: at, name: name}
		if s.null = p.nilNext(); !s.null {
			s.memory = p.quoted(nil)
			s.size = int64(len(s.memory))
		}
		c.hold(s)
		return false, nil
	}
	n, ok := p.literalNext()
	if !ok {
		p.fail("no literal, no string")
		return false, nil
	}
	missing := asked.fetch.options.Items & required &^ m.Has
	if m.Has&ItemSize != 0 && (n-1<<20)/2 > m.Size && name == Whole {
		// Not worth the disk, nor the time: nobody could tell where it ends.
		p.fail("a body far larger than RFC822.SIZE")
		return false, nil
	}
	if m.UID == 0 || missing != 0 {
		if n > mostSpooled {
			p.outOfStep("literal too large to be put by")
			return false, nil
		}
		s := spool{section: at, name: name}
		if err := s.fill(p.rd, n, c.heldOctets()+n <= spoolMemory, c.tempDir); err != nil {
			s.close()
			p.fatal(err)
			return false, nil
		}
		c.hold(s)
	} else {
		by = asked
		b := &Body{Section: name, Size: n, rd: p.rd, left: n}
		took = asked.fetch.give(m, b)
		if err := b.expire(); err != nil {
			p.fatal(err)
			return false, by
		}
	}
	p.next()
	p.afterValue()
	return took, by
}

// afterValue demands that an item ends behind a section. If not, its literal was
// not as long as announced, and nobody can tell where the next response begins.
func (p *parser) afterValue() {
	if c := p.peek(); p.ok() && c != ' ' && c != ')' {
		p.outOfStep("something right behind a section")
	}
}

// heldOctets is how much of this response is held in memory.
func (c *Conn) heldOctets() int64 {
	var n int64
	for _, s := range c.held {
		n += int64(len(s.memory))
	}
	return n
}

// hold keeps a section until the response ends. A second one of the same name is
// no use to anybody.
func (c *Conn) hold(s spool) {
	for _, held := range c.held {
		if held.name == s.name {
			s.close()
			return
		}
	}
	c.held = append(c.held, s)
}

// release gives what was held to the command that asked for it, now that the
// message is known.
func (c *Conn) release(m *Message, owner *command, given int) (*command, int) {
	if len(c.held) == 0 || m.UID == 0 {
		return owner, given
	}
	for i := range c.held {
		s := &c.held[i]
		cmd := owner
		if cmd == nil {
			cmd = c.oldest(func(cmd *command) bool {
				return cmd.fetch != nil && cmd.uids.Contains(m.UID) && !cmd.fetch.met.Contains(m.UID) &&
					s.section < cmd.fetch.sections && cmd.fetch.options.Sections[s.section] == s.name &&
					cmd.fetch.options.Items&required&^m.Has == 0
			})
		}
		if cmd == nil {
			continue
		}
		owner = cmd
		if s.err != nil {
			if cmd.problem == nil {
				cmd.problem = s.err
			}
			continue
		}
		b := s.body()
		if took := cmd.fetch.give(m, b); took && b.err == nil && !s.null {
			given++
		}
		b.expire()
	}
	return owner, given
}

// metadata gives a response without sections to the command that asked for just
// that, or to the handler.
func (c *Conn) metadata(m *Message) {
	if m.UID != 0 {
		c.mu.Lock()
		var cmd *command
		for _, x := range c.pending {
			if x.selected != nil && x.qresync && x == c.pending[0] {
				cmd = x
			} else if f := x.fetch; f != nil && f.sections == 0 && x.uids.Contains(m.UID) &&
				f.options.Items&required&^m.Has == 0 {
				cmd = x
			}
			if cmd != nil || x.barrier {
				break
			}
		}
		c.mu.Unlock()
		switch {
		case cmd == nil:
		case cmd.selected != nil:
			if m.Has&ItemFlags != 0 && cmd.problem == nil {
				cmd.selected.Changed = append(cmd.selected.Changed, *m)
				if implausible(len(cmd.selected.Changed), c.exists) {
					cmd.selected.Changed = nil
					cmd.problem = &MalformedError{Reason: "it tells of more changed messages than there are"}
				}
				c.flood.useful = true
				return
			}
		default:
			f := cmd.fetch
			if f.told++; f.err == nil && implausible(f.told, c.exists) {
				f.err = errTooMany
			}
			c.flood.useful = f.give(m, nil)
			return
		}
	} else if cmd := c.selecting(); cmd != nil && cmd.qresync && cmd.problem == nil {
		// A change that cannot be attributed would be missed for ever, since the
		// next resynchronisation starts behind it.
		cmd.problem = &MalformedError{Reason: "FETCH without UID in answer to QRESYNC"}
	}
	if c.handler != nil {
		c.handler(Event{Kind: EventFetch, Message: m})
	}
}
