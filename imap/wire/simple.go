package wire

import (
	"context"
	"strings"

	imap "github.com/emersion/go-imap/v2"

	"godwit/mail"
)

// statusCommand is one STATUS.
type statusCommand struct {
	name     string
	data     mail.Status
	answered bool
}

// isFor tells whether an answer that names a mailbox is this command's. INBOX is
// INBOX in any case (RFC 9051, 5.1).
func (s *statusCommand) isFor(name string) bool {
	return s.name == name || strings.EqualFold(s.name, "INBOX") && strings.EqualFold(name, "INBOX")
}

// Status is STATUS of a mailbox: MESSAGES, UIDNEXT, UIDVALIDITY, with
// HIGHESTMODSEQ and MAILBOXID where the server has CONDSTORE or OBJECTID.
// Without any answer, though OK, it fails with [ErrNoAnswer].
func (c *Conn) Status(ctx context.Context, name string) *Command[mail.Status] {
	t := c.text()
	t.raw("STATUS ")
	t.str(name)
	t.raw(" (MESSAGES UIDNEXT UIDVALIDITY")
	if c.caps.Has(imap.CapCondStore) {
		t.raw(" HIGHESTMODSEQ")
	}
	if c.caps.Has("OBJECTID") {
		t.raw(" MAILBOXID")
	}
	t.raw(")")
	s := &statusCommand{name: name}
	cmd := c.start(ctx, &command{name: "STATUS", status: s}, t)
	return &Command[mail.Status]{c: c, parts: []*command{cmd}, collect: func() mail.Status { return s.data }}
}

// named starts a command whose only argument is a mailbox.
func (c *Conn) named(ctx context.Context, verb, name string) *Command[struct{}] {
	t := c.text()
	t.raw(verb + " ")
	t.str(name)
	return c.command(c.start(ctx, &command{name: verb}, t))
}

// Create is CREATE; name is raw.
func (c *Conn) Create(ctx context.Context, name string) *Command[struct{}] {
	return c.named(ctx, "CREATE", name)
}

// Subscribe is SUBSCRIBE; name is raw.
func (c *Conn) Subscribe(ctx context.Context, name string) *Command[struct{}] {
	return c.named(ctx, "SUBSCRIBE", name)
}

// Unsubscribe is UNSUBSCRIBE; name is raw.
func (c *Conn) Unsubscribe(ctx context.Context, name string) *Command[struct{}] {
	return c.named(ctx, "UNSUBSCRIBE", name)
}

// Delete is DELETE (RFC 9051, 6.3.5); name is raw.
func (c *Conn) Delete(ctx context.Context, name string) *Command[struct{}] {
	return c.named(ctx, "DELETE", name)
}

// Rename is RENAME (RFC 9051, 6.3.6); names are raw.
func (c *Conn) Rename(ctx context.Context, from, to string) *Command[struct{}] {
	t := c.text()
	t.raw("RENAME ")
	t.str(from)
	t.raw(" ")
	t.str(to)
	return c.command(c.start(ctx, &command{name: "RENAME"}, t))
}

// Noop is NOOP.
func (c *Conn) Noop(ctx context.Context) *Command[struct{}] {
	return c.plain(ctx, &command{name: "NOOP"})
}

// Notify is NOTIFY (RFC 5465) with the arguments as given, which must be IMAP.
// Without NOTIFY it fails with [ErrNotAnnounced].
func (c *Conn) Notify(ctx context.Context, arguments string) *Command[struct{}] {
	if err := c.need("NOTIFY"); err != nil {
		return refused[struct{}](c, "NOTIFY", err)
	}
	if strings.ContainsAny(arguments, "\r\n\x00") {
		return refused[struct{}](c, "NOTIFY", ErrArgument)
	}
	return c.plain(ctx, &command{name: "NOTIFY"}, arguments)
}

// Enable is ENABLE (RFC 5161); it returns what the server says is enabled.
// Without ENABLE it fails with [ErrNotAnnounced].
func (c *Conn) Enable(ctx context.Context, names ...imap.Cap) *Command[[]imap.Cap] {
	if err := c.need(imap.CapEnable); err != nil {
		return refused[[]imap.Cap](c, "ENABLE", err)
	}
	enabled := new([]imap.Cap)
	t := c.text()
	t.raw("ENABLE")
	for _, name := range names {
		if !sendable(string(name)) {
			t.fail(string(name))
		}
		t.raw(" " + string(name))
	}
	cmd := c.start(ctx, &command{name: "ENABLE", enabled: enabled}, t)
	return &Command[[]imap.Cap]{c: c, parts: []*command{cmd}, collect: func() []imap.Cap { return *enabled }}
}

// enabledResponse reads ENABLED (RFC 5161, 3.2).
func (c *Conn) enabledResponse() {
	var names []imap.Cap
	for _, name := range strings.Fields(string(c.p.line)) {
		names = append(names, imap.Cap(strings.ToUpper(name)))
	}
	if cmd := c.oldest(func(cmd *command) bool { return cmd.enabled != nil }); cmd != nil {
		*cmd.enabled = append(*cmd.enabled, names...)
	}
}

// statusResponse reads STATUS (RFC 9051, 7.3.4).
func (c *Conn) statusResponse() {
	p := &c.p
	p.spaces()
	name := p.str()
	p.spaces()
	p.expect('(', "no list of STATUS items")
	var s mail.Status
	for p.ok() {
		p.spaces()
		if p.take(')') {
			break
		}
		var item [32]byte
		word := p.word()
		if len(word) == 0 || len(word) > len(item) {
			p.fail("no STATUS item")
			break
		}
		p.spaces()
		switch string(upper(item[:0], word)) {
		case "MESSAGES":
			s.Messages = uint32(p.number(1<<32 - 1))
		case "UIDNEXT":
			s.UIDNext = mail.UID(p.number(1<<32 - 1))
		case "UIDVALIDITY":
			s.UIDValidity = mail.UIDValidity(p.number(1<<32 - 1))
		case "HIGHESTMODSEQ":
			s.ModSeq = p.modSeq()
		case "MAILBOXID":
			s.MailboxID = p.objectID()
		default:
			p.skipValue()
		}
	}
	p.end()
	if !p.ok() {
		return
	}
	cmd := c.oldest(func(cmd *command) bool { return cmd.status != nil && cmd.status.isFor(name) })
	if cmd == nil {
		c.event(Event{Kind: EventStatus, Mailbox: name, Status: s})
		return
	}
	cmd.status.data, cmd.status.answered = s, true
}

// objectID reads "(id)" (RFC 8474, 4 and 5), or an id without parentheses; empty
// for NIL.
func (p *parser) objectID() string {
	if p.nilNext() {
		return ""
	}
	if !p.take('(') {
		return p.str()
	}
	id := p.str()
	p.expect(')', "no end of an id")
	return id
}
