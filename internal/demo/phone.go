package demo

import (
	"fmt"
	"io"
	"mime"
	"net"
	"strconv"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
)

// phone is another client of the account: what it does, the next run has to find
// out.
type phone struct{ client *imapclient.Client }

func (s *Server) phone() (*phone, error) {
	client, err := imapclient.DialInsecure(net.JoinHostPort(s.Host, strconv.Itoa(s.Port)), nil)
	if err != nil {
		return nil, fmt.Errorf("demo: the other client: %w", err)
	}
	if err := client.Login(User, Password).Wait(); err != nil {
		client.Close()
		return nil, fmt.Errorf("demo: the other client: %w", err)
	}
	return &phone{client}, nil
}

func (p *phone) close() error {
	_ = p.client.Logout().Wait()
	return p.client.Close()
}

// find selects a mailbox and returns the UID of the message with that subject.
func (p *phone) find(mailbox, subject string) (imap.UIDSet, error) {
	messages, err := p.messages(mailbox)
	if err != nil {
		return nil, err
	}
	for _, m := range messages {
		if m.subject == subject {
			return imap.UIDSetNum(m.uid), nil
		}
	}
	return nil, fmt.Errorf("demo: no message %q in %s", subject, mailbox)
}

// onServer is a message as the other client sees it.
type onServer struct {
	uid     imap.UID
	subject string
	flags   []imap.Flag
	text    []byte
}

// messages selects a mailbox and reads all of it.
func (p *phone) messages(mailbox string) ([]onServer, error) {
	selected, err := p.client.Select(mailbox, nil).Wait()
	if err != nil {
		return nil, fmt.Errorf("demo: select %s: %w", mailbox, err)
	}
	if selected.NumMessages == 0 {
		return nil, nil
	}
	fetched, err := p.client.Fetch(imap.SeqSet{{Start: 1, Stop: 0}}, &imap.FetchOptions{
		UID: true, Flags: true, BodySection: []*imap.FetchItemBodySection{{Peek: true}},
	}).Collect()
	if err != nil {
		return nil, fmt.Errorf("demo: fetch %s: %w", mailbox, err)
	}
	var out []onServer
	for _, f := range fetched {
		m := onServer{uid: f.UID, flags: f.Flags}
		for _, section := range f.BodySection {
			m.text = section.Bytes
		}
		m.subject = subjectOf(m.text)
		out = append(out, m)
	}
	return out, nil
}

func (p *phone) star(mailbox, subject string) error {
	uids, err := p.find(mailbox, subject)
	if err != nil {
		return err
	}
	return p.client.Store(uids, &imap.StoreFlags{Op: imap.StoreFlagsAdd, Silent: true, Flags: []imap.Flag{imap.FlagFlagged}}, nil).Close()
}

func (p *phone) move(mailbox, subject, to string) error {
	uids, err := p.find(mailbox, subject)
	if err != nil {
		return err
	}
	_, err = p.client.Move(uids, to).Wait()
	return err
}

func (p *phone) remove(mailbox, subject string) error {
	uids, err := p.find(mailbox, subject)
	if err != nil {
		return err
	}
	if err := p.client.Store(uids, &imap.StoreFlags{Op: imap.StoreFlagsAdd, Silent: true, Flags: []imap.Flag{imap.FlagDeleted}}, nil).Close(); err != nil {
		return err
	}
	return p.client.UIDExpunge(uids).Close()
}

// decode makes a header's words readable.
func decode(text string) string {
	decoded, err := (&mime.WordDecoder{CharsetReader: func(string, io.Reader) (io.Reader, error) {
		return nil, fmt.Errorf("unknown character set")
	}}).DecodeHeader(text)
	if err != nil {
		return text
	}
	return decoded
}
