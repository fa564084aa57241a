package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"godwit/mail"
)

// freed is what housekeeping took away.
type freed struct {
	Files   int   // from the trash
	Bytes   int64 // of these
	Runs    int   // that the journal forgot
	Entries int   // of the journal
	State   int64 // octets by which the state database became smaller
}

// prune removes what the trash and the journal have kept for longer than
// keep_deleted; zero keeps it for ever. What an undo may still need stays: a
// run's entries are kept as long as any of its files is.
func prune(ctx context.Context, a *account, now time.Time) (freed, error) {
	var f freed
	keep := a.config.KeepDeleted
	if keep <= 0 {
		return f, nil
	}
	before := now.Add(-keep)
	for _, trash := range a.local.Trashes() {
		if err := pruneTrash(trash, before, &f); err != nil {
			return f, fmt.Errorf("trash: %w", err)
		}
	}
	return f, pruneJournal(ctx, a, before, &f)
}

// pruneTrash removes from a trash the runs that are older.
func pruneTrash(trash string, before time.Time, f *freed) error {
	runs, err := os.ReadDir(trash)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var errs []error
	for _, run := range runs {
		if _, err := strconv.ParseInt(run.Name(), 10, 64); err != nil || !run.IsDir() {
			continue // none of ours
		}
		// Nothing below was there before its directory: a young one need not be looked
		// into, and a trash may be large.
		if info, err := run.Info(); err != nil || !info.ModTime().Before(before) {
			continue // or gone meanwhile
		}
		path := filepath.Join(trash, run.Name())
		newest, files, octets, err := look(path)
		if err == nil && newest.Before(before) {
			if err = os.RemoveAll(path); err == nil {
				f.Files, f.Bytes = f.Files+files, f.Bytes+octets
			}
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// look tells how much a run has in the trash, and when it took the last file:
// that moved the stamp of one of its directories, while the files keep theirs,
// which are the dates of messages.
func look(path string) (newest time.Time, files int, octets int64, err error) {
	err = filepath.WalkDir(path, func(_ string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		if !d.IsDir() {
			files, octets = files+1, octets+info.Size()
		} else if info.ModTime().After(newest) {
			newest = info.ModTime()
		}
		return nil
	})
	return newest, files, octets, err
}

func pruneJournal(ctx context.Context, a *account, before time.Time, f *freed) error {
	started, err := a.base.OldestOperation(ctx)
	if err != nil {
		return err
	}
	limit := mail.UnixTime(before.Unix())
	if started == 0 || started >= limit {
		return nil
	}
	keep, err := a.local.Runs(ctx)
	if err != nil {
		return err
	}
	runs, entries, err := a.base.JournalSize(ctx)
	if err != nil {
		return err
	}
	if err := a.base.Commit(ctx, mail.ForgetOperations{Before: limit, Keep: keep}); err != nil {
		return err
	}
	runsNow, entriesNow, err := a.base.JournalSize(ctx)
	f.Runs, f.Entries = runs-runsNow, entries-entriesNow
	return err
}

// runsInTrash is the highest number of a run that has files in the trash, where
// base knows of no run: its database was lost, and the numbers must not begin
// anew, or files of today would lie, and be pruned, with those of long ago.
func runsInTrash(ctx context.Context, a *account) (int64, error) {
	last, err := a.base.LastRuns(ctx, 1)
	if err != nil || len(last) > 0 {
		return 0, err
	}
	runs, err := a.local.Runs(ctx)
	if err != nil || len(runs) == 0 {
		return 0, err
	}
	return runs[len(runs)-1], nil
}
