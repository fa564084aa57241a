package imap

import (
	"context"
	"fmt"

	"godwit/imap/wire"
	"godwit/mail"
)

// Rename gives a mailbox another name, and with it those below it (RFC 9051,
// 6.3.6): one turn, and another where any of them was subscribed to. INBOX is
// never renamed, since that would move its messages away and leave it. A mailbox
// that is not there under the old name, and is under the new one, was renamed
// before: the answer may have been lost with its connection.
func (a *Account) Rename(ctx context.Context, from, to mail.Mailbox) error {
	if from == mail.Inbox || to == mail.Inbox {
		return fmt.Errorf("renaming %q to %q: INBOX is what it is", string(from), string(to))
	}
	err := a.with(ctx, "", func(s *session) error {
		rawFrom, err := a.names.raw(from)
		if err != nil {
			return err
		}
		rawTo, err := a.names.raw(to)
		if err != nil {
			return err
		}
		if err := a.leave(ctx, s, from); err != nil {
			return err
		}
		if err := s.rename(ctx, rawFrom, rawTo); err != nil {
			return err
		}
		moved := a.names.under(from)
		var subscribed []*wire.Command[struct{}]
		for _, u := range moved {
			if len(u.raw) < len(rawFrom) || u.raw[:len(rawFrom)] != rawFrom {
				continue // spelled another way: the next LIST tells
			}
			name, raw := to+u.name[len(from):], rawTo+u.raw[len(rawFrom):]
			a.names.remove(u.name)
			a.names.add(name, raw)
			a.names.subscribe(name, u.subscribed)
			a.mu.Lock()
			a.validities[name] = a.validities[u.name]
			delete(a.validities, u.name)
			a.mu.Unlock()
			if u.subscribed { // which goes by names, and need not follow (RFC 9051, 6.3.7)
				subscribed = append(subscribed, s.conn.Subscribe(ctx, raw), s.conn.Unsubscribe(ctx, u.raw))
			}
		}
		for _, command := range subscribed {
			if _, err := command.Wait(); err != nil && s.conn.Err() != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("renaming %q to %q on the server: %w", string(from), string(to), err)
	}
	return nil
}

// rename sends RENAME. Where it is refused, STATUS of both names tells whether it
// had been carried out before.
func (s *session) rename(ctx context.Context, from, to string) error {
	_, err := s.conn.Rename(ctx, from, to).Wait()
	if _, no := refused(err); !no {
		return err
	}
	old, renamed := s.conn.Status(ctx, from), s.conn.Status(ctx, to)
	_, oldErr := old.Wait()
	_, newErr := renamed.Wait()
	if _, gone := refused(oldErr); gone && newErr == nil {
		return nil
	}
	return err
}

// Delete removes a mailbox that holds no message, and the subscription to it;
// those below it stay. It fails with [mail.ErrNotEmpty] when it holds any, and
// with [mail.ErrUIDValidity] when it is another one by now.
func (a *Account) Delete(ctx context.Context, m mail.Mailbox, v mail.UIDValidity) error {
	err := a.with(ctx, "", func(s *session) error {
		if m == mail.Inbox {
			return fmt.Errorf("INBOX always is (RFC 9051, 6.3.5)")
		}
		raw, err := a.names.raw(m)
		if err != nil {
			return err
		}
		if err := a.leave(ctx, s, m); err != nil {
			return err
		}
		status, err := s.conn.Status(ctx, raw).Wait()
		switch _, no := refused(err); {
		case no:
			return fmt.Errorf("%w: %w", mail.ErrNoMailbox, err)
		case err != nil:
			return err
		case status.UIDValidity != v:
			return wrongValidity(m, status.UIDValidity, v)
		case status.Messages > 0:
			return fmt.Errorf("%w: it holds %d messages", mail.ErrNotEmpty, status.Messages)
		}
		if _, err := s.conn.Delete(ctx, raw).Wait(); err != nil {
			return err
		}
		if _, err := s.conn.Unsubscribe(ctx, raw).Wait(); err != nil && s.conn.Err() != nil {
			return err
		}
		a.names.remove(m)
		return nil
	})
	if err != nil {
		return fmt.Errorf("deleting %q on the server: %w", string(m), err)
	}
	return nil
}

// leave sees to it that no connection has a mailbox selected that is about to get
// another name, or to go: what it knows of it would be said of another one then,
// and servers end such connections.
func (a *Account) leave(ctx context.Context, s *session, m mail.Mailbox) error {
	for _, other := range a.pool.takeSelected(m) {
		other.end()
	}
	if !s.mailbox.Under(m) {
		return nil
	}
	data, err := s.selecting(ctx, string(mail.Inbox), wire.SelectOptions{}).Wait()
	s.settle()
	if err != nil {
		return selectError(mail.Inbox, err)
	}
	s.enter(mail.Inbox, data)
	return nil
}
