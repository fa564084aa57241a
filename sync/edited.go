package sync

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"godwit/mail"
	"godwit/sync/plan"
)

// A file that was written in place looks like what it was: its name, its inode number
// and its directory's stamp are the same, and base knows no time of it. So those files
// that leave are read, each right before.

// unedited leaves out those files whose content is not what base says. Base forgets their
// inode numbers and the directory's stamp, so that the next run reads them again and
// decides about them as about any that were edited.
func (r *run) unedited(ctx context.Context, b *box, ops []plan.PutAway) ([]plan.PutAway, error) {
	edited := make([]bool, 0, len(ops))
	var changes []mail.Change
	for some := range slices.Chunk(ops, readAhead) {
		keys := make([]mail.Key, len(some))
		for i, op := range some {
			keys[i] = op.Row.Key
		}
		contents, errs, err := r.readMany(ctx, b.name, keys)
		if err != nil {
			return nil, fmt.Errorf("reading the files that are to leave: %w", err)
		}
		for i, op := range some {
			row := op.Row
			switch {
			case errs[i] != nil:
				b.unfinished.Store(true)
				if !errors.Is(errs[i], mail.ErrGone) { // else moved, renamed or removed: seen next time
					r.fail(Failure{Mailbox: b.name, Key: row.Key, Err: fmt.Errorf("reading the file before it is put away: %w", errs[i])})
				}
			case contents[i].Hash != row.Content.Hash && !row.Content.Hash.IsZero():
				b.unfinished.Store(true)
				row.Inode = 0
				changes = append(changes, mail.PutRow{Row: row})
			default:
				edited = append(edited, false)
				continue
			}
			edited = append(edited, true)
		}
	}
	if len(changes) > 0 && b.before.UIDValidity != 0 {
		c := b.checkpointed()
		c.Stamp = c.Stamp.Forgotten()
		changes = append(changes, mail.PutCheckpoint{Checkpoint: c})
	}
	if err := r.commit(ctx, changes...); err != nil {
		return nil, err
	}
	kept := make([]plan.PutAway, 0, len(ops))
	for i, op := range ops {
		if !edited[i] {
			kept = append(kept, op)
		}
	}
	return kept, nil
}

// readMany reads files, one result each.
func (r *run) readMany(ctx context.Context, m mail.Mailbox, keys []mail.Key) ([]mail.LocalContent, []error, error) {
	if many, can := r.Local.(manyReader); can && len(keys) > 1 {
		return many.ReadMany(ctx, m, keys)
	}
	contents, errs := make([]mail.LocalContent, len(keys)), make([]error, len(keys))
	for i, k := range keys {
		if contents[i], errs[i] = r.Local.Read(ctx, m, k); errs[i] != nil && ends(errs[i]) {
			return nil, nil, errs[i]
		}
	}
	return contents, errs, nil
}
