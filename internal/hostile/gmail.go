package hostile

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
)

// Gmail are the capabilities that Gmail announces after the login, and those that
// a login needs.
const Gmail = "IMAP4rev1 UNSELECT IDLE NAMESPACE QUOTA ID XLIST CHILDREN X-GM-EXT-1 XYZZY SASL-IR AUTH=PLAIN UIDPLUS " +
	"ENABLE MOVE CONDSTORE ESEARCH UTF8=ACCEPT LIST-EXTENDED LIST-STATUS LITERAL- SPECIAL-USE APPENDLIMIT=35651584"

// The mailboxes that Gmail makes.
const (
	AllMail = "[Gmail]/All Mail"
	Trash   = "[Gmail]/Trash"
	Spam    = "[Gmail]/Spam"
)

// Gmail makes the account one of Gmail: mailboxes are labels. A message is in
// All Mail, and in the mailbox of each label that it has, under a UID of its own
// and with the same X-GM-MSGID, date and flags. To expunge it from a mailbox takes
// the label off; in All Mail nothing comes of it, as long as the user's settings
// are what they are at first ("Archive"). In the trash and in the spam it has no
// label, and is expunged for good.
//
// Call it before there is a message.
func (s *Server) Gmail() {
	s.labels = true
	s.Capabilities = Gmail
	for _, m := range [][2]string{
		{"[Gmail]", `\HasChildren \Noselect`}, {AllMail, `\All \HasNoChildren`}, {"[Gmail]/Drafts", `\Drafts \HasNoChildren`},
		{"[Gmail]/Important", `\HasNoChildren \Important`}, {"[Gmail]/Sent Mail", `\HasNoChildren \Sent`},
		{Spam, `\HasNoChildren \Junk`}, {"[Gmail]/Starred", `\Flagged \HasNoChildren`}, {Trash, `\HasNoChildren \Trash`},
	} {
		s.Add(m[0]).Attributes = m[1]
	}
}

// Label gives a message another label, unless it has it: it is in that mailbox
// then.
func (s *Server) Label(b *Mailbox, m *Message) *Message {
	for _, has := range b.Messages {
		if has.ID == m.ID {
			return has
		}
	}
	s.modSeq++
	copied := &Message{UID: b.UIDNext, Flags: slices.Clone(m.Flags), Date: m.Date, Body: m.Body, ID: m.ID, ModSeq: s.modSeq}
	b.UIDNext++
	b.Messages = append(b.Messages, copied)
	return copied
}

// arrive has a message of a label be in All Mail, too. One that the account has
// already gets the label only.
func (s *Server) arrive(b *Mailbox, m *Message) {
	all := s.Mailbox(AllMail)
	for _, has := range all.Messages {
		if bytes.Equal(has.Body, m.Body) {
			m.ID = has.ID
			return
		}
	}
	s.ids++
	m.ID = 1278455344230334865 + s.ids
	if b != all && b.Name != Trash && b.Name != Spam {
		s.Label(all, m).Date = m.Date
	}
}

// everywhere are the copies of a message in all mailboxes.
func (s *Server) everywhere(m *Message, f func(*Mailbox, *Message)) {
	for _, b := range s.Mailboxes {
		for _, has := range slices.Clone(b.Messages) {
			if has.ID == m.ID {
				f(b, has)
			}
		}
	}
}

// relabel is a copy or a move to a label.
func (s *Server) relabel(from, to *Mailbox, m *Message, move bool) *Message {
	if to.Name == Trash || to.Name == Spam {
		s.everywhere(m, func(b *Mailbox, has *Message) {
			if b != to && b != from {
				s.Remove(b, has.UID)
			}
		})
		return s.Label(to, m)
	}
	s.Label(s.Mailbox(AllMail), m)
	copied := s.Label(to, m)
	if move && from.Name == AllMail {
		s.modSeq++ // it cannot leave All Mail
		m.ModSeq = s.modSeq
	}
	return copied
}

// Bodies counts the messages whose bodies were sent whole in an answer, and their
// octets.
func Bodies(answer string) (messages, octets int) {
	for rest := answer; ; {
		at := strings.Index(rest, "BODY[] {")
		if at < 0 {
			return messages, octets
		}
		rest = rest[at:]
		n := 0
		if _, err := fmt.Sscanf(rest, "BODY[] {%d}", &n); err == nil {
			messages, octets = messages+1, octets+n
		}
		rest = rest[len("BODY[] {"):]
	}
}
