// Package demo is the whole of godwit's work on a small stage: an IMAP server
// inside the process, on a loopback port, with some sample mail, and a Maildir
// beside it. [Run] leads through it and shows what happens to the files.
package demo

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"strings"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapserver"
	"github.com/emersion/go-imap/v2/imapserver/imapmemserver"
)

// The login of the demonstration's only user.
const (
	User     = "you"
	Password = "limosa lapponica"
)

// Server is an IMAP server that keeps everything in memory.
type Server struct {
	Host string
	Port int

	imap  *imapserver.Server
	ended chan error
	user  *imapmemserver.User
}

// Start starts a server on a free loopback port, with sample mail in it. Close
// it when it is no longer needed.
func Start() (*Server, error) {
	user := imapmemserver.NewUser(User, Password)
	backend := imapmemserver.New()
	backend.AddUser(user)
	s := &Server{user: user, ended: make(chan error, 1)}
	for _, m := range mailboxes {
		if err := user.Create(m, nil); err != nil {
			return nil, fmt.Errorf("demo: create %s: %w", m, err)
		}
		if err := user.Subscribe(m); err != nil {
			return nil, fmt.Errorf("demo: subscribe to %s: %w", m, err)
		}
	}
	for _, m := range letters() {
		if err := s.Deliver(m); err != nil {
			return nil, err
		}
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("demo: %w", err)
	}
	address := listener.Addr().(*net.TCPAddr)
	s.Host, s.Port = address.IP.String(), address.Port
	s.imap = imapserver.New(&imapserver.Options{
		NewSession: func(*imapserver.Conn) (imapserver.Session, *imapserver.GreetingData, error) {
			return backend.NewSession(), nil, nil
		},
		Caps: imap.CapSet{
			imap.CapIMAP4rev1: {}, imap.CapNamespace: {}, imap.CapUIDPlus: {}, imap.CapESearch: {},
			imap.CapListExtended: {}, imap.CapListStatus: {}, imap.CapMove: {}, imap.CapLiteralPlus: {},
		},
		Logger:       log.New(io.Discard, "", 0), // connections that a client closes are no news
		InsecureAuth: true,                       // on the loopback interface
	})
	go func() { s.ended <- s.imap.Serve(listener) }()
	return s, nil
}

// Close stops the server and waits for its end.
func (s *Server) Close() error {
	err := s.imap.Close()
	if served := <-s.ended; served != nil && !errors.Is(served, net.ErrClosed) &&
		!strings.Contains(served.Error(), "server closed") {
		err = errors.Join(err, served)
	}
	return err
}

// Letter is a message to be put into the server.
type Letter struct {
	Mailbox string
	Date    time.Time
	Flags   []imap.Flag
	Text    []byte // in wire form
}

// Deliver puts a message into the server, as new mail comes.
func (s *Server) Deliver(l Letter) error {
	_, err := s.user.Append(l.Mailbox, literal{bytes.NewReader(l.Text), int64(len(l.Text))},
		&imap.AppendOptions{Flags: l.Flags, Time: l.Date})
	if err != nil {
		return fmt.Errorf("demo: deliver to %s: %w", l.Mailbox, err)
	}
	return nil
}

// literal is a message as the server takes it.
type literal struct {
	*bytes.Reader
	size int64
}

func (l literal) Size() int64 { return l.size }
