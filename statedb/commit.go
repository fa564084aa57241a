package statedb

import (
	"context"
	"slices"

	"godwit/mail"
)

// request is one call of Commit or SetMeta.
type request struct {
	changes []mail.Change
	meta    [2]string // a name and a value; no name: none
	// alone, when not nil, is done outside of any transaction, instead.
	alone  func(c *conn) error
	result chan error
}

// maxGroup is how many changes are carried out in one transaction, about: more
// would save nothing, and make those who wait wait longer.
const maxGroup = 8192

// Commit implements sync.Base. When the context ends before the committer took
// the changes up, nothing was done; afterwards the outcome is awaited, so that
// the caller always knows it.
func (db *DB) Commit(ctx context.Context, changes ...mail.Change) error {
	if len(changes) == 0 {
		return ctx.Err()
	}
	return db.explain("commit to", db.enqueue(ctx, &request{changes: changes}))
}

// SetMeta stores a value under a name, durably.
func (db *DB) SetMeta(ctx context.Context, name, value string) error {
	return db.explain("store "+name+" in", db.enqueue(ctx, &request{meta: [2]string{metaPrefix + name, value}}))
}

func (db *DB) enqueue(ctx context.Context, r *request) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	r.result = make(chan error, 1)
	select {
	case db.queue <- r:
		return <-r.result
	case <-db.closing:
		return ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
}

// committer is the only writer of the file.
type committer struct {
	queue   <-chan *request
	closing <-chan struct{}
	c       *conn

	// What is in the file, read when it is first needed and forgotten when a
	// transaction is undone.
	mailboxes map[mail.Mailbox]int64
	nextRow   int64 // zero: not read
	nextSeq   int64 // zero: not read
	newRows   bool  // nextRow moved in this transaction
	// renumbers says that of the rows of this request nothing but the UIDs changed, as
	// far as is known.
	renumbers bool
	waiting   []any // the columns of new rows of this request, one after the other
}

func newCommitter(db *DB, c *conn) *committer {
	return &committer{queue: db.queue, closing: db.closing, c: c, mailboxes: map[mail.Mailbox]int64{}}
}

// run serves the queue until the database is closed.
func (w *committer) run() error {
	for {
		select {
		case first := <-w.queue:
			w.serve(w.together(first))
		case <-w.closing:
			return w.c.close()
		}
	}
}

// together takes up whoever waits by now. The queue has no buffer: what is taken
// from it is answered.
func (w *committer) together(first *request) []*request {
	group := []*request{first}
	for n := len(first.changes); n < maxGroup; {
		select {
		case r := <-w.queue:
			group = append(group, r)
			n += len(r.changes)
		default:
			return group
		}
	}
	return group
}

// serve answers each request of a group. One that fails takes the transaction
// with it; the others, and it, then get one each.
func (w *committer) serve(group []*request) {
	for _, r := range group {
		if r.alone != nil {
			defer func() { r.result <- r.alone(w.c) }()
		}
	}
	group = slices.DeleteFunc(group, func(r *request) bool { return r.alone != nil })
	if len(group) == 0 {
		return
	}
	err := w.transact(group)
	if err == nil || len(group) == 1 {
		for _, r := range group {
			r.result <- err
		}
		return
	}
	for _, r := range group {
		r.result <- w.transact([]*request{r})
	}
}

// transact carries out requests in one transaction.
func (w *committer) transact(group []*request) error {
	if _, err := w.c.exec("begin"); err != nil {
		return err
	}
	err := w.applyAll(group)
	if err == nil {
		_, err = w.c.exec("commit")
	}
	if err == nil {
		return nil
	}
	clear(w.mailboxes)
	w.nextRow, w.nextSeq, w.newRows = 0, 0, false
	w.waiting = w.waiting[:0]
	// After some failures (SQLITE_FULL, SQLITE_IOERR) SQLite has rolled back by
	// itself; then this fails, and tells nothing that err does not.
	_, _ = w.c.exec("rollback")
	return err
}

func (w *committer) applyAll(group []*request) error {
	for _, r := range group {
		w.renumbers = true
		for _, change := range r.changes {
			if err := w.apply(change); err != nil {
				return err
			}
		}
		if err := w.putWaiting(); err != nil {
			return err
		}
		if r.meta[0] != "" {
			if _, err := w.c.exec("put_meta", r.meta[0], r.meta[1]); err != nil {
				return err
			}
		}
	}
	return w.storeNextRow()
}
