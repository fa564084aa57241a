package sync

import (
	"context"
	"fmt"
	"slices"
	gosync "sync"

	"godwit/mail"
	"godwit/sync/plan"

	"golang.org/x/sync/errgroup"
)

// identifyShare is how many messages of a mailbox one worker is given to identify:
// the headers of a large mailbox come over several connections.
const identifyShare = 2000

// prepare matches what is on both sides, and finds out what else has to be known for
// that: what new messages are, of which the server tells, and of which files base
// knows the content elsewhere. Each is asked for what was not found without it only.
func (r *run) prepare(ctx context.Context, in *plan.Input) (*plan.Preparation, error) {
	// First headers, then whole messages where headers decide nothing.
	var before plan.Shortlist
	asked := map[mail.Likeness]bool{}
	for {
		prepared := plan.Prepare(in)
		needs := prepared.Needs()
		if !needs.IsEmpty() && !needs.Equal(before) {
			before = needs
			if err := r.identify(ctx, in, needs); err != nil {
				return nil, err
			}
			continue
		}
		// Only what is still to be fetched by now may be a copy of what is here.
		likes := slices.DeleteFunc(prepared.Likes(), func(l mail.Likeness) bool { return asked[l] })
		for _, l := range likes {
			asked[l] = true
		}
		if len(likes) > 0 {
			alike, err := r.Base.FindLike(ctx, likes)
			if err != nil {
				return nil, fmt.Errorf("%w: %w", errBase, err)
			}
			in.Alike = append(in.Alike, alike...)
			if needs = prepared.Needs(); !needs.IsEmpty() && !needs.Equal(before) {
				before = needs
				if err := r.identify(ctx, in, needs); err != nil {
					return nil, err
				}
				continue
			}
		}
		hashes := prepared.Contents()
		if len(hashes) == 0 {
			return prepared, nil
		}
		var err error
		if in.Copies, err = r.Base.FindContent(ctx, hashes); err != nil {
			return nil, fmt.Errorf("%w: %w", errBase, err)
		}
		return prepared, nil
	}
}

// identify has the server tell what messages are. All the workers read, whichever
// mailboxes the messages are in.
func (r *run) identify(ctx context.Context, in *plan.Input, needs plan.Shortlist) error {
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
	return nil
}

// mostLater is how many messages of a mailbox are not worth identifying before the
// planner asks for them.
const mostLater = 256

// identifyEarly has messages of a mailbox identified as soon as it is known that
// the planner must have them, while other mailboxes are still being looked into:
// those that are as large as a new file, or after a reset as a message that base
// knows there. Drafts are read whole where base cannot know which they are; elsewhere
// that is not known to be needed yet.
func (r *run) identifyEarly(ctx context.Context, b *box) error {
	if b.observed == nil {
		return nil
	}
	anew := b.reset || b.rows == (mail.Counts{}) // all of it is to be paired
	sizes := map[int64]bool{}                    // true: by its hash, too
	for i := range b.items {
		item := &b.items[i]
		if item.Local != nil && !item.LocalContent.Hash.IsZero() {
			sizes[item.LocalContent.OnServer().Size] = true
		}
		if item.Base != nil && b.reset {
			c := item.Base.Content.OnServer()
			sizes[c.Size] = sizes[c.Size] || !c.Hash.IsZero()
		}
	}
	var heads, wholes mail.UIDSet
	for i := range b.items {
		item := &b.items[i]
		s := item.Server
		if s == nil || item.Base != nil {
			continue
		}
		hashed, alike := sizes[s.Content.Size]
		if c := &s.Content; !alike || !c.Head.IsZero() || c.EmailID != "" || c.Size < 0 {
			continue
		}
		switch draft := b.role == mail.RoleDrafts || s.Flags.System&mail.Draft != 0; {
		case !draft:
			heads.Add(s.UID)
		case anew && hashed:
			wholes.Add(s.UID)
		}
	}
	if !anew && heads.Len() <= mostLater {
		return nil
	}
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(r.Workers)
	var found identified
	for _, some := range heads.Chunks(identifyShare, 0) {
		g.Go(func() error { return r.identifySome(gctx, b.name, some, false, &found) })
	}
	for _, some := range wholes.Chunks(identifyShare, 0) {
		g.Go(func() error { return r.identifySome(gctx, b.name, some, true, &found) })
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
