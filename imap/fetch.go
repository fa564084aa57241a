package imap

import (
	"context"
	"fmt"
	"io"
	gosync "sync"

	"godwit/imap/wire"
	"godwit/mail"
)

const (
	// fetchBatch is how many messages one UID FETCH asks for.
	fetchBatch = 256
	// headerBatch is the same where only headers come, of which a batch of that size
	// is hardly begun before the next one is asked for: each is a turn.
	headerBatch = 1000
	// fetchAhead is how many are under way, so that the server never waits for us.
	fetchAhead = 4
	// fetchRefusals is how many messages in a row may be refused, each alone,
	// before the server is believed to refuse all.
	fetchRefusals = 16
)

// Fetch streams whole messages to sink and returns the UIDs of those that
// count; see the engine's Server for the contract.
func (a *Account) Fetch(ctx context.Context, m mail.Mailbox, v mail.UIDValidity, uids mail.UIDSet,
	sink func(msg mail.ServerMessage, body io.Reader) error) (mail.UIDSet, error) {
	return a.FetchFrom(ctx, m, v, uids, nil, func(msg mail.ServerMessage, _ mail.Piece, body io.Reader) error { return sink(msg, body) })
}

// FetchFrom is Fetch for messages of which some octets are there already; see the
// engine's Server for the contract.
func (a *Account) FetchFrom(ctx context.Context, m mail.Mailbox, v mail.UIDValidity, uids mail.UIDSet, from func(mail.UID) mail.Span,
	sink func(msg mail.ServerMessage, piece mail.Piece, body io.Reader) error) (mail.UIDSet, error) {
	f := &fetcher{account: a, ctx: ctx, mailbox: m, validity: v, section: wire.Whole, want: uids, from: from, sink: sink}
	err := f.run()
	return f.counted, err
}

// Identify reads headers, or whole messages, and returns what they are. Messages
// that are gone, or that the server does not deliver, are left out.
func (a *Account) Identify(ctx context.Context, m mail.Mailbox, v mail.UIDValidity, uids mail.UIDSet, whole bool) (map[mail.UID]mail.Content, error) {
	found := make(map[mail.UID]mail.Content)
	content := mail.NewContentReader()
	var room [4096]byte // one for all: io.Copy makes 32 KiB for each header
	section := wire.Header
	if whole {
		section = wire.Whole
	}
	f := &fetcher{account: a, ctx: ctx, mailbox: m, validity: v, section: section, want: uids}
	f.sink = func(msg mail.ServerMessage, _ mail.Piece, body io.Reader) error {
		content.Reset()
		if _, err := io.CopyBuffer(content, body, room[:]); err != nil {
			return err
		}
		is := content.HeaderContent(msg.Content.Size)
		if whole {
			is = content.Content()
			is.Partial = 0 // the server has what it has
		}
		is.EmailID = msg.Content.EmailID
		found[msg.UID] = is
		return nil
	}
	err := f.run()
	for uid := range found {
		if !f.counted.Contains(uid) {
			delete(found, uid)
		}
	}
	return found, err
}

// fetcher is one Fetch under way, over as many connections as it takes.
type fetcher struct {
	account  *Account
	ctx      context.Context
	mailbox  mail.Mailbox
	validity mail.UIDValidity
	section  wire.Section
	from     func(mail.UID) mail.Span // where a message is to begin; nil: all with their first octet
	sink     func(mail.ServerMessage, mail.Piece, io.Reader) error

	// What is known of a message that ends the connection, however often it is
	// asked for: it must not keep the others from coming. See blame.
	suspect   mail.UID // the first that did not come when the connection ended; zero: none
	byes      int      // how often the server said BYE
	size      int      // of a batch; smaller after each loss
	suspected int      // how often the connection was lost with the suspect alone under way
	abandoned int      // messages in a row that were left for that

	want    mail.UIDSet // not asked for, or to be asked for again
	counted mail.UIDSet // delivered, proved to be there behind it

	// Between the reading goroutine, which runs the sink, and ours.
	mu      gosync.Mutex
	read    map[mail.UID]int64     // the sink took it all; what RFC822.SIZE is to be
	spans   map[mail.UID]mail.Span // asked for
	under   mail.UID               // the last one given to the sink
	failure error                  // of the sink
}

// sinkError is the sink's own error: no other connection would cure it.
type sinkError struct{ err error }

func (e *sinkError) Error() string { return e.err.Error() }
func (e *sinkError) Unwrap() error { return e.err }

func (f *fetcher) run() error {
	if f.want.IsEmpty() {
		return nil
	}
	f.read, f.spans, f.size = make(map[mail.UID]int64), make(map[mail.UID]mail.Span), f.most()
	err := f.account.with(f.ctx, f.mailbox, f.session)
	if err != nil {
		return fmt.Errorf("fetching from %q: %w", string(f.mailbox), err)
	}
	return nil
}

// most is how many messages a batch has while all goes well.
func (f *fetcher) most() int {
	if f.section == wire.Header {
		return headerBatch
	}
	return fetchBatch
}

// batch is one UID FETCH, and the UID SEARCH behind it that shows which of the
// messages are still there.
type batch struct {
	uids     mail.UIDSet
	expunges int
	fetch    *wire.Command[wire.FetchData]
	search   *wire.Command[mail.UIDSet]
}

// session goes on with the fetch on one connection.
func (f *fetcher) session(s *session) error {
	if err := s.open(f.ctx, f.mailbox, f.validity, f.want); err != nil {
		return err
	}
	if err := f.confirm(s); err != nil {
		return err
	}
	queue, ahead := f.queue()
	var under []*batch
	var noop *wire.Command[struct{}]
	refusals, expunges := 0, 0
	for len(queue) > 0 || len(under) > 0 {
		for len(queue) > 0 && len(under) < ahead {
			under = append(under, f.start(s, queue[0]))
			queue = queue[1:]
			noop = nil
		}
		if len(queue) == 0 && noop == nil {
			expunges, noop = s.expunged(), s.conn.Noop(f.ctx)
		}
		b := under[0]
		under = under[1:]
		rest, err := f.finish(s, b)
		if err != nil {
			for _, b := range under {
				b.fetch.Wait()
				b.search.Wait()
			}
			f.keepRead()
			if f.advanced() {
				s.progress = true // it is the network, and no message's fault
			} else {
				f.blame(s, b, err)
			}
			return err
		}
		ahead = fetchAhead
		if rest.err == nil {
			refusals, f.abandoned = 0, 0
			continue
		}
		// One bad message fails the command of all: ask again in halves, until it
		// stands alone and is left.
		if n := rest.uids.Len(); n > 1 {
			queue = append(queue, halves(rest.uids)...)
			continue
		}
		f.want = f.want.Minus(rest.uids)
		f.account.refuse(messageID{f.mailbox, f.validity, rest.uids.Max()}, rest.err)
		if refusals++; refusals >= fetchRefusals {
			return rest.err
		}
	}
	if noop == nil {
		return nil // the connection before had brought everything
	}
	if _, err := noop.Wait(); err != nil {
		return err
	}
	return f.recount(s, expunges)
}

// recount takes back what went while it was being fetched. Servers that are
// asked for more while they answer tell it late: behind the NOOP at the end
// (RFC 9051, 6.1.2).
func (f *fetcher) recount(s *session, expunges int) error {
	if s.expunged() != expunges {
		there, err := s.look(f.ctx, f.mailbox, f.counted)
		if err != nil {
			return err
		}
		f.counted = f.counted.Intersect(there)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	f.counted = f.counted.Minus(s.vanished)
	return nil
}

// halves splits a set of two or more.
func halves(uids mail.UIDSet) []mail.UIDSet { return uids.Chunks((uids.Len()+1)/2, 0) }

func (f *fetcher) start(s *session, uids mail.UIDSet) *batch {
	b := &batch{uids: uids, expunges: s.expunged()}
	b.fetch = s.conn.Fetch(f.ctx, wire.FetchOptions{UIDs: uids, Items: s.items(), Sections: []wire.Section{f.sectionOf(uids)}}, f.take)
	b.search = s.conn.Search(f.ctx, wire.SearchCriteria{UIDs: uids})
	return b
}

// take is given each body by the connection's reading goroutine.
func (f *fetcher) take(m *wire.Message, body *wire.Body) error {
	f.mu.Lock()
	_, again := f.read[m.UID]
	failed := f.failure != nil
	span := f.spans[m.UID]
	f.under = m.UID
	f.mu.Unlock()
	if again || failed || body.Nil || body.Size == 0 && m.Size != 0 {
		return nil // NIL, or nothing where there is something: not delivered
	}
	msg := m.ServerMessage()
	piece := mail.Piece{Size: m.Size, Span: mail.Span{Length: body.Size, Rest: true}}
	switch {
	case body.Section.Length > 0:
		if body.Size != span.Length {
			f.account.noRange(f.mailbox, m.UID, fmt.Sprintf("of %d octets from octet %d on it gives %d", span.Length, span.Offset, body.Size))
			return nil
		}
		piece.Span = span
	case f.section == wire.Whole:
		msg.Content.Size = body.Size
	}
	watched := &watchedBody{body: body}
	err := f.sink(msg, piece, watched)
	switch {
	case watched.broke != nil:
		return watched.broke
	case err != nil:
		f.mu.Lock()
		f.failure = err
		f.mu.Unlock()
		return err
	case watched.octets == body.Size:
		f.mu.Lock()
		f.read[m.UID] = body.Size
		if f.section != wire.Whole || body.Section.Length > 0 {
			f.read[m.UID] = m.Size
		}
		f.mu.Unlock()
	}
	return nil
}

// watchedBody tells a body that broke off from a sink that failed.
type watchedBody struct {
	body   *wire.Body
	octets int64
	broke  error
}

func (w *watchedBody) Read(p []byte) (int, error) {
	n, err := w.body.Read(p)
	w.octets += int64(n)
	if err != nil && err != io.EOF {
		w.broke = err
	}
	return n, err
}

// leftover is what a batch did not bring because its command failed.
type leftover struct {
	uids mail.UIDSet
	err  error
}

// finish waits for a batch. The error is one that ends the work on this
// connection.
func (f *fetcher) finish(s *session, b *batch) (leftover, error) {
	data, err := b.fetch.Wait()
	f.mu.Lock()
	failure := f.failure
	f.mu.Unlock()
	if failure != nil {
		// What is under way may be long; another connection is cheaper.
		s.conn.Close()
		b.search.Wait()
		return leftover{}, &sinkError{failure}
	}
	found, searchErr := b.search.Wait()
	if s.conn.Err() != nil {
		if err == nil {
			err = searchErr
		}
		if err == nil {
			err = s.conn.Err()
		}
		return leftover{}, err
	}
	read := f.readOf(b.uids)
	if err != nil {
		f.want = f.want.Minus(read)
		if err := f.confirm(s); err != nil {
			return leftover{}, err
		}
		return leftover{b.uids.Minus(read), err}, nil
	}
	read = read.Intersect(data.Delivered)
	if _, no := refused(searchErr); no || hasNoAnswer(searchErr) || isMalformed(searchErr) || s.expunged() != b.expunges {
		// Something went meanwhile and nobody said what, or the search brought
		// nothing: look again.
		if found, err = s.look(f.ctx, f.mailbox, read); err != nil {
			return leftover{}, err
		}
	}
	f.count(s, read.Intersect(found))
	f.unanswered(b.uids.Intersect(found).Minus(read))
	f.want = f.want.Minus(b.uids)
	f.forget(b.uids)
	return leftover{}, nil
}

// count records bodies that count.
func (f *fetcher) count(s *session, uids mail.UIDSet) {
	s.mu.Lock()
	uids = uids.Minus(s.vanished)
	s.mu.Unlock()
	if !uids.IsEmpty() {
		s.progress = true
	}
	f.counted.AddSet(uids)
}

func (f *fetcher) readOf(uids mail.UIDSet) mail.UIDSet {
	f.mu.Lock()
	defer f.mu.Unlock()
	var list []mail.UID
	for u := range f.read {
		if uids.Contains(u) {
			list = append(list, u)
		}
	}
	return mail.UIDs(list...)
}

func (f *fetcher) forget(uids mail.UIDSet) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for u := range f.read {
		if uids.Contains(u) {
			delete(f.read, u)
		}
	}
}

// keepRead takes what the sink has out of what is to be asked for again, when a
// connection ends: it must not be given twice.
func (f *fetcher) keepRead() { f.want = f.want.Minus(f.readOf(f.want)) }

// confirm counts the bodies that the sink took in a command that failed
// afterwards. No tagged OK came for them; one comes now, for the same messages
// with a size that is the body's, which shows that they are there, that the body
// was not made up for one that is not, and that it was whole: a server that gets
// literals wrong loses the connection.
func (f *fetcher) confirm(s *session) error {
	f.mu.Lock()
	sizes := make(map[mail.UID]int64, len(f.read))
	var list []mail.UID
	for u, size := range f.read {
		if !f.want.Contains(u) {
			sizes[u] = size
			list = append(list, u)
		}
	}
	f.mu.Unlock()
	if len(list) == 0 {
		return nil
	}
	uids := mail.UIDs(list...)
	var same mail.UIDSet
	_, err := s.conn.Fetch(f.ctx, wire.FetchOptions{UIDs: uids, Items: wire.ItemSize}, func(m *wire.Message, _ *wire.Body) error {
		if sizes[m.UID] == m.Size {
			same.Add(m.UID)
		}
		return nil
	}).Wait()
	if s.conn.Err() != nil && err != nil {
		return err
	}
	if err == nil {
		f.count(s, same)
	}
	f.forget(uids)
	return nil
}

// items returns what is asked for beside a body.
func (s *session) items() wire.Item {
	items := wire.ItemMetadata
	if s.has("OBJECTID") {
		items |= wire.ItemEmailID
	}
	if s.has("X-GM-EXT-1") {
		items |= wire.ItemGmailID
	}
	return items
}

// open selects the mailbox for reading these UIDs. Where it is selected already
// and they were never seen there, the server is asked to look for news: a
// message that another session saw may not be told to this one yet.
func (s *session) open(ctx context.Context, m mail.Mailbox, v mail.UIDValidity, uids mail.UIDSet) error {
	if s.mailbox != m || s.uidValidity != v {
		_, err := s.ensure(ctx, m, v, mail.UIDSet{})
		return err
	}
	if !uids.Minus(s.present(uids)).IsEmpty() {
		if _, err := s.conn.Noop(ctx).Wait(); err != nil {
			return fmt.Errorf("NOOP: %w", err)
		}
	}
	return nil
}
