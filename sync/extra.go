package sync

import "godwit/mail"

// extra is what few mailboxes have.
type extra struct {
	// halfLeft are messages whose files were about to leave when a run died.
	halfLeft mail.UIDSet
	// uploaded are messages that this run sent.
	uploaded mail.UIDSet
	// asideFiles are files that are there and that base does not know, since they are
	// set aside.
	asideFiles []mail.LocalMessage
	// doomed are removals of an earlier run that the server would not carry out yet,
	// of messages that base does not know any more.
	doomed []mail.Intent
	// trashed are messages of which an earlier run put a copy into the trash mailbox, and
	// that are still here.
	trashed map[mail.UID]*trashing
	// doubted is how many messages were missing here that may be where nobody sees.
	doubted int
	// after is what was seen after the run changed the server; nil: it was not asked.
	after *mail.Observation
	// leaving is held while messages are moved away on the server. It holds one: a
	// lock that can be given up on.
	leaving chan struct{}
}

var noExtra extra

// has is the mailbox's extra, to be read only: there may be none yet.
func (b *box) has() *extra {
	if e := b.extra.Load(); e != nil {
		return e
	}
	return &noExtra
}

// own is the mailbox's extra, which it has from now on. Work that runs side by side
// gets the same one.
func (b *box) own() *extra {
	if b.extra.Load() == nil {
		b.extra.CompareAndSwap(nil, &extra{leaving: make(chan struct{}, 1)})
	}
	return b.extra.Load()
}

func (b *box) addAsideFile(m mail.LocalMessage) {
	e := b.own()
	e.asideFiles = append(e.asideFiles, m)
}

// unknown is the checkpoint of a mailbox that base does not know.
var unknown = &mail.Checkpoint{}

// checkpointed is the mailbox's checkpoint as base has it by now, but for its
// UIDVALIDITY (see claims).
func (b *box) checkpointed() mail.Checkpoint {
	c := *b.before
	c.Mailbox = b.name
	if b.applying {
		c.Window = applying
	}
	return c
}
