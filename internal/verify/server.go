package verify

import (
	"context"
	"errors"
	"fmt"
	"iter"

	"godwit/mail"
)

const (
	// described is how many messages the server is asked about at a time.
	described = 5000
	// fetched is how many whole messages are read from it at a time.
	fetched = 200
)

// server holds a mailbox's rows against the server's messages.
func (v *verifier) server(ctx context.Context, b *box) error {
	name := b.summary.Name
	if b.server == nil {
		if b.before.OnServer {
			v.found(b, Finding{Kind: MailboxGone})
		}
		return nil
	}
	now, err := v.Server.List(ctx, name)
	if err != nil {
		return err
	}
	if now.Present == nil {
		return errors.New("the server gives no complete list of it")
	}
	b.summary.Messages = now.Present.Len()
	if b.before.UIDValidity != 0 && b.before.UIDValidity != now.UIDValidity {
		v.found(b, Finding{Kind: MailboxRenumbered, Waiting: true})
		return nil
	}
	m := &messages{v: v, b: b, now: now, moved: moved(b)}
	var stop func()
	m.next, stop = iter.Pull2(v.Base.RowsByUID(ctx, name))
	defer stop()
	if err := m.advance(); err != nil {
		return err
	}
	for _, some := range now.Present.Chunks(described, 0) {
		if err := m.chunk(ctx, some); err != nil {
			return err
		}
	}
	for m.more {
		m.missing()
		if err := m.advance(); err != nil {
			return err
		}
	}
	return nil
}

// moved tells whether a run would ask for the mailbox's messages by itself.
func moved(b *box) bool {
	s := b.server.Status
	return s == nil || !b.before.OnServer || b.before.ModSeq == 0 || s.UIDNext != b.before.UIDNext ||
		s.Messages != b.before.Messages || s.ModSeq != b.before.ModSeq
}

// messages is a mailbox's messages on the server being compared.
type messages struct {
	v     *verifier
	b     *box
	now   *mail.Observation
	moved bool

	next func() (mail.Row, error, bool)
	row  mail.Row // the next one, when there are more
	more bool
}

func (m *messages) advance() (err error) {
	if m.row, err, m.more = m.next(); err != nil {
		return baseError(err)
	}
	return nil
}

func (m *messages) missing() {
	m.v.found(m.b, Finding{Kind: MessageMissing, UID: m.row.UID, Key: m.row.Key, Row: m.row.ID, Waiting: m.moved})
}

// chunk compares some messages, ascending, with the rows up to the last of them.
func (m *messages) chunk(ctx context.Context, uids mail.UIDSet) error {
	name, validity := m.b.summary.Name, m.now.UIDValidity
	said, err := m.v.Server.Describe(ctx, name, validity, uids)
	if err != nil {
		return err
	}
	var deep []mail.Row
	last := uids.Max()
	for i := 0; i < len(said) || m.more && m.row.UID <= last; {
		switch {
		case !m.more || i < len(said) && said[i].UID < m.row.UID:
			m.unknown(said[i])
			i++
			continue
		case i == len(said) || m.row.UID < said[i].UID:
			if uids.Contains(m.row.UID) {
				// Listed, and nothing was said of it, or nothing that can be understood.
				m.v.found(m.b, Finding{Kind: MessageUndelivered, UID: m.row.UID, Key: m.row.Key, Row: m.row.ID})
			} else {
				m.missing()
			}
		default:
			m.both(m.row, said[i])
			if m.v.Deep && !m.row.Content.OnServer().Hash.IsZero() {
				deep = append(deep, m.row)
			}
			i++
		}
		if err := m.advance(); err != nil {
			return err
		}
	}
	for len(deep) > 0 {
		n := min(fetched, len(deep))
		if err := m.hash(ctx, deep[:n]); err != nil {
			return err
		}
		deep = deep[n:]
	}
	return nil
}

// unknown tells of a message without a row. In a mode that does not pull, and in
// a mailbox that the Maildir does without, it is the server's own.
func (m *messages) unknown(s mail.ServerMessage) {
	if !m.b.mode.Pulls || m.b.known && !m.b.before.OnLocal {
		return
	}
	aside := m.v.aside[m.b.summary.Name][s.UID]
	m.v.found(m.b, Finding{Kind: MessageUnknown, UID: s.UID, Waiting: m.moved || aside != "", Detail: aside})
}

// both compares what the server says of a message.
func (m *messages) both(row mail.Row, s mail.ServerMessage) {
	f := Finding{UID: row.UID, Key: row.Key, Row: row.ID}
	if m.b.mode.Pulls && !s.Flags.Equal(row.Flags) && !s.Flags.Union(m.now.Keywords.Missing(row.Flags)).Equal(row.Flags) {
		f.Kind, f.Waiting, f.Detail = MessageFlags, m.moved, mail.FlagsBetween(row.Flags, s.Flags).String()
		m.v.found(m.b, f)
	}
	if size := row.Content.OnServer().Size; s.Content.Size >= 0 && size >= 0 && s.Content.Size != size {
		f.Kind, f.Waiting, f.Detail = MessageSize, false, fmt.Sprintf("%d octets instead of %d", s.Content.Size, size)
		m.v.found(m.b, f)
	}
}

// hash fetches whole messages and compares what they are.
func (m *messages) hash(ctx context.Context, rows []mail.Row) error {
	var uids mail.UIDSet
	for _, row := range rows {
		uids.Add(row.UID)
	}
	are, err := m.v.Server.Identify(ctx, m.b.summary.Name, m.now.UIDValidity, uids, true)
	if err != nil {
		return err
	}
	for _, row := range rows {
		f := Finding{UID: row.UID, Key: row.Key, Row: row.ID}
		switch is, came := are[row.UID]; {
		case !came:
			f.Kind = MessageUndelivered
		case is.Size != row.Content.Size:
			continue // told already
		case is.Hash != row.Content.Hash:
			f.Kind, f.Detail = MessageContent, fmt.Sprintf("SHA-256 %x… instead of %x…", is.Hash[:6], row.Content.Hash[:6])
		default:
			continue
		}
		m.v.found(m.b, f)
	}
	return nil
}
