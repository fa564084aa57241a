package maildir

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"godwit/mail"

	"golang.org/x/sys/unix"
)

// Directory is where a mailbox's directory is, or would be made, below the root, with
// "/" between its parts; "." for the root itself.
func (a *Account) Directory(m mail.Mailbox) string {
	var names []string
	for _, u := range a.names.units(m) {
		names = append(names, u.escaped...)
	}
	if len(names) == 0 {
		return "."
	}
	return strings.Join(names, "/")
}

// Directories tells where all mailboxes are that there are, as [Account.Directory]
// does: some may have names of their own that only look escaped.
func (a *Account) Directories(ctx context.Context) (map[mail.Mailbox]string, error) {
	top, err := openTop(a.sys, a.root)
	if err != nil {
		return nil, explain("list mailboxes", "", "", err)
	}
	defer top.close()
	at, err := a.places(ctx, top)
	for m, place := range at {
		if place == "" {
			at[m] = "."
		}
	}
	return at, explain("list mailboxes", "", "", err)
}

// Occupied tells whether a directory, named as [Account.Directory] does, is a
// mailbox's.
func (a *Account) Occupied(place string) (bool, error) {
	d, err := a.placeAt(place)
	if err == nil {
		defer d.close()
		_, err = d.stat("cur")
	}
	if isMissing(err) {
		return false, nil
	}
	return err == nil, explain("look at "+place, "", "", err)
}

func (a *Account) placeAt(place string) (dir, error) {
	top, err := openTop(a.sys, a.root)
	if err != nil {
		return noDir, err
	}
	defer top.close()
	return a.descendAll(top, placeNames(place))
}

// placeNames are the names on the way to a place.
func placeNames(place string) []string {
	if place == "." || place == "" {
		return nil
	}
	return strings.Split(place, "/")
}

// Bring moves a mailbox's Maildir from one directory to another, both named as
// [Account.Directory] does, as another layout or map wants it: durably, never over
// another mailbox, and without those below it. cur/ goes last, so that a run that
// died can be continued by calling it again; where there is nothing to be moved, it
// does nothing. Directories that hold nothing then are removed.
func (a *Account) Bring(ctx context.Context, from, to string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := a.bring(from, to); err != nil {
		return explain("bring "+from+" to "+to, "", "", err)
	}
	return nil
}

func (a *Account) bring(from, to string) error {
	top, err := openTop(a.sys, a.root)
	if err != nil {
		return err
	}
	defer top.close()
	source, err := a.descendAll(top, placeNames(from))
	if isMissing(err) {
		return nil
	}
	if err != nil {
		return err
	}
	defer source.close()
	left, err := pieces(source)
	if err != nil || len(left) == 0 {
		return err
	}
	target, err := a.makeChainIn(top, placeNames(to))
	if err != nil {
		return err
	}
	defer target.close()
	switch occupied, err := target.has("cur"); {
	case err != nil:
		return err
	case occupied:
		return fmt.Errorf("%w: there is a mailbox already", fs.ErrExist)
	}
	for _, p := range left {
		if p.name == "cur" {
			// A power cut must not keep this and lose what came before: without cur/
			// nobody looks there again, and what is in new/ would count as removed.
			if err := errors.Join(target.sync(), source.sync()); err != nil {
				return err
			}
		}
		if err := p.move(source, target); err != nil {
			return err
		}
	}
	if a.names.layout == MaildirPlusPlus && to != "." {
		f, err := target.file("maildirfolder", unix.O_WRONLY|unix.O_CREAT)
		if err != nil {
			return err
		}
		if err := f.Close(); err != nil {
			return err
		}
	}
	if err := errors.Join(target.sync(), source.sync()); err != nil {
		return err
	}
	return a.empty(top, placeNames(from))
}

// piece is something that a Maildir consists of.
type piece struct {
	name      string
	directory bool
}

// pieces are what there is of a Maildir in a directory, cur/ last: not the files that
// somebody put there.
func pieces(d dir) ([]piece, error) {
	var files, folders []piece
	cur := false
	err := eachEntry(d, func(entry []byte, _ uint64, k Kind) error {
		name := string(entry)
		switch {
		case name == "cur":
			cur = true
		case name == "new" || name == "tmp":
			folders = append(folders, piece{name, true})
		case k != IsDirectory && (strings.HasPrefix(name, "dovecot") || name == "maildirfolder"):
			files = append(files, piece{name, false})
		}
		return nil
	})
	if err != nil || !cur {
		return nil, err // all of it was moved, or there is none
	}
	return append(append(files, folders...), piece{"cur", true}), nil
}

// move moves a piece, unless it is gone. What the other directory has of it belongs
// to no mailbox any more.
func (p piece) move(from, to dir) error {
	if p.name == "maildirfolder" {
		return from.unlink(p.name) // it says what the directory was
	}
	var err error
	if p.directory {
		err = moveDir(from, p.name, to, p.name)
		if errors.Is(err, fs.ErrExist) {
			if err = to.rmdir(p.name); err == nil {
				err = moveDir(from, p.name, to, p.name)
			}
		}
	} else {
		err = from.move(p.name, to, p.name)
		if errors.Is(err, fs.ErrExist) {
			if err = to.unlink(p.name); err == nil {
				err = from.move(p.name, to, p.name)
			}
		}
	}
	if isMissing(err) {
		return nil
	}
	return err
}
