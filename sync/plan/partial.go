package plan

import (
	"fmt"

	"godwit/conflict"
	"godwit/mail"
)

// A file may hold its message only in part. All that can be done about the message
// is done through the server, which has all of it: such a file is never sent.

// onServer is what a new message on the server would be if it were this content.
func onServer(c *mail.Content) *mail.Content {
	if c.Partial == 0 {
		return c
	}
	whole := c.OnServer()
	return &whole
}

// tellPartial tells of files that hold messages in part and were edited, or of
// which the server has nothing.
func (p *planner) tellPartial() {
	for _, b := range p.boxes {
		altered := 0
		for i := range b.rows {
			if b.rows[i].altered && !b.rows[i].Whole {
				altered++
			}
		}
		if altered > 0 {
			p.unfinished(b, conflict.PartOfMessage)
			p.hold(Hold{Mailbox: b.Name, Reason: conflict.PartOfMessage, Incomplete: true, Text: fmt.Sprintf(
				"%s edited, though only part of the message is here: edits of such files are not uploaded; "+
					"godwit fetch brings the whole, and keeps the edited file in the trash", wasWere(altered))})
		}
		if b.orphans > 0 {
			p.hold(Hold{Mailbox: b.Name, Reason: conflict.PartOfMessage, Text: fmt.Sprintf(
				"%s only part of a message that the server does not have any more: kept here, and not uploaded", holds(b.orphans))})
		}
	}
}

func wasWere(n int) string {
	if n == 1 {
		return "1 file was"
	}
	return fmt.Sprintf("%d files were", n)
}

func holds(n int) string {
	if n == 1 {
		return "1 file holds"
	}
	return fmt.Sprintf("%d files hold", n)
}
