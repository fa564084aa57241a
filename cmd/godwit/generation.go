package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"godwit/mail"
	"godwit/sync"
)

// The Maildir's marker and the state database hold the name of one generation. A run
// that changed anything gives both a new one, so that an old copy of either, put back
// beside the other, is told from the one that belongs there: it would say of all that
// happened since that somebody undid it.
//
// The database first learns the new name beside the old one, then the marker gets it,
// then the database forgets the old one. Whichever of these steps a run died before,
// the marker has one of the names that the database knows.

// generationMeta is the name in the state database under which the generation
// stands: one name, or two while it changes.
const generationMeta = "generation"

const restoredText = "the Maildir and the state directory are not of the same time: one of them was put back from a backup, as it seems; " +
	"messages are paired by content, what one side lacks is brought back from the other, and nothing is removed in this run"

// generations is what both have, before a run.
type generations struct {
	known    []string // to the database
	marker   string
	restored bool // they do not belong together
}

func (a *account) generations(ctx context.Context) (generations, error) {
	var g generations
	text, err := a.base.Meta(ctx, generationMeta)
	if err != nil {
		return g, err
	}
	g.known = strings.Fields(text)
	root, err := a.local.Root(ctx)
	if err != nil || !root.Marker {
		return g, err // without a marker another guard decides
	}
	g.marker = root.Generation
	if slices.Contains(g.known, g.marker) || g.marker == "" && len(g.known) == 0 {
		return g, nil
	}
	mailboxes, err := a.base.Checkpoints(ctx)
	if err != nil || len(mailboxes) > 0 {
		g.restored = true
		return g, err
	}
	// A database that is new knows nothing wrong. From its first row on it is of the
	// Maildir's time.
	g.known = []string{g.marker}
	return g, a.base.SetMeta(ctx, generationMeta, g.marker)
}

// advance begins a new generation after a run, if there is reason to: it changed
// something, or brought two together that were not of one time.
func (a *account) advance(ctx context.Context, g generations, o sync.Options, res *sync.Result, failed error) error {
	switch {
	case o.DryRun:
		return nil
	case g.restored || o.NewRoot:
		// Both are together only when all of both was looked at.
		if failed != nil || o.Only != nil || len(res.Failures) > 0 {
			return nil
		}
	case !res.Changed() && len(g.known) < 2:
		return nil
	}
	ctx = context.WithoutCancel(ctx)
	next := string(a.local.NewKey())
	now := g.marker
	if g.restored {
		now = "" // as long as the marker has it, they are not together
	}
	if err := a.base.SetMeta(ctx, generationMeta, strings.TrimSpace(now+" "+next)); err != nil {
		return err
	}
	switch err := a.local.SetGeneration(ctx, next); {
	case errors.Is(err, mail.ErrDisk):
		// A Maildir that cannot be written is told of where it is in the way. The
		// marker has the name that it had, which the database knows.
		return nil
	case err != nil:
		return fmt.Errorf("the marker's generation: %w", err)
	}
	return a.base.SetMeta(ctx, generationMeta, next)
}
