package maildir

import (
	"context"
	"errors"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"

	"godwit/mail"

	"golang.org/x/sys/unix"
)

// Trashed is a file in the trash.
type Trashed struct {
	Run     int64
	Mailbox mail.Mailbox
	Key     mail.Key
	System  mail.System
	Letters string // that its mailbox's table gave a meaning when it was removed
	trash   string
	name    string
}

// Path is where the file is.
func (t Trashed) Path() string {
	return filepath.Join(append(append([]string{t.trash, strconv.FormatInt(t.Run, 10)}, trashSteps(t.Mailbox)...), t.name)...)
}

// Trashed lists the files that a run has in the trash.
func (a *Account) Trashed(ctx context.Context, run int64) ([]Trashed, error) {
	var found []Trashed
	for _, trash := range a.Trashes() {
		err := a.eachTrashedIn(ctx, trash, run, func(m mail.Mailbox, _ dir, files []string) error {
			for _, name := range files {
				f := parseName(name)
				found = append(found, Trashed{run, m, mail.Key(f.key), f.system, f.letters.String(), trash, name})
			}
			return nil
		})
		if err != nil {
			return nil, explain("trash", "", "", err)
		}
	}
	return found, nil
}

// bin opens the directory that a removed file is in.
func (a *Account) bin(t Trashed) (dir, error) {
	d, err := openTop(a.sys, t.trash)
	for _, name := range append([]string{strconv.FormatInt(t.Run, 10)}, trashSteps(t.Mailbox)...) {
		if err != nil {
			break
		}
		var next dir
		next, err = d.sub(name)
		d.close()
		d = next
	}
	if isMissing(err) {
		err = errors.Join(mail.ErrGone, err)
	}
	return d, err
}

// ReadTrashed reads a file in the trash and tells what it is. It fails with
// [mail.ErrGone] when it is not there.
func (a *Account) ReadTrashed(ctx context.Context, t Trashed) (mail.LocalContent, error) {
	c, err := a.readTrashed(ctx, t)
	return c, explain("read in the trash", t.Mailbox, t.Key, err)
}

func (a *Account) readTrashed(ctx context.Context, t Trashed) (mail.LocalContent, error) {
	bin, err := a.bin(t)
	if err != nil {
		return mail.LocalContent{}, err
	}
	defer bin.close()
	f, err := bin.file(t.name, unix.O_RDONLY)
	if isMissing(err) {
		err = errors.Join(mail.ErrGone, err)
	}
	if err != nil {
		return mail.LocalContent{}, err
	}
	defer f.Close()
	st, err := f.stat()
	if err != nil {
		return mail.LocalContent{}, err
	}
	return readFile(ctx, f, parseName(t.name).raw, st)
}

// RestoreTrashed moves a file from the trash into a mailbox, which is made if
// need be, under a key that no file has there and with the given flags, durably.
// Its time stamp, which becomes the message's date, stays. It fails with
// [mail.ErrGone] when the file is not in the trash, and with fs.ErrExist when
// the key is taken.
func (a *Account) RestoreTrashed(ctx context.Context, t Trashed, m mail.Mailbox, k mail.Key, flags mail.Flags) (mail.LocalMessage, error) {
	restored, err := a.restoreTrashed(ctx, t, m, k, flags)
	return restored, explain("restore to", m, k, err)
}

func (a *Account) restoreTrashed(ctx context.Context, t Trashed, m mail.Mailbox, k mail.Key, flags mail.Flags) (mail.LocalMessage, error) {
	var restored mail.LocalMessage
	if err := checkKey(k); err != nil {
		return restored, err
	}
	bin, err := a.bin(t)
	if err != nil {
		return restored, err
	}
	defer bin.close()
	if err := a.create(m); err != nil {
		return restored, err
	}
	b, err := a.openAll(m)
	if err != nil {
		return restored, err
	}
	defer b.close()
	there, err := a.present(b, map[mail.Key]bool{k: true})
	if err != nil {
		return restored, err
	}
	if _, taken := there[k]; taken {
		return restored, errors.Join(errExists, errors.New("the key is taken there"))
	}
	table, err := a.lettersFor(ctx, b, flags.Keywords)
	if err != nil {
		return restored, err
	}
	f := parseName(t.name)
	wasNew := !strings.Contains(t.name, info)
	f.key, f.system, f.letters = string(k), flags.System, encode(table, flags.Keywords)
	isNew, name := f.place()
	if isNew && !wasNew {
		isNew, name = false, f.String() // what somebody has seen in cur/ is not new again
	}
	into := b.in(entry{isNew: isNew})
	err = bin.move(t.name, into, name)
	if errors.Is(err, unix.EXDEV) {
		err = a.restoreCopy(ctx, bin, t.name, b, into, name)
	}
	if isMissing(err) {
		err = errors.Join(mail.ErrGone, err)
	}
	if err != nil {
		return restored, err
	}
	st, err := into.stat(name)
	if err != nil && !errors.Is(err, fs.ErrNotExist) { // a mail reader may be quick
		return restored, err
	}
	restored = mail.LocalMessage{Key: k, System: f.system, Letters: f.letters.String(), Inode: st.Inode, New: isNew}
	// The new name first: a power cut between the two leaves both, not neither.
	return restored, errors.Join(into.sync(), bin.sync())
}
