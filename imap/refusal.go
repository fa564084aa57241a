package imap

import (
	"fmt"

	goimap "github.com/emersion/go-imap/v2"

	"godwit/mail"
)

// mostRefusals is how many messages are remembered that could not be fetched:
// what comes later is told without its reason.
const mostRefusals = 1000

// messageID names a message of the account.
type messageID struct {
	mailbox  mail.Mailbox
	validity mail.UIDValidity
	uid      mail.UID
}

// refuse remembers why a message was not delivered.
func (a *Account) refuse(id messageID, why error) {
	why = a.secrets.wrap(notNow(why))
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.refusals == nil {
		a.refusals = map[messageID]error{}
	}
	if _, known := a.refusals[id]; known || len(a.refusals) < mostRefusals {
		a.refusals[id] = fmt.Errorf("the message cannot be fetched: %w", why)
	}
}

// Refusal returns why a message was not delivered when it was fetched last: the
// server's NO, or what was wrong with its answer. It is nil where the server gave
// no reason, and where it refused the whole command. A refusal that is not the
// message's own is a [mail.ErrNotNow].
func (a *Account) Refusal(m mail.Mailbox, v mail.UIDValidity, u mail.UID) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.refusals[messageID{m, v, u}]
}

// notNow marks a refusal that another message would have met as well.
// NOPERM, UNAVAILABLE, INUSE, PRIVACYREQUIRED, CONTACTADMIN and LIMIT are from RFC
// 5530, 3, OVERQUOTA from RFC 9208, 4.3.
func notNow(err error) error {
	switch {
	case hasCode(err, "OVERQUOTA"):
		return fmt.Errorf("%w: %w", mail.ErrOverQuota, err)
	case hasCode(err, goimap.ResponseCodeNoPerm, goimap.ResponseCodeUnavailable, goimap.ResponseCodeInUse,
		goimap.ResponseCodePrivacyRequired, goimap.ResponseCodeContactAdmin, goimap.ResponseCodeLimit):
		return fmt.Errorf("%w: %w", mail.ErrNotNow, err)
	}
	return err
}
