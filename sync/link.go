package sync

import (
	"context"
	"fmt"

	"godwit/mail"
	"godwit/sync/plan"
)

// link makes messages that are new on the server of files that are in the Maildir
// already: what was there before, and what the run has fetched or moved. It is
// the last of the transfers, for only then is known where those files are. They
// are delivered as fetched messages are. What cannot be linked is fetched.
func (r *run) link(ctx context.Context, w *work) error {
	if len(w.links) == 0 {
		return nil
	}
	links := w.links
	w.links = nil
	w.counted.Store(true)
	if err := r.linkAll(ctx, w, links); err != nil {
		// What was not linked is neither counted as due nor among the links any more,
		// and a run that is stopped here must not take the mailbox for done.
		w.b.unfinished.Store(true)
		return err
	}
	return nil
}

func (r *run) linkAll(ctx context.Context, w *work, links []plan.Fetch) error {
	bySource, err := r.findTwins(ctx, w, links)
	if err != nil {
		return err
	}
	f := &fetching{r: r, w: w, wanted: map[mail.UID]*plan.Fetch{}}
	for _, s := range bySource {
		for len(s.ops) > 0 {
			if r.diskFull.Load() {
				w.b.unfinished.Store(true)
				break
			}
			n := min(batchMessages, len(s.ops))
			if err := f.linkBatch(ctx, s.from, s.ops[:n], s.links[:n]); err != nil {
				return err
			}
			s.ops, s.links = s.ops[n:], s.links[n:]
		}
	}
	return nil
}

// linkSource is a mailbox of the Maildir, and what of it is to be linked.
type linkSource struct {
	from  mail.Mailbox
	ops   []plan.Fetch
	links []mail.Link
}

// findTwins finds the files to be linked, by their mailboxes. Messages whose
// twin did not arrive are to be fetched.
func (r *run) findTwins(ctx context.Context, w *work, ops []plan.Fetch) ([]*linkSource, error) {
	arrived := map[mail.Mailbox]*mail.UIDSet{}
	for _, op := range ops {
		if t := op.Twin; t.Key == "" {
			if arrived[t.Mailbox] == nil {
				arrived[t.Mailbox] = &mail.UIDSet{}
			}
			arrived[t.Mailbox].Add(t.UID)
		}
	}
	rows := map[place]mail.Row{}
	for m, uids := range arrived {
		found, err := r.Base.FindUIDs(ctx, m, *uids)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", errBase, err)
		}
		for _, row := range found {
			if row.Key != "" && !row.Content.Hash.IsZero() {
				rows[place{m, row.UID}] = row
			}
		}
	}
	var sources []*linkSource
	at := map[mail.Mailbox]*linkSource{}
	for _, op := range ops {
		l := mail.Link{
			Key: op.Twin.Key, Content: op.Twin.Content,
			Delivery: mail.Delivery{Flags: op.Flags, Date: op.Message.Date, Size: op.Message.Content.Size},
		}
		if l.Key == "" {
			row, there := rows[place{op.Twin.Mailbox, op.Twin.UID}]
			if !there && r.isPutOff(place{op.Twin.Mailbox, op.Twin.UID}) {
				w.links = append(w.links, op) // its time comes after that of the other
				continue
			}
			if !there || row.Content.Size != op.Message.Content.Size {
				w.fetches = append(w.fetches, op)
				continue
			}
			l.Key, l.Content = row.Key, row.Content
		}
		s := at[op.Twin.Mailbox]
		if s == nil {
			s = &linkSource{from: op.Twin.Mailbox}
			at[s.from] = s
			sources = append(sources, s)
		}
		s.ops, s.links = append(s.ops, op), append(s.links, l)
	}
	return sources, nil
}

// linkBatch links messages of one mailbox and passes them on.
func (f *fetching) linkBatch(ctx context.Context, from mail.Mailbox, ops []plan.Fetch, links []mail.Link) error {
	r, b := f.r, f.w.b
	staged, results, err := r.Local.Link(ctx, from, b.name, links)
	if err != nil {
		if ends(err) {
			return err
		}
		// A mailbox that is gone, say: the server has them all.
		f.w.fetches = append(f.w.fetches, ops...)
		return nil
	}
	d := delivery{b: b}
	var uids mail.UIDSet
	for i, s := range staged {
		op := ops[i]
		if results[i] != nil {
			f.w.fetches = append(f.w.fetches, op)
			continue
		}
		s.Content.EmailID = op.Message.Content.EmailID
		d.staged = append(d.staged, arrival{staged: s, why: op.Reason, twin: from, row: mail.Row{
			Mailbox: b.name, UID: op.Message.UID, Key: s.Key, Flags: op.Message.Flags, Content: s.Content,
			Inode: s.Inode, Date: op.Message.Date, Window: r.brought(b, mail.Row{UID: op.Message.UID, Date: op.Message.Date, Flags: op.Message.Flags}),
		}})
		uids.Add(op.Message.UID)
	}
	if len(d.staged) == 0 {
		return nil
	}
	f.w.due.Add(int64(len(d.staged)))
	r.transfers.Add(1)
	d.done = func(err error) {
		defer r.transfers.Done()
		if err != nil {
			r.keep(r.only(b, err))
			return
		}
		f.linked(d.staged)
	}
	r.deliver <- d
	return nil
}

// linked tells of messages that were brought here without a transfer.
func (f *fetching) linked(batch []arrival) {
	f.w.due.Add(-int64(len(batch)))
	for _, a := range batch {
		f.r.tell(Changed{Mailbox: a.row.Mailbox, Side: OnLocal, What: "link", UID: a.row.UID, Key: a.row.Key,
			Detail: "from " + string(a.twin), Reason: a.why}, nil)
	}
	f.r.tell(nil, func(res *Result) { res.Moved += len(batch) })
}

// linking tells that something is to be linked.
func linking(works map[mail.Mailbox]*work) bool {
	for _, w := range works {
		if len(w.links) > 0 {
			return true
		}
	}
	return false
}
