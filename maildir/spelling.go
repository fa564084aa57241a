package maildir

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"godwit/mail"
)

// Some file systems take names for the same that differ in case, or in how an
// accent is written (APFS, NTFS, ext4 with casefold), and some give back another
// name than they were given (HFS+). Two mailboxes of the server would be one
// directory there, and each would seem to hold the other's mail. So no mailbox is
// ever made in a directory whose name is not, octet for octet, its own.

// spelled fails with [ErrCollision] unless a directory, found in d by its name,
// has just that name.
func spelled(d dir, name string) error {
	st, err := d.stat(name)
	if err != nil {
		return err
	}
	if !isSuspect(name) {
		swapped := strings.Map(swapCase, name)
		if swapped == name {
			return nil // no letters
		}
		other, err := d.stat(swapped)
		if isMissing(err) || err == nil && (other.Inode != st.Inode || other.Device != st.Device) {
			return nil
		}
		if err != nil {
			return err
		}
	}
	exact, is := false, ""
	err = eachEntry(d, func(entry []byte, inode uint64, _ Kind) error {
		switch {
		case string(entry) == name:
			exact = true
		case inode == st.Inode:
			is = string(entry)
		}
		return nil
	})
	if err != nil || exact {
		return err
	}
	return &misspelled{name, is}
}

// isSuspect tells of a name that a file system may write in another way than by
// the case of its letters: with accents, or cut as FAT does.
func isSuspect(name string) bool {
	return strings.ContainsFunc(name, func(c rune) bool { return c >= 0x80 || c == '~' }) || strings.HasSuffix(name, " ") || strings.HasSuffix(name, ".")
}

func swapCase(c rune) rune {
	switch {
	case 'a' <= c && c <= 'z':
		return c - 'a' + 'A'
	case 'A' <= c && c <= 'Z':
		return c - 'A' + 'a'
	}
	return c
}

// misspelled says that the file system takes the directory is for one of that
// name.
type misspelled struct{ name, is string }

func (e *misspelled) Error() string {
	if e.is == "" {
		return fmt.Sprintf("the file system writes the name %q in another way", e.name)
	}
	return fmt.Sprintf("the file system takes the name %q for %q", e.name, e.is)
}

func (e *misspelled) Unwrap() error { return ErrCollision }

// collides says what a directory that is spelled in another way means for a
// mailbox: above are the steps that lead there.
func (a *Account) collides(above [][]string, chain []string, m mail.Mailbox, e *misspelled) error {
	const way = "give one of them another name, or another local one by map"
	if e.is != "" {
		step := slices.Clone(chain)
		step[slices.Index(step, e.name)] = e.is
		if other, ok, err := a.names.mailbox(append(slices.Clone(above), step)); ok && err == nil {
			return fmt.Errorf("%w: the file system takes the directories of %q and %q for the same; %s", ErrCollision, other, m, way)
		}
	}
	return fmt.Errorf("%w (%s): %w; give the mailbox another local name by map", ErrCollision, m, e)
}

// whereabouts is where a directory is that is to be renamed.
type whereabouts uint8

const (
	elsewhere whereabouts = iota // under another name than the new one
	there                        // it has the new name
	respelled                    // under a name that the file system takes for the new one
)

// whereIs tells where a directory is, and fails when the new name is, to the file
// system, that of another one without being spelled so.
func whereIs(from dir, name string, into dir, newName string) (whereabouts, error) {
	here, err := from.stat(name)
	if err != nil {
		return elsewhere, err
	}
	taken, err := into.stat(newName)
	if isMissing(err) {
		return elsewhere, nil
	}
	if err != nil {
		return elsewhere, err
	}
	same := here.Inode == taken.Inode && here.Device == taken.Device
	err = spelled(into, newName)
	var other *misspelled
	switch {
	case same && err == nil:
		return there, nil
	case same && errors.As(err, &other):
		return respelled, nil
	}
	return elsewhere, err
}
