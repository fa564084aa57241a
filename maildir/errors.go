package maildir

import (
	"errors"
	"fmt"
	"io/fs"

	"godwit/mail"

	"golang.org/x/sys/unix"
)

// ErrCollision: two names would be one mailbox, or one directory. The text
// names both.
var ErrCollision = errors.New("two mailboxes have one name")

// ErrBusy: a file could not be told missing, because other programs kept
// changing the mailbox while it was looked for. Trying again helps.
var ErrBusy = fmt.Errorf("mailbox is %w", mail.ErrChanging)

// ErrKey: a key that cannot be a file's.
var ErrKey = errors.New("not a Maildir key")

// explain wraps an error with what was done to which mailbox and message, and
// says which sentinel of package mail it is.
func explain(op string, m mail.Mailbox, k mail.Key, err error) error {
	if err == nil {
		return nil
	}
	err = classify(err)
	switch {
	case k != "":
		return fmt.Errorf("maildir: %s %s in %s: %w", op, k, m, err)
	case m != "":
		return fmt.Errorf("maildir: %s %s: %w", op, m, err)
	}
	return fmt.Errorf("maildir: %s: %w", op, err)
}

func classify(err error) error {
	if errors.Is(err, mail.ErrDisk) {
		return err
	}
	for _, e := range []error{unix.ENOSPC, unix.EDQUOT, unix.EROFS, unix.EIO, unix.EFBIG} {
		if errors.Is(err, e) {
			return fmt.Errorf("%w: %w", mail.ErrDisk, err)
		}
	}
	return err
}

func isMissing(err error) bool { return errors.Is(err, fs.ErrNotExist) }

// errExists: a file is in the way.
var errExists = fs.ErrExist
