package maildir

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"
	"strconv"

	"godwit/mail"

	"golang.org/x/sys/unix"
)

// TrashPath is where Remove puts a mailbox's files: below the trash directory
// the run, and below that the mailbox's server name, escaped as in the verbatim
// layout.
func (a *Account) TrashPath(run int64, m mail.Mailbox) string {
	return filepath.Join(append([]string{a.trash, strconv.FormatInt(run, 10)}, trashSteps(m)...)...)
}

func trashSteps(m mail.Mailbox) []string {
	var steps []string
	for _, u := range Verbatim.units(split(canonical(m))) {
		steps = append(steps, u.escaped...)
	}
	return steps
}

// openTrash opens the directory for a mailbox's removed files, making it.
func (a *Account) openTrash(run int64, m mail.Mailbox) (dir, error) {
	if a.trash == "" {
		return noDir, errors.New("no trash directory is given")
	}
	top, err := makeDirs(a.sys, a.trash)
	if err != nil {
		return noDir, err
	}
	defer top.close()
	return makeChain(top, append([]string{strconv.FormatInt(run, 10)}, trashSteps(m)...))
}

// Remove moves files to the trash directory of a run, where they keep their
// names below the mailbox's, durably; a name that is taken there gets another
// key. To a trash on another file system they are copied, and removed when the
// copy is durable. One result a message: nil, [mail.ErrGone], [ErrBusy], or what
// failed.
func (a *Account) Remove(ctx context.Context, m mail.Mailbox, keys []mail.Key, run int64) ([]error, error) {
	if len(keys) == 0 {
		return nil, nil
	}
	results, err := a.remove(ctx, m, keys, run)
	for i, r := range results {
		results[i] = explain("remove", m, keys[i], r)
	}
	return results, explain("remove from", m, "", err)
}

func (a *Account) remove(ctx context.Context, m mail.Mailbox, keys []mail.Key, run int64) ([]error, error) {
	b, err := a.open(m)
	if err != nil {
		return nil, err
	}
	defer b.close()
	trash, err := a.openTrash(run, m)
	if err != nil {
		return nil, err
	}
	defer trash.close()
	var touched bool
	copies := map[int]*copied{}
	results, err := a.withFiles(ctx, b, keys, func(i int, e entry) error {
		err := a.toTrash(b.in(e), e.name, trash)
		if errors.Is(err, unix.EXDEV) {
			var c *copied
			c, err = a.copyTo(ctx, b.in(e), e.name, trash, partial+string(a.NewKey()))
			if err == nil {
				copies[i] = c
			}
		}
		touched = touched || err == nil
		return err
	})
	switch {
	case err != nil: // given up; the copies are worth nothing
		for _, c := range copies {
			err = errors.Join(err, trash.unlink(c.name))
		}
	case len(copies) > 0:
		err = a.removeCopied(ctx, b, keys, copies, trash, results)
	}
	if touched {
		// The trash first: a power cut between leaves both names, not neither.
		err = errors.Join(err, trash.sync(), b.syncDir(b.cur), b.syncDir(b.new))
	}
	return results, err
}

// toTrash renames a file into the trash.
func (a *Account) toTrash(d dir, name string, trash dir) error {
	err := d.move(name, trash, name)
	if errors.Is(err, fs.ErrExist) {
		err = d.move(name, trash, a.freshName(name))
	}
	return err
}

// copied is a file that was copied to the trash and is not yet removed.
type copied struct {
	name string // in the trash, for now
	last string // its name there in the end
	from Stat
}

// partial stands before the names of copies that may not be whole: like all names
// that begin with a dot, they are no messages.
const partial = ".partial-"

// copyTo copies a file to another directory, under the name as.
func (a *Account) copyTo(ctx context.Context, d dir, name string, to dir, as string) (*copied, error) {
	in, err := d.file(name, unix.O_RDONLY)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	c := &copied{name: as, last: name}
	if c.from, err = in.stat(); err != nil {
		return nil, err
	}
	out, err := to.file(c.name, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL)
	if err != nil {
		return nil, err
	}
	s := scratches.Get().(*scratch)
	n, err := copyAll(ctx, out, in, s.in)
	scratches.Put(s)
	if err == nil && n != c.from.Size {
		err = errChanged
	}
	err = errors.Join(err, out.Close())
	if err == nil {
		err = to.setTime(c.name, int64(c.from.date()))
	}
	if err != nil {
		return nil, errors.Join(err, to.unlink(c.name))
	}
	return c, nil
}

// removeCopied makes the copies durable under their names and then removes the
// files that are still the ones that were copied.
func (a *Account) removeCopied(ctx context.Context, b *box, keys []mail.Key, copies map[int]*copied, trash dir, results []error) error {
	var items []item
	var which []int
	for i, c := range copies {
		items = append(items, item{trash, c.name})
		which = append(which, i)
	}
	if err := a.durable.flush(items); err != nil {
		return err
	}
	for _, c := range copies {
		err := trash.move(c.name, trash, c.last)
		if errors.Is(err, fs.ErrExist) {
			err = trash.move(c.name, trash, a.freshName(c.last))
		}
		if err != nil {
			return err
		}
	}
	if err := trash.sync(); err != nil {
		return err
	}
	again := make([]mail.Key, len(which))
	for n, i := range which {
		again[n] = keys[i]
	}
	removed, err := a.withFiles(ctx, b, again, func(n int, e entry) error {
		c := copies[which[n]]
		st, err := b.in(e).stat(e.name)
		if err != nil {
			return err
		}
		if st.Inode != c.from.Inode || st.Size != c.from.Size || st.MTime != c.from.MTime {
			return errChanged
		}
		return b.in(e).unlink(e.name)
	})
	for n, r := range removed {
		results[which[n]] = r
	}
	return err
}
