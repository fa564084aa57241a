package wire

import (
	"bytes"
	"context"

	"godwit/mail"
)

// SelectOptions bend SELECT.
type SelectOptions struct {
	ReadOnly  bool // EXAMINE
	CondStore bool // (CONDSTORE), RFC 7162, 3.1.8
	// ModSeq, when not zero, makes it (QRESYNC (UIDValidity ModSeq)), RFC 7162,
	// 3.2.5; QRESYNC must have been enabled.
	UIDValidity mail.UIDValidity
	ModSeq      mail.ModSeq
	// Known limits what QRESYNC tells to these UIDs; empty: to all. It is left out
	// where it would be longer than [MaxSetOctets].
	Known mail.UIDSet
}

// SelectData is what SELECT told of the mailbox.
type SelectData struct {
	Exists        uint32
	ExistsGiven   bool             // RFC 9051, 6.3.2 demands EXISTS
	UIDValidity   mail.UIDValidity // zero: not given (RFC 9051, 6.3.2: no persistent UIDs)
	UIDNext       mail.UID         // zero: not given
	HighestModSeq mail.ModSeq      // zero: not given, or NOMODSEQ
	NoModSeq      bool             // the server said NOMODSEQ
	NotSticky     bool             // UIDNOTSTICKY (RFC 4315, 4): UIDs do not outlive the session
	ReadOnly      bool
	MailboxID     string // RFC 8474, 4.2; empty: not given
	Flags         mail.Flags
	// Permanent are the flags that can be changed for good, and NewKeywords tells
	// that new keywords can be made (\*). Where PermanentGiven is false the server
	// said nothing of it, and all of Flags can (RFC 9051, 7.1).
	Permanent      mail.Flags
	NewKeywords    bool
	PermanentGiven bool
	// Vanished and Changed are QRESYNC's answer: UIDs that were expunged, and
	// messages (UID, Flags, ModSeq) that are new or have changed.
	Vanished mail.UIDSet
	Changed  []Message
}

// Select opens a mailbox; name is raw, as LIST gave it. When it fails no
// mailbox is selected.
func (c *Conn) Select(ctx context.Context, name string, o SelectOptions) *Command[*SelectData] {
	t := c.text()
	cmd := &command{name: "SELECT", barrier: true, selected: &SelectData{ReadOnly: o.ReadOnly}}
	if o.ReadOnly {
		cmd.name = "EXAMINE"
	}
	t.raw(cmd.name)
	t.raw(" ")
	t.str(name)
	switch {
	case o.ModSeq != 0 && o.UIDValidity != 0:
		cmd.qresync = true
		t.raw(" (QRESYNC (")
		t.number(uint64(o.UIDValidity))
		t.raw(" ")
		t.number(uint64(o.ModSeq))
		if known := o.Known.String(); known != "" && len(known) <= MaxSetOctets {
			t.raw(" ")
			t.raw(known)
		}
		t.raw("))")
	case o.CondStore:
		t.raw(" (CONDSTORE)")
	}
	data := cmd.selected
	c.start(ctx, cmd, t)
	return &Command[*SelectData]{c: c, parts: []*command{cmd}, collect: func() *SelectData { return data }}
}

// selectCode takes a response code that came while a mailbox is being selected.
// One that cannot be read counts as not given.
func (c *Conn) selectCode(data *SelectData, x condition) {
	args := bytes.TrimSpace(x.args)
	switch x.code {
	case "CLOSED":
		// What came before was about the mailbox selected so far (RFC 7162, 3.2.11).
		*data = SelectData{ReadOnly: data.ReadOnly}
	case "UIDVALIDITY":
		n, _ := number(args, 1<<32-1)
		data.UIDValidity = mail.UIDValidity(n)
	case "UIDNEXT":
		n, _ := number(args, 1<<32-1)
		data.UIDNext = mail.UID(n)
	case "HIGHESTMODSEQ":
		n, _ := number(args, 1<<63-1)
		data.HighestModSeq = mail.ModSeq(n)
	case "NOMODSEQ":
		data.NoModSeq, data.HighestModSeq = true, 0
	case "UIDNOTSTICKY":
		data.NotSticky = true
	case "READ-ONLY":
		data.ReadOnly = true
	case "MAILBOXID":
		p := parser{segment: args, line: args}
		if id := p.objectID(); p.ok() {
			data.MailboxID = id
		}
	case "PERMANENTFLAGS":
		p := parser{segment: args, line: args}
		if list := p.flagList(); p.ok() {
			data.PermanentGiven = true
			data.Permanent = c.flags.parse(list)
			for _, name := range bytes.Fields(list) {
				data.NewKeywords = data.NewKeywords || string(name) == `\*`
			}
		}
	}
}

// Unselect closes the mailbox without expunging (RFC 3691); without UNSELECT it
// fails with [ErrNotAnnounced].
func (c *Conn) Unselect(ctx context.Context) *Command[struct{}] {
	if err := c.need("UNSELECT"); err != nil {
		return refused[struct{}](c, "UNSELECT", err)
	}
	return c.plain(ctx, &command{name: "UNSELECT", barrier: true})
}

// CloseMailbox is CLOSE: it expunges every message marked \Deleted, in silence.
func (c *Conn) CloseMailbox(ctx context.Context) *Command[struct{}] {
	return c.plain(ctx, &command{name: "CLOSE", barrier: true})
}
