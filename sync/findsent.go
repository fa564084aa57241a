package sync

import (
	"context"
	"fmt"
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
	for _, wait := range r.Patience {
		found, unclaimed, err = r.findNow(ctx, b, intents, answered)
		if err != nil || !patience || len(found) == len(intents) {
			return found, unclaimed, err
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return nil, unclaimed, context.Cause(ctx)
		}
	}
	return r.findNow(ctx, b, intents, answered)
}

func (r *run) findNow(ctx context.Context, b *box, intents []mail.Intent, answered mail.UIDSet) (found map[int64]mail.UID, unclaimed mail.UIDSet, err error) {
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
	contents, err := r.Server.Identify(ctx, b.name, listed.UIDValidity, candidates, false)
	if err != nil {
		return nil, unclaimed, err
	}
	var unsure mail.UIDSet
	for uid, c := range contents {
		for _, in := range intents {
			// Drafts are edited with header and size unchanged.
			weak := c.Weak || in.Flags.System&mail.Draft != 0
			if c.Compare(in.Content) == mail.Unsure || weak && c.Size == in.Content.Size {
				unsure.Add(uid)
			}
		}
	}
	if !unsure.IsEmpty() {
		whole, err := r.Server.Identify(ctx, b.name, listed.UIDValidity, unsure, true)
		if err != nil {
			return nil, unclaimed, err
		}
		for uid, c := range whole {
			contents[uid] = c
		}
	}
	found = claim(intents, candidates, contents)
	var claimed mail.UIDSet
	for _, uid := range found {
		claimed.Add(uid)
	}
	return found, candidates.Minus(claimed), nil
}

// claim gives each intent at most one message, and each message to at most one
// intent: by content first, then by a Message-ID that only one of each has
// (servers alter what they are given: Cyrus 8-bit headers, Courier line ends).
func claim(intents []mail.Intent, candidates mail.UIDSet, contents map[mail.UID]mail.Content) map[int64]mail.UID {
	found := map[int64]mail.UID{}
	taken := map[mail.UID]bool{}
	for _, in := range intents {
		for uid := range candidates.All() {
			c, ok := contents[uid]
			if ok && !taken[uid] && uid >= in.Floor && c.Compare(in.Content) == mail.Same {
				found[in.ID], taken[uid] = uid, true
				break
			}
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
