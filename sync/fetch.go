package sync

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"godwit/mail"
	"godwit/sync/plan"
)

// A batch is made durable as one: large enough that its cost is spread thin,
// small enough that little is fetched twice after a crash.
const (
	batchMessages = 512
	batchOctets   = 32 << 20
)

// fetch brings a mailbox's server messages into the Maildir, newest first. Idle
// workers take batches of it. Large messages wait for fetchLarge.
func (r *run) fetch(ctx context.Context, w *work) error { return r.fetchThem(ctx, w, true) }

// fetchNow brings all, large messages too.
func (r *run) fetchNow(ctx context.Context, w *work) error { return r.fetchThem(ctx, w, false) }

func (r *run) fetchThem(ctx context.Context, w *work, wait bool) error {
	if !w.fetchAll && len(w.fetches) == 0 {
		return nil
	}
	f := &fetching{r: r, w: w, wanted: map[mail.UID]*plan.Fetch{}}
	var batches, large []mail.UIDSet
	if w.fetchAll {
		all, big, err := r.listFresh(ctx, w.b)
		if err != nil {
			return err
		}
		if all = w.b.fetchable(all); wait {
			big = big.Intersect(all)
			all, large = all.Minus(big), largeOf(big)
		}
		batches = newestFirst(all)
	} else {
		small := w.fetches
		if wait {
			small, large = f.apart(w.fetches)
		}
		batches = r.bySize(small, f.wanted)
	}
	due := 0
	for _, uids := range append(large, batches...) {
		due += uids.Len()
	}
	w.due.Add(int64(due))
	w.counted.Store(true)
	if w.fetchAll {
		r.tell(Expected{Mailbox: w.b.name, Messages: due}, nil)
	}
	w.fetchAll, w.fetches = false, nil // another turn of transfers brings others
	f.putOff(large)
	for _, uids := range large {
		r.pace.toCome.Add(-int64(uids.Len()))
	}
	batches, parts := f.inPart(batches)
	for _, batch := range batches {
		for _, uids := range r.pace.cut(batch, r.Workers) {
			if err := f.start(ctx, uids, f.batch); err != nil {
				return err
			}
		}
	}
	for _, uids := range parts {
		if err := f.start(ctx, uids, f.part); err != nil {
			return err
		}
	}
	return nil
}

// start has some messages brought by an idle worker, or, where there is none, brings
// them.
func (f *fetching) start(ctx context.Context, uids mail.UIDSet, bring func(context.Context, mail.UIDSet) error) error {
	f.r.pace.toCome.Add(-int64(uids.Len()))
	if f.r.diskFull.Load() {
		f.w.b.unfinished.Store(true)
		f.unfinishRows(uids)
		return nil
	}
	if f.share(ctx, uids, bring) {
		return nil
	}
	return bring(ctx, uids)
}

// listFresh selects a mailbox that is empty here and in base.
func (r *run) listFresh(ctx context.Context, b *box) (all, large mail.UIDSet, err error) {
	o, large, err := r.Server.ListLarge(ctx, b.name, r.Large)
	if err != nil {
		return all, large, fmt.Errorf("listing the mailbox: %w", err)
	}
	b.observed = o
	if o.Present == nil {
		b.unfinished.Store(true)
		return all, large, nil
	}
	return *o.Present, large, nil
}

// newestFirst cuts a set into batches, the highest UIDs first.
func newestFirst(all mail.UIDSet) []mail.UIDSet {
	batches := all.Chunks(batchMessages, 0)
	for i, j := 0, len(batches)-1; i < j; i, j = i+1, j-1 {
		batches[i], batches[j] = batches[j], batches[i]
	}
	return batches
}

// bySize cuts the fetches, in the plan's order, into batches. Where there is a
// limit they are small: what it stops a batch in the middle of comes again.
func (r *run) bySize(fetches []plan.Fetch, wanted map[mail.UID]*plan.Fetch) []mail.UIDSet {
	mostMessages, mostOctets := r.batchSize()
	var batches []mail.UIDSet
	var uids []mail.UID
	octets := int64(0)
	for i := range fetches {
		m := &fetches[i].Message
		wanted[m.UID] = &fetches[i]
		if len(uids) == mostMessages || len(uids) > 0 && octets+m.Content.Size > mostOctets {
			batches, uids, octets = append(batches, mail.UIDs(uids...)), nil, 0
		}
		uids, octets = append(uids, m.UID), octets+max(0, m.Content.Size)
	}
	if len(uids) > 0 {
		batches = append(batches, mail.UIDs(uids...))
	}
	return batches
}

// fetching is one mailbox being fetched. Nobody waits for it: the phase ends
// when all batches and deliveries have.
type fetching struct {
	r      *run
	w      *work
	wanted map[mail.UID]*plan.Fetch // empty: everything
}

// share hands a batch to an idle worker, if there is one.
func (f *fetching) share(ctx context.Context, uids mail.UIDSet, bring func(context.Context, mail.UIDSet) error) bool {
	select {
	case f.r.slots <- struct{}{}:
	default:
		return false
	}
	f.r.transfers.Add(1)
	go func() {
		defer f.r.transfers.Done()
		defer func() { <-f.r.slots }()
		f.r.keep(f.r.only(f.w.b, bring(ctx, uids)))
	}()
	return true
}

// batch fetches some messages into tmp/ and passes those that count on.
func (f *fetching) batch(ctx context.Context, uids mail.UIDSet) error {
	uids, reserved := f.admit(uids)
	g, arrived := f.gather(ctx)
	return f.bring(ctx, g, arrived, uids, reserved)
}

// gather stages what comes in arrived.
func (f *fetching) gather(ctx context.Context) (g *gathering, arrived map[mail.UID]arrival) {
	arrived = map[mail.UID]arrival{}
	return f.r.gather(f.w.b, func(m mail.ServerMessage, body io.Reader) error {
		a, err := f.stage(ctx, m, body)
		if err != nil {
			return err
		}
		a.staged.Content.Partial, a.row.Content.Partial = 0, 0 // it is what the server has
		arrived[m.UID] = a
		return nil
	}), arrived
}

// bring has the messages gathered that were admitted.
func (f *fetching) bring(ctx context.Context, g *gathering, arrived map[mail.UID]arrival, uids mail.UIDSet, reserved int64) error {
	r := f.r
	if uids.IsEmpty() {
		return nil
	}
	inTime, cancel := r.within(ctx)
	defer cancel()
	counted, err := g.fetch(inTime, uids)
	r.Limit.done(reserved, g.crossed)
	over := err != nil && ctx.Err() == nil && ranOut(inTime)
	if over {
		err = nil
	}
	if err == nil {
		uids = uids.Minus(f.begun(g, uids.Minus(counted), over))
	}
	var strays []mail.Staged
	for _, uid := range slices.Sorted(maps.Keys(arrived)) {
		if !counted.Contains(uid) {
			strays = append(strays, arrived[uid].staged)
			delete(arrived, uid)
		}
	}
	if len(strays) > 0 && !isStep(err) {
		err = errors.Join(err, r.Local.Discard(context.WithoutCancel(ctx), strays))
	}
	f.passOn(arrived, counted, g)
	if err != nil {
		f.unfinishRows(uids)
		return fmt.Errorf("fetching: %w", err)
	}
	if missing := uids.Minus(counted); !missing.IsEmpty() {
		return f.missing(ctx, missing)
	}
	return nil
}

// stage writes a message to tmp/, and makes the row that shall stand for it.
func (f *fetching) stage(ctx context.Context, m mail.ServerMessage, body io.Reader) (arrival, error) {
	flags := m.Flags
	op := f.wanted[m.UID]
	if op != nil && !op.Flags.Equal(op.Message.Flags) {
		flags = op.Flags
	}
	b := f.w.b
	s, err := f.r.Local.Stage(ctx, b.name, mail.Delivery{Flags: flags, Date: m.Date, Size: m.Content.Size}, body)
	if err != nil {
		return arrival{}, err
	}
	s.Content.EmailID = m.Content.EmailID
	a := arrival{staged: s, row: mail.Row{Mailbox: b.name, UID: m.UID, Key: s.Key, Flags: m.Flags, Content: s.Content, Inode: s.Inode, Date: m.Date}}
	a.row.Window = f.r.brought(b, a.row)
	if op != nil && op.Row != nil {
		a.row.ID, a.why = op.Row.ID, op.Reason
		if op.Row.Window == mail.Brought {
			a.row.Window = mail.Brought // it was asked for, whatever became of its file since
		}
		if f.w.replace {
			a.replaces = op.Row.Key
		}
	}
	return a, nil
}

// passOn hands the messages that count to the deliverer. What was gathered for them
// is given up when they are recorded.
func (f *fetching) passOn(arrived map[mail.UID]arrival, counted mail.UIDSet, g *gathering) {
	r, d, octets := f.r, delivery{b: f.w.b}, int64(0)
	for _, uid := range slices.Sorted(maps.Keys(arrived)) {
		d.staged = append(d.staged, arrived[uid])
		if !g.has(uid) {
			octets += arrived[uid].staged.Content.Size
		}
	}
	if len(d.staged) == 0 {
		r.keep(r.only(f.w.b, g.close(false)))
		return
	}
	r.pace.came(len(d.staged), octets)
	r.transfers.Add(1)
	d.done = func(err error) {
		defer r.transfers.Done()
		err = errors.Join(err, g.close(err == nil))
		if err != nil {
			f.unfinishRows(counted)
			r.keep(r.only(f.w.b, err))
			return
		}
		f.recorded(d.staged, octets)
	}
	r.deliver <- d
}

// recorded counts a delivered batch, and leaves flags that the server has not
// to the phase for flags.
func (f *fetching) recorded(batch []arrival, octets int64) {
	f.w.due.Add(-int64(len(batch)))
	for _, a := range batch {
		f.r.noLongerAside(f.w.b, a.row.UID, "")
		f.r.tell(Transferred{Mailbox: a.row.Mailbox, Side: OnLocal, UID: a.row.UID, Key: a.row.Key, Bytes: a.staged.Content.Size}, nil)
		op := f.wanted[a.row.UID]
		if op == nil || op.Flags.Equal(op.Message.Flags) {
			continue
		}
		delta := mail.FlagsBetween(a.row.Flags, op.Flags)
		if f.w.b.observed != nil {
			delta.Add = delta.Add.Minus(f.w.b.observed.Keywords.Missing(delta.Add))
		}
		row := a.row
		row.Flags = op.Flags
		f.w.later(plan.StoreServer{Step: op.Step, Row: row, Delta: delta})
	}
	f.r.tell(nil, func(res *Result) {
		res.Pulled += len(batch)
		res.Bytes += octets
	})
}

// unfinishRows keeps the checkpoints of the mailboxes whose messages were to be
// fetched here, and were not.
func (f *fetching) unfinishRows(uids mail.UIDSet) {
	for uid, op := range f.wanted {
		if uids.Contains(uid) {
			f.r.unfinishRow(op.Row)
		}
	}
}

// missing finds out which of the messages that were not delivered are still on
// the server: those failed, and are set aside; the others are gone, which the next
// run hears of.
func (f *fetching) missing(ctx context.Context, uids mail.UIDSet) error {
	r, b := f.r, f.w.b
	o, err := r.Server.List(ctx, b.name)
	if err != nil || o.Present == nil {
		b.unfinished.Store(true)
		f.unfinishRows(uids)
		return err
	}
	there := uids.Intersect(*o.Present)
	if gone := uids.Minus(there); !gone.IsEmpty() {
		b.unfinished.Store(true)
		f.unfinishRows(gone)
	}
	for uid := range there.All() {
		op, why := f.wanted[uid], error(errNoBody)
		if e, can := r.Server.(explainer); can {
			if told := e.Refusal(b.name, b.validity(), uid); told != nil {
				why = told
			}
		}
		if op != nil && op.Row != nil {
			// That a file was missing must be seen again, too.
			b.unfinished.Store(true)
			r.unfinishRow(op.Row)
		}
		if f.w.replace || !ofItsOwn(why) {
			r.fail(Failure{Mailbox: b.name, UID: uid, Err: why})
			continue
		}
		q := mail.Quarantined{UIDValidity: b.validity(), UID: uid, Size: -1}
		if op != nil {
			q.Size, q.EmailID = op.Message.Content.Size, op.Message.Content.EmailID
		}
		r.putAside(b, q, mail.AttemptFetch, why)
	}
	return nil
}

// errNoBody is told of messages whose body the server does not give.
var errNoBody = errors.New("the server lists the message but does not give its content")
