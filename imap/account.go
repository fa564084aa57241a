// Package imap is the server side of an account: it connects, logs in, lists
// the mailboxes, reads what changed, and carries changes out. Its [Account] is
// what the engine calls a server.
//
// # Two stages of a connection
//
// A connection begins in the hands of go-imap's imapclient, which logs in and
// lists. Then it is handed over, for good, to package wire, which does what a
// synchroniser does all day. Between the socket and imapclient stands a net.Conn
// of ours that passes only whole responses that imapclient understands, so that
// the hand-over finds the stream at a response's boundary, and so that no odd
// server can end the connection with a response nobody asked for.
//
// # The pool
//
// An Account keeps up to Options.Connections connections. Each call takes one,
// preferring one that has the mailbox selected already, and gives it back. Every
// connection is disposable: when one is lost, calls that can be repeated make
// another one and go on with what is left; those that cannot (Append, Copy,
// Move) fail with [mail.ErrUncertain]. A server that does not allow as many
// connections is asked for no more.
//
// # What is proved
//
// STORE, COPY, MOVE and EXPUNGE are sent only for UIDs that were proved to be
// there in the same session, by a listing or a delta that can be trusted; some
// servers act on another message when a UID is not there. UIDs that are gone are
// left out. A body counts only when its message is still listed behind the
// FETCH that brought it.
package imap

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"strings"
	gosync "sync"
	"time"

	"godwit/mail"
)

// TLSMode is how a connection is secured.
type TLSMode uint8

const (
	TLSImplicit TLSMode = iota // from the first octet (RFC 8314)
	TLSStart                   // by STARTTLS, before anything else is said
	TLSNone                    // not at all; see Options.AllowCleartext
)

// Options describe an account and how to reach it.
type Options struct {
	// Host and Port are the server's. Port zero: 993 with implicit TLS, else 143.
	Host string
	Port int
	TLS  TLSMode
	// AllowCleartext lets TLSNone be used with an address that is not a loopback
	// one. A tunnel needs no leave.
	AllowCleartext bool
	// RootCAs is a file of PEM certificates that are trusted besides the system's;
	// empty: none.
	RootCAs string
	// Fingerprint is the SHA-256 of the server's certificate in DER form, as hex
	// digits, with or without "sha256:" before and ":" between them. With it this
	// very certificate is accepted, whoever signed it, and no other.
	Fingerprint string
	// Command is a tunnel to be used instead of Host and Port: a program that
	// speaks IMAP on its standard input and output.
	Command []string

	// Timeout ends a connection on which for so long nothing moved. Connecting,
	// TLS and login together take at most three times that. Zero: one minute.
	Timeout time.Duration

	User string
	// Password yields the password, or the token for an OAuth mechanism. It is
	// called once, when a login needs it first. Nil: there is none.
	Password func(ctx context.Context) (string, error)
	// Mechanism is the SASL mechanism to log in by: PLAIN, XOAUTH2, OAUTHBEARER,
	// or LOGIN for the command of that name. Empty: PLAIN where the server
	// announces it, else LOGIN.
	Mechanism string

	// Connections is how many connections may be open; zero: 4.
	Connections int
	// Shown is how many messages of a mailbox the server shows at most, the newest
	// ones, unless it says so itself (MESSAGELIMIT, RFC 9738); zero: all.
	Shown uint32
	// Compress uses COMPRESS=DEFLATE where it is offered.
	Compress bool
	// TempDir is where a body is spooled that cannot be handed over at once; empty:
	// the system's.
	TempDir string

	// Notify is told what the server wants the user to know and no error says: its
	// ALERTs, and its reason for closing; each text once. It may be called by several
	// goroutines. Nil: nobody is told.
	Notify func(text string)
	// Remark is the same for what was noticed about the server: fewer connections
	// than wanted, a message that it cannot give in part.
	Remark func(text string)
	// Trace is given every line that is sent ("C: ...") and received ("S: ..."),
	// without literals and without the login. It may be called by several goroutines.
	Trace func(line string)
}

const (
	defaultTimeout     = time.Minute
	defaultConnections = 4
)

// Account is one IMAP account. Make one with [New]; its methods may be called
// side by side. It connects when something is asked of it.
type Account struct {
	options Options
	tls     *tls.Config
	secrets *secrets
	traffic traffic
	names   nameTable
	pool    *pool

	password gosync.Once
	secret   string
	noSecret error

	listing gosync.Mutex // one LIST at a time

	mu         gosync.Mutex
	refusals   map[messageID]error // guarded by mu
	noRanges   bool                // the user was told that this server gives no ranges
	told       map[string]bool
	spare      *stage // a connection still in the control plane
	wasListed  bool
	worked     bool // a login succeeded once
	info       Info
	validities map[mail.Mailbox]mail.UIDValidity // as seen last
	closed     bool
	broken     int // see breaks
}

// New makes an account. It fails when the options contradict each other; it
// does not connect.
func New(o Options) (*Account, error) {
	if o.Timeout <= 0 {
		o.Timeout = defaultTimeout
	}
	if o.Connections <= 0 {
		o.Connections = defaultConnections
	}
	if o.Port == 0 {
		o.Port = 143
		if o.TLS == TLSImplicit {
			o.Port = 993
		}
	}
	o.Mechanism = strings.ToUpper(o.Mechanism)
	switch {
	case len(o.Command) == 0 && o.Host == "":
		return nil, errors.New("no host and no command to reach the server by")
	case o.Port < 0 || o.Port > 65535:
		return nil, fmt.Errorf("no such port: %d", o.Port)
	case o.TLS > TLSNone:
		return nil, errors.New("no such TLS mode")
	}
	switch o.Mechanism {
	case "", "PLAIN", "LOGIN", "XOAUTH2", "OAUTHBEARER":
	default:
		return nil, fmt.Errorf("unknown login mechanism %q", o.Mechanism)
	}
	config, err := tlsConfig(o)
	if err != nil {
		return nil, err
	}
	a := &Account{
		options: o, tls: config, secrets: &secrets{},
		told: map[string]bool{}, validities: map[mail.Mailbox]mail.UIDValidity{},
	}
	a.pool = newPool(o.Connections)
	return a, nil
}

// mostNotices is how many texts of a server are worth telling.
const mostNotices = 100

// notice tells the user what the server says, once.
func (a *Account) notice(text string) { a.tell(a.options.Notify, text) }

// remark tells the user what is to be said of the server, once.
func (a *Account) remark(text string) { a.tell(a.options.Remark, text) }

func (a *Account) tell(whom func(string), text string) {
	text = a.secrets.clean(text)
	a.mu.Lock()
	again := text == "" || a.told[text] || len(a.told) >= mostNotices
	if !again {
		a.told[text] = true
	}
	a.mu.Unlock()
	if !again && whom != nil {
		whom(text)
	}
}

// credentials returns the password, asking for it the first time.
func (a *Account) credentials(ctx context.Context) (string, error) {
	a.password.Do(func() {
		if a.options.Password == nil {
			a.noSecret = fmt.Errorf("%w: no password is configured", ErrLogin)
			return
		}
		a.secret, a.noSecret = a.options.Password(ctx)
		if a.noSecret == nil && a.secret == "" {
			a.noSecret = fmt.Errorf("%w: the password is empty", ErrLogin)
		}
		a.secrets.add(a.options.User, a.secret)
	})
	return a.secret, a.noSecret
}

// Traffic tells what went over the account's connections up to now.
func (a *Account) Traffic() Traffic {
	t := &a.traffic
	return Traffic{In: t.in.Load(), Out: t.out.Load(), Turns: t.turns.Load(), Connections: t.connections.Load()}
}

// sawValidity records a mailbox's UIDVALIDITY.
func (a *Account) sawValidity(m mail.Mailbox, v mail.UIDValidity) {
	if v == 0 {
		return
	}
	a.mu.Lock()
	a.validities[m] = v
	a.mu.Unlock()
}

// fits tells whether UIDs under v, which the server gave for the mailbox, are
// those of the mailbox as it was seen last.
func (a *Account) fits(m mail.Mailbox, v mail.UIDValidity) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	seen, ok := a.validities[m]
	return v != 0 && (!ok || seen == v)
}

func (a *Account) isClosed() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.closed
}

// Close ends all connections. It says LOGOUT and does not wait for the answer.
// Calls under way fail. Calling it again does nothing.
func (a *Account) Close() error {
	a.mu.Lock()
	if a.closed {
		a.mu.Unlock()
		return nil
	}
	a.closed = true
	spare := a.spare
	a.spare = nil
	a.mu.Unlock()
	if spare != nil {
		spare.end()
	}
	a.pool.close()
	return nil
}
