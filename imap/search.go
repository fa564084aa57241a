package imap

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	goimap "github.com/emersion/go-imap/v2"
	"golang.org/x/sync/errgroup"

	"godwit/imap/wire"
	"godwit/mail"
	"godwit/mail/search"
)

// searchFlight is how many mailboxes are searched in one flight of a connection.
const searchFlight = 8

// ErrCharset: the server searches for nothing but ASCII, and what the query looks
// for beyond that cannot be told from headers.
var ErrCharset = errors.New("the server cannot search for letters beyond ASCII; in from:, to:, cc:, bcc:, subject: and header: they can be looked for")

// Found is what a search found in one mailbox.
type Found struct {
	Mailbox     mail.Mailbox
	UIDValidity mail.UIDValidity
	UIDs        mail.UIDSet
	Err         error // this mailbox could not be searched
	done        bool
}

// Names lists the account's mailboxes without their status.
func (a *Account) Names(ctx context.Context) ([]mail.ServerMailbox, error) {
	a.listing.Lock()
	defer a.listing.Unlock()
	return a.mailboxes(ctx, func(mail.Mailbox, mail.Role) bool { return false }, false)
}

// Search looks for messages in some mailboxes, and changes nothing: they are
// opened by EXAMINE (RFC 9051, 6.3.3). Opening and searching of several go in one
// flight, and several flights side by side. The result has the mailboxes in their
// order; the error is of the account.
//
// A server that does not search for UTF-8 is asked for the rest of the query, and
// the headers of what it finds are read for what is missing; where headers cannot
// tell, the mailbox fails with [ErrCharset].
func (a *Account) Search(ctx context.Context, mailboxes []mail.Mailbox, key search.Key) ([]Found, error) {
	found := make([]Found, len(mailboxes))
	for i, m := range mailboxes {
		found[i].Mailbox = m
	}
	if err := a.known(ctx); err != nil {
		return nil, err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(a.pool.wanted)
	for some := range slices.Chunk(found, searchFlight) {
		group.Go(func() error {
			f := &finder{account: a, ctx: ctx, key: key, found: some}
			return f.run()
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return found, nil
}

// finder is the search of a flight's mailboxes.
type finder struct {
	account *Account
	ctx     context.Context
	key     search.Key
	found   []Found
	careful bool // a connection was lost: one mailbox at a time, to know which does it
}

func (f *finder) run() error {
	for {
		err := f.account.with(f.ctx, "", f.session)
		if err == nil {
			return nil
		}
		// The connection may have been lost for one mailbox, which shall not take the
		// others with it.
		next := slices.IndexFunc(f.found, func(x Found) bool { return !x.done })
		if f.ctx.Err() != nil || errors.Is(err, mail.ErrOffline) || errors.Is(err, ErrLogin) || errors.Is(err, ErrClosed) || next < 0 {
			return fmt.Errorf("searching: %w", err)
		}
		f.found[next].Err, f.found[next].done = err, true
	}
}

func (f *finder) session(s *session) error {
	var due []*Found
	for i := range f.found {
		if !f.found[i].done {
			due = append(due, &f.found[i])
		}
	}
	for len(due) > 0 {
		n := len(due)
		if f.careful {
			n = 1
		}
		if err := f.flight(s, due[:n]); err != nil {
			f.careful = true
			return err
		}
		due = due[n:]
		s.progress = true
	}
	return nil
}

// flight searches some mailboxes. The error is the connection's.
func (f *finder) flight(s *session, due []*Found) error {
	type asked struct {
		*Found
		opened *wire.Command[*wire.SelectData]
		found  *wire.Command[mail.UIDSet]
	}
	s.leave()
	s.asked = true
	var all []asked
	for _, x := range due {
		raw, err := f.account.names.raw(x.Mailbox)
		if err != nil {
			x.Err, x.done = err, true
			continue
		}
		all = append(all, asked{x,
			s.conn.Select(f.ctx, raw, wire.SelectOptions{ReadOnly: true}),
			s.conn.Search(f.ctx, wire.SearchCriteria{Key: f.key}),
		})
	}
	for _, x := range all {
		data, err := x.opened.Wait()
		s.settle()
		uids, failed := x.found.Wait()
		if s.conn.Err() != nil && (err != nil || failed != nil) {
			return s.conn.Err()
		}
		switch {
		case err != nil:
			x.Err = selectError(x.Mailbox, err)
		case data.UIDValidity == 0:
			x.Err = fmt.Errorf("opening %q: %w", string(x.Mailbox), errNoValidity)
		case tooMany(uids, data):
			x.Err, uids = fmt.Errorf("searching %q: %w", string(x.Mailbox), errTooMany), mail.UIDSet{}
		case failed != nil && !hasNoAnswer(failed): // some servers have no word for "none"
			x.Err = failed
		}
		if data != nil {
			x.UIDValidity = data.UIDValidity
		}
		x.UIDs = uids
		x.done = err != nil || failed == nil || !isRefused(failed)
	}
	for _, x := range all {
		if x.done {
			continue
		}
		if err := f.withoutCharset(s, x.Found); err != nil {
			return err
		}
		x.done = true
	}
	return nil
}

// errTooMany: what a server finds is held in memory.
var errTooMany = errors.New("the server finds more messages than it says there are")

// tooMany tells that a search found what cannot be there. Some may have come since
// the mailbox was opened.
func tooMany(found mail.UIDSet, data *wire.SelectData) bool {
	const news = 10_000
	return int64(found.Len()) > int64(data.Exists)+news
}

func isRefused(err error) bool {
	_, no := refused(err)
	return no
}

// withoutCharset searches a mailbox whose search was refused, maybe since it names
// a charset (RFC 9051, 7.1, BADCHARSET). x.Err says why. The error is the
// connection's.
func (f *finder) withoutCharset(s *session, x *Found) error {
	server, own, can := search.Judge(f.key)
	switch {
	case own == nil && can: // it was no matter of charset
		x.Err = fmt.Errorf("searching %q: %w", string(x.Mailbox), x.Err)
		return nil
	case !can && !hasCode(x.Err, goimap.ResponseCodeBadCharset):
		x.Err = fmt.Errorf("searching %q: %w", string(x.Mailbox), x.Err)
		return nil
	case !can:
		x.Err = fmt.Errorf("searching %q: %w", string(x.Mailbox), ErrCharset)
		return nil
	}
	raw, err := f.account.names.raw(x.Mailbox)
	if err != nil {
		x.Err = err
		return nil
	}
	opened := s.conn.Select(f.ctx, raw, wire.SelectOptions{ReadOnly: true})
	found := s.conn.Search(f.ctx, wire.SearchCriteria{Key: server})
	data, err := opened.Wait()
	uids, failed := found.Wait()
	if s.conn.Err() != nil && (err != nil || failed != nil) {
		return s.conn.Err()
	}
	if hasNoAnswer(failed) {
		failed = nil
	}
	if err == nil && tooMany(uids, data) {
		err = errTooMany
	}
	if err = errors.Join(err, failed); err != nil {
		x.Err = fmt.Errorf("searching %q: %w", string(x.Mailbox), err)
		return nil
	}
	x.UIDValidity, x.UIDs, x.Err = data.UIDValidity, mail.UIDSet{}, nil
	glances, err := glance(f.ctx, s, uids, fieldsOf(own))
	if err != nil {
		return err
	}
	for uid, g := range glances {
		if g.Fields.Fulfils(own) {
			x.UIDs.Add(uid)
		}
	}
	return nil
}

// fieldsOf are the header fields that a key is judged by.
func fieldsOf(k search.Key) []string {
	var names []string
	search.Walk(k, func(k search.Key) {
		switch k := k.(type) {
		case search.Text:
			names = append(names, strings.ToUpper(k.In.String()))
		case search.Header:
			names = append(names, strings.ToUpper(k.Name))
		}
	})
	slices.Sort(names)
	return slices.Compact(names)
}

// Glance is what a list of messages shows of one.
type Glance struct {
	mail.ServerMessage
	Fields search.Fields
}

// Glance reads flags, date and size of messages, and the header fields with these
// names, if any, without changing anything. Messages that are gone are left out.
func (a *Account) Glance(ctx context.Context, m mail.Mailbox, v mail.UIDValidity, uids mail.UIDSet, fields []string) (map[mail.UID]Glance, error) {
	var glances map[mail.UID]Glance
	if uids.IsEmpty() {
		return glances, nil
	}
	err := a.with(ctx, m, func(s *session) error {
		raw, err := a.names.raw(m)
		if err != nil {
			return err
		}
		s.leave()
		s.asked = true
		opened := s.conn.Select(ctx, raw, wire.SelectOptions{ReadOnly: true})
		var lost error
		glances, lost = glance(ctx, s, uids, fields) // in one flight; of use if the UIDs are those
		data, err := opened.Wait()
		s.settle()
		switch {
		case lost != nil:
			return lost
		case err != nil:
			return selectError(m, err)
		case data.UIDValidity != v:
			return wrongValidity(m, data.UIDValidity, v)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("reading headers in %q: %w", string(m), err)
	}
	return glances, nil
}

// glance reads in the mailbox that is open. The error is the connection's.
func glance(ctx context.Context, s *session, uids mail.UIDSet, fields []string) (map[mail.UID]Glance, error) {
	glances := map[mail.UID]Glance{}
	take := func(m *wire.Message, body *wire.Body) error {
		g := Glance{ServerMessage: m.ServerMessage()}
		if body != nil && !body.Nil && body.Size <= maxHeader {
			header, err := io.ReadAll(body)
			if err != nil {
				return err
			}
			g.Fields = search.ReadFields(header)
		}
		glances[m.UID] = g
		return nil
	}
	// Some servers write the section's name otherwise than they were asked: the whole
	// header then. The last resort is no header at all.
	ways := []wire.FetchOptions{{Items: s.items()}}
	if len(fields) > 0 {
		some := wire.Section{Spec: "HEADER.FIELDS (" + strings.Join(fields, " ") + ")"}
		ways = []wire.FetchOptions{
			{Items: s.items(), Sections: []wire.Section{some}},
			{Items: s.items(), Sections: []wire.Section{wire.Header}},
			{Items: s.items()},
		}
	}
	for _, way := range ways {
		var commands []*wire.Command[wire.FetchData]
		for _, some := range uids.Chunks(fetchBatch, wire.MaxSetOctets) {
			way.UIDs = some
			commands = append(commands, s.conn.Fetch(ctx, way, take))
		}
		answered := true
		for _, c := range commands {
			_, err := c.Wait()
			if s.conn.Err() != nil && err != nil {
				return nil, s.conn.Err()
			}
			answered = answered && err == nil
		}
		uids = uids.Minus(mail.UIDs(slices.Collect(maps.Keys(glances))...))
		if uids.IsEmpty() || answered && len(way.Sections) == 0 {
			break
		}
	}
	return glances, nil
}
