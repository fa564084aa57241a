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

// Parts say which messages are fetched only in part. The zero Parts: none.
type Parts struct {
	// MaxSize is the size, RFC822.SIZE, up to which messages are fetched whole;
	// zero: all are.
	MaxSize int64
	// MaxText is how many octets are fetched of each text part of a larger one.
	MaxText int64
	// HeadersOnly has of every message nothing fetched but header and structure.
	HeadersOnly bool
	// Flagged has messages fetched whole that are \Flagged.
	Flagged bool
}

// any tells that messages may be fetched in part.
func (p Parts) any() bool { return p.HeadersOnly || p.MaxSize > 0 }

// split tells whether a message is to be fetched in part. Drafts never are: they
// are edited, header and size unchanged.
func (p Parts) split(size int64, f mail.Flags) bool {
	if f.System&mail.Draft != 0 || p.Flagged && f.System&mail.Flagged != 0 || size < 0 {
		return false
	}
	return p.HeadersOnly || p.MaxSize > 0 && size > p.MaxSize
}

// inPart takes those messages out of the batches that are to be fetched in part,
// and puts them, in batches of their own, behind the others.
func (f *fetching) inPart(batches []mail.UIDSet) (whole, parts []mail.UIDSet) {
	p, asked := f.w.b.parts, f.r.asked(f.w.b)
	if !p.any() || f.w.replace {
		return batches, nil
	}
	for _, uids := range batches {
		var part mail.UIDSet
		for uid := range uids.All() {
			if op := f.wanted[uid]; op != nil && !asked.Contains(uid) && p.split(op.Message.Content.Size, op.Flags) {
				part.Add(uid)
			}
		}
		if uids = uids.Minus(part); !uids.IsEmpty() {
			whole = append(whole, uids)
		}
		if !part.IsEmpty() {
			parts = append(parts, part)
		}
	}
	return whole, parts
}

// part fetches a batch in part, and what cannot be had so, whole.
func (f *fetching) part(ctx context.Context, uids mail.UIDSet) error {
	r, b := f.r, f.w.b
	limits := mail.PartLimits{Text: b.parts.MaxText, HeadersOnly: b.parts.HeadersOnly}
	uids, reserved := f.admit(uids)
	if uids.IsEmpty() {
		return nil
	}
	inTime, cancel := r.within(ctx)
	defer cancel()
	arrived, sizes := map[mail.UID]arrival{}, map[mail.UID]int64{}
	counted, err := r.Server.FetchPart(inTime, b.name, b.validity(), uids, limits, func(m mail.ServerMessage, body io.Reader) error {
		sizes[m.UID] = m.Content.Size
		m.Content.Size = -1 // of what comes, nothing is announced
		a, err := f.stage(ctx, m, body)
		if err == nil {
			arrived[m.UID] = a
		}
		return err
	})
	r.Limit.done(reserved, 0)
	if err != nil && ctx.Err() == nil && ranOut(inTime) {
		f.postponeAll(uids.Minus(counted))
		uids, err = counted, nil
	}
	var strays []mail.Staged
	var done mail.UIDSet
	for _, uid := range slices.Sorted(maps.Keys(arrived)) {
		// Without Message-ID or Date nothing would know it again.
		if c := arrived[uid].row.Content; !counted.Contains(uid) || c.Partial != sizes[uid] || c.Partial == 0 || c.Weak {
			strays = append(strays, arrived[uid].staged)
			delete(arrived, uid)
			continue
		}
		done.Add(uid)
	}
	if len(strays) > 0 && !isStep(err) {
		err = errors.Join(err, r.Local.Discard(context.WithoutCancel(ctx), strays))
	}
	f.passOn(arrived, done, r.gather(b, nil))
	if err != nil {
		f.unfinishRows(uids)
		return fmt.Errorf("fetching in part: %w", err)
	}
	for _, rest := range r.bySizeOf(uids.Minus(done), f.wanted) {
		if err := f.batch(ctx, rest); err != nil {
			return err
		}
	}
	return nil
}

// bySizeOf cuts some of the wanted messages into batches.
func (r *run) bySizeOf(uids mail.UIDSet, wanted map[mail.UID]*plan.Fetch) []mail.UIDSet {
	var ops []plan.Fetch
	for uid := range uids.All() {
		ops = append(ops, *wanted[uid])
	}
	return r.bySize(ops, map[mail.UID]*plan.Fetch{})
}

// complete fetches the whole of messages that are here in part, where that is
// wanted: by this run's user, by their flag, or because the limit was raised. It
// needs no intent: a file that has taken its part's place without the row knowing
// is recognised by header and size.
func (r *run) complete(ctx context.Context) error {
	rows, err := r.Base.PartialRows(ctx)
	if err != nil {
		return fmt.Errorf("%w: %w", errBase, err)
	}
	wanted := map[*box][]mail.Row{}
	for _, row := range rows {
		b := r.boxes[row.Mailbox]
		if b == nil || row.UID == 0 || row.Key == "" || !b.selectable() || b.local == nil || b.unsettled || !b.policy.Mode.Pulls() {
			continue
		}
		if r.wantsWhole(b, row) {
			wanted[b] = append(wanted[b], row)
		}
	}
	var boxes []*box
	for _, b := range r.order {
		if len(wanted[b]) > 0 {
			boxes = append(boxes, b)
		}
	}
	return r.each(ctx, boxes, func(ctx context.Context, b *box) error {
		for some := range slices.Chunk(wanted[b], 16) {
			if r.diskFull.Load() {
				b.unfinished.Store(true)
				return nil
			}
			if err := r.completeSome(ctx, b, some); err != nil {
				return err
			}
		}
		return nil
	})
}

// wantsWhole tells whether the whole of a message is to be fetched that is here in
// part.
func (r *run) wantsWhole(b *box, row mail.Row) bool {
	return r.Complete != nil && r.Complete(row) || r.asked(b).Contains(row.UID) || !b.parts.split(row.Content.Partial, row.Flags)
}

func (r *run) completeSome(ctx context.Context, b *box, rows []mail.Row) (err error) {
	byUID := map[mail.UID]mail.Row{}
	var uids mail.UIDSet
	reserved := int64(0)
	for _, row := range rows {
		n := row.Content.Partial
		if i, some := r.incomplete[place{b.name, row.UID}]; some {
			n = max(0, n-i.Octets)
		}
		if !r.Limit.take(n, r.Now()) {
			r.postpone(b, n)
			continue
		}
		reserved += n + overhead
		byUID[row.UID] = row
		uids.Add(row.UID)
	}
	if uids.IsEmpty() {
		return nil
	}
	staged := map[mail.UID]mail.Staged{}
	g := r.gather(b, func(m mail.ServerMessage, body io.Reader) error {
		s, err := r.Local.Stage(ctx, b.name, mail.Delivery{Date: m.Date, Size: m.Content.Size}, body)
		if err == nil {
			s.Content.EmailID, s.Content.Partial = m.Content.EmailID, 0
			staged[m.UID] = s
		}
		return err
	})
	defer func() { err = errors.Join(err, g.close(err == nil)) }()
	inTime, cancel := r.within(ctx)
	defer cancel()
	counted, err := g.fetch(inTime, uids)
	r.Limit.done(reserved, g.crossed)
	if err != nil && ctx.Err() == nil && ranOut(inTime) {
		for uid := range uids.Minus(counted).All() {
			r.postpone(b, g.need(uid, byUID[uid].Content.Partial))
		}
		uids, err = counted, nil
	}
	var all, strays []mail.Staged
	for _, uid := range slices.Sorted(maps.Keys(staged)) {
		if counted.Contains(uid) {
			all = append(all, staged[uid])
			continue
		}
		strays = append(strays, staged[uid])
		delete(staged, uid)
	}
	if isStep(err) {
		return err
	}
	if len(strays) > 0 {
		err = errors.Join(err, r.Local.Discard(context.WithoutCancel(ctx), strays))
	}
	if len(all) > 0 {
		if err := r.step("complete.staged"); err != nil {
			return err
		}
		if serr := r.Local.Settle(ctx, all); serr != nil {
			return errors.Join(err, fmt.Errorf("making messages durable: %w", serr))
		}
		b.wroteLocal.Store(true)
		b.looked = true
	}
	for _, uid := range slices.Sorted(maps.Keys(staged)) {
		if rerr := r.completeOne(ctx, b, byUID[uid], staged[uid], g.has(uid)); rerr != nil {
			return errors.Join(err, rerr)
		}
	}
	if err != nil {
		return fmt.Errorf("fetching the whole of messages: %w", err)
	}
	if missing := uids.Minus(counted); !missing.IsEmpty() {
		b.unfinished.Store(true)
	}
	return nil
}

// completeOne puts a whole message in the place of its part, and records it. The
// octets of one that was gathered are counted.
func (r *run) completeOne(ctx context.Context, b *box, row mail.Row, s mail.Staged, gathered bool) error {
	ctx = context.WithoutCancel(ctx)
	err := r.Local.Replace(ctx, s, row.Key, row.Inode, r.runID)
	if err != nil {
		b.unfinished.Store(true)
		derr := r.Local.Discard(ctx, []mail.Staged{s})
		if !errors.Is(err, mail.ErrGone) { // moved or removed meanwhile: the next run sees to that
			r.fail(Failure{Mailbox: b.name, UID: row.UID, Key: row.Key, Err: fmt.Errorf("putting the whole message in place: %w", err)})
		}
		return derr
	}
	if err := r.step("complete.replaced"); err != nil {
		return err
	}
	row.Content, row.Inode = s.Content, s.Inode
	if err := r.commit(ctx, mail.PutRow{Row: row}); err != nil {
		return err
	}
	if err := r.step("complete.recorded"); err != nil {
		return err
	}
	r.tell(Transferred{Mailbox: b.name, Side: OnLocal, UID: row.UID, Key: row.Key, Bytes: s.Content.Size}, func(res *Result) {
		res.Pulled++
		if !gathered {
			res.Bytes += s.Content.Size
		}
	})
	return nil
}
