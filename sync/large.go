package sync

import (
	"context"
	"errors"
	"slices"

	"godwit/mail"
	"godwit/sync/plan"

	"golang.org/x/sync/errgroup"
)

// Large messages come last of all, when all small ones are here and all changes of
// flags and removals are done: whoever stops the run then has a whole account but
// for some attachments. They come in one row over the whole account, INBOX first
// and the newest first in each mailbox, and all workers take from it.

// largeBatch is what is fetched by one command: few messages, since the command's
// end confirms them.
type largeBatch struct {
	f    *fetching
	uids mail.UIDSet
}

// mostLarge is how many large messages a batch has at most, whatever their sizes.
const mostLarge = 8

// leastBegun is how much of a message there must be room for, for it to be begun.
const leastBegun = 256 << 10

func (r *run) mostLarge() int {
	if r.limited() {
		return 1
	}
	return mostLarge
}

// apart takes the messages out of what is to be fetched that are large, and come
// whole.
func (f *fetching) apart(all []plan.Fetch) (small []plan.Fetch, large []mail.UIDSet) {
	b, asked := f.w.b, f.r.asked(f.w.b)
	var uids []mail.UID
	octets := int64(0)
	next := func() {
		if len(uids) > 0 {
			large = append(large, mail.UIDs(uids...))
		}
		uids, octets = nil, 0
	}
	for i := range all {
		op := &all[i]
		size := op.Message.Content.Size
		if size <= f.r.Large || !f.w.replace && !asked.Contains(op.Message.UID) && b.parts.split(size, op.Flags) {
			small = append(small, *op)
			continue
		}
		f.wanted[op.Message.UID] = op
		if len(uids) == f.r.mostLarge() || len(uids) > 0 && octets+size > batchOctets {
			next()
		}
		uids, octets = append(uids, op.Message.UID), octets+size
	}
	next()
	return small, large
}

// largeOf cuts the large messages of a mailbox, of which nothing but that is
// known, into batches, the highest UIDs first.
func largeOf(large mail.UIDSet) []mail.UIDSet {
	batches := large.Chunks(mostLarge, 0)
	slices.Reverse(batches)
	return batches
}

// putOff leaves batches to fetchLarge.
func (f *fetching) putOff(batches []mail.UIDSet) {
	r := f.r
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, uids := range batches {
		f.w.large = append(f.w.large, largeBatch{f, uids})
		for uid := range uids.All() {
			if r.putOff == nil {
				r.putOff = map[place]bool{}
			}
			r.putOff[place{f.w.b.name, uid}] = true
		}
	}
}

// isPutOff tells that a message is still to come.
func (r *run) isPutOff(p place) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.putOff[p]
}

// fetchLarge brings the large messages, and then what is to be linked to them, and
// the flags that the server lacks of either.
func (r *run) fetchLarge(ctx context.Context, works map[mail.Mailbox]*work) error {
	var row []largeBatch
	for _, b := range r.order {
		if w := works[b.name]; w != nil {
			row = append(row, w.large...)
			w.large = nil
		}
	}
	if len(row) == 0 {
		return nil
	}
	err := r.bringing(ctx, func(ctx context.Context) error { return r.inRow(ctx, row) })
	r.mu.Lock()
	r.putOff = nil
	r.mu.Unlock()
	if err == nil && linking(works) {
		err = r.transfer(ctx, works, r.link, r.fetchNow)
	}
	if err != nil {
		return r.stopped(ctx, works, err)
	}
	return r.changeAllFlags(ctx, works)
}

// inRow has the workers take the batches in their order.
func (r *run) inRow(ctx context.Context, row []largeBatch) error {
	g, gctx := errgroup.WithContext(ctx)
	for _, l := range row {
		if r.diskFull.Load() {
			l.f.w.b.unfinished.Store(true)
			l.f.unfinishRows(l.uids)
			continue
		}
		select {
		case r.slots <- struct{}{}:
		case <-gctx.Done():
			return errors.Join(g.Wait(), context.Cause(gctx))
		}
		fetch, left := l.f.admitLarge(l.uids)
		if left {
			<-r.slots
			continue
		}
		g.Go(func() error {
			defer func() { <-r.slots }()
			return r.only(l.f.w.b, fetch(ctx))
		})
	}
	return g.Wait()
}

// admitLarge asks the limit for a batch, and returns what fetches it. One that there
// is not enough room for is begun, where there is some: the next run goes on with
// it. left: nothing of it is fetched.
func (f *fetching) admitLarge(uids mail.UIDSet) (fetch func(context.Context) error, left bool) {
	r := f.r
	if !r.limited() {
		return func(ctx context.Context) error { return f.batch(ctx, uids) }, false
	}
	uid := uids.Max()
	need := f.need(uid)
	some, all := need, r.Limit.take(need, r.Now())
	if !all && r.Incoming != nil {
		some = r.Limit.some(min(r.Large/4, leastBegun), need, r.Now())
	}
	if !all && (some == 0 || r.Incoming == nil) {
		f.postponeAll(uids)
		return nil, true
	}
	return func(ctx context.Context) error {
		g, arrived := f.gather(ctx)
		if !all {
			g.most = map[mail.UID]int64{uid: some}
		}
		return f.bring(ctx, g, arrived, uids, some+overhead)
	}, false
}
