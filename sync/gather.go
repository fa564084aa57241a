package sync

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	gosync "sync"

	"godwit/mail"
)

// A large message goes to Incoming first, as it comes, and from there to tmp/ when
// all of it is there. What is kept of it when the connection ends, or the run, or
// the power, does not come again.

const (
	// overlap is how much of what is here is fetched again when a message is
	// continued, and compared, as a part of the size from which on messages are large:
	// a server that makes messages up as they are asked for need not make the same twice.
	overlap = 64
	// mostGathered is how many messages of a batch may be on their way so. Each takes
	// open files.
	mostGathered = 64
	// receivedEvery is how often a message tells how far it is.
	receivedEvery = 256 << 10
)

// place names a message of the server.
type place struct {
	mailbox mail.Mailbox
	uid     mail.UID
}

// gathering fetches messages of one mailbox, large ones by way of Incoming.
type gathering struct {
	r *run
	b *box
	// take is given each message that is there, whole: what Fetch's sink is. One that
	// was gathered it is given when the server has confirmed it.
	take func(m mail.ServerMessage, body io.Reader) error

	mu   gosync.Mutex // the engine asks where to go on, a connection's reader writes
	open map[mail.UID]*gathered
	full bool // nothing more can be kept

	most    map[mail.UID]int64 // of these only so many octets are wanted now; guarded by mu
	crossed int64              // octets of bodies, where there is a limit
}

// gathered is a large message on its way.
type gathered struct {
	kept  mail.Kept
	msg   mail.ServerMessage // as of the last piece
	whole bool               // all of it is there
	stale bool               // what is kept is not of what the server has
	anew  bool               // it is not to be continued
	told  int64              // octets, in the last event
}

func (r *run) gather(b *box, take func(m mail.ServerMessage, body io.Reader) error) *gathering {
	return &gathering{r: r, b: b, take: take, open: map[mail.UID]*gathered{}}
}

// listKept finds out of which messages octets are kept, once a run. Where that cannot
// be told, nothing is kept, and all else goes on: no message needs it.
func (r *run) listKept(ctx context.Context) error {
	if r.Incoming == nil {
		return nil
	}
	all, err := r.Incoming.List(ctx)
	if err != nil && !ends(err) {
		r.Incoming, r.unkept = nil, fmt.Errorf("large messages were fetched from their beginnings: %w", err)
		return nil
	}
	if err != nil {
		return err
	}
	r.incomplete = make(map[place]mail.Incomplete, len(all))
	for _, i := range all {
		r.incomplete[place{i.Mailbox, i.UID}] = i
	}
	return nil
}

// fetch brings the messages, and returns those that count. Close it afterwards.
func (g *gathering) fetch(ctx context.Context, uids mail.UIDSet) (mail.UIDSet, error) {
	r, b := g.r, g.b
	for uid := range uids.All() {
		if i, some := r.incomplete[place{b.name, uid}]; some && i.UIDValidity == b.validity() && len(g.open) < mostGathered {
			kept, err := r.Incoming.Open(ctx, b.name, b.validity(), uid)
			if err != nil {
				continue // what cannot be read comes again
			}
			g.open[uid] = &gathered{kept: kept}
		}
	}
	counted, err := g.ask(ctx, uids)
	if err != nil && g.full && !ends(err) {
		// There was no room for the octets where they are kept. There may be some for
		// the message.
		more, merr := g.ask(ctx, uids.Minus(counted))
		counted.AddSet(more)
		err = merr
	}
	if err != nil {
		return g.deliver(counted, err)
	}
	// What could not be continued is fetched from its beginning.
	var again mail.UIDSet
	for uid, w := range g.open {
		if w.kept.About().Octets > 0 && !(w.whole && counted.Contains(uid)) && g.most[uid] == 0 {
			w.anew = true
			again.Add(uid)
		}
	}
	if !again.IsEmpty() {
		more, merr := g.ask(ctx, again)
		counted.AddSet(more)
		err = merr
	}
	return g.deliver(counted, err)
}

func (g *gathering) ask(ctx context.Context, uids mail.UIDSet) (mail.UIDSet, error) {
	return g.r.Server.FetchFrom(ctx, g.b.name, g.b.validity(), uids, g.from, func(m mail.ServerMessage, p mail.Piece, body io.Reader) error {
		return g.sink(ctx, m, p, body)
	})
}

// from is where the next connection goes on with a message.
func (g *gathering) from(uid mail.UID) mail.Span {
	g.mu.Lock()
	defer g.mu.Unlock()
	w := g.open[uid]
	most := g.most[uid]
	if w == nil || w.stale || w.anew {
		return mail.Span{Length: most}
	}
	about := w.kept.About()
	if about.Octets == 0 || about.Octets > about.Total {
		return mail.Span{Length: most}
	}
	offset := about.Octets - min(about.Octets, g.overlap())
	if length := about.Total - offset; most == 0 || most >= length {
		return mail.Span{Offset: offset, Length: length, Rest: true}
	}
	return mail.Span{Offset: offset, Length: most}
}

func (g *gathering) overlap() int64 { return max(1, g.r.Large/overlap) }

// sink takes a body: to Incoming, if its message is large.
func (g *gathering) sink(ctx context.Context, m mail.ServerMessage, p mail.Piece, body io.Reader) error {
	g.mu.Lock()
	w := g.open[m.UID]
	g.mu.Unlock()
	if g.r.limited() {
		body = metered{body, g.r.Limit, &g.crossed}
	}
	if p.Offset == 0 {
		if w = g.begin(ctx, w, m, p); w != nil {
			return g.copy(ctx, w, m, p, body)
		}
		if !p.Rest {
			return nil // a piece that nobody can keep
		}
		m.Content.Size = p.Length
		return g.take(m, body)
	}
	if w == nil || w.stale || !w.kept.About().Continues(m, p.Size) {
		g.staled(w)
		return nil
	}
	same, err := g.compare(w, p, body)
	if err != nil {
		return err
	}
	if !same {
		g.staled(w)
		return nil
	}
	return g.copy(ctx, w, m, p, body)
}

func (g *gathering) staled(w *gathered) {
	if w != nil {
		g.mu.Lock()
		w.stale = true
		g.mu.Unlock()
	}
}

// begin makes room for a message that comes from its beginning; nil where it is
// not to be kept: it is small, or it cannot.
func (g *gathering) begin(ctx context.Context, w *gathered, m mail.ServerMessage, p mail.Piece) *gathered {
	r, b := g.r, g.b
	g.mu.Lock()
	full := g.full
	g.mu.Unlock()
	if full {
		return nil
	}
	if w == nil {
		if r.Incoming == nil || max(p.Size, p.Length) <= r.Large || len(g.open) >= mostGathered {
			return nil
		}
		kept, err := r.Incoming.Open(ctx, b.name, b.validity(), m.UID)
		if err != nil {
			return nil // the message does not need it
		}
		w = &gathered{kept: kept}
		g.mu.Lock()
		g.open[m.UID] = w
		g.mu.Unlock()
	}
	of := mail.Incomplete{
		Mailbox: b.name, UIDValidity: b.validity(), UID: m.UID, Size: p.Size, Date: m.Date, EmailID: m.Content.EmailID, Total: p.Length,
	}
	if !p.Rest {
		of.Total = p.Size
	}
	err := w.kept.Begin(of)
	g.mu.Lock()
	defer g.mu.Unlock()
	w.stale, w.anew, w.whole, w.told = false, false, false, 0
	if err != nil {
		delete(g.open, m.UID)
		_ = w.kept.Drop() // what cannot be dropped is found, and dropped, by its hash or its age
		return nil
	}
	return w
}

// compare reads the octets that are here already, and tells whether they are the
// same.
func (g *gathering) compare(w *gathered, p mail.Piece, body io.Reader) (bool, error) {
	here := make([]byte, w.kept.About().Octets-p.Offset)
	if int64(len(here)) > p.Length {
		return false, nil
	}
	if _, err := w.kept.ReadAt(here, p.Offset); err != nil && err != io.EOF {
		return false, err
	}
	there := make([]byte, len(here))
	if _, err := io.ReadFull(body, there); err != nil {
		return false, err
	}
	return bytes.Equal(here, there), nil
}

// copy adds what comes.
func (g *gathering) copy(ctx context.Context, w *gathered, m mail.ServerMessage, p mail.Piece, body io.Reader) error {
	r := g.r
	buf := make([]byte, 64<<10)
	came := int64(0)
	defer func() { r.tell(nil, func(res *Result) { res.Bytes += came }) }()
	for {
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		n, err := body.Read(buf)
		if n > 0 {
			if _, werr := w.kept.Write(buf[:n]); werr != nil {
				g.mu.Lock()
				w.stale, g.full = true, true
				g.mu.Unlock()
				return werr
			}
			came += int64(n)
			if about := w.kept.About(); about.Octets-w.told >= receivedEvery {
				w.told = about.Octets
				r.tell(Received{Mailbox: g.b.name, UID: m.UID, Bytes: about.Octets, Total: about.Total}, nil)
			}
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	about := w.kept.About()
	w.msg, w.whole = m, p.Rest && about.Octets == about.Total
	w.msg.Content.Size = about.Octets
	return nil
}

// deliver gives the gathered messages that count to take.
func (g *gathering) deliver(counted mail.UIDSet, err error) (mail.UIDSet, error) {
	for _, uid := range slices.Sorted(maps.Keys(g.open)) {
		w := g.open[uid]
		if !counted.Contains(uid) {
			continue
		}
		if !w.whole || w.stale {
			counted = counted.Minus(mail.UIDs(uid)) // a piece of it does
			continue
		}
		if terr := g.take(w.msg, io.NewSectionReader(w.kept, 0, w.kept.About().Octets)); terr != nil {
			w.whole = false
			counted = counted.Minus(mail.UIDs(uid))
			err = errors.Join(err, terr)
		}
	}
	return counted, err
}

// close ends it: what is in the Maildir is dropped, the rest is kept.
func (g *gathering) close(recorded bool) error {
	var failed error
	for _, uid := range slices.Sorted(maps.Keys(g.open)) {
		w := g.open[uid]
		end := w.kept.Close
		if w.whole && recorded || w.stale || w.kept.About().Octets == 0 {
			end = w.kept.Drop
		}
		failed = errors.Join(failed, end())
	}
	g.open = nil
	return failed
}

// need is how many octets of a message are still to come; before, where none came.
func (g *gathering) need(uid mail.UID, before int64) int64 {
	if w := g.open[uid]; w != nil && w.kept.About().Octets > 0 {
		return w.kept.About().Total - w.kept.About().Octets
	}
	return before
}

// has tells that a message came by way of Incoming.
func (g *gathering) has(uid mail.UID) bool { return g.open[uid] != nil }

// tidyKept drops what is kept of messages that nobody fetches any more: their
// mailbox is done, or gone from the server, or has another UIDVALIDITY. What is here in part may yet be
// asked for.
func (r *run) tidyKept(ctx context.Context) error {
	if r.Incoming == nil {
		return r.unkept
	}
	all, err := r.Incoming.List(ctx)
	if err != nil {
		return err
	}
	for _, i := range all {
		b := r.boxes[i.Mailbox]
		if b == nil && r.Only != nil {
			continue // not looked at
		}
		if b == nil {
			// Its mailbox has another name, or is no more.
			if err := r.Incoming.Drop(ctx, i); err != nil {
				return err
			}
			continue
		}
		if b.validity() == i.UIDValidity {
			if b.unfinished.Load() && b.selectable() {
				continue
			}
			rows, err := r.Base.FindUIDs(ctx, b.name, mail.UIDs(i.UID))
			if err != nil {
				return fmt.Errorf("%w: %w", errBase, err)
			}
			if slices.ContainsFunc(rows, func(row mail.Row) bool { return row.Content.Partial > 0 }) {
				continue
			}
		}
		if err := r.Incoming.Drop(ctx, i); err != nil {
			return err
		}
	}
	return nil
}
