package sync

import (
	"context"
	"fmt"
	gosync "sync"

	"godwit/mail"
	"godwit/sync/plan"

	"golang.org/x/sync/errgroup"
)

// identifyShare is how many messages of a mailbox one worker is given to identify:
// the headers of a large mailbox come over several connections.
const identifyShare = 2000

// identify has the server tell what its new messages are, as far as the planner
// must know in order to pair them with files instead of fetching them. All the
// workers read, whichever mailboxes the messages are in.
func (r *run) identify(ctx context.Context, in *plan.Input) error {
	// First headers, then whole messages where headers decide nothing.
	var before plan.Shortlist
	for {
		needs := plan.Needs(*in)
		if needs.IsEmpty() || needs.Equal(before) {
			return nil
		}
		before = needs
		g, gctx := errgroup.WithContext(ctx)
		g.SetLimit(r.Workers)
		found := make([]identified, len(in.Mailboxes))
		for i := range in.Mailboxes {
			m := &in.Mailboxes[i]
			for _, want := range []struct {
				uids  mail.UIDSet
				whole bool
			}{{needs.Heads[m.Name], false}, {needs.Hashes[m.Name], true}} {
				for _, uids := range want.uids.Chunks(identifyShare, 0) {
					g.Go(func() error { return r.identifySome(gctx, m.Name, uids, want.whole, &found[i]) })
				}
			}
		}
		if err := g.Wait(); err != nil {
			return err
		}
		for i := range found {
			if err := r.identifyIn(&in.Mailboxes[i], &found[i]); err != nil {
				return err
			}
		}
	}
}

// mostLater is how many messages of a mailbox are not worth identifying before the
// planner asks for them.
const mostLater = 256

// identifyEarly has messages of a mailbox identified as soon as it is known that
// the planner must have them, while other mailboxes are still being looked into:
// those that are as large as a new file, or after a reset as a message that base
// knows there. Drafts are read whole, which is not known to be needed yet.
func (r *run) identifyEarly(ctx context.Context, b *box) error {
	if b.observed == nil {
		return nil
	}
	sizes := map[int64]bool{}
	for i := range b.items {
		item := &b.items[i]
		if item.Local != nil && !item.LocalContent.Hash.IsZero() {
			sizes[item.LocalContent.OnServer().Size] = true
		}
		if item.Base != nil && b.reset {
			sizes[item.Base.Content.OnServer().Size] = true
		}
	}
	var uids mail.UIDSet
	for i := range b.items {
		item := &b.items[i]
		s := item.Server
		if s == nil || item.Base != nil || b.role == mail.RoleDrafts || s.Flags.System&mail.Draft != 0 {
			continue
		}
		if c := &s.Content; c.Head.IsZero() && c.EmailID == "" && c.Size >= 0 && sizes[c.Size] {
			uids.Add(s.UID)
		}
	}
	if uids.Len() <= mostLater {
		return nil
	}
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(r.Workers)
	var found identified
	for _, some := range uids.Chunks(identifyShare, 0) {
		g.Go(func() error { return r.identifySome(gctx, b.name, some, false, &found) })
	}
	if err := g.Wait(); err != nil {
		return err
	}
	// What could not be read is asked for again, and told of, by the planner's wish.
	tell(b.items, found.contents)
	return nil
}

// tell puts what was found into the messages.
func tell(items []plan.Item, contents map[mail.UID]mail.Content) {
	for i := range items {
		s := items[i].Server
		if s == nil {
			continue
		}
		if c, ok := contents[s.UID]; ok {
			c.EmailID = s.Content.EmailID
			s.Content = c
		}
	}
}

// identified is what the server told of messages of one mailbox.
type identified struct {
	mu       gosync.Mutex
	contents map[mail.UID]mail.Content
	err      error // of the mailbox alone
}

// identifySome asks for some messages of a mailbox, unless asking for others of it
// has failed already.
func (r *run) identifySome(ctx context.Context, m mail.Mailbox, uids mail.UIDSet, whole bool, found *identified) error {
	found.mu.Lock()
	failed := found.err != nil
	found.mu.Unlock()
	if failed {
		return nil
	}
	contents, err := r.Server.Identify(ctx, m, r.boxes[m].validity(), uids, whole)
	if err != nil && ends(err) {
		return fmt.Errorf("reading headers: %w", err)
	}
	found.mu.Lock()
	defer found.mu.Unlock()
	if err != nil {
		found.err = fmt.Errorf("reading headers: %w", err)
		return nil
	}
	if found.contents == nil {
		found.contents = make(map[mail.UID]mail.Content, len(contents))
	}
	for uid, c := range contents {
		found.contents[uid] = c
	}
	return nil
}

// identifyIn tells the planner what was found in a mailbox.
func (r *run) identifyIn(m *plan.Mailbox, found *identified) error {
	if found.err != nil {
		// Undecided pairs must be left alone: fetching and uploading them would
		// double them.
		m.Server, m.Local, m.Items = plan.Held, plan.Held, nil
		return r.only(r.boxes[m.Name], found.err)
	}
	tell(m.Items, found.contents)
	return nil
}
