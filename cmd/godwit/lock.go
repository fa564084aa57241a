package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gofrs/flock"
)

// errConfig marks what is wrong with the configuration.
var errConfig = errors.New("configuration")

// errLocked: another run holds the account.
var errLocked = errors.New("another run holds the account")

// lockedError says who holds an account.
type lockedError struct{ holder string }

func (l *lockedError) Error() string {
	if l.holder == "" {
		return errLocked.Error()
	}
	return errLocked.Error() + ": " + l.holder
}

func (l *lockedError) Is(target error) bool { return target == errLocked }

// lockPoll is how often a waiting run looks whether the account is free.
const lockPoll = 100 * time.Millisecond

// lock takes an account for this run alone. The kernel gives the lock back when
// the process ends, however it ends; what the file says is for people. With wait
// it waits until the account is free or the context ends; waiting is told once
// who holds it.
func lock(ctx context.Context, dir string, wait bool, waiting func(holder string)) (*flock.Flock, error) {
	path := filepath.Join(dir, "lock")
	l := flock.New(path, flock.SetPermissions(0o600))
	got, err := l.TryLock()
	if err == nil && !got {
		holder := readHolder(path)
		if !wait {
			return nil, &lockedError{holder}
		}
		waiting(holder)
		got, err = l.TryLockContext(ctx, lockPoll)
	}
	if err != nil || !got {
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	text := fmt.Sprintf("process %d, since %s\n", os.Getpid(), time.Now().Format("2006-01-02 15:04:05"))
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		return nil, errors.Join(fmt.Errorf("lock %s: %w", path, err), l.Close())
	}
	return l, nil
}

// readHolder is what the holder wrote about itself, if anything.
func readHolder(path string) string {
	text, err := os.ReadFile(path)
	if err != nil || len(text) > 200 {
		return ""
	}
	return strings.TrimSpace(string(text))
}

// holderOf tells who holds an account now; empty: nobody.
func holderOf(dir string) (string, error) {
	path := filepath.Join(dir, "lock")
	if _, err := os.Stat(path); err != nil {
		return "", nil
	}
	l := flock.New(path, flock.SetPermissions(0o600))
	got, err := l.TryRLock() // a shared lock: two that only look do not see each other
	switch {
	case err != nil:
		return "", fmt.Errorf("lock %s: %w", path, err)
	case got:
		return "", l.Close()
	}
	if holder := readHolder(path); holder != "" {
		return holder, nil
	}
	return "another process", nil
}
