package sim

import (
	"bytes"
	"fmt"

	"godwit/mail"
	"godwit/mail/partial"
)

// content is the number of a message's text. Numbers are given out in order;
// what kind a text is follows from its number.
type content int

// The kinds of content. All are of few sizes, so that many agree in size by
// chance.
const (
	plainKind = iota // Message-ID and Date of its own
	weakKind         // no Message-ID: header and size are those of others
	draftKind        // header and size of other drafts, and always \Draft
	kinds
)

// kind makes three of five contents plain.
func (c content) kind() int {
	return [...]int{plainKind, weakKind, plainKind, draftKind, plainKind}[int(c)%5]
}

// raw is the text in wire form.
func (c content) raw() []byte {
	const date = "Date: Sat, 21 Nov 2026 10:00:00 +0000\r\n"
	switch c.kind() {
	case weakKind:
		return fmt.Appendf(nil, "Subject: note\r\n\r\n%05d\r\n", c)
	case draftKind:
		return fmt.Appendf(nil, "Message-ID: <draft@example.org>\r\n%s\r\n%05d\r\n", date, c)
	}
	return fmt.Appendf(nil, "Message-ID: <%05d@example.org>\r\n%s\r\n%s\r\n", c, date, "text\r\n"[:int(c)%2*6])
}

// part is what stands for a large message: nil where the message is not large, or
// is always fetched whole.
func (c content) part() []byte {
	raw := c.raw()
	end := bytes.Index(raw, []byte("\r\n\r\n")) + 4
	if c.kind() != plainKind || end == len(raw) {
		return nil
	}
	made, err := partial.HeaderOnly(raw[:end], int64(len(raw)), false)
	if err != nil {
		return nil
	}
	return made
}

// always are the flags that every message of the content has.
func (c content) always() mail.Flags {
	if c.kind() == draftKind {
		return mail.Flags{System: mail.Draft}
	}
	return mail.Flags{}
}

// flag is one of those that users set and clear.
type flag struct {
	mail.Flags
	keeps bool // setting it asks to keep the message
}

var flags = [...]flag{
	{mail.Flags{System: mail.Seen}, false},
	{mail.Flags{System: mail.Flagged}, true},
	{mail.Flags{System: mail.Answered}, true},
	{mail.Flags{System: mail.Forwarded}, true},
	{mail.Flags{Keywords: "work"}, true},
	{mail.Flags{Keywords: "home"}, true},
	{mail.Flags{System: mail.Deleted}, false},
}

// has tells whether f has the flag.
func (g flag) in(f mail.Flags) bool { return g.Minus(f).IsZero() }
