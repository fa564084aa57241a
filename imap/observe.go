package imap

import (
	"context"
	"errors"
	"fmt"
	"slices"

	goimap "github.com/emersion/go-imap/v2"

	"godwit/imap/wire"
	"godwit/mail"
)

// maxUID ends a range up to the mailbox's last message.
const maxUID = ^mail.UID(0)

// listings is how often a mailbox that changes under the listing is listed.
const listings = 3

// Observe selects the mailbox and asks what happened since, in one flight where
// the server can.
func (a *Account) Observe(ctx context.Context, m mail.Mailbox, since mail.Since) (*mail.Observation, error) {
	var o *mail.Observation
	err := a.with(ctx, m, func(s *session) error {
		raw, err := a.names.raw(m)
		if err != nil {
			return err
		}
		b := &observer{session: s, ctx: ctx, mailbox: m, raw: raw, since: since}
		if o, err = b.observe(); err == nil {
			s.unprove(o)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return o, nil
}

// way is how a server is asked what happened.
type way uint8

const (
	byQResync   way = iota // SELECT (QRESYNC ...) tells changes and removals (RFC 7162, 3.2.5)
	byCondStore            // FETCH (CHANGEDSINCE ...) tells changes; removals show in the count (RFC 7162, 3.1.4.1)
	byFlags                // all flags of what is known, all metadata of what is new
	byAll                  // all metadata of all
)

// observer is one Observe under way.
type observer struct {
	session *session
	ctx     context.Context
	mailbox mail.Mailbox
	raw     string
	since   mail.Since

	data     *wire.SelectData
	at       int // expunges at the begin
	messages []mail.ServerMessage
	holes    bool // an answer about some message could not be understood
}

func (b *observer) way() way {
	switch {
	case b.since.UIDValidity == 0 || b.since.UIDNext <= 1:
		return byAll
	case b.since.ModSeq == 0 || b.session.mayHide(b.since.Messages):
		return byFlags
	case b.session.qresync():
		return byQResync
	case b.session.has(goimap.CapCondStore):
		return byCondStore
	}
	return byFlags
}

func (b *observer) observe() (*mail.Observation, error) {
	s := b.session
	way := b.way()
	b.at = s.expunged()
	var options wire.SelectOptions
	if way == byQResync {
		options.UIDValidity, options.ModSeq = b.since.UIDValidity, b.since.ModSeq
	}
	selected := s.selecting(b.ctx, b.raw, options)
	fetches := b.ask(way)
	data, err := selected.Wait()
	s.settle()
	if way == byQResync && !s.qresync() { // announced, and not enabled: what SELECT said is not to be trusted
		b.wait(fetches)
		return b.observe()
	}
	if err != nil {
		b.wait(fetches)
		return nil, selectError(b.mailbox, err)
	}
	if err := s.enter(b.mailbox, data); err != nil {
		b.wait(fetches)
		return nil, err
	}
	b.data = data
	b.messages = nil
	fetched := b.wait(fetches)
	if s.conn.Err() != nil && fetched != nil {
		return nil, fmt.Errorf("reading %q: %w", string(b.mailbox), fetched)
	}
	switch {
	case b.since.UIDValidity != 0 && data.UIDValidity != b.since.UIDValidity:
		way = byAll // UIDs of another life: the answers name other messages
		err = b.again(way)
	case fetched != nil: // refused: some servers know no CHANGEDSINCE, or no UID beyond the last
		way = byAll
		err = b.again(way)
	case (way == byQResync || way == byCondStore) && (data.HighestModSeq == 0 || data.HighestModSeq < b.since.ModSeq):
		way = byFlags // no modification sequences here, or those of an earlier life
		err = b.again(way)
	case (way == byQResync || way == byCondStore) && s.mayHide(data.Exists): // neither VANISHED nor the count proves a removal
		way = byFlags
		err = b.again(way)
	}
	if err != nil {
		return nil, err
	}
	switch way {
	case byQResync:
		return b.afterQResync()
	case byCondStore:
		return b.afterCondStore()
	}
	return b.afterListing(way)
}

// fetch is one of the flight's FETCHes, and what it brought.
type fetch struct {
	command  *wire.Command[wire.FetchData]
	messages []mail.ServerMessage
}

// ask sends the FETCHes of a way.
func (b *observer) ask(w way) []*fetch {
	metadata := b.session.items()
	known := mail.UIDSpan(1, b.since.UIDNext-1)
	fresh := wire.FetchOptions{UIDs: mail.UIDSpan(b.since.UIDNext, maxUID), Items: metadata}
	switch w {
	case byQResync:
		return []*fetch{b.fetch(fresh)}
	case byCondStore:
		return []*fetch{b.fetch(wire.FetchOptions{UIDs: known, Items: wire.ItemFlags, ChangedSince: b.since.ModSeq}), b.fetch(fresh)}
	case byFlags:
		return []*fetch{b.fetch(wire.FetchOptions{UIDs: known, Items: wire.ItemFlags}), b.fetch(fresh)}
	}
	return []*fetch{b.fetch(wire.FetchOptions{UIDs: mail.UIDSpan(1, maxUID), Items: metadata})}
}

func (b *observer) fetch(o wire.FetchOptions) *fetch {
	f := &fetch{}
	f.command = b.session.conn.Fetch(b.ctx, o, func(m *wire.Message, _ *wire.Body) error {
		f.messages = append(f.messages, m.ServerMessage())
		return nil
	})
	return f
}

// wait waits for all FETCHes and gathers their messages. An answer that could
// not be understood leaves a hole; any other error is returned.
func (b *observer) wait(fetches []*fetch) error {
	var first error
	for _, f := range fetches {
		_, err := f.command.Wait()
		switch {
		case err == nil:
		case b.session.conn.Err() == nil && isMalformed(err):
			b.holes = true
		case first == nil:
			first = err
		}
		if len(b.messages) == 0 {
			b.messages = f.messages // of a million, a copy is felt
		} else {
			b.messages = append(b.messages, f.messages...)
		}
	}
	b.messages = sortMessages(b.messages)
	return first
}

// sortMessages orders messages by UID. Where the server told of one again, what
// it said last stands; Dovecot answers two pipelined FETCHes as one, so that the
// last old message, which is what "n:*" names without new ones, comes twice.
func sortMessages(list []mail.ServerMessage) []mail.ServerMessage {
	ordered := true
	for i := 1; i < len(list) && ordered; i++ {
		ordered = list[i-1].UID < list[i].UID
	}
	if ordered {
		return list
	}
	slices.SortStableFunc(list, func(x, y mail.ServerMessage) int { return mail.CompareUID(x.UID, y.UID) })
	out := list[:0]
	for i, m := range list {
		if i+1 == len(list) || list[i+1].UID != m.UID {
			out = append(out, m)
		}
	}
	return out
}

// again asks another way in the mailbox that is selected now.
func (b *observer) again(w way) error {
	b.messages, b.holes = nil, false
	if b.since.UIDNext <= 1 && w == byFlags {
		w = byAll
	}
	err := b.wait(b.ask(w))
	if _, no := refused(err); no && w == byFlags {
		b.messages = nil
		err = b.wait(b.ask(byAll))
	}
	if _, no := refused(err); no && b.session.count(b.data.Exists) == 0 {
		return nil // nothing to fetch, which some servers call an error
	}
	if err != nil {
		return fmt.Errorf("reading %q: %w", string(b.mailbox), err)
	}
	return nil
}

// observation fills in what SELECT told.
func (b *observer) observation() *mail.Observation {
	o := &mail.Observation{
		UIDValidity: b.data.UIDValidity,
		UIDNext:     b.data.UIDNext,
		Untaken:     b.data.UIDNext,
		Exists:      b.data.Exists,
		ReadOnly:    b.data.ReadOnly,
		Keywords:    room(b.data),
		Messages:    b.messages,
	}
	// Dovecot gives one even where it does not offer to tell what changed since.
	if !b.data.NoModSeq && (b.session.qresync() || b.session.has(goimap.CapCondStore)) {
		o.ModSeq = b.data.HighestModSeq
	}
	if o.UIDNext == 0 { // not given (RFC 3501, 6.3.1 allows it): above all that is known
		if b.since.UIDValidity == o.UIDValidity {
			o.UIDNext = b.since.UIDNext
		}
		if n := len(b.messages); n > 0 {
			o.UIDNext = max(o.UIDNext, b.messages[n-1].UID+1)
		}
	}
	return o
}

// room tells which keywords a mailbox can hold (RFC 9051, 7.1, PERMANENTFLAGS).
func room(data *wire.SelectData) mail.KeywordRoom {
	if !data.PermanentGiven {
		return mail.KeywordRoom{Known: named(data.Flags)}
	}
	return mail.KeywordRoom{Open: data.NewKeywords, Known: named(data.Permanent)}
}

// fresh counts the messages that are new since.
func (b *observer) fresh() (count int) {
	from, _ := slices.BinarySearchFunc(b.messages, b.since.UIDNext, func(m mail.ServerMessage, u mail.UID) int {
		return mail.CompareUID(m.UID, u)
	})
	return len(b.messages) - from
}

// afterQResync builds the observation of a delta: removals are what VANISHED
// told, unless the count shows that it kept some back.
func (b *observer) afterQResync() (*mail.Observation, error) {
	s := b.session
	gone := b.data.Vanished
	s.mu.Lock()
	gone.AddSet(s.vanished)
	s.mu.Unlock()
	// New ones are listed with all their metadata, or are gone again by now.
	for _, changed := range b.data.Changed {
		if changed.UID < b.since.UIDNext && changed.UID != 0 {
			b.messages = append(b.messages, changed.ServerMessage())
		}
	}
	b.messages = sortMessages(b.messages)
	isGone := func(m mail.ServerMessage) bool { return gone.Contains(m.UID) }
	fresh := b.fresh()
	for _, m := range b.messages[len(b.messages)-fresh:] {
		if isGone(m) {
			fresh--
		}
	}
	below := int(s.count(b.data.Exists)) - fresh
	// More than base knows can be none but a new one that was not told of.
	if b.holes || below+gone.Len() < int(b.since.Messages) || below > int(b.since.Messages) {
		return b.withPresent(true) // which tells what is gone, whatever was said
	}
	b.messages = slices.DeleteFunc(b.messages, isGone)
	o := b.observation()
	o.Gone = gone
	s.prove(mail.UIDSpan(1, b.since.UIDNext-1).Minus(gone), b.at)
	s.prove(uidsOf(b.messages), b.at)
	return o, nil
}

// afterCondStore builds the observation of a delta that tells no removals: the
// count does, and only when it says so they are looked for.
func (b *observer) afterCondStore() (*mail.Observation, error) {
	s := b.session
	below := int(s.count(b.data.Exists)) - b.fresh()
	if b.holes || below != int(b.since.Messages) {
		return b.withPresent(true)
	}
	s.prove(mail.UIDSpan(1, b.since.UIDNext-1), b.at)
	s.prove(uidsOf(b.messages), b.at)
	return b.observation(), nil
}

// afterListing builds the observation of a full listing, which must be as long
// as EXISTS says; while it is not, it is made again, a few times.
func (b *observer) afterListing(w way) (*mail.Observation, error) {
	s := b.session
	for i := 1; !b.holes; i++ {
		if uint32(len(b.messages)) == s.count(b.data.Exists) {
			o := b.observation()
			o.Complete = true
			s.prove(uidsOf(b.messages), b.at)
			return o, nil
		}
		if i == listings {
			break
		}
		b.at = s.expunged()
		if err := b.again(w); err != nil {
			return nil, err
		}
	}
	return b.withPresent(false)
}

// withPresent asks for the UIDs alone, to know what is gone where the rest does
// not tell. When that does not agree with EXISTS either, nothing is known to be
// gone.
//
// delta says that what was told up to now is only what changed.
func (b *observer) withPresent(delta bool) (*mail.Observation, error) {
	if b.holes && delta {
		// What changed cannot be told from what did not.
		b.at = b.session.expunged()
		if err := b.again(byFlags); err != nil {
			return nil, err
		}
	}
	found, at, err := b.session.all(b.ctx, b.data)
	counted := !errors.Is(err, errCount)
	if err != nil && counted {
		return nil, fmt.Errorf("searching %q: %w", string(b.mailbox), err)
	}
	unread, err := b.fill(found)
	if err != nil {
		return nil, err
	}
	o := b.observation()
	o.Unread = unread
	if !counted {
		b.session.prove(uidsOf(b.messages), b.at)
		return o, nil
	}
	o.Messages = slices.DeleteFunc(o.Messages, func(m mail.ServerMessage) bool { return !found.Contains(m.UID) })
	o.Present = &found
	b.session.prove(found, at)
	return o, nil
}

// mostFilled is how many messages that a listing left out are asked for again.
const mostFilled = 100_000

// fill asks for messages that are there, as found says, and were not told of in a
// form that could be understood: all that are new, and with holes those whose
// flags may be among what is missing. It returns those that cannot be read.
func (b *observer) fill(found mail.UIDSet) (unread mail.UIDSet, err error) {
	missing := found
	if !b.holes {
		missing = found.Intersect(mail.UIDSpan(max(1, b.since.UIDNext), maxUID))
	}
	missing = missing.Minus(uidsOf(b.messages))
	if missing.Len() > mostFilled {
		return mail.UIDSet{}, fmt.Errorf("reading %q: the server says nothing of %d messages that it finds", string(b.mailbox), missing.Len())
	}
	queue := missing.Chunks(fetchBatch, wire.MaxSetOctets)
	for refusals := 0; len(queue) > 0; {
		f := b.fetch(wire.FetchOptions{UIDs: queue[0], Items: b.session.items()})
		_, err := f.command.Wait()
		if b.session.conn.Err() != nil && err != nil {
			return mail.UIDSet{}, fmt.Errorf("reading %q: %w", string(b.mailbox), err)
		}
		came := uidsOf(f.messages).Intersect(queue[0])
		for _, m := range f.messages {
			if came.Contains(m.UID) {
				b.messages = append(b.messages, m)
			}
		}
		rest := queue[0].Minus(came)
		queue = queue[1:]
		switch {
		case rest.IsEmpty():
		case err != nil && rest.Len() > 1 && refusals < fetchRefusals:
			queue = append(halves(rest), queue...)
		default:
			refusals++
			unread.AddSet(rest)
		}
	}
	b.messages = sortMessages(b.messages)
	if unread.IsEmpty() {
		return unread, nil
	}
	// Some may have gone meanwhile.
	there, err := b.session.look(b.ctx, b.mailbox, unread)
	return unread.Intersect(there), err
}

func uidsOf(list []mail.ServerMessage) mail.UIDSet {
	var set mail.UIDSet
	for _, m := range list {
		set.Add(m.UID)
	}
	return set
}

// errCount: a listing never agreed with EXISTS.
var errCount = errors.New("the server lists another number of messages than it says there are")

// all lists the UIDs of the selected mailbox, until they are as many as EXISTS
// says.
func (s *session) all(ctx context.Context, data *wire.SelectData) (found mail.UIDSet, at int, err error) {
	for range listings {
		at = s.expunged()
		found, err = s.conn.Search(ctx, wire.SearchCriteria{}).Wait()
		n := s.count(data.Exists)
		if hasNoAnswer(err) && n == 0 {
			err = nil // some servers have no word for "none"
		}
		if err != nil {
			return mail.UIDSet{}, at, err
		}
		if uint32(found.Len()) == n {
			return found, at, nil
		}
	}
	return found, at, errCount
}

// List returns the UIDs that the mailbox holds now, with its state at SELECT.
func (a *Account) List(ctx context.Context, m mail.Mailbox) (*mail.Observation, error) {
	o, _, err := a.ListLarge(ctx, m, 0)
	return o, err
}

// ListLarge is List, and tells which of the messages are larger than that many
// octets; zero: does not ask. It does so in the same flight, or not at all.
func (a *Account) ListLarge(ctx context.Context, m mail.Mailbox, octets int64) (*mail.Observation, mail.UIDSet, error) {
	var o *mail.Observation
	var large mail.UIDSet
	err := a.with(ctx, m, func(s *session) error {
		raw, err := a.names.raw(m)
		if err != nil {
			return err
		}
		b := &observer{session: s, ctx: ctx, mailbox: m, raw: raw}
		b.at = s.expunged()
		selected := s.selecting(ctx, raw, wire.SelectOptions{})
		search := s.conn.Search(ctx, wire.SearchCriteria{})
		var larger *wire.Command[mail.UIDSet]
		// Two answers without a tag could not be told apart.
		if octets > 0 && s.has(goimap.CapESearch) {
			larger = s.conn.Search(ctx, wire.SearchCriteria{Larger: octets})
		}
		over := func() { // waits for what was asked for in vain
			search.Wait()
			if larger != nil {
				larger.Wait()
			}
		}
		b.data, err = selected.Wait()
		s.settle()
		if err != nil {
			over()
			return selectError(m, err)
		}
		if err := s.enter(m, b.data); err != nil {
			over()
			return err
		}
		o = b.observation()
		found, err := search.Wait()
		if larger != nil {
			// A server that refuses has the messages come in the order of the others.
			if some, lerr := larger.Wait(); lerr == nil {
				large = some
			}
		}
		if s.conn.Err() == nil && (err != nil || uint32(found.Len()) != s.count(b.data.Exists)) {
			found, b.at, err = s.all(ctx, b.data)
		}
		if err != nil {
			return fmt.Errorf("listing %q: %w", string(m), err)
		}
		o.Present = &found
		if b.data.UIDNext == 0 {
			o.UIDNext = found.Max() + 1
		}
		s.prove(found, b.at)
		s.unprove(o)
		return nil
	})
	if err != nil {
		return nil, mail.UIDSet{}, err
	}
	return o, large, nil
}

// named returns the keywords of a set, among them the one that [mail.System]
// has a bit for.
func named(f mail.Flags) mail.Keywords {
	if f.System&mail.Forwarded != 0 {
		return f.Keywords.Union("$Forwarded")
	}
	return f.Keywords
}
