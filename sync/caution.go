package sync

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"

	"godwit/conflict"
	"godwit/mail"
	"godwit/sync/plan"
)

// lookAgain makes sure, right before messages are removed from the server, that
// their files have not turned up since the scan: in a mailbox that was scanned
// before the user moved them there, under their key or, as many mail readers move
// files, under another. A mailbox whose stamp did not move needs no
// second look. A file that the scan saw under the key was in the plan's sight: it
// was edited, and went up as another message.
func (r *run) lookAgain(ctx context.Context, works map[mail.Mailbox]*work) error {
	gone, inPart, contents := map[mail.Key]bool{}, map[mail.Key]bool{}, map[mail.Hash][]mail.Key{}
	for _, w := range works {
		for _, op := range w.removeServer {
			if fileIsGone(op) {
				gone[op.Row.Key] = true
				if op.Row.Content.Partial > 0 {
					inPart[op.Row.Key] = true
				}
				contents[op.Row.Content.Hash] = append(contents[op.Row.Content.Hash], op.Row.Key)
			}
		}
	}
	if len(gone) == 0 {
		return nil
	}
	r.found = map[mail.Key]bool{}
	if r.Only != nil {
		// The rest of the account was not looked at at all. Under another name a file
		// may be in it; where it holds only part of its message, the rest is on the
		// server alone, and a run that looks at everything is waited for.
		found, err := r.Local.Locate(ctx, slices.Collect(maps.Keys(gone)))
		if err != nil {
			return fmt.Errorf("looking for files that moved: %w", err)
		}
		for k, at := range found {
			if b := r.boxes[at.Mailbox]; b == nil || !b.listed(k) {
				r.found[k] = true
			}
		}
		for k := range inPart {
			r.found[k] = true
		}
		return nil
	}
	for _, b := range r.order {
		if b.local == nil {
			continue
		}
		now, err := r.Local.Stamp(ctx, b.name)
		if err != nil {
			return fmt.Errorf("looking at %s again: %w", b.name, err)
		}
		if b.seen().Unmoved(now) {
			continue
		}
		l, err := r.Local.Scan(ctx, b.name)
		if err != nil {
			return fmt.Errorf("looking at %s again: %w", b.name, err)
		}
		for i := range l.Len() {
			if k := l.Key(i); gone[k] && !b.listed(k) {
				r.found[mail.Key(strings.Clone(string(k)))] = true
			}
		}
		if err := r.recognise(ctx, b, l, contents); err != nil {
			return err
		}
		if !l.Settled {
			return errUnsettled
		}
	}
	return nil
}

// recognise reads the files of a mailbox that somebody else put there since it was scanned. One that has
// the content of a message which is to be removed may be that message's, and then
// the message was moved.
func (r *run) recognise(ctx context.Context, b *box, now *mail.Listing, contents map[mail.Hash][]mail.Key) error {
	var came []mail.Key
	next, stop := iter.Pull2(r.Base.RowsByKey(ctx, b.name))
	defer stop()
	row, err, more := next()
	for i := range now.Len() {
		k := now.Key(i)
		for more && err == nil && row.Key < k { // both are in order
			row, err, more = next()
		}
		if err != nil {
			return fmt.Errorf("%w: %w", errBase, err)
		}
		if !(more && row.Key == k) && !b.listed(k) {
			came = append(came, mail.Key(strings.Clone(string(k))))
		}
	}
	for _, k := range came {
		c, err := r.Local.Read(ctx, b.name, k)
		if errors.Is(err, mail.ErrGone) {
			continue
		}
		if err != nil {
			return fmt.Errorf("looking at a file that came to %s: %w", b.name, err)
		}
		for _, gone := range contents[c.Hash] {
			r.found[gone] = true
		}
	}
	return nil
}

// stillToRemove leaves out of the files to be removed those that the user edited,
// or asked to keep, since the scan. A mailbox whose stamp did not move needs no
// second look.
func (r *run) stillToRemove(ctx context.Context, b *box, ops []plan.RemoveLocal) ([]plan.RemoveLocal, error) {
	if len(ops) == 0 || b.local == nil {
		return ops, nil
	}
	now, err := r.Local.Stamp(ctx, b.name)
	if err != nil {
		return nil, fmt.Errorf("looking at the files to be removed: %w", err)
	}
	if b.seen().Unmoved(now) {
		return ops, nil
	}
	l, err := r.Local.Scan(ctx, b.name)
	if err != nil {
		return nil, fmt.Errorf("looking at the files to be removed: %w", err)
	}
	var still []plan.RemoveLocal
	for _, op := range ops {
		m, there := l.Find(op.Row.Key)
		if there && (m.Inode != op.Row.Inode || conflict.Keeps(op.Row.Flags, m.Flags(l.Table))) {
			b.unfinished.Store(true)
			continue
		}
		still = append(still, op)
	}
	return still, nil
}

// stillToMove leaves out of the files to be moved those that the user did
// something to since the scan: they are moved with the flags that they had then.
func (r *run) stillToMove(ctx context.Context, w *work) ([]plan.MoveLocal, error) {
	now := map[mail.Mailbox]*mail.Listing{} // of the mailboxes whose stamps moved
	var still []plan.MoveLocal
	for _, op := range w.relocates {
		from := r.boxes[op.Row.Mailbox]
		l, looked := now[op.Row.Mailbox]
		if !looked {
			stamp, err := r.Local.Stamp(ctx, op.Row.Mailbox)
			if err != nil {
				return nil, fmt.Errorf("looking at the files to be moved: %w", err)
			}
			if !from.seen().Unmoved(stamp) {
				if l, err = r.Local.Scan(ctx, op.Row.Mailbox); err != nil {
					return nil, fmt.Errorf("looking at the files to be moved: %w", err)
				}
			}
			now[op.Row.Mailbox] = l
		}
		if l != nil && from.touchedSince(r, l, op.Row) {
			r.lost(op.Row.Content.Hash)
			r.unfinishRow(&op.Row)
			w.b.unfinished.Store(true)
			continue
		}
		still = append(still, op)
	}
	return still, nil
}

// touchedSince tells whether a file differs from what the plan was made from.
func (b *box) touchedSince(r *run, now *mail.Listing, row mail.Row) bool {
	m, there := now.Find(row.Key)
	if !there {
		return false // found out when it is to be moved
	}
	if b.listing != nil {
		old, known := b.listing.Find(row.Key)
		return !known || old.System != m.System || old.Letters != m.Letters || old.Inode != m.Inode
	}
	d := differ{r: r, b: &box{before: unknown, listing: now, room: b.room}}
	return m.Inode != row.Inode || !d.sameLocally(row, m)
}

// fileIsGone tells that the message is removed because its file is not there.
func fileIsGone(op plan.RemoveServer) bool { return op.Then == nil || op.Then.Key == "" }

// listed tells that the run's scan of the mailbox met the key.
func (b *box) listed(k mail.Key) bool {
	if b.listing == nil {
		return false
	}
	_, met := b.listing.Find(k)
	return met
}

// seen is the stamp as of which the mailbox's files are known to the run.
func (b *box) seen() mail.Stamp {
	if b.listing != nil {
		return b.listing.Stamp
	}
	return b.before.Stamp
}

// reappeared tells whether the second look found a file that the scan missed.
func (r *run) reappeared(k mail.Key) bool { return r.found[k] }

// holdRemovals gives up the removals on the server for this run.
func (r *run) holdRemovals(works map[mail.Mailbox]*work, why error) {
	for _, w := range works {
		if len(w.removeServer) > 0 {
			w.removeServer = nil
			r.fail(Failure{Mailbox: w.b.name, Err: why})
		}
	}
}
