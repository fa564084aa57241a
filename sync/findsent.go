package sync

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"godwit/mail"
)

// findSent looks for messages that were sent to a mailbox without the server
// telling their UIDs, or without its answer reaching us: intent ID -> UID. Only
// messages at the intents' floors or above can be them, that neither base knows
// nor answered has; unclaimed are those of them that no intent matches. With
// patience it looks again as long as something is missing: a server can be at
// work on a command whose connection has ended.
func (r *run) findSent(ctx context.Context, b *box, intents []mail.Intent, answered mail.UIDSet, patience bool) (found map[int64]mail.UID, unclaimed mail.UIDSet, err error) {
	seen := map[mail.UID]mail.Content{} // read in a round before
	for _, wait := range r.Patience {
		found, unclaimed, err = r.findNow(ctx, b, intents, answered, seen)
		if err != nil || !patience || len(found) == len(intents) {
			return found, unclaimed, err
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return nil, unclaimed, context.Cause(ctx)
		}
	}
	return r.findNow(ctx, b, intents, answered, seen)
}

func (r *run) findNow(ctx context.Context, b *box, intents []mail.Intent, answered mail.UIDSet, seen map[mail.UID]mail.Content) (found map[int64]mail.UID, unclaimed mail.UIDSet, err error) {
	floor := intents[0].Floor
	for _, in := range intents {
		floor = min(floor, in.Floor)
	}
	listed, err := r.Server.List(ctx, b.name)
	if err != nil {
		return nil, unclaimed, err
	}
	if listed.Present == nil || listed.UIDValidity != intents[0].UIDValidity {
		return nil, unclaimed, nil
	}
	candidates := listed.Present.Intersect(mail.UIDSpan(max(floor, 1), ^mail.UID(0)))
	rows, err := r.Base.FindUIDs(ctx, b.name, candidates)
	if err != nil {
		return nil, unclaimed, fmt.Errorf("%w: %w", errBase, err)
	}
	var known mail.UIDSet
	known.AddSet(answered)
	for _, row := range rows {
		known.Add(row.UID)
	}
	candidates = candidates.Minus(known)
	if candidates.IsEmpty() {
		return nil, unclaimed, nil
	}
	if err := r.identifySent(ctx, b, listed.UIDValidity, intents, candidates, seen); err != nil {
		return nil, unclaimed, err
	}
	found = claim(intents, candidates, seen)
	var claimed mail.UIDSet
	for _, uid := range found {
		claimed.Add(uid)
	}
	return found, candidates.Minus(claimed), nil
}

// identifySent adds to seen what the candidates are: all of a message is read where its
// header cannot tell whether it is one of the intents'.
func (r *run) identifySent(ctx context.Context, b *box, v mail.UIDValidity, intents []mail.Intent, candidates mail.UIDSet, seen map[mail.UID]mail.Content) error {
	var unread, unsure mail.UIDSet
	for uid := range candidates.All() {
		if _, known := seen[uid]; !known {
			unread.Add(uid)
		}
	}
	if unread.IsEmpty() {
		return nil
	}
	contents, err := r.Server.Identify(ctx, b.name, v, unread, false)
	if err != nil {
		return err
	}
	sent := make(bySize[mail.Intent])
	for _, in := range intents {
		sent.add(in.Content, in)
	}
	for uid, c := range contents {
		seen[uid] = c
		alike := c
		alike.EmailID = "" // it decides, or is of no use
		for _, in := range sent.like(alike) {
			// Drafts are edited with header and size unchanged.
			weak := c.Weak || in.Flags.System&mail.Draft != 0
			if c.Compare(in.Content) == mail.Unsure || weak && c.Size == in.Content.Size {
				unsure.Add(uid)
				break
			}
		}
	}
	if unsure.IsEmpty() {
		return nil
	}
	whole, err := r.Server.Identify(ctx, b.name, v, unsure, true)
	maps.Copy(seen, whole)
	return err
}

// bySize are things that have contents, by the sizes of these: thousands are not each
// compared with thousands. Those whose size is not known, or may differ, are under -1.
type bySize[T any] map[int64][]T

func (s bySize[T]) add(c mail.Content, thing T) {
	size := max(c.Size, -1)
	if c.Partial > 0 {
		size = -1
	}
	s[size] = append(s[size], thing)
}

// like are all that are not different from a content by their size alone: where it has
// an EMAILID, that may decide.
func (s bySize[T]) like(c mail.Content) []T {
	if c.Size >= 0 && c.Partial == 0 && c.EmailID == "" {
		return slices.Concat(s[c.Size], s[-1])
	}
	var all []T
	for _, some := range s {
		all = append(all, some...)
	}
	return all
}

// claim gives each intent at most one message, and each message to at most one
// intent: by content first, then by a Message-ID that only one of each has
// (servers alter what they are given: Cyrus 8-bit headers, Courier line ends).
func claim(intents []mail.Intent, candidates mail.UIDSet, contents map[mail.UID]mail.Content) map[int64]mail.UID {
	found := map[int64]mail.UID{}
	taken := map[mail.UID]bool{}
	arrived := make(bySize[mail.UID])
	for uid := range candidates.All() {
		if c, ok := contents[uid]; ok {
			arrived.add(c, uid)
		}
	}
	for _, in := range intents {
		first := mail.UID(0)
		for _, uid := range arrived.like(in.Content) {
			if !taken[uid] && uid >= in.Floor && (first == 0 || uid < first) && contents[uid].Compare(in.Content) == mail.Same {
				first = uid
			}
		}
		if first != 0 {
			found[in.ID], taken[first] = first, true
		}
	}
	byID := map[string][]mail.UID{}
	for uid := range candidates.All() {
		if c, ok := contents[uid]; ok && !taken[uid] && c.MessageID != "" {
			byID[c.MessageID] = append(byID[c.MessageID], uid)
		}
	}
	claims := map[string]int{}
	for _, in := range intents {
		if _, done := found[in.ID]; !done {
			claims[in.Content.MessageID]++
		}
	}
	for _, in := range intents {
		id := in.Content.MessageID
		if in.Flags.System&mail.Draft != 0 {
			continue // each version of a draft has the same one
		}
		if _, done := found[in.ID]; !done && id != "" && claims[id] == 1 && len(byID[id]) == 1 && byID[id][0] >= in.Floor {
			found[in.ID] = byID[id][0]
		}
	}
	return found
}
