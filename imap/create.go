package imap

import (
	"context"
	"fmt"
	"strings"

	"godwit/mail"
)

// Create makes a mailbox, with the parents it needs, and subscribes to it. A
// mailbox that is there already is subscribed to only.
func (a *Account) Create(ctx context.Context, m mail.Mailbox) error {
	err := a.with(ctx, "", func(s *session) error {
		raw, err := a.names.raw(m)
		if err != nil {
			return err
		}
		status, err := s.create(ctx, raw)
		if _, no := refused(err); no {
			// RFC 9051, 6.3.4: the server SHOULD make the parents, and some do not.
			for _, parent := range parents(m) {
				rawParent, err := a.names.raw(parent)
				if err != nil {
					return err
				}
				if _, err := s.conn.Create(ctx, rawParent).Wait(); s.conn.Err() != nil {
					return err
				}
			}
			if len(parents(m)) > 0 {
				status, err = s.create(ctx, raw)
			}
		}
		if err != nil {
			return err
		}
		a.names.add(m, raw)
		a.mu.Lock()
		a.validities[m] = status.UIDValidity
		a.mu.Unlock()
		return nil
	})
	if err != nil {
		if hasCode(err, "OVERQUOTA") {
			err = fmt.Errorf("%w: %w", mail.ErrOverQuota, err)
		}
		return fmt.Errorf("creating %q: %w", string(m), err)
	}
	return nil
}

// create sends CREATE, SUBSCRIBE and STATUS in one flight. STATUS decides: not
// every server says in words that can be understood that a mailbox exists.
func (s *session) create(ctx context.Context, raw string) (mail.Status, error) {
	create := s.conn.Create(ctx, raw)
	subscribe := s.conn.Subscribe(ctx, raw)
	status := s.conn.Status(ctx, raw)
	_, err := create.Wait()
	subscribe.Wait()
	is, statusErr := status.Wait()
	switch {
	case statusErr == nil:
		return is, nil
	case err == nil && s.conn.Err() == nil && (isMalformed(statusErr) || hasNoAnswer(statusErr)):
		return is, nil
	case err == nil:
		err = statusErr
	}
	return is, err
}

// parents returns the mailboxes above m, the highest first.
func parents(m mail.Mailbox) []mail.Mailbox {
	var above []mail.Mailbox
	for i, c := range string(m) {
		if c == '/' && i > 0 {
			above = append(above, m[:i])
		}
	}
	if len(above) > 0 && strings.EqualFold(string(above[0]), string(mail.Inbox)) {
		above = above[1:]
	}
	return above
}
