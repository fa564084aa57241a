package maildir

import (
	"context"
	"errors"
	"io/fs"

	"godwit/mail"
)

// aside begins the name of a message that is about to take another's place: like
// all names that begin with a dot, it is no message's.
const aside = ".whole-"

// Replace puts a staged message in the place of the file of another key, under
// the name that this one has at that moment, flags and all, and makes that
// durable. At no moment is the key without a file. A file that has another inode
// than was says was changed by somebody: it is copied to the trash of the run
// first. [mail.ErrGone]: there is no file of that key; the staged message stays in
// tmp/.
func (a *Account) Replace(ctx context.Context, staged mail.Staged, k mail.Key, was uint64, run int64) error {
	return explain("replace", staged.Mailbox, k, a.replaceWith(ctx, staged, k, was, run))
}

func (a *Account) replaceWith(ctx context.Context, staged mail.Staged, k mail.Key, was uint64, run int64) error {
	a.letGo(staged.Mailbox)
	b, err := a.openAll(staged.Mailbox)
	if err != nil {
		return err
	}
	defer b.close()
	kept := false
	for range rounds {
		err = a.withFile(ctx, b, k, func(e entry) error {
			if e.inode == staged.Inode {
				return nil // done before
			}
			if e.inode != was && !kept {
				if err := a.keepCopy(ctx, b, e, staged.Mailbox, run); err != nil {
					return err
				}
				kept = true
			}
			return a.swap(b, e, staged)
		})
		if err != nil {
			return err
		}
		// Somebody may have renamed the file in between: then the key has two.
		again, err := a.leftBehind(b, k, staged.Inode)
		if err != nil || !again {
			return errors.Join(err, b.syncDir(b.cur), b.syncDir(b.new), b.syncDir(b.tmp))
		}
	}
	return ErrBusy
}

// swap renames the staged message over a file. The last step is within one
// directory, and one system call.
func (a *Account) swap(b *box, e entry, staged mail.Staged) error {
	d := b.in(e)
	side := aside + string(staged.Key)
	raw := false
	err := inTmp(staged.Key, func(name string, isRaw bool) error {
		raw = isRaw
		return b.tmp.move(name, d, side)
	})
	if err != nil {
		return err
	}
	f := parseName(e.name)
	f.raw = raw
	name := e.name
	if parseName(e.name).raw != raw {
		// The name says how line ends are kept, and the two differ in that. The key
		// has two files for a moment, the whole one being there first.
		name = f.String()
		if e.isNew {
			name = f.base()
		}
	}
	if err := d.replace(side, name); err != nil {
		return err
	}
	a.forget(staged.Mailbox, tmpName(staged.Key))
	if name != e.name {
		return d.unlink(e.name)
	}
	return nil
}

// leftBehind looks whether the key has a file that is not the staged one; if so,
// that one is under the newest name, and the staged message follows it there.
func (a *Account) leftBehind(b *box, k mail.Key, inode uint64) (bool, error) {
	var ours, other *entry
	err := b.read(func(name string, isNew bool, at uint64) {
		if mail.Key(parseName(name).key) != k {
			return
		}
		e := entry{string(append([]byte(nil), name...)), isNew, at}
		if at == inode {
			ours = &e
		} else {
			other = &e
		}
	})
	if err != nil || ours == nil || other == nil {
		return false, err
	}
	if ours.isNew != other.isNew {
		if err := b.in(*ours).move(ours.name, b.in(*other), aside+string(k)); err != nil {
			return true, err
		}
		return true, b.in(*other).replace(aside+string(k), other.name)
	}
	return true, b.in(*other).replace(ours.name, other.name)
}

// keepCopy copies a file to the trash of a run, durably.
func (a *Account) keepCopy(ctx context.Context, b *box, e entry, m mail.Mailbox, run int64) error {
	bin := &bins{a: a, run: run, m: m, open: map[string]dir{}}
	defer bin.close()
	trash, err := bin.dir(a.trash)
	if err != nil {
		return err
	}
	c, err := a.copyTo(ctx, b.in(e), e.name, trash, partial+string(a.NewKey()))
	if err != nil {
		return err
	}
	if err := a.durable.flush([]item{{trash, c.name}}); err != nil {
		return err
	}
	err = trash.move(c.name, trash, c.last)
	if errors.Is(err, fs.ErrExist) {
		err = trash.move(c.name, trash, a.freshName(c.last))
	}
	return errors.Join(err, trash.sync())
}
