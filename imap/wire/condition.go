package wire

import (
	"bytes"
	"strings"

	imap "github.com/emersion/go-imap/v2"
)

// condition is a status response's code and text (resp-text, RFC 9051, 7.1).
type condition struct {
	code string // upper case; empty for none
	args []byte // in place
	text string
}

// parseCondition reads what follows OK, NO, BAD or BYE. It never fails: a code
// that cannot be told from the text is text.
func parseCondition(b []byte) condition {
	b = bytes.TrimLeft(b, " ")
	if len(b) == 0 || b[0] != '[' {
		return condition{text: string(b)}
	}
	end := codeEnd(b)
	if end < 0 {
		return condition{text: string(b)}
	}
	inside := b[1:end]
	out := condition{text: string(bytes.TrimLeft(b[end+1:], " "))}
	name, args, _ := bytes.Cut(inside, []byte(" "))
	out.code, out.args = strings.ToUpper(string(name)), args
	return out
}

// codeEnd finds the "]" that ends a code: the first outside parentheses, since
// keywords of Gmail have one, else the first at all.
func codeEnd(b []byte) int {
	depth := 0
	for i, c := range b {
		switch c {
		case '(':
			depth++
		case ')':
			depth--
		case ']':
			if depth <= 0 {
				return i
			}
		}
	}
	return bytes.IndexByte(b, ']')
}

// sayBye keeps why the server is about to close.
func (c *Conn) sayBye(x condition) {
	c.mu.Lock()
	if c.bye == nil && !c.leaving {
		c.bye = &imap.Error{Type: imap.StatusResponseTypeBye, Code: imap.ResponseCode(x.code), Text: x.text}
	}
	leaving := c.leaving
	c.mu.Unlock()
	c.link.hurry()
	c.alert(x)
	if !leaving {
		c.event(Event{Kind: EventBye, Code: x.code, Text: x.text})
	}
}

// alert keeps a text that the user must see.
func (c *Conn) alert(x condition) {
	if x.code != "ALERT" {
		return
	}
	c.mu.Lock()
	c.alerts = append(c.alerts, x.text)
	if len(c.alerts) > maxAlerts {
		c.alerts = c.alerts[len(c.alerts)-maxAlerts:]
	}
	c.mu.Unlock()
	c.event(Event{Kind: EventAlert, Code: x.code, Text: x.text})
}

// condition reads an untagged OK, NO or BAD.
func (c *Conn) condition(x condition) {
	c.alert(x)
	if x.code == "COPYUID" { // of MOVE (RFC 6851, 4.3)
		// Dovecot tells those of several commands before it answers any of them.
		cmd := c.oldest(func(cmd *command) bool { return cmd.copied != nil && cmd.copied.concerns(x.args) })
		if cmd == nil {
			cmd = c.oldest(func(cmd *command) bool { return cmd.copied != nil })
		}
		if cmd != nil {
			cmd.copied.add(x.args)
		}
		return
	}
	if cmd := c.selecting(); cmd != nil {
		c.selectCode(cmd.selected, x)
	}
}
