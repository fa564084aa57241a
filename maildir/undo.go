package maildir

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"godwit/mail"

	"golang.org/x/sys/unix"
)

// Runs tells which runs have files in the trash, the newest last.
func (a *Account) Runs(ctx context.Context) ([]int64, error) {
	var runs []int64
	for _, trash := range a.Trashes() {
		top, err := openTop(a.sys, trash)
		if isMissing(err) {
			continue
		}
		if err != nil {
			return nil, explain("trash", "", "", err)
		}
		err = eachEntry(top, func(name []byte, _ uint64, k Kind) error {
			run, err := strconv.ParseInt(string(name), 10, 64)
			if err != nil || k == IsFile || k == IsOther || slices.Contains(runs, run) {
				return nil
			}
			holds := false
			err = a.eachTrashed(ctx, run, func(mail.Mailbox, dir, []string) error { holds = true; return nil })
			if holds {
				runs = append(runs, run)
			}
			return err
		})
		top.close()
		if err != nil {
			return nil, explain("trash", "", "", err)
		}
	}
	slices.Sort(runs)
	return runs, nil
}

// eachTrashed calls f with each mailbox that a run has files of, their
// directory, and their names: once for each trash.
func (a *Account) eachTrashed(ctx context.Context, run int64, f func(m mail.Mailbox, d dir, files []string) error) error {
	for _, trash := range a.Trashes() {
		if err := a.eachTrashedIn(ctx, trash, run, f); err != nil {
			return err
		}
	}
	return nil
}

func (a *Account) eachTrashedIn(ctx context.Context, trash string, run int64, f func(m mail.Mailbox, d dir, files []string) error) error {
	top, err := openTop(a.sys, trash)
	if isMissing(err) {
		return nil
	}
	if err != nil {
		return err
	}
	defer top.close()
	d, err := top.sub(strconv.FormatInt(run, 10))
	if isMissing(err) {
		return nil
	}
	if err != nil {
		return err
	}
	defer d.close()
	plain := &names{layout: Verbatim}
	var visit func(d dir, steps [][]string) error
	visit = func(d dir, steps [][]string) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		files, dirs, err := filesAndDirs(d)
		if err != nil {
			return err
		}
		if len(files) > 0 && len(steps) > 0 {
			m, ok, err := plain.mailbox(steps)
			if err != nil {
				return err
			}
			if ok {
				if err := f(m, d, files); err != nil {
					return err
				}
			}
		}
		for _, name := range dirs {
			s, err := d.sub(name)
			if isMissing(err) {
				continue
			}
			if err != nil {
				return err
			}
			err = visit(s, stepped(steps, name))
			s.close()
			if err != nil {
				return err
			}
		}
		return nil
	}
	return visit(d, nil)
}

func filesAndDirs(d dir) (files, dirs []string, err error) {
	err = eachEntry(d, func(raw []byte, _ uint64, k Kind) error {
		switch name := string(raw); {
		case k == IsFile && name[0] != '.':
			files = append(files, name)
		case k == IsDirectory, k == IsUnknown:
			dirs = append(dirs, name)
		}
		return nil
	})
	return files, dirs, err
}

// stepped is a place one directory further, which may go on with a name that
// was cut.
func stepped(steps [][]string, name string) [][]string {
	if n := len(steps); n > 0 && strings.HasPrefix(name, cut) && isCut(steps[n-1]) {
		return append(slices.Clone(steps[:n-1]), append(slices.Clone(steps[n-1]), name))
	}
	return append(slices.Clone(steps), []string{name})
}

// Restore moves a run's files from the trash back into their mailboxes, which
// are made again if need be, under their old names; where the key is taken,
// under a fresh one. It returns how many came back to each mailbox, also when
// it fails half-way; calling it again brings the rest.
func (a *Account) Restore(ctx context.Context, run int64) (map[mail.Mailbox]int, error) {
	restored := map[mail.Mailbox]int{}
	err := a.eachTrashed(ctx, run, func(m mail.Mailbox, d dir, files []string) error {
		n, err := a.restore(ctx, m, d, files)
		if n > 0 {
			restored[m] += n
		}
		return explain("restore to", m, "", err)
	})
	return restored, explain("restore run "+strconv.FormatInt(run, 10), "", "", err)
}

func (a *Account) restore(ctx context.Context, m mail.Mailbox, trash dir, files []string) (n int, err error) {
	if err := a.create(m); err != nil {
		return 0, err
	}
	b, err := a.openAll(m)
	if err != nil {
		return 0, err
	}
	defer b.close()
	keys := map[mail.Key]bool{}
	for _, name := range files {
		keys[mail.Key(parseName(name).key)] = true
	}
	taken, err := a.present(b, keys)
	if err != nil {
		return 0, err
	}
	for _, name := range files {
		if err = ctx.Err(); err != nil {
			break
		}
		target := name
		if _, is := taken[mail.Key(parseName(name).key)]; is {
			target = a.freshName(name)
		}
		into := b.in(entry{isNew: !strings.Contains(name, info)})
		err = trash.move(name, into, target)
		if errors.Is(err, fs.ErrExist) {
			err = trash.move(name, into, a.freshName(name))
		}
		if errors.Is(err, unix.EXDEV) {
			err = a.restoreCopy(ctx, trash, name, b, into, target)
		}
		if err != nil {
			err = fmt.Errorf("%s: %w", name, err)
			break
		}
		n++
	}
	return n, errors.Join(err, b.new.sync(), b.cur.sync(), trash.sync())
}

// restoreCopy brings a file back from another file system.
func (a *Account) restoreCopy(ctx context.Context, trash dir, name string, b *box, into dir, target string) error {
	c, err := a.copyTo(ctx, trash, name, b.tmp, string(a.NewKey()))
	if err != nil {
		return err
	}
	err = item{b.tmp, c.name}.sync()
	if err == nil {
		err = b.tmp.move(c.name, into, target)
	}
	if err != nil {
		return errors.Join(err, b.tmp.unlink(c.name))
	}
	return errors.Join(into.sync(), trash.unlink(name))
}
