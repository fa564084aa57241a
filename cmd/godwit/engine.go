package main

import (
	"context"
	"errors"

	"godwit/sync"
)

// ready is what was found of an account before anything in it was changed.
type ready struct {
	generations
	arranged string    // how the Maildir is arranged, where a run is to record it
	renamed  []removal // directories, before anything else was done
}

// ready refuses a Maildir that is arranged otherwise than in the last run, unless
// it is to be brought in order, and tells whether it is of the same time as the
// state. Every command that changes an account asks first.
func (a *account) ready(ctx context.Context, relocate, dry bool) (r ready, err error) {
	if r.arranged, r.renamed, err = checkArrangement(ctx, a, relocate, dry); err != nil {
		return r, err
	}
	r.generations, err = a.generations(ctx)
	return r, err
}

// run has the engine run over an account that is ready.
func (a *account) run(ctx context.Context, r ready, o sync.Options) (sync.Result, error) {
	o.Restored = r.restored
	result, err := sync.Run(ctx, o)
	err = errors.Join(err, a.advance(ctx, r.generations, o, &result, err))
	if err != nil || o.DryRun {
		return result, err
	}
	if err = recordHeld(ctx, a.base, result.Plan.Holds, o.Only); err == nil && r.arranged != "" {
		err = a.base.SetMeta(context.WithoutCancel(ctx), arrangementMeta, r.arranged)
	}
	return result, err
}
