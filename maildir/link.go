package maildir

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"godwit/mail"

	"golang.org/x/sys/unix"
)

// Link stages messages whose content files of a mailbox have already: each gets
// a further name of that file in tmp/, which [Account.Settle] and [Account.Place]
// take on from there. Where there can be no second name (another file system, one
// without links, too many links, or [Options.NoLinks]) or the file has not the
// message's date, it is a copy, which shares its blocks where the file system can.
// Every file is read and compared with what it must be: nobody else would notice
// that it was edited in place.
func (a *Account) Link(ctx context.Context, from, to mail.Mailbox, links []mail.Link) ([]mail.Staged, []error, error) {
	staged, results, err := a.link(ctx, from, to, links)
	if err != nil {
		return nil, nil, explain("link from "+string(from), to, "", err)
	}
	for i, err := range results {
		results[i] = explain("link from "+string(from), to, links[i].Key, err)
	}
	return staged, results, nil
}

func (a *Account) link(ctx context.Context, from, to mail.Mailbox, links []mail.Link) ([]mail.Staged, []error, error) {
	source, err := a.open(from)
	if err != nil {
		return nil, nil, err
	}
	defer source.close()
	held, err := a.holdTmp(to)
	if err != nil {
		return nil, nil, err
	}
	defer a.release(held)
	keys := make([]mail.Key, len(links))
	for i, l := range links {
		keys[i] = l.Key
	}
	staged := make([]mail.Staged, len(links))
	results, err := a.withFiles(ctx, source, keys, func(i int, e entry) error {
		s, err := a.linkOne(ctx, source.in(e), e, held.dir, to, links[i])
		staged[i] = s
		return err
	})
	if err != nil { // given up; what is staged is worth nothing
		for _, s := range staged {
			if s.Key != "" {
				err = errors.Join(err, a.unstage(held.dir, to, s.Key))
			}
		}
		a.letGo(to)
		return nil, nil, err
	}
	for _, err := range results {
		if err != nil {
			a.letGo(to) // perhaps nothing is left to be settled
			break
		}
	}
	return staged, results, nil
}

// linkOne stages one message. It fails with fs.ErrNotExist when the file has not
// that name any more.
func (a *Account) linkOne(ctx context.Context, d dir, e entry, tmp dir, to mail.Mailbox, l mail.Link) (staged mail.Staged, err error) {
	k := l.Delivery.Key
	if k == "" {
		k = a.NewKey()
	}
	if err := checkKey(k); err != nil {
		return staged, err
	}
	if !a.claim(to, tmpName(k)) {
		return staged, tmp.fail("link", tmpName(k), unix.EEXIST)
	}
	name, raw := tmpName(k), parseName(e.name).raw
	if raw {
		name += rawField
	}
	defer func() {
		if err != nil {
			a.forget(to, tmpName(k))
		}
	}()
	staged = mail.Staged{Mailbox: to, Key: k, Flags: l.Delivery.Flags}
	linked := false
	if !a.noLinks {
		if linked, err = a.linkName(ctx, d, e.name, tmp, name, raw, l, &staged); err != nil {
			return mail.Staged{}, err
		}
	}
	if !linked {
		if err := a.copyName(ctx, d, e.name, tmp, name, raw, l, &staged); err != nil {
			return mail.Staged{}, err
		}
	}
	return staged, nil
}

// linkName gives a file a second name. It returns false, and leaves nothing
// behind, where only a copy will do.
func (a *Account) linkName(ctx context.Context, d dir, from string, tmp dir, name string, raw bool, l mail.Link, s *mail.Staged) (bool, error) {
	if err := errors.Join(checkName(from), checkName(name)); err != nil {
		return false, err
	}
	err := a.sys.Link(d.fd, from, tmp.fd, name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return false, d.fail("link", from, err)
	case err != nil:
		// Whatever keeps a link from being made need not keep a copy. It may have been
		// made all the same, by a call that failed after its effect.
		if uerr := tmp.unlink(name); !isMissing(uerr) {
			return false, uerr
		}
		return false, nil
	}
	same := false
	if err = a.check(ctx, tmp, name, raw, l, s); err == nil {
		st, serr := tmp.stat(name)
		same, err = l.Delivery.Date == 0 || st.date() == l.Delivery.Date, serr
	}
	if err != nil || !same {
		return false, errors.Join(err, tmp.unlink(name))
	}
	return true, nil
}

// copyName copies a file.
func (a *Account) copyName(ctx context.Context, d dir, from string, tmp dir, name string, raw bool, l mail.Link, s *mail.Staged) error {
	in, err := d.file(from, unix.O_RDONLY)
	if err != nil {
		return err
	}
	defer in.Close()
	st, err := in.stat()
	if err != nil {
		return err
	}
	if !isRegular(st) {
		return d.fail("copy", from, unix.ENOENT)
	}
	out, err := tmp.file(name, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL)
	if err != nil {
		_ = tmp.unlink(name) // made, perhaps, and the answer lost
		return fmt.Errorf("copying: %w", hideMissing(err))
	}
	if err = a.sys.Clone(out.fd, in.fd); err != nil {
		scratch := scratches.Get().(*scratch)
		_, err = copyAll(ctx, writer{a, out}, in, scratch.in)
		scratches.Put(scratch)
	}
	err = errors.Join(err, out.Close())
	if err == nil {
		err = a.check(ctx, tmp, name, raw, l, s)
	}
	if err == nil {
		date := l.Delivery.Date
		if date == 0 {
			date = st.date()
		}
		err = tmp.setTime(name, int64(date))
	}
	if err != nil {
		return errors.Join(hideMissing(err), tmp.unlink(name))
	}
	return nil
}

// hideMissing keeps an error of tmp/ from reading as one of the file that was to
// be copied.
func hideMissing(err error) error {
	if isMissing(err) {
		return errors.New(err.Error())
	}
	return err
}

// writer writes to a file as the account does.
type writer struct {
	account *Account
	out     *file
}

func (w writer) Write(p []byte) (int, error) { return w.account.write(w.out, p) }

// check reads what was staged, and fails with [mail.ErrGone] when it is not what
// it must be.
func (a *Account) check(ctx context.Context, tmp dir, name string, raw bool, l mail.Link, s *mail.Staged) error {
	f, err := tmp.file(name, unix.O_RDONLY)
	if err != nil {
		return hideMissing(err) // a symbolic link, say
	}
	defer f.Close()
	st, err := f.stat()
	if err != nil {
		return err
	}
	if !isRegular(st) {
		return fmt.Errorf("%w: no regular file", mail.ErrGone)
	}
	is, err := readFile(ctx, f, raw, st)
	if err != nil {
		return err
	}
	if is.Content.Hash != l.Content.Hash {
		return fmt.Errorf("%w: the file has other content now", mail.ErrGone)
	}
	s.Content, s.Inode = is.Content, is.Inode
	return nil
}

// unstage takes a staged message out of tmp/ again.
func (a *Account) unstage(tmp dir, m mail.Mailbox, k mail.Key) error {
	defer a.forget(m, tmpName(k))
	return inTmp(k, func(name string, _ bool) error { return tmp.unlink(name) })
}
