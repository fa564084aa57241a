package wire

import (
	"context"

	"godwit/mail"
	"godwit/mail/search"
)

// SearchCriteria are joined by AND; the zero value is ALL.
type SearchCriteria struct {
	UIDs    mail.UIDSet // empty: no such criterion
	Deleted bool        // marked \Deleted
	Larger  int64       // than this many octets, by RFC822.SIZE; zero: no such criterion
	// Field, when not empty, is a header field that must contain Value.
	Field, Value string
	// Key, when not nil, must hold. Texts in it that are not ASCII are sent as
	// UTF-8, which a server may refuse with BADCHARSET.
	Key search.Key
}

// searchCommand is what the parts of one SEARCH find.
type searchCommand struct {
	extended bool
	answered bool
	uids     mail.UIDSet
}

// Search is UID SEARCH, with RETURN (ALL) where the server has ESEARCH. Without
// any answer, though OK, it fails with [ErrNoAnswer].
func (c *Conn) Search(ctx context.Context, s SearchCriteria) *Command[mail.UIDSet] {
	chunks := s.UIDs.Chunks(0, MaxSetOctets)
	if len(chunks) == 0 {
		chunks = []mail.UIDSet{{}}
	}
	var found []*searchCommand
	x := &Command[mail.UIDSet]{c: c}
	for _, chunk := range chunks {
		f := &searchCommand{extended: c.caps.Has("ESEARCH")}
		found = append(found, f)
		t := c.text()
		t.raw("UID SEARCH")
		if f.extended {
			t.raw(" RETURN (ALL)")
		}
		if s.Key != nil && eightBit(s.Key) {
			t.raw(" CHARSET UTF-8")
		}
		before := len(t.buf)
		if !chunk.IsEmpty() {
			t.raw(" UID ")
			t.openUIDs(chunk)
		}
		if s.Deleted {
			t.raw(" DELETED")
		}
		if s.Larger > 0 {
			t.raw(" LARGER ")
			t.number(uint64(s.Larger))
		}
		if s.Field != "" {
			t.raw(" HEADER ")
			t.str(s.Field)
			t.raw(" ")
			t.str(s.Value)
		}
		if s.Key != nil {
			t.raw(" ")
			if all, is := s.Key.(search.And); is {
				t.keys(all)
			} else {
				t.key(s.Key)
			}
		}
		if len(t.buf) == before {
			t.raw(" ALL")
		}
		cmd := &command{name: "UID SEARCH", uids: chunk, search: f}
		x.parts = append(x.parts, c.start(ctx, cmd, t))
	}
	x.collect = func() mail.UIDSet {
		var all mail.UIDSet
		for i, f := range found {
			uids := f.uids
			if !chunks[i].IsEmpty() { // "n:*" may find a message below n
				uids = uids.Intersect(chunks[i])
			}
			all.AddSet(uids)
		}
		return all
	}
	return x
}

// searched reads SEARCH (RFC 9051, E; RFC 3501, 7.2.5), with the MODSEQ that
// CONDSTORE may put behind it.
func (c *Conn) searched() {
	p := &c.p
	var ranges []mail.UIDRange
	for p.ok() {
		p.spaces()
		if b := p.peek(); b < '0' || b > '9' {
			break
		}
		u := p.uid()
		if n := len(ranges); n > 0 && ranges[n-1].High+1 == u {
			ranges[n-1].High = u
			continue
		}
		ranges = append(ranges, mail.UIDRange{Low: u, High: u})
	}
	if p.peek() == '(' {
		p.skipValue()
	}
	p.end()
	if !p.ok() {
		return
	}
	if cmd := c.oldest(func(cmd *command) bool { return cmd.search != nil }); cmd != nil {
		cmd.search.answered = true
		cmd.search.uids.AddSet(setOf(ranges))
	}
}

// extendedSearched reads ESEARCH (RFC 4731, 3). Without its UID indicator it
// would name sequence numbers, and is refused.
func (c *Conn) extendedSearched() {
	p := &c.p
	p.spaces()
	tag := ""
	if p.take('(') {
		if !equalFold(p.word(), "TAG") {
			p.fail("ESEARCH correlator without TAG")
		}
		p.spaces()
		tag = p.str()
		p.expect(')', "ESEARCH correlator without end")
	}
	cmd := c.oldest(func(cmd *command) bool {
		return cmd.search != nil && cmd.search.extended && (tag == "" || tag == cmd.tagText())
	})
	isUID := false
	var all []mail.UIDRange
	expected := uint64(1<<64 - 1)
	for p.ok() {
		p.spaces()
		if len(p.line) == 0 {
			break
		}
		var name [16]byte
		word := p.word()
		if len(word) == 0 || len(word) > len(name) {
			p.fail("no ESEARCH item")
			break
		}
		item := string(upper(name[:0], word))
		if item == "UID" {
			isUID = true
			continue
		}
		p.spaces()
		switch item {
		case "ALL":
			all = append(all, p.ranges()...)
		case "COUNT":
			expected = p.number(1<<32 - 1)
		default: // MIN, MAX, MODSEQ, and what came later
			p.skipValue()
		}
	}
	switch {
	case !p.ok():
	case !isUID:
		p.fail("ESEARCH without UID")
	case expected != 1<<64-1 && expected != count(all):
		p.fail("ESEARCH with COUNT and ALL that disagree")
	}
	if cmd == nil {
		if p.bad != "" && p.err == nil {
			p.resync()
			p.bad = "" // nobody asked
		}
		return
	}
	if !p.ok() {
		if p.err == nil {
			c.complain(cmd, p.malformed())
		}
		return
	}
	cmd.search.answered = true
	cmd.search.uids.AddSet(setOf(all))
}
