package imap

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	gosync "sync"
	"syscall"
	"unicode"
	"unicode/utf8"

	goimap "github.com/emersion/go-imap/v2"

	"godwit/imap/wire"
	"godwit/mail"
)

// Sentinels of this package; what the engine branches on is in package mail.
var (
	// ErrLogin: the server refused the login, or offers no way to log in that the
	// options allow. It is never tried again.
	ErrLogin = errors.New("login refused")
	// ErrTLS: no secure connection could be made, for a reason that another try
	// will not cure: a certificate that is not trusted, STARTTLS not offered,
	// data injected before it. It is a [mail.ErrOffline] as well.
	ErrTLS = errors.New("no secure connection")
	// ErrClosed: the account was closed.
	ErrClosed = errors.New("account is closed")
)

// offline marks an error as [mail.ErrOffline], once.
func offline(err error) error {
	if err == nil || errors.Is(err, mail.ErrOffline) {
		return err
	}
	return fmt.Errorf("%w: %w", mail.ErrOffline, err)
}

// tlsError marks an error as one of TLS.
func tlsError(err error) error { return fmt.Errorf("%w: %w", ErrTLS, offline(err)) }

// isLost tells that an error means the end of its connection, which says nothing
// about the next one.
func isLost(err error) bool {
	var status *goimap.Error
	if errors.As(err, &status) {
		return status.Type == goimap.StatusResponseTypeBye
	}
	var netErr net.Error
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.ErrClosedPipe) ||
		errors.Is(err, net.ErrClosed) || errors.Is(err, os.ErrClosed) || errors.Is(err, os.ErrDeadlineExceeded) ||
		errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) || errors.As(err, &netErr)
}

// refused returns the server's NO or BAD in an error, if it is one.
func refused(err error) (*goimap.Error, bool) {
	var status *goimap.Error
	if !errors.As(err, &status) || status.Type == goimap.StatusResponseTypeBye {
		return nil, false
	}
	return status, true
}

// hasCode tells whether the server refused with one of these response codes.
func hasCode(err error, codes ...goimap.ResponseCode) bool {
	status, ok := refused(err)
	if !ok {
		return false
	}
	for _, c := range codes {
		if strings.EqualFold(string(status.Code), string(c)) {
			return true
		}
	}
	return false
}

// secrets are the texts that must never be shown.
type secrets struct {
	mu    gosync.Mutex
	texts []string
}

const struckOut = "[secret]"

// add takes a password and the forms in which a server may echo it.
func (s *secrets) add(user, password string) {
	if password == "" {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	b64 := base64.StdEncoding.EncodeToString
	s.texts = append(s.texts,
		b64([]byte("\x00"+user+"\x00"+password)), b64([]byte(user+"\x00"+user+"\x00"+password)),
		b64([]byte(password)), strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(password), password)
}

// strike takes the secrets out of a text.
func (s *secrets) strike(text string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, secret := range s.texts {
		text = strings.ReplaceAll(text, secret, struckOut)
	}
	return text
}

// clean makes a server's text fit to be shown: no control characters, valid
// UTF-8, no secret, not longer than a user would read.
func (s *secrets) clean(text string) string {
	// Twice, since characters that are not shown may stand in the middle of a
	// secret, and be part of one.
	text = s.strike(strings.Map(shown, s.strike(text)))
	const limit = 500
	if len(text) > limit {
		text = strings.ToValidUTF8(text[:limit], "") + "…"
	}
	return strings.TrimSpace(text)
}

// shown is what stands for a character where it is shown; -1: nothing.
func shown(r rune) rune {
	switch {
	case r == utf8.RuneError:
		return '?'
	case r < ' ' || r >= 0x7f && r < 0xa0: // C0, DEL, C1
		return ' '
	case r == '\u200c' || r == '\u200d': // scripts and emoji need them
		return r
	case r == '\u2028' || r == '\u2029' || unicode.Is(unicode.Cf, r):
		return -1 // line breaks, changes of direction, what is not seen
	}
	return r
}

// wrap returns err with the server's words cleaned, for the user.
func (s *secrets) wrap(err error) error {
	var status *goimap.Error
	var clean *cleanError
	if !errors.As(err, &status) || status.Text == "" || errors.As(err, &clean) {
		return err
	}
	return &cleanError{err, status.Text, s.clean(status.Text)}
}

// cleanError shows the server's words as they may be shown. The error itself stays
// as it is: one BYE ends many commands, which are told of it at the same time.
type cleanError struct {
	err         error
	said, shown string
}

func (e *cleanError) Error() string { return strings.ReplaceAll(e.err.Error(), e.said, e.shown) }
func (e *cleanError) Unwrap() error { return e.err }

// isMalformed tells that an answer could not be understood while the connection
// is still in step.
func isMalformed(err error) bool {
	var malformed *wire.MalformedError
	return errors.As(err, &malformed)
}

// hasNoAnswer tells that the server said OK and nothing else.
func hasNoAnswer(err error) bool { return errors.Is(err, wire.ErrNoAnswer) }

// isNonexistent tells that a server said of a mailbox that it is not there (RFC
// 5530, 3), or as Dovecot 2.3 says it, without a code.
func isNonexistent(err error) bool {
	said, no := refused(err)
	return no && (hasCode(err, "NONEXISTENT") || strings.Contains(said.Text, "Mailbox doesn't exist"))
}
