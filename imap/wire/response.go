package wire

import (
	"errors"
	"fmt"
	"strings"

	imap "github.com/emersion/go-imap/v2"
)

// response reads one response and gives it to whom it concerns. An error ends
// the connection.
func (c *Conn) response() error {
	p := &c.p
	begun := p.rd.read
	p.begin()
	if p.err != nil {
		return p.err
	}
	isTagged := false
	switch {
	case len(p.line) == 0: // some servers send an empty line too many
	case p.line[0] == '*':
		p.line = p.line[1:]
		p.expect(' ', "no space behind the star")
		p.spaces()
		c.untagged()
	case p.line[0] == '+':
		c.continuation()
	default:
		isTagged = true
		c.tagged()
	}
	if p.bad != "" && p.err == nil {
		c.complain(c.oldest(nil), p.malformed())
	}
	if isTagged {
		c.flood = flood{exists: c.exists}
	} else if err := c.flood.count(p.rd.read - begun); err != nil && p.err == nil {
		p.fatal(err)
	}
	return p.err
}

// complain gives a malformed response to the command it fails, or to the handler
// when none is under way, and goes to its end.
func (c *Conn) complain(cmd *command, err *MalformedError) {
	c.p.resync()
	c.p.bad = ""
	switch {
	case cmd == nil:
		c.event(Event{Kind: EventMalformed, Err: err})
	case cmd.problem == nil:
		cmd.problem = err
	}
}

// oldest returns the oldest command under way that wants what came, nil if none
// does. What comes before the answer to a SELECT cannot be meant for later ones.
func (c *Conn) oldest(wants func(*command) bool) *command {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, cmd := range c.pending {
		if wants == nil || wants(cmd) {
			return cmd
		}
		if cmd.barrier {
			return nil
		}
	}
	return nil
}

// selecting returns the SELECT that is being answered, nil if none is.
func (c *Conn) selecting() *command {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.pending) > 0 && c.pending[0].selected != nil {
		return c.pending[0]
	}
	return nil
}

// continuation is "+": whoever waits may go on. One that nobody asked for is
// ignored.
func (c *Conn) continuation() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if cmd := c.awaiting; cmd != nil {
		c.awaiting = nil
		if cmd.idle {
			c.idling = true
			c.link.setBusy(false) // it may be silent for as long as nothing happens
		}
		cmd.proceed <- struct{}{}
	}
}

// untagged reads what follows "* ".
func (c *Conn) untagged() {
	p := &c.p
	if b := p.peek(); b >= '0' && b <= '9' {
		c.numbered()
		return
	}
	var name [16]byte
	word := p.word()
	if len(word) > len(name) {
		p.resync()
		return
	}
	switch string(upper(name[:0], word)) {
	case "OK", "NO", "BAD", "PREAUTH":
		c.condition(parseCondition(p.line))
	case "BYE":
		c.sayBye(parseCondition(p.line))
	case "FLAGS":
		c.mailboxFlags()
	case "VANISHED":
		c.flood.sets++
		c.vanished()
	case "SEARCH":
		c.flood.sets++
		c.searched()
	case "ESEARCH":
		c.flood.sets++
		c.extendedSearched()
	case "STATUS":
		c.statusResponse()
	case "ENABLED":
		c.enabledResponse()
	default: // CAPABILITY, LIST, and whatever we never asked for
		p.resync()
	}
}

// numbered reads "n EXISTS" and the like.
func (c *Conn) numbered() {
	p := &c.p
	n := uint32(p.number(1<<32 - 1))
	p.expect(' ', "no word behind the number")
	var name [16]byte
	word := p.word()
	if !p.ok() {
		return
	}
	if len(word) > len(name) {
		p.resync()
		return
	}
	switch string(upper(name[:0], word)) {
	case "FETCH":
		p.spaces()
		c.fetched(n)
	case "EXISTS":
		c.exists = n
		if cmd := c.selecting(); cmd != nil {
			cmd.selected.Exists, cmd.selected.ExistsGiven = n, true
			return
		}
		c.event(Event{Kind: EventExists, Number: n})
	case "EXPUNGE", "EXPUNGED": // GNU imap4d says EXPUNGED
		c.event(Event{Kind: EventExpunge, Number: n})
	default:
		p.resync()
	}
}

// upper appends b in upper case (ASCII).
func upper(to, b []byte) []byte {
	for _, c := range b {
		if c >= 'a' && c <= 'z' {
			c -= 'a' - 'A'
		}
		to = append(to, c)
	}
	return to
}

// tagged reads the answer to a command.
func (c *Conn) tagged() {
	p := &c.p
	tag := p.word()
	n, ok := uint64(0), false
	if len(tag) > len(tagPrefix) && string(tag[:len(tagPrefix)]) == tagPrefix {
		n, ok = number(tag[len(tagPrefix):], 1<<63-1)
	}
	cmd := c.pick(n)
	if !ok || cmd == nil {
		p.outOfStep("neither a response nor a tag that was sent")
		if cmd != nil {
			cmd.finish(&LostError{Sent: true, Err: p.err})
		}
		return
	}
	p.expect(' ', "no space behind the tag")
	word := string(p.word())
	x := parseCondition(p.line)
	c.alert(x)
	cmd.answered = true
	err := c.conclude(cmd, imap.StatusResponseType(strings.ToUpper(word)), x)
	if errors.Is(err, errOutOfStep) {
		p.outOfStep("no OK, NO or BAD behind the tag")
		err = &LostError{Sent: true, Err: p.err}
	}
	cmd.finish(err)
}

// pick takes a command off those under way.
func (c *Conn) pick(tag uint64) *command {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, cmd := range c.pending {
		if cmd.tag != tag {
			continue
		}
		c.pending = append(c.pending[:i], c.pending[i+1:]...)
		if cmd.idle {
			c.idling = false
		}
		if c.awaiting == cmd {
			c.awaiting = nil
		}
		if c.bye == nil {
			c.link.setBusy(len(c.pending) > 0 && !c.idling)
		}
		return cmd
	}
	return nil
}

// conclude reads what a tagged answer says, and returns the command's error.
func (c *Conn) conclude(cmd *command, kind imap.StatusResponseType, x condition) error {
	switch kind {
	case imap.StatusResponseTypeOK, imap.StatusResponseTypeNo, imap.StatusResponseTypeBad:
	default:
		return errOutOfStep
	}
	switch x.code {
	case "COPYUID":
		if cmd.copied != nil {
			cmd.copied.add(x.args)
		}
	case "APPENDUID":
		if cmd.appended != nil {
			cmd.appended.add(x.args)
		}
	case "MODIFIED":
		if cmd.store != nil {
			uids, ok := parseRanges(x.args)
			if !ok {
				return fmt.Errorf("the server left messages alone, but not even says which: %w",
					&MalformedError{Reason: "MODIFIED without a set", Text: x.text})
			}
			cmd.store.Modified.AddSet(setOf(uids).Intersect(cmd.uids))
		}
	default:
		if cmd.selected != nil {
			c.selectCode(cmd.selected, x)
		}
	}
	if kind != imap.StatusResponseTypeOK {
		refusal := &imap.Error{Type: kind, Code: imap.ResponseCode(x.code), Text: x.text}
		if cmd.fetch != nil && cmd.fetch.sinkErr() != nil {
			return cmd.fetch.sinkErr()
		}
		return refusal
	}
	if cmd.compress {
		c.inflate()
	}
	switch {
	case cmd.fetch != nil && cmd.fetch.sinkErr() != nil:
		return cmd.fetch.sinkErr()
	case cmd.problem != nil:
		return cmd.problem
	case cmd.search != nil && !cmd.search.answered, cmd.status != nil && !cmd.status.answered:
		return ErrNoAnswer
	}
	return nil
}

// mailboxFlags reads FLAGS.
func (c *Conn) mailboxFlags() {
	p := &c.p
	p.spaces()
	text := p.flagList()
	p.end()
	if !p.ok() {
		return
	}
	f := c.flags.parse(text)
	if cmd := c.selecting(); cmd != nil {
		cmd.selected.Flags = f
		return
	}
	c.event(Event{Kind: EventFlags, Flags: f})
}

// vanished reads VANISHED (RFC 7162, 3.2.10).
func (c *Conn) vanished() {
	p := &c.p
	p.spaces()
	earlier := false
	if p.take('(') {
		earlier = equalFold(p.word(), "EARLIER")
		p.expect(')', "VANISHED without EARLIER")
		p.spaces()
	}
	ranges := p.ranges()
	p.end()
	if !p.ok() {
		return
	}
	uids := setOf(ranges)
	if earlier {
		if cmd := c.selecting(); cmd != nil && cmd.qresync {
			cmd.selected.Vanished.AddSet(uids)
			return
		}
		if cmd := c.oldest(func(cmd *command) bool { return cmd.fetch != nil && cmd.fetch.options.Vanished }); cmd != nil {
			cmd.fetch.data.Vanished.AddSet(uids)
			return
		}
	}
	c.event(Event{Kind: EventVanished, UIDs: uids, Earlier: earlier})
}
