package maildir

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"godwit/mail"

	"golang.org/x/sys/unix"
)

// RenameMailbox gives a mailbox another name, and with it those below it, durably
// and never one that is another's: that fails with fs.ErrExist, with nothing
// done. Directories are renamed and nothing in them: stamps stay. Those that were
// only there to hold the mailbox, and are empty now, are removed. If we die in
// between, each mailbox has its old name or its new one.
func (a *Account) RenameMailbox(ctx context.Context, from, to mail.Mailbox) error {
	err := a.renameMailbox(ctx, canonical(from), canonical(to))
	if err != nil {
		return explain("rename", from, "", fmt.Errorf("to %s: %w", to, err))
	}
	return nil
}

func (a *Account) renameMailbox(ctx context.Context, from, to mail.Mailbox) error {
	if from == mail.Inbox || to == mail.Inbox {
		return errors.New("INBOX is what it is")
	}
	top, err := openTop(a.sys, a.root)
	if err != nil {
		return err
	}
	defer top.close()
	at, err := a.places(ctx, top)
	if err != nil {
		return err
	}
	place, there := at[from]
	if !there {
		return mail.ErrNoMailbox
	}
	var affected []mail.Mailbox
	for m, p := range at {
		switch {
		case m.Under(from):
			affected = append(affected, m)
		case strings.HasPrefix(p, place+"/"):
			// The map put it there; it must not go along.
			return fmt.Errorf("the directory of %s is in the directory of %s; rename that by hand", m, from)
		}
	}
	slices.SortFunc(affected, func(x, y mail.Mailbox) int { return strings.Compare(string(x), string(y)) })
	for _, m := range affected {
		n := to + m[len(from):]
		if _, taken := at[n]; taken && !n.Under(from) {
			return fmt.Errorf("%s: %w", n, fs.ErrExist)
		}
	}
	for _, m := range affected {
		a.unremember(m)
		if err := a.renameOne(ctx, top, at[m], to+m[len(from):]); err != nil {
			return fmt.Errorf("%s: %w", m, err)
		}
	}
	return nil
}

// places tells where the mailboxes are.
func (a *Account) places(ctx context.Context, top dir) (map[mail.Mailbox]string, error) {
	w := walk{Account: a, ctx: ctx, at: map[mail.Mailbox]string{}}
	if a.names.layout == MaildirPlusPlus {
		if err := w.visit(top, nil); err != nil {
			return nil, err
		}
	}
	return w.at, w.children(top, nil)
}

// unremember drops what is known of a mailbox by its name.
func (a *Account) unremember(m mail.Mailbox) {
	a.letGo(m)
	a.mu.Lock()
	delete(a.hints, m)
	delete(a.tables, m)
	a.mu.Unlock()
}

// renameOne renames the directory at a place, below the root, to that of a
// mailbox. One that went along with the directory it was in is there already.
func (a *Account) renameOne(ctx context.Context, top dir, place string, to mail.Mailbox) error {
	var target []string
	for _, u := range a.names.units(to) {
		target = append(target, u.escaped...)
	}
	source := strings.Split(place, "/")
	if slices.Equal(source, target) {
		return nil
	}
	from, err := a.descendAll(top, source[:len(source)-1])
	if err == nil {
		defer from.close()
		_, err = from.stat(source[len(source)-1])
	}
	if isMissing(err) {
		at, failed := a.places(ctx, top)
		if _, found := at[to]; found {
			return nil
		}
		return errors.Join(err, failed)
	}
	if err != nil {
		return err
	}
	if isIn(source, target) {
		// Into or out of itself: by way of a place beside.
		aside := []string{a.aside()}
		if err := moveDir(from, source[len(source)-1], top, aside[0]); err != nil {
			return err
		}
		if err := a.empty(top, source[:len(source)-1]); err != nil {
			return err
		}
		source = aside
		beside, err := a.descendAll(top, nil)
		if err != nil {
			return err
		}
		defer beside.close()
		from = beside
	}
	into, err := a.makeChainIn(top, target[:len(target)-1])
	if err != nil {
		return err
	}
	defer into.close()
	name, newName := source[len(source)-1], target[len(target)-1]
	switch where, err := whereIs(from, name, into, newName); {
	case err != nil:
		return err
	case where == there:
		return into.sync()
	case where == respelled:
		// To the file system the two names are one.
		aside := a.aside()
		if err := moveDir(from, name, top, aside); err != nil {
			return err
		}
		beside, err := a.descendAll(top, nil)
		if err != nil {
			return err
		}
		defer beside.close()
		from, name, source = beside, aside, []string{aside}
	}
	err = moveDir(from, name, into, newName)
	if errors.Is(err, fs.ErrExist) {
		// A directory that is no mailbox, but holds some.
		if err = takeOver(from, name, into, newName); err == nil {
			err = moveDir(from, name, into, newName)
		}
	}
	if err == nil {
		err = errors.Join(into.sync(), from.sync())
	}
	if err == nil {
		err = a.empty(top, source[:len(source)-1])
	}
	return err
}

// aside is the name of a directory that is no mailbox's yet.
func (a *Account) aside() string {
	return a.names.layout.prefix() + mail.PassingName + strings.ReplaceAll(string(a.NewKey()), ".", "-")
}

// isIn tells that one path is within the other.
func isIn(a, b []string) bool {
	n := min(len(a), len(b))
	return len(a) != len(b) && slices.Equal(a[:n], b[:n])
}

// descendAll opens a directory by its names below the root, the root itself for
// none.
func (a *Account) descendAll(top dir, names []string) (dir, error) {
	if len(names) == 0 {
		return openTop(a.sys, a.root)
	}
	return descend(top, names)
}

// makeChainIn is makeChain for any number of names.
func (a *Account) makeChainIn(top dir, names []string) (dir, error) {
	if len(names) == 0 {
		return a.descendAll(top, nil)
	}
	return makeChain(top, names)
}

// moveDir renames a directory, never over anything.
func moveDir(from dir, name string, to dir, newName string) error {
	if err := errors.Join(checkName(name), checkName(newName)); err != nil {
		return err
	}
	return pathError("rename", from.path+"/"+name+" to "+to.path+"/"+newName, from.sys.RenameDir(from.fd, name, to.fd, newName))
}

// takeOver moves the directories that are in a mere parent of mailboxes into the
// mailbox that is to have its name, and removes it. Dying in between leaves some
// of the mailboxes below it below the other.
func takeOver(from dir, name string, into dir, parent string) error {
	old, err := into.sub(parent)
	if err != nil {
		return errors.Join(fs.ErrExist, err)
	}
	defer old.close()
	var below []string
	err = eachEntry(old, func(entry []byte, _ uint64, k Kind) error {
		k, err := old.kind(string(entry), k)
		if err != nil {
			return err
		}
		if isTaken(string(entry)) || k != IsDirectory {
			return fmt.Errorf("%s/%s is in the way: %w", parent, entry, fs.ErrExist)
		}
		below = append(below, string(entry))
		return nil
	})
	if err != nil {
		return err
	}
	mailbox, err := from.sub(name)
	if err != nil {
		return err
	}
	defer mailbox.close()
	for _, entry := range below {
		if err := moveDir(old, entry, mailbox, entry); err != nil {
			return err
		}
	}
	if err := mailbox.sync(); err != nil {
		return err
	}
	return into.rmdir(parent)
}

// empty removes the directories along a path, from the innermost on, as long as
// they hold nothing.
func (a *Account) empty(top dir, names []string) error {
	for n := len(names); n > 0; n-- {
		d, err := a.descendAll(top, names[:n-1])
		if err != nil {
			return err
		}
		err = d.rmdir(names[n-1])
		if err == nil {
			err = d.sync()
		}
		d.close()
		if isNotEmpty(err) {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func isNotEmpty(err error) bool {
	return errors.Is(err, unix.ENOTEMPTY) || errors.Is(err, unix.EEXIST)
}

// rmdir removes an empty directory of d.
func (d dir) rmdir(name string) error {
	if err := checkName(name); err != nil {
		return err
	}
	return d.fail("rmdir", name, d.sys.RemoveDir(d.fd, name))
}

// ours are the files beside a mailbox's directories that mean nothing without its
// messages.
var ours = []string{keywordsName, "maildirfolder"}

// DeleteMailbox removes a mailbox that holds no message, durably; those below it
// stay. Where it holds a message, or a file that is none of a Maildir's, nothing
// is removed and it fails with [mail.ErrNotEmpty], naming one.
func (a *Account) DeleteMailbox(ctx context.Context, m mail.Mailbox) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return explain("delete", m, "", a.deleteMailbox(m))
}

func (a *Account) deleteMailbox(m mail.Mailbox) error {
	if m == mail.Inbox {
		return errors.New("INBOX is what it is")
	}
	top, err := a.find(m)
	if err != nil {
		return err
	}
	defer top.close()
	a.unremember(m)
	subs := map[string]bool{"new": false, "tmp": false, "cur": false}
	var files []string
	err = eachEntry(top, func(name []byte, _ uint64, k Kind) error {
		n := string(name)
		k, err := top.kind(n, k)
		if err != nil {
			return err
		}
		_, sub := subs[n]
		switch {
		case sub && k == IsDirectory:
			subs[n] = true
		case slices.Contains(ours, n) && k != IsDirectory:
			files = append(files, n)
		case a.names.layout == Verbatim && k == IsDirectory:
			// Another mailbox, or the way to one.
		default:
			return fmt.Errorf("%w: it holds %q", mail.ErrNotEmpty, n)
		}
		return nil
	})
	if err != nil {
		return err
	}
	if !subs["cur"] {
		return mail.ErrNoMailbox
	}
	for _, name := range slices.Sorted(maps.Keys(subs)) {
		if subs[name] {
			if err := isEmptyDir(top, name); err != nil {
				return err
			}
		}
	}
	// cur/ goes last: it makes a directory a mailbox. Whoever delivers into the
	// mailbox meanwhile keeps a directory from going, and those that went come back.
	var gone []string
	for _, name := range []string{"tmp", "new", "cur"} {
		if !subs[name] {
			continue
		}
		if err := top.rmdir(name); err != nil {
			for _, back := range gone {
				if _, failed := top.mkdir(back); failed != nil {
					err = errors.Join(err, failed)
				}
			}
			if isNotEmpty(err) {
				err = fmt.Errorf("%w: something came to %s/: %w", mail.ErrNotEmpty, name, err)
			}
			return err
		}
		gone = append(gone, name)
	}
	for _, name := range files {
		if err := top.unlink(name); err != nil && !isMissing(err) {
			return err
		}
	}
	if err := top.sync(); err != nil {
		return err
	}
	return a.emptyPlace(m)
}

// isEmptyDir fails with ErrNotEmpty unless a directory holds nothing.
func isEmptyDir(d dir, name string) error {
	s, err := d.sub(name)
	if err != nil {
		return err
	}
	defer s.close()
	return eachEntry(s, func(entry []byte, _ uint64, _ Kind) error {
		return fmt.Errorf("%w: it holds %s/%s", mail.ErrNotEmpty, name, entry)
	})
}

// emptyPlace removes the directory of a mailbox that is none any more, and those
// it was in, as far as they hold nothing.
func (a *Account) emptyPlace(m mail.Mailbox) error {
	top, err := openTop(a.sys, a.root)
	if err != nil {
		return err
	}
	defer top.close()
	var names []string
	d, err := a.descendAll(top, nil)
	for _, u := range a.names.units(m) {
		if err != nil {
			break
		}
		step := u.escaped
		next, missing := descend(d, step)
		if isMissing(missing) && u.literal != "" {
			step = []string{u.literal}
			next, missing = d.sub(u.literal)
		}
		d.close()
		names = append(names, step...)
		d, err = next, missing
	}
	if err != nil {
		return err
	}
	d.close()
	return a.empty(top, names)
}
