package imap

import (
	"errors"
	"fmt"
	"os"

	goimap "github.com/emersion/go-imap/v2"

	"godwit/imap/wire"
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

// Dovecot says BYE when it cannot read a message that it is to give, and ends the
// connection: asked again for the same messages it would do so for ever. It
// answers in order, so that the first message that did not come is the one. That
// is asked for alone over the next connection. If the server says BYE again, the
// message is refused; if not, nothing is lost but a turn.

// mostByes is how often a fetch looks for the message to blame. A server that says
// BYE more often is not well.
const mostByes = 2 * fetchRefusals

// queue is what is to be asked for, and how many batches may be under way at
// first: a suspect goes alone.
func (f *fetcher) queue() (queue []mail.UIDSet, ahead int) {
	alone := f.want.Intersect(mail.UIDs(f.suspect))
	ahead = fetchAhead
	if f.size < fetchBatch {
		ahead = 1
	}
	if !alone.IsEmpty() {
		queue, ahead = append(queue, alone), 1
	}
	spans := f.spansOf(f.want).Minus(alone)
	rest := f.want.Minus(alone)
	queue = append(queue, rest.Minus(spans).Chunks(f.size, wire.MaxSetOctets)...)
	return append(queue, spans.Chunks(1, 0)...), ahead
}

// blame finds the message at which the server said BYE, after a batch whose
// connection ended.
func (f *fetcher) blame(s *session, b *batch, err error) {
	var status *goimap.Error
	open := b.uids.Intersect(f.want)
	if !errors.As(err, &status) {
		f.lost(s, b, err)
		return
	}
	if status.Type != goimap.StatusResponseTypeBye || open.IsEmpty() || f.byes >= mostByes {
		return
	}
	f.byes++
	s.progress = true // more is known now
	first := open.Ranges()[0].Low
	if b.uids.Len() > 1 || first != f.suspect {
		f.suspect = first
		return
	}
	why := fmt.Errorf("asked for it alone, the server ends the connection: %s", f.account.secrets.clean(status.Text))
	f.account.refuse(messageID{f.mailbox, f.validity, first}, why)
	f.want = f.want.Minus(open)
	f.suspect = 0
}

const (
	// fetchSuspected is how often a message may end the connection, alone and without
	// a word, before it is left. Networks break for other reasons, too.
	fetchSuspected = 3
	// fetchAbandoned is how many messages in a row may be left for that before the
	// server is believed to be gone.
	fetchAbandoned = 2
)

// lost takes note of a connection that ended without a BYE while a batch was
// under way: the server died of a message, or sent it so that nobody can tell
// where it ends. Servers that do not answer in order have batches get smaller
// until one message stands alone. Silence is no such end; it says more of the
// network than of a message.
func (f *fetcher) lost(s *session, b *batch, err error) {
	if s.conn.Err() == nil || f.ctx.Err() != nil || sinkFailed(err) || errors.Is(err, wire.ErrFlood) || errors.Is(err, os.ErrDeadlineExceeded) {
		return
	}
	rest := b.uids.Intersect(f.want)
	switch {
	case rest.IsEmpty():
	case rest.Len() == 1 && b.uids.Len() == 1 && rest.Contains(f.suspect):
		if f.suspected++; f.suspected < fetchSuspected {
			s.progress = true
			return
		}
		// It may still be the network that breaks, each time: the next run asks again.
		why := fmt.Errorf("%w: asked for it alone, the connection ends: %w", mail.ErrNotNow, err)
		f.account.refuse(messageID{f.mailbox, f.validity, f.suspect}, why)
		f.want = f.want.Minus(rest)
		f.suspect, f.suspected, f.size = 0, 0, f.most()
		if f.abandoned++; f.abandoned <= fetchAbandoned {
			s.progress = true
		}
	default:
		f.suspect, f.suspected, f.size = rest.Ranges()[0].Low, 0, max(1, min(f.size, fetchBatch)/4)
		s.progress = s.progress || f.abandoned <= fetchAbandoned
	}
}

// sinkFailed tells the sink's own error.
func sinkFailed(err error) bool {
	var sink *sinkError
	return errors.As(err, &sink)
}
