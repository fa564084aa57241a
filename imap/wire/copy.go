package wire

import (
	"context"

	imap "github.com/emersion/go-imap/v2"

	"godwit/mail"
)

// maxPairs bounds what a COPYUID is expanded to.
const maxPairs = 1 << 24

// CopyData is what became of COPY or MOVE.
type CopyData struct {
	UIDValidity mail.UIDValidity // of the target; zero: not given
	// Copied pairs source and target as COPYUID did, in its order (RFC 4315, 3).
	// Only UIDs that were asked for are in it; empty where the server gave none,
	// or one that does not add up.
	Copied []mail.Copied
}

// copyCommand is one COPY or MOVE.
type copyCommand struct {
	asked    mail.UIDSet
	validity mail.UIDValidity
	pairs    []mail.Copied
	seen     mail.UIDSet
	invalid  bool // what came does not add up
}

// add takes a COPYUID. A MOVE may give several, and some servers repeat it in the
// tagged answer.
func (x *copyCommand) add(args []byte) {
	parsed, ok := parseCopyUID(args)
	n := count(parsed.from)
	if !ok || n > maxPairs || n > uint64(x.asked.Len()) || x.validity != 0 && x.validity != parsed.validity {
		x.invalid = true
		return
	}
	x.validity = parsed.validity
	to := list(parsed.to, n)
	for i, from := range list(parsed.from, n) {
		if x.asked.Contains(from) && !x.seen.Contains(from) {
			x.seen.Add(from)
			x.pairs = append(x.pairs, mail.Copied{From: from, To: to[i]})
		}
	}
}

// concerns tells that a COPYUID names what the command asked for.
func (x *copyCommand) concerns(args []byte) bool {
	parsed, ok := parseCopyUID(args)
	return ok && len(parsed.from) > 0 && x.asked.Contains(parsed.from[0].Low)
}

// Copy is UID COPY to a mailbox, whose name is raw.
func (c *Conn) Copy(ctx context.Context, uids mail.UIDSet, name string) *Command[CopyData] {
	return c.transfer(ctx, "UID COPY", uids, name)
}

// Move is UID MOVE (RFC 6851); without MOVE it fails with [ErrNotAnnounced].
func (c *Conn) Move(ctx context.Context, uids mail.UIDSet, name string) *Command[CopyData] {
	if err := c.need(imap.CapMove); err != nil {
		return refused[CopyData](c, "UID MOVE", err)
	}
	return c.transfer(ctx, "UID MOVE", uids, name)
}

func (c *Conn) transfer(ctx context.Context, verb string, uids mail.UIDSet, name string) *Command[CopyData] {
	var parts []*copyCommand
	x := &Command[CopyData]{c: c}
	for _, chunk := range uids.Chunks(0, MaxSetOctets) {
		t := c.text()
		t.raw(verb + " ")
		t.uids(chunk)
		t.raw(" ")
		t.str(name)
		part := &copyCommand{asked: chunk}
		parts = append(parts, part)
		x.parts = append(x.parts, c.start(ctx, &command{name: verb, uids: chunk, copied: part}, t))
	}
	x.collect = func() CopyData {
		var data CopyData
		for _, part := range parts {
			if part.invalid || part.validity == 0 {
				continue
			}
			if data.UIDValidity != 0 && data.UIDValidity != part.validity {
				return CopyData{} // the target was replaced meanwhile
			}
			data.UIDValidity = part.validity
			data.Copied = append(data.Copied, part.pairs...)
		}
		return data
	}
	return x
}
