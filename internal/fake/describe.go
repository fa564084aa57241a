package fake

import (
	"context"
	"errors"
	"fmt"

	"godwit/mail"
)

// Describe returns what the server says of some messages, without their bodies;
// as [godwit/imap.Account.Describe] does.
func (s *Server) Describe(ctx context.Context, m mail.Mailbox, v mail.UIDValidity, uids mail.UIDSet) ([]mail.ServerMessage, error) {
	fault, err := s.begin(ctx, "Describe", fmt.Sprintf("%s %s", m, uids))
	if err = errors.Join(err, fault.error()); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	b, err := s.selected(m, v)
	if err != nil {
		return nil, err
	}
	var found []mail.ServerMessage
	for _, msg := range b.chosen(uids) {
		found = append(found, s.line(msg, true))
	}
	return found, nil
}
