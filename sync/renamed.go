package sync

import (
	"context"
	"errors"
	"fmt"

	"godwit/mail"
	"godwit/sync/plan"
)

// isRenamed looks at messages where names and numbers alone do not prove that a
// mailbox is one that base knows.
func (r *run) isRenamed(ctx context.Context, l *lists, s plan.Suspect) (bool, error) {
	switch {
	case s.Sure:
		return true, nil
	case s.On == plan.OnLocal:
		return r.hasTheFiles(ctx, s)
	}
	for i := range l.server {
		if l.server[i].Name == s.To && l.server[i].Status != nil {
			return r.hasTheMessages(ctx, s, &l.server[i])
		}
	}
	return false, nil
}

// sample is how many messages are read to know a mailbox again.
const sample = 24

// hasTheMessages tells whether the server's mailbox s.To, which is now, holds
// messages of s.From under the UIDs that base knows, and none of those under
// another's. Where headers decide nothing, the bodies are read too: mail that a
// program sends every day has the same header and size each time.
func (r *run) hasTheMessages(ctx context.Context, s plan.Suspect, now *mail.ServerMailbox) (bool, error) {
	counts, err := r.Base.Counts(ctx, s.From)
	if err != nil {
		return false, fmt.Errorf("%w: %w", errBase, err)
	}
	if counts.Server == 0 {
		return s.Alone, nil
	}
	known, err := r.sampleOf(ctx, s.From, counts.Server, now.Role)
	if err != nil {
		return false, err
	}
	found := 0
	for _, whole := range [...]bool{false, true} {
		var ask mail.UIDSet
		for uid := range known {
			ask.Add(uid)
		}
		if ask.IsEmpty() {
			break
		}
		contents, err := r.Server.Identify(ctx, now.Name, now.Status.UIDValidity, ask, whole)
		if errors.Is(err, mail.ErrUIDValidity) || errors.Is(err, mail.ErrNoMailbox) {
			return false, nil
		}
		if err != nil {
			return false, fmt.Errorf("reading messages: %w", err)
		}
		if s.Renumbered && len(contents) < len(known) {
			return false, nil
		}
		unsure := map[mail.UID]mail.Content{}
		for uid, c := range contents {
			switch known[uid].Compare(c) {
			case mail.Different:
				return false, nil
			case mail.Same:
				found++
			case mail.Unsure:
				unsure[uid] = known[uid]
			}
		}
		known = unsure
	}
	return found > 0, nil
}

// sampleOf returns what some of the messages of a mailbox are that base has, of
// as many: those of which it knows more than the flags, spread evenly.
func (r *run) sampleOf(ctx context.Context, m mail.Mailbox, of int, role mail.Role) (map[mail.UID]mail.Content, error) {
	every, i := (of+sample-1)/sample, 0
	known := map[mail.UID]mail.Content{}
	for row, err := range r.Base.RowsByUID(ctx, m) {
		if err != nil {
			return nil, fmt.Errorf("%w: %w", errBase, err)
		}
		if i%every == 0 && !row.Content.Head.IsZero() {
			c := row.Content
			// Drafts are edited with header and size unchanged.
			c.Weak = c.Weak || role == mail.RoleDrafts || row.Flags.System&mail.Draft != 0
			known[row.UID] = c
		}
		i++
	}
	return known, nil
}

// hasTheFiles tells whether the Maildir's mailbox s.To, whose directory has the
// number that that of s.From had, holds the files of s.From: at least half of
// them, by their keys. A file that was edited has another number.
func (r *run) hasTheFiles(ctx context.Context, s plan.Suspect) (bool, error) {
	listing, err := r.Local.Scan(ctx, s.To)
	if err != nil {
		return false, err
	}
	rows, found := 0, 0
	for row, err := range r.Base.RowsByKey(ctx, s.From) {
		if err != nil {
			return false, fmt.Errorf("%w: %w", errBase, err)
		}
		rows++
		if _, there := listing.Find(row.Key); there {
			found++
		}
	}
	return found > 0 && 2*found >= rows, nil
}
