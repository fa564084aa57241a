package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// pruneTrash removes from an account's local trash the runs that are older than
// keep; zero keeps them for ever. A run's directory is as old as its time stamp,
// which the last file that it took moved.
func pruneTrash(trash string, keep time.Duration) error {
	if keep <= 0 {
		return nil
	}
	runs, err := os.ReadDir(trash)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("trash: %w", err)
	}
	var errs []error
	for _, run := range runs {
		info, err := run.Info()
		if err != nil || !run.IsDir() {
			continue // gone meanwhile, or none of ours
		}
		if time.Since(info.ModTime()) > keep {
			errs = append(errs, os.RemoveAll(filepath.Join(trash, run.Name())))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("trash: %w", err)
	}
	return nil
}
