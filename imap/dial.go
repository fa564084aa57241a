package imap

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"time"
)

// tlsConfig makes the configuration that all connections share, sessions to be
// resumed included.
func tlsConfig(o Options) (*tls.Config, error) {
	config := &tls.Config{
		ServerName: o.Host,
		// RFC 8314, 4.1: nothing below 1.2.
		MinVersion:         tls.VersionTLS12,
		ClientSessionCache: tls.NewLRUClientSessionCache(0),
	}
	if o.RootCAs != "" {
		pem, err := os.ReadFile(o.RootCAs)
		if err != nil {
			return nil, fmt.Errorf("reading the trusted certificates: %w", err)
		}
		roots, err := x509.SystemCertPool()
		if err != nil {
			roots = x509.NewCertPool()
		}
		if !roots.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("%s holds no PEM certificate", o.RootCAs)
		}
		config.RootCAs = roots
	}
	if o.Fingerprint != "" {
		digits := strings.ReplaceAll(strings.TrimPrefix(strings.ToLower(o.Fingerprint), "sha256:"), ":", "")
		pin, err := hex.DecodeString(digits)
		if err != nil || len(pin) != sha256.Size {
			return nil, fmt.Errorf("the certificate's fingerprint must be sha256: and %d hex digits", 2*sha256.Size)
		}
		// The pin takes the place of the usual checks: whoever signed it.
		config.InsecureSkipVerify = true
		config.VerifyConnection = func(state tls.ConnectionState) error {
			if len(state.PeerCertificates) == 0 {
				return errors.New("the server showed no certificate")
			}
			sum := sha256.Sum256(state.PeerCertificates[0].Raw)
			if subtle.ConstantTimeCompare(sum[:], pin) != 1 {
				return fmt.Errorf("the server's certificate is another one than the pinned: sha256:%s", hex.EncodeToString(sum[:]))
			}
			return nil
		}
	}
	return config, nil
}

// dial connects and secures the connection, up to and including the greeting.
// greeting is the line that the server greeted with; after STARTTLS it is one of
// ours, since what came before TLS proves nothing.
func (a *Account) dial(ctx context.Context) (c *control, greeting string, err error) {
	raw, err := a.open(ctx)
	if err != nil {
		return nil, "", err
	}
	a.traffic.connections.Add(1)
	socket := &metered{raw, &a.traffic}
	l := &link{Conn: socket, socket: socket, timeout: a.options.Timeout, traffic: &a.traffic, tracer: newTracer(a.options.Trace, a.secrets)}
	l.sent.Store(true) // the greeting is waited for, too
	defer func() {
		if err != nil {
			l.Close()
			if t, ok := raw.(*tunnel); ok && ctx.Err() == nil {
				if said := a.secrets.clean(t.said()); said != "" {
					err = fmt.Errorf("%w (%s)", err, said)
				}
			}
		}
	}()
	stop := context.AfterFunc(ctx, func() { socket.Close() })
	defer stop()

	overTLS := len(a.options.Command) == 0 && a.options.TLS != TLSNone
	if overTLS && a.options.TLS == TLSImplicit {
		if err := a.handshake(ctx, l); err != nil {
			return nil, "", err
		}
	}
	c = newControl(l)
	c.secrets, c.notice = a.secrets, a.notice
	greeting, err = a.greet(ctx, c)
	if err != nil {
		return nil, "", err
	}
	if overTLS && a.options.TLS == TLSStart {
		if err := a.startTLS(ctx, c, greeting); err != nil {
			return nil, "", err
		}
		greeting = "* OK STARTTLS"
	}
	return c, greeting, nil
}

// open makes the connection below TLS.
func (a *Account) open(ctx context.Context) (net.Conn, error) {
	if len(a.options.Command) > 0 {
		return startTunnel(a.options.Command)
	}
	address := net.JoinHostPort(a.options.Host, strconv.Itoa(a.options.Port))
	dialer := net.Dialer{Timeout: a.options.Timeout, KeepAlive: time.Minute}
	conn, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		if ctx.Err() != nil && context.Cause(ctx) != errLoginTime {
			return nil, ctx.Err()
		}
		return nil, offline(fmt.Errorf("connecting to %s: %w", address, err))
	}
	if a.options.TLS == TLSNone && !a.options.AllowCleartext && !isLoopback(conn.RemoteAddr()) {
		conn.Close()
		return nil, tlsError(fmt.Errorf("%s is not a loopback address, and cleartext is not allowed", address))
	}
	return conn, nil
}

func isLoopback(address net.Addr) bool {
	tcp, ok := address.(*net.TCPAddr)
	return ok && tcp.IP.IsLoopback()
}

// handshake puts TLS on the link.
func (a *Account) handshake(ctx context.Context, l *link) error {
	ctx, cancel := context.WithTimeout(ctx, a.options.Timeout)
	defer cancel()
	conn := tls.Client(l.Conn, a.tls)
	if err := conn.HandshakeContext(ctx); err != nil {
		err = fmt.Errorf("TLS with %s: %w", a.options.Host, err)
		var alert *net.OpError
		said := errors.As(err, &alert) && alert.Op == "remote error" // the server's TLS alert
		if !said && (isLost(err) || ctx.Err() != nil) {
			return offline(err)
		}
		return tlsError(err)
	}
	l.Conn = conn
	return nil
}

// tlsState returns the state of the link's TLS; nil without.
func (l *link) tlsState() *tls.ConnectionState {
	conn, ok := l.Conn.(*tls.Conn)
	if !ok {
		return nil
	}
	state := conn.ConnectionState()
	return &state
}

// greet reads the server's greeting (RFC 9051, 7.1.4 and 7.1.5).
func (a *Account) greet(ctx context.Context, c *control) (string, error) {
	response, err := c.next()
	if err != nil {
		return "", a.lostAt(ctx, "waiting for the greeting", err)
	}
	line := string(bytes.TrimRight(response, "\r\n"))
	tag, kind, rest := splitResponse([]byte(line))
	switch {
	case tag == "*" && (kind == "OK" || kind == "PREAUTH"):
		return line, nil
	case tag == "*" && kind == "BYE":
		_, _, text := splitCode(string(rest))
		return "", offline(fmt.Errorf("the server turned us away: %s", a.secrets.clean(text)))
	}
	return "", offline(fmt.Errorf("this is no IMAP server: it greets with %q", a.secrets.clean(line)))
}

// startTLS says STARTTLS and puts TLS on the link (RFC 9051, 6.2.1). Whoever
// sits on the line may have written whatever came up to here, so nothing of it
// is kept, and what claims to be more than an answer ends the connection.
func (a *Account) startTLS(ctx context.Context, c *control, greeting string) error {
	if _, kind, rest := splitResponse([]byte(greeting)); kind == "PREAUTH" {
		// RFC 8314, 7.1: it would keep us from TLS.
		return tlsError(errors.New("the server claims that we are logged in, before TLS"))
	} else if code, list, _ := splitCode(string(rest)); code == "CAPABILITY" && !strings.Contains(" "+strings.ToUpper(list)+" ", " STARTTLS ") {
		return tlsError(errors.New("the server does not offer STARTTLS"))
	}
	const tag = "S1"
	if _, err := c.link.Write([]byte(tag + " STARTTLS\r\n")); err != nil {
		return a.lostAt(ctx, "STARTTLS", err)
	}
	for answered := false; !answered; {
		response, err := c.next()
		if err != nil {
			return a.lostAt(ctx, "STARTTLS", err)
		}
		first, kind, rest := splitResponse(bytes.TrimRight(response, "\r\n"))
		switch {
		case first == tag && kind == "OK":
			answered = true
		case first == tag:
			return tlsError(fmt.Errorf("the server refused STARTTLS: %s", a.secrets.clean(string(rest))))
		case first == "*" && kind == "BYE":
			return offline(fmt.Errorf("the server turned us away: %s", a.secrets.clean(string(rest))))
		}
	}
	if len(c.raw) > c.consumed {
		return tlsError(errors.New("something was sent behind the answer to STARTTLS, before TLS"))
	}
	c.raw, c.consumed = nil, 0
	c.forget()
	return a.handshake(ctx, c.link)
}

// lostAt describes a connection that ended while logging in.
func (a *Account) lostAt(ctx context.Context, doing string, err error) error {
	if ctx.Err() != nil {
		if context.Cause(ctx) == errLoginTime {
			return offline(fmt.Errorf("%s: %w", doing, errLoginTime))
		}
		return ctx.Err()
	}
	return offline(fmt.Errorf("%s: %w", doing, err))
}

var errLoginTime = errors.New("connecting and logging in took too long")
