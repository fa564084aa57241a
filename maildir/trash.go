package maildir

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"

	"godwit/mail"

	"golang.org/x/sys/unix"
)

// ErrElsewhere: a file cannot be moved to a trash by renaming it.
var ErrElsewhere = errors.New("the mailbox is on another file system than the Maildir's root and than the trash, and a removed file could only be copied; trash_copy = true permits that")

// innerTrash is the name in the root of the trash for files that cannot be
// renamed into the one beside the state. It is one that mail readers do not take
// for a mailbox, as the layout has it, and no mailbox has it.
func innerTrash(l Layout) string {
	if l == MaildirPlusPlus {
		return "godwit-trash" // there, what begins with a dot is a mailbox
	}
	return innerName
}

const innerName = ".godwit-trash"

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

// Trashes returns the directories that hold removed files, each with a directory
// for each run. They need not exist.
func (a *Account) Trashes() []string {
	if a.trash == "" {
		return nil
	}
	return []string{a.trash, a.inner}
}

// bins are a mailbox's places in the trashes, opened when they are needed.
type bins struct {
	a    *Account
	run  int64
	m    mail.Mailbox
	open map[string]dir // by trash
}

func (t *bins) dir(trash string) (dir, error) {
	if d, is := t.open[trash]; is {
		return d, nil
	}
	if trash == "" {
		return noDir, errors.New("no trash directory is given")
	}
	top, err := makeDirs(t.a.sys, trash)
	if err != nil {
		return noDir, err
	}
	defer top.close()
	d, err := makeChain(top, append([]string{strconv.FormatInt(t.run, 10)}, trashSteps(t.m)...))
	if err == nil {
		t.open[trash] = d
	}
	return d, err
}

func (t *bins) close() {
	for _, d := range t.open {
		d.close()
	}
}

func (t *bins) sync() error {
	var errs []error
	for _, d := range t.open {
		errs = append(errs, d.sync())
	}
	return errors.Join(errs...)
}

// take renames a file into the first trash that takes it.
func (t *bins) take(d dir, name string) error {
	order := t.a.Trashes()
	if t.a.apart(d) {
		slices.Reverse(order)
	}
	err := error(unix.EXDEV)
	for _, trash := range order {
		if !errors.Is(err, unix.EXDEV) {
			break
		}
		var bin dir
		if bin, err = t.dir(trash); err == nil {
			err = t.a.toTrash(d, name, bin)
		}
	}
	return err
}

// apart tells that the trash beside the state is on another file system than a
// directory: then nothing need be made there. What this does not see (a directory
// that is mounted twice), the renaming does.
func (a *Account) apart(d dir) bool {
	here, err := a.sys.Stat(d.fd)
	if err != nil {
		return false
	}
	for path := a.trash; ; path = filepath.Dir(path) {
		top, err := openTop(a.sys, path)
		if err == nil {
			there, err := a.sys.Stat(top.fd)
			top.close()
			return err == nil && here.Device != there.Device
		}
		if !isMissing(err) || path == filepath.Dir(path) {
			return false
		}
	}
}

// Remove moves files to the trash directory of a run, where they keep their
// names below the mailbox's, durably; a name that is taken there gets another
// key. One result a message: nil, [mail.ErrGone], [ErrBusy], [ErrElsewhere], or
// what failed.
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
	if a.trash == "" {
		return nil, errors.New("no trash directory is given")
	}
	b, err := a.open(m)
	if err != nil {
		return nil, err
	}
	defer b.close()
	trash := &bins{a: a, run: run, m: m, open: map[string]dir{}}
	defer trash.close()
	var touched bool
	copies := map[int]*copied{}
	results, err := a.withFiles(ctx, b, keys, func(i int, e entry) error {
		err := trash.take(b.in(e), e.name)
		switch {
		case errors.Is(err, unix.EXDEV) && !a.copyToTrash:
			err = ErrElsewhere
		case errors.Is(err, unix.EXDEV):
			var to dir
			if to, err = trash.dir(a.trash); err != nil {
				break
			}
			var c *copied
			c, err = a.copyTo(ctx, b.in(e), e.name, to, partial+string(a.NewKey()))
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
			err = errors.Join(err, trash.open[a.trash].unlink(c.name))
		}
	case len(copies) > 0:
		err = a.removeCopied(ctx, b, keys, copies, trash.open[a.trash], results)
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
