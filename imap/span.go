package imap

import (
	"fmt"

	"godwit/imap/wire"
	"godwit/mail"
)

// Of a message some of whose octets are there already, the others are asked for by
// BODY.PEEK[]<offset.length> (RFC 9051, 6.4.5), each in a command of its own. What
// is not exactly what was asked for does not count: the engine then asks for the
// whole.

// forwards is how many octets a connection must have brought of a message for its
// end to be no sign of something wrong with that message.
const forwards = 64 << 10

// spansOf returns those of the messages of which not all is wanted.
func (f *fetcher) spansOf(uids mail.UIDSet) mail.UIDSet {
	var some mail.UIDSet
	if f.from == nil {
		return some
	}
	f.mu.Lock()
	f.under = 0
	f.mu.Unlock()
	for uid := range uids.All() {
		span := f.from(uid)
		if span.Length > 0 {
			some.Add(uid)
		}
		f.mu.Lock()
		f.spans[uid] = span
		f.mu.Unlock()
	}
	return some
}

// sectionOf is what to ask for of a batch. Of the last octets one more is asked for
// than there should be: the server gives it if it has it.
func (f *fetcher) sectionOf(uids mail.UIDSet) wire.Section {
	if f.from == nil || uids.Len() != 1 {
		return f.section
	}
	f.mu.Lock()
	span := f.spans[uids.Max()]
	f.mu.Unlock()
	section := f.section
	if span.Length > 0 {
		section.Offset, section.Length = span.Offset, span.Length
		if span.Rest {
			section.Length++
		}
	}
	return section
}

// unanswered tells of messages that are there and of which the octets that were
// asked for did not come: the answer was NIL, or named another origin.
func (f *fetcher) unanswered(uids mail.UIDSet) {
	if f.from == nil {
		return
	}
	for uid := range uids.All() {
		f.mu.Lock()
		span := f.spans[uid]
		f.mu.Unlock()
		if span.Length > 0 {
			f.account.noRange(f.mailbox, uid, fmt.Sprintf("what it gives are not the octets from octet %d on", span.Offset))
		}
	}
}

// advanced tells whether the connection that has just ended brought so much of the
// message that was under way that the next one goes on further behind.
func (f *fetcher) advanced() bool {
	if f.from == nil {
		return false
	}
	f.mu.Lock()
	uid := f.under
	before := f.spans[uid].Offset
	f.mu.Unlock()
	return uid != 0 && f.from(uid).Offset >= before+forwards
}

// noRange tells, once, that a server does not give the octets that it is asked for.
func (a *Account) noRange(m mail.Mailbox, u mail.UID, why string) {
	a.mu.Lock()
	told := a.noRanges
	a.noRanges = true
	a.mu.Unlock()
	if !told {
		a.notice(fmt.Sprintf("%s: message UID %v cannot be continued, and is fetched from its beginning: %s", m, u, why))
	}
}
