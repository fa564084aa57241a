package fake

import (
	"bytes"
	"cmp"
	"maps"
	"slices"

	"godwit/mail"
)

// What follows are the doings of another client of the same account, and of its
// administrator. Mailboxes and messages that are not there are passed over.

// Deliver puts a message into a mailbox, which is made when it is not there.
func (s *Server) Deliver(m mail.Mailbox, raw []byte, f mail.Flags) mail.UID {
	return s.DeliverAt(m, raw, f, 0)
}

// DeliverAt is Deliver with an INTERNALDATE; zero: one of its own.
func (s *Server) DeliverAt(m mail.Mailbox, raw []byte, f mail.Flags, date mail.UnixTime) mail.UID {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.mailboxes[m]
	if b == nil || b.noSelect {
		b = s.create(m)
	}
	return b.add(Message{Flags: f, Date: s.date(date), Raw: bytes.Clone(raw)})
}

// act runs f on a mailbox that is there.
func (s *Server) act(m mail.Mailbox, f func(b *serverMailbox)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if b := s.mailboxes[m]; b != nil {
		f(b)
	}
}

// SetFlags gives a message other flags.
func (s *Server) SetFlags(m mail.Mailbox, u mail.UID, f mail.Flags) {
	s.act(m, func(b *serverMailbox) {
		if i, found := b.find(u); found {
			b.store(b.messages[i], f)
		}
	})
}

// Expunge removes messages.
func (s *Server) Expunge(m mail.Mailbox, uids ...mail.UID) {
	s.act(m, func(b *serverMailbox) { b.expunge(mail.UIDs(uids...)) })
}

// MoveTo moves a message to a mailbox, which is made when it is not there, and
// returns its UID there; zero when the message is not there.
func (s *Server) MoveTo(m mail.Mailbox, u mail.UID, to mail.Mailbox) mail.UID {
	s.mu.Lock()
	defer s.mu.Unlock()
	source, target := s.mailboxes[m], s.mailboxes[to]
	if source == nil {
		return 0
	}
	i, found := source.find(u)
	if !found {
		return 0
	}
	if target == nil || target.noSelect {
		target = s.create(to)
	}
	uid := target.add(*source.messages[i])
	source.expunge(mail.UIDs(u))
	return uid
}

// CopyTo copies a message to a mailbox, which is made when it is not there, with
// its flags and its date (RFC 9051, 6.4.7), and returns its UID there; zero when
// the message is not there.
func (s *Server) CopyTo(m mail.Mailbox, u mail.UID, to mail.Mailbox) mail.UID {
	s.mu.Lock()
	defer s.mu.Unlock()
	source, target := s.mailboxes[m], s.mailboxes[to]
	if source == nil {
		return 0
	}
	i, found := source.find(u)
	if !found {
		return 0
	}
	if target == nil || target.noSelect {
		target = s.create(to)
	}
	return target.add(*source.messages[i])
}

// CreateMailbox makes an empty mailbox; one that is there is replaced, with
// another UIDVALIDITY.
func (s *Server) CreateMailbox(m mail.Mailbox, role mail.Role) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.create(m).role = role
}

// DeleteMailbox removes a mailbox with all that is in it.
func (s *Server) DeleteMailbox(m mail.Mailbox) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.mailboxes, m)
}

// RenameMailbox renames a mailbox with those below it, as RENAME does, unless the
// new name is another's. It tells whether it did.
func (s *Server) RenameMailbox(from, to mail.Mailbox) bool {
	return s.hasMailbox(from) && s.rename(from, to) == nil
}

func (s *Server) hasMailbox(m mail.Mailbox) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mailboxes[m] != nil
}

// ResetUIDValidity gives a mailbox another UIDVALIDITY and its messages UIDs
// from 1 on, as a server does that lost its index.
func (s *Server) ResetUIDValidity(m mail.Mailbox) {
	s.act(m, func(b *serverMailbox) {
		s.validity++
		b.validity, b.next, b.vanished = s.validity, 1, nil
		old := b.messages
		b.messages = nil
		for _, msg := range old {
			b.add(*msg)
		}
	})
}

// SetReadOnly makes a mailbox open READ-ONLY, or no more.
func (s *Server) SetReadOnly(m mail.Mailbox, readOnly bool) {
	s.act(m, func(b *serverMailbox) { b.readOnly = readOnly })
}

// SetNoSelect makes a mailbox a mere parent of others, or no more.
func (s *Server) SetNoSelect(m mail.Mailbox, noSelect bool) {
	s.act(m, func(b *serverMailbox) { b.noSelect = noSelect })
}

// Mute makes the server say nothing of a message's body, as for one that it
// cannot read, or no more.
func (s *Server) Mute(m mail.Mailbox, u mail.UID, mute bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mute[serverID{m, u}] = mute
}

// CutBody breaks the connection once, after that many octets of a message.
func (s *Server) CutBody(m mail.Mailbox, u mail.UID, octets int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cut[serverID{m, u}] = octets
}

// Messages returns what a mailbox holds, by UID; nil when it is not there.
func (s *Server) Messages(m mail.Mailbox) []Message {
	var all []Message
	s.act(m, func(b *serverMailbox) {
		for _, msg := range b.messages {
			all = append(all, *msg)
		}
	})
	return all
}

// Names returns the names of the mailboxes that can be selected, sorted.
func (s *Server) Names() []mail.Mailbox {
	s.mu.Lock()
	defer s.mu.Unlock()
	names := slices.Collect(maps.Keys(s.mailboxes))
	names = slices.DeleteFunc(names, func(m mail.Mailbox) bool { return s.mailboxes[m].noSelect })
	slices.SortFunc(names, cmp.Compare[mail.Mailbox])
	return names
}
