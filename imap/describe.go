package imap

import (
	"context"
	"fmt"

	"godwit/imap/wire"
	"godwit/mail"
)

// Describe returns what the server says of some messages without giving their
// bodies: flags, date and size, ascending by UID. Those that are not there are
// left out. It asks once and for all of them: who has many asks for some at a
// time. It fails with [mail.ErrUIDValidity] when the mailbox has another
// UIDVALIDITY now.
func (a *Account) Describe(ctx context.Context, m mail.Mailbox, v mail.UIDValidity, uids mail.UIDSet) ([]mail.ServerMessage, error) {
	var found []mail.ServerMessage
	err := a.with(ctx, m, func(s *session) error {
		if err := s.open(ctx, m, v, uids); err != nil {
			return err
		}
		found = nil
		for _, some := range uids.Chunks(0, wire.MaxSetOctets) {
			// One answer that cannot be understood is one message less; the rest counts.
			_, err := s.conn.Fetch(ctx, wire.FetchOptions{UIDs: some, Items: s.items()}, func(msg *wire.Message, _ *wire.Body) error {
				if some.Contains(msg.UID) { // some servers answer for another UID than was named
					found = append(found, msg.ServerMessage())
				}
				return nil
			}).Wait()
			if err != nil && (s.conn.Err() != nil || !isMalformed(err)) {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("reading the list of %q: %w", string(m), err)
	}
	return sortMessages(found), nil
}
