package sync

import (
	"context"
	"fmt"
	"slices"

	"godwit/mail"
)

// manyFlusher is what a Local may offer besides: to flush many mailboxes for less
// than one after another costs. One result a mailbox, as Flush gives it.
type manyFlusher interface {
	FlushMany(ctx context.Context, mailboxes []mail.Mailbox) []error
}

// flushedTogether is how many mailboxes are flushed at a time: a few directories of
// each are open then.
const flushedTogether = 32

// flush makes durable what the plan was made from, before base learns of it. A
// mailbox for which that fails is left alone.
func (r *run) flush(ctx context.Context, works map[mail.Mailbox]*work) error {
	one := func(ctx context.Context, w *work) error {
		if !w.scanned() {
			return nil
		}
		return r.flushed(w, r.Local.Flush(ctx, w.b.name))
	}
	many, can := r.Local.(manyFlusher)
	if !can || len(works) == 1 {
		return r.eachWork(ctx, works, one)
	}
	var scanned []*work
	for _, b := range r.order {
		if w := works[b.name]; w != nil && w.scanned() {
			scanned = append(scanned, w)
		}
	}
	for some := range slices.Chunk(scanned, flushedTogether) {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		names := make([]mail.Mailbox, len(some))
		for i, w := range some {
			names[i] = w.b.name
		}
		for i, err := range many.FlushMany(ctx, names) {
			if err := r.only(some[i].b, r.flushed(some[i], err)); err != nil {
				return err
			}
		}
	}
	return nil
}

// scanned tells that there are files which the plan knows of.
func (w *work) scanned() bool {
	return w.b.local != nil && w.b.listing != nil && w.b.listing.Len() > 0
}

func (r *run) flushed(w *work, err error) error {
	if err == nil {
		return nil
	}
	return r.drop(w, fmt.Errorf("making the Maildir durable: %w", err))
}
