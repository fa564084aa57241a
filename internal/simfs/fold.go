package simfs

import (
	"errors"

	"golang.org/x/sys/unix"

	"godwit/maildir"
)

// Folding is a file system that takes names for the same whose folds are equal:
// by case, say, or however an accent is written.
type Folding struct {
	maildir.System
	// Fold gives the one spelling that all spellings of a name have in common.
	Fold func(name string) string
	// Written is how the name of what is new is written; nil: as it was given.
	Written func(name string) string
}

var errFound = errors.New("found")

// spelling is the name that the directory has for a name; the name itself when it
// has none.
func (f *Folding) spelling(in int, name string) string {
	found := ""
	err := f.Entries(in, func(entry []byte, _ uint64, _ maildir.Kind) error {
		if f.Fold(string(entry)) != f.Fold(name) {
			return nil
		}
		found = string(entry)
		return errFound
	})
	if errors.Is(err, errFound) {
		return found
	}
	return name
}

// written is the name that something new gets; EEXIST when it is taken.
func (f *Folding) written(in int, name string) (string, error) {
	if _, err := f.StatIn(in, name); err == nil {
		return name, unix.EEXIST
	}
	if f.Written == nil {
		return name, nil
	}
	return f.Written(name), nil
}

// OpenDir is of [maildir.System].
func (f *Folding) OpenDir(in int, name string) (int, error) {
	return f.System.OpenDir(in, f.spelling(in, name))
}

// OpenFile is of [maildir.System].
func (f *Folding) OpenFile(in int, name string, flags int, permissions uint32) (int, error) {
	return f.System.OpenFile(in, f.spelling(in, name), flags, permissions)
}

// StatIn is of [maildir.System].
func (f *Folding) StatIn(in int, name string) (maildir.Stat, error) {
	return f.System.StatIn(in, f.spelling(in, name))
}

// MakeDir is of [maildir.System].
func (f *Folding) MakeDir(in int, name string) error {
	name, err := f.written(in, name)
	if err != nil {
		return err
	}
	return f.System.MakeDir(in, name)
}

// Unlink is of [maildir.System].
func (f *Folding) Unlink(in int, name string) error {
	return f.System.Unlink(in, f.spelling(in, name))
}

// Replace is of [maildir.System].
func (f *Folding) Replace(in int, from, to string) error {
	return f.System.Replace(in, f.spelling(in, from), f.spelling(in, to))
}

// Rename is of [maildir.System].
func (f *Folding) Rename(from int, name string, to int, newName string) error {
	newName, err := f.written(to, newName)
	if err != nil {
		return err
	}
	return f.System.Rename(from, f.spelling(from, name), to, newName)
}

// Link is of [maildir.System].
func (f *Folding) Link(from int, name string, to int, newName string) error {
	newName, err := f.written(to, newName)
	if err != nil {
		return err
	}
	return f.System.Link(from, f.spelling(from, name), to, newName)
}

// RenameDir is of [maildir.System].
func (f *Folding) RenameDir(from int, name string, to int, newName string) error {
	newName, err := f.written(to, newName)
	if err != nil {
		return err
	}
	return f.System.RenameDir(from, f.spelling(from, name), to, newName)
}

// RemoveDir is of [maildir.System].
func (f *Folding) RemoveDir(in int, name string) error {
	return f.System.RemoveDir(in, f.spelling(in, name))
}

// SetTime is of [maildir.System].
func (f *Folding) SetTime(in int, name string, seconds int64) error {
	return f.System.SetTime(in, f.spelling(in, name), seconds)
}
