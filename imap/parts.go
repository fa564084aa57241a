package imap

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"godwit/imap/wire"
	"godwit/mail"
	"godwit/mail/partial"
)

const (
	// partBatch is how many messages are taken apart at a time; all that is fetched
	// of them is held in memory.
	partBatch = 16
	// headBatch is the same where nothing but headers is fetched.
	headBatch = 256
	// maxHeader is how long a header may be of a message that is fetched in part.
	maxHeader = 1 << 20
)

// FetchPart fetches messages in part; see the engine's Server for the contract.
// Header and structure of a batch come in one flight, what is wanted of the parts
// in another. A message whose structure the server gets wrong, or whose parts it
// refuses, is made of its header alone.
func (a *Account) FetchPart(ctx context.Context, m mail.Mailbox, v mail.UIDValidity, uids mail.UIDSet, limits mail.PartLimits,
	sink func(msg mail.ServerMessage, body io.Reader) error) (mail.UIDSet, error) {
	f := &partFetcher{account: a, ctx: ctx, mailbox: m, validity: v, limits: limits, want: uids, sink: sink, structure: map[mail.UID]int{}, parted: map[mail.UID]int{}}
	if uids.IsEmpty() {
		return f.counted, nil
	}
	if err := a.with(ctx, m, f.session); err != nil {
		return f.counted, fmt.Errorf("fetching parts of messages from %q: %w", string(m), err)
	}
	return f.counted, nil
}

// partFetcher is one FetchPart under way, over as many connections as it takes.
type partFetcher struct {
	account  *Account
	ctx      context.Context
	mailbox  mail.Mailbox
	validity mail.UIDValidity
	limits   mail.PartLimits
	sink     func(mail.ServerMessage, io.Reader) error

	want    mail.UIDSet
	given   mail.UIDSet // the sink has them; whether they are still there is to be seen
	counted mail.UIDSet

	// How often the connection was lost while a message was being asked for: its
	// structure, alone and after another loss, or its parts. What a server does not
	// survive is not asked for again and again, and must not keep the others from
	// coming.
	structure, parted map[mail.UID]int
	careful           bool // a connection was lost: one message at a time
}

// mostLost is how often the connection may be lost over the parts of one message.
// [Account.repeat] allows one loss more.
const mostLost = 2

// errEnds is why a message is made of its header alone.
var errEnds = errors.New("the server ends the connection when it is asked for more")

// piece is one message on the way.
type piece struct {
	msg       mail.ServerMessage
	header    []byte
	structure *partial.Part
	message   *partial.Message
	sections  map[string][]byte
	fetch     *wire.Command[wire.FetchData]
	wrong     error // why there is nothing but the header
	body      []byte
}

func (f *partFetcher) session(s *session) error {
	if err := s.open(f.ctx, f.mailbox, f.validity, f.want); err != nil {
		return err
	}
	if err := f.confirm(s); err != nil { // of the connection before
		return err
	}
	count := partBatch
	switch {
	case f.careful:
		count = 1
	case f.limits.HeadersOnly:
		count = headBatch
	}
	chunks := f.want.Chunks(count, wire.MaxSetOctets)
	slices.Reverse(chunks) // newest first
	var ahead *asked
	for i, uids := range chunks {
		mine := ahead
		ahead = nil
		pieces, err := f.headers(s, uids, mine)
		if err != nil {
			return err
		}
		// The next headers come while the server is busy with these parts.
		next := func() {
			if i+1 < len(chunks) && !f.careful {
				ahead = f.begin(s, chunks[i+1], wire.ItemStructure)
			}
		}
		if err = f.parts(s, pieces, next); err == nil {
			err = f.give(pieces)
		}
		if err != nil {
			if ahead != nil {
				ahead.command.Wait()
			}
			return err
		}
		f.want = f.want.Minus(uids)
		s.progress = true
	}
	return f.confirm(s)
}

// confirm counts what the sink has and is still there.
func (f *partFetcher) confirm(s *session) error {
	if f.given.IsEmpty() {
		return nil
	}
	there, err := s.look(f.ctx, f.mailbox, f.given)
	if err != nil {
		return err
	}
	f.counted.AddSet(there)
	f.given = mail.UIDSet{}
	return nil
}

// headers fetches header and structure. One malformed structure fails the command
// of all: ask again in halves, and at last for the header alone.
// ahead is where they were asked for before; nil: they were not.
func (f *partFetcher) headers(s *session, uids mail.UIDSet, ahead *asked) ([]*piece, error) {
	items := wire.ItemStructure
	one := mail.UID(0)
	if uids.Len() == 1 {
		one = uids.Max()
	}
	switch lost := f.structure[one]; {
	case lost > 1:
		return nil, nil // not even its header: it may come whole
	case lost > 0:
		items = 0
	}
	if ahead == nil {
		ahead = f.begin(s, uids, items)
	}
	pieces, err := ahead.wait()
	if s.conn.Err() != nil {
		if one != 0 && f.careful {
			f.structure[one]++
		}
		f.careful = true
		return nil, s.conn.Err()
	}
	if items == 0 {
		for _, p := range pieces {
			p.wrong = errEnds
		}
	}
	var there mail.UIDSet
	for _, p := range pieces {
		there.Add(p.msg.UID)
	}
	rest := uids.Minus(there)
	switch {
	case rest.IsEmpty():
		return pieces, nil
	case err == nil && rest.Len() < uids.Len() || uids.Len() == 1:
		// Gone; or the server answers, and leaves out what was asked for.
		more, err := f.begin(s, rest, 0).wait()
		if s.conn.Err() != nil {
			return nil, s.conn.Err()
		}
		if _, no := refused(err); err != nil && !no && !isMalformed(err) {
			return nil, err
		}
		return append(pieces, more...), nil
	case err == nil:
		return pieces, nil // all gone
	}
	for _, half := range halves(uids) {
		more, err := f.headers(s, half, nil)
		if err != nil {
			return nil, err
		}
		pieces = append(pieces, more...)
	}
	return pieces, nil
}

// asked are headers that were asked for.
type asked struct {
	command *wire.Command[wire.FetchData]
	pieces  []*piece
}

func (f *partFetcher) begin(s *session, uids mail.UIDSet, structure wire.Item) *asked {
	a := &asked{}
	a.command = s.conn.Fetch(f.ctx, wire.FetchOptions{UIDs: uids, Items: s.items() | structure, Sections: []wire.Section{wire.Header}},
		func(m *wire.Message, body *wire.Body) error {
			if body.Nil || body.Size == 0 || body.Size > maxHeader {
				return nil
			}
			header, err := io.ReadAll(body)
			if err != nil {
				return err
			}
			a.pieces = append(a.pieces, &piece{msg: m.ServerMessage(), header: header, structure: m.Structure})
			return nil
		})
	return a
}

func (a *asked) wait() ([]*piece, error) {
	data, err := a.command.Wait()
	if err != nil {
		return nil, err // no tagged OK: none of them counts
	}
	return slices.DeleteFunc(a.pieces, func(p *piece) bool { return !data.Delivered.Contains(p.msg.UID) }), nil
}

// parts fetches what is wanted of the messages, one command each, all in one
// flight, and makes the messages that stand for them. next is called when all are
// sent.
func (f *partFetcher) parts(s *session, pieces []*piece, next func()) error {
	limits := partial.Limits{Text: f.limits.Text, HeadersOnly: f.limits.HeadersOnly}
	for _, p := range pieces {
		var err error
		p.message, err = partial.New(p.header, p.structure, p.msg.Content.Size, limits)
		if p.wrong == nil || errors.Is(err, partial.ErrWhole) {
			p.wrong = err
		}
		if p.wrong == nil && f.parted[p.msg.UID] > mostLost {
			p.wrong = errEnds
		}
		if p.wrong != nil || len(p.message.Sections()) == 0 {
			continue
		}
		f.start(s, p)
	}
	next()
	for _, p := range pieces {
		if p.fetch != nil {
			data, err := p.fetch.Wait()
			if s.conn.Err() != nil {
				f.careful = true
				if err != nil { // the first that was not answered
					f.parted[p.msg.UID]++
				}
				return s.conn.Err()
			}
			if err == nil && !data.Delivered.Contains(p.msg.UID) {
				err = errors.New("the server does not give all the parts that it lists")
			}
			if p.wrong == nil {
				p.wrong = err
			}
		}
		if p.wrong == nil {
			p.body, p.wrong = p.message.Compose(p.sections)
		}
		if p.wrong == nil || errors.Is(p.wrong, partial.ErrWhole) {
			continue
		}
		var err error
		if p.body, err = partial.HeaderOnly(p.header, p.msg.Content.Size, f.limits.HeadersOnly); err == nil {
			f.account.remark(fmt.Sprintf("%s: of message UID %v only the header was fetched: %v", f.mailbox, p.msg.UID, p.wrong))
		}
	}
	return nil
}

func (f *partFetcher) start(s *session, p *piece) {
	p.sections = map[string][]byte{}
	most := map[string]int64{}
	options := wire.FetchOptions{UIDs: mail.UIDs(p.msg.UID)}
	for _, section := range p.message.Sections() {
		options.Sections = append(options.Sections, wire.Section{Spec: section.Spec, Length: section.Length})
		most[section.Spec] = section.AtMost
	}
	p.fetch = s.conn.Fetch(f.ctx, options, func(_ *wire.Message, body *wire.Body) error {
		if body.Nil {
			return nil
		}
		if spec := body.Section.Spec; body.Size > most[spec] {
			p.wrong = fmt.Errorf("%w: part %s has %d octets, more than the server said", partial.ErrStructure, spec, body.Size)
			return nil
		}
		text, err := io.ReadAll(body)
		p.sections[body.Section.Spec] = text
		return err
	})
}

// give passes the messages to the sink.
func (f *partFetcher) give(pieces []*piece) error {
	for _, p := range pieces {
		if p.body == nil || f.given.Contains(p.msg.UID) || f.counted.Contains(p.msg.UID) {
			continue
		}
		if err := f.sink(p.msg, bytes.NewReader(p.body)); err != nil {
			return &sinkError{err}
		}
		f.given.Add(p.msg.UID)
	}
	return nil
}
