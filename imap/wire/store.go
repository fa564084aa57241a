package wire

import (
	"context"
	"fmt"

	imap "github.com/emersion/go-imap/v2"

	"godwit/mail"
)

// StoreMode is what STORE does with the flags.
type StoreMode uint8

// The modes of STORE.
const (
	StoreAdd     StoreMode = iota // +FLAGS.SILENT
	StoreRemove                   // -FLAGS.SILENT
	StoreReplace                  // FLAGS.SILENT
)

func (m StoreMode) String() string {
	switch m {
	case StoreRemove:
		return "-FLAGS.SILENT"
	case StoreReplace:
		return "FLAGS.SILENT"
	}
	return "+FLAGS.SILENT"
}

// StoreData is what became of STORE.
type StoreData struct {
	// Modified are the messages that were left alone because their MODSEQ had
	// passed unchangedSince (MODIFIED, RFC 7162, 3.1.3), also where the server
	// said OK.
	Modified mail.UIDSet
}

// Store is UID STORE. unchangedSince zero: do not care.
func (c *Conn) Store(ctx context.Context, uids mail.UIDSet, mode StoreMode, f mail.Flags, unchangedSince mail.ModSeq) *Command[StoreData] {
	data := &StoreData{}
	x := &Command[StoreData]{c: c, collect: func() StoreData { return *data }}
	for _, chunk := range uids.Chunks(0, MaxSetOctets) {
		t := c.text()
		t.raw("UID STORE ")
		t.uids(chunk)
		if unchangedSince != 0 {
			t.raw(" (UNCHANGEDSINCE ")
			t.number(uint64(unchangedSince))
			t.raw(")")
		}
		t.raw(" " + mode.String() + " ")
		t.flags(f)
		x.parts = append(x.parts, c.start(ctx, &command{name: "UID STORE", uids: chunk, store: data}, t))
	}
	return x
}

// UIDExpunge is UID EXPUNGE (RFC 4315, 2.1): it removes those of the messages that are
// marked \Deleted. Without UIDPLUS it fails with [ErrNotAnnounced].
func (c *Conn) UIDExpunge(ctx context.Context, uids mail.UIDSet) *Command[struct{}] {
	if err := c.need("UIDPLUS"); err != nil {
		return refused[struct{}](c, "UID EXPUNGE", err)
	}
	x := &Command[struct{}]{c: c}
	for _, chunk := range uids.Chunks(0, MaxSetOctets) {
		t := c.text()
		t.raw("UID EXPUNGE ")
		t.uids(chunk)
		x.parts = append(x.parts, c.start(ctx, &command{name: "UID EXPUNGE", uids: chunk}, t))
	}
	return x
}

// Expunge removes all messages marked \Deleted.
func (c *Conn) Expunge(ctx context.Context) *Command[struct{}] {
	return c.plain(ctx, &command{name: "EXPUNGE"})
}

// need fails where the server has not announced a capability.
func (c *Conn) need(name imap.Cap) error {
	if c.caps.Has(name) {
		return nil
	}
	return fmt.Errorf("%w %s", ErrNotAnnounced, name)
}

// plain starts a command that is its name, with arguments that are IMAP already.
func (c *Conn) plain(ctx context.Context, cmd *command, arguments ...string) *Command[struct{}] {
	t := c.text()
	t.raw(cmd.name)
	for _, a := range arguments {
		t.raw(" ")
		t.raw(a)
	}
	return c.command(c.start(ctx, cmd, t))
}
