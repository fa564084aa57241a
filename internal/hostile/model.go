package hostile

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Mailbox is a mailbox of the account. Its fields may be changed while the
// server's lock is held; see [Server.Do].
type Mailbox struct {
	Name        string // raw, as LIST gives it
	Attributes  string
	UIDValidity uint32
	UIDNext     uint32
	Messages    []*Message // in ascending order of UID

	expunged []expunged
}

type expunged struct {
	uid    uint32
	modSeq uint64
}

// Message is a message of a mailbox.
type Message struct {
	UID    uint32
	Flags  []string
	Date   time.Time
	Body   []byte // in wire form
	ModSeq uint64
	ID     uint64 // X-GM-MSGID; zero where mailboxes are no labels
}

// Text is a small message in wire form.
func Text(subject string) []byte {
	return fmt.Appendf(nil, "From: a@example.org\r\nDate: Sat, 21 Nov 2026 10:00:00 +0000\r\n"+
		"Message-ID: <%x@example.org>\r\nSubject: %s\r\n\r\nThis is %s.\r\n", sha256.Sum256([]byte(subject)), subject, subject)
}

// Add puts a mailbox with these messages into the account. The server's lock is
// held, or nobody is connected yet.
func (s *Server) Add(name string, bodies ...[]byte) *Mailbox {
	b := &Mailbox{Name: name, UIDValidity: 7, UIDNext: 1}
	s.Mailboxes = append(s.Mailboxes, b)
	for _, body := range bodies {
		s.Deliver(b, body)
	}
	return b
}

// Deliver puts a message into a mailbox, as new mail comes.
func (s *Server) Deliver(b *Mailbox, body []byte, flags ...string) *Message {
	s.modSeq++
	m := &Message{
		UID: b.UIDNext, Flags: flags, Date: time.Date(2026, 11, 21, 10, 0, int(b.UIDNext)%60, 0, time.UTC),
		Body: body, ModSeq: s.modSeq,
	}
	b.UIDNext++
	b.Messages = append(b.Messages, m)
	if s.labels {
		s.arrive(b, m)
	}
	return m
}

// Mailbox finds a mailbox by its raw name; nil: there is none.
func (s *Server) Mailbox(name string) *Mailbox {
	for _, b := range s.Mailboxes {
		if b.Name == name || strings.EqualFold(b.Name, "INBOX") && strings.EqualFold(name, "INBOX") {
			return b
		}
	}
	return nil
}

// highest is the mailbox's HIGHESTMODSEQ.
func (b *Mailbox) highest() uint64 {
	n := uint64(1)
	for _, m := range b.Messages {
		n = max(n, m.ModSeq)
	}
	for _, e := range b.expunged {
		n = max(n, e.modSeq)
	}
	return n
}

// Remove expunges a message.
func (s *Server) Remove(b *Mailbox, uid uint32) {
	s.modSeq++
	b.Messages = slices.DeleteFunc(b.Messages, func(m *Message) bool {
		if m.UID != uid {
			return false
		}
		b.expunged = append(b.expunged, expunged{uid, s.modSeq})
		return true
	})
}

// find returns a message, nil when it is not there.
func (b *Mailbox) find(uid uint32) *Message {
	at, ok := slices.BinarySearchFunc(b.Messages, uid, func(m *Message, uid uint32) int { return int(int64(m.UID) - int64(uid)) })
	if !ok {
		return nil
	}
	return b.Messages[at]
}

// set gives a message other flags.
func (s *Server) set(m *Message, flags []string) {
	if slices.Equal(m.Flags, flags) {
		return
	}
	s.modSeq++
	m.Flags, m.ModSeq = flags, s.modSeq
	if s.labels && !slices.Contains(flags, `\Deleted`) {
		s.everywhere(m, func(_ *Mailbox, has *Message) { has.Flags, has.ModSeq = flags, s.modSeq })
	}
}

// Flag adds flags to a message, as another client does.
func (s *Server) Flag(m *Message, flags ...string) { s.set(m, with(m.Flags, flags)) }

// with is flags and more.
func with(flags, more []string) []string {
	out := slices.Clone(flags)
	for _, f := range more {
		if !slices.ContainsFunc(out, func(has string) bool { return strings.EqualFold(has, f) }) {
			out = append(out, f)
		}
	}
	return out
}

// without is flags but for less.
func without(flags, less []string) []string {
	return slices.DeleteFunc(slices.Clone(flags), func(f string) bool {
		return slices.ContainsFunc(less, func(l string) bool { return strings.EqualFold(f, l) })
	})
}
