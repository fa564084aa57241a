package maildir

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"time"

	"godwit/mail"

	"golang.org/x/sys/unix"
)

// The keyword table of a mailbox is Dovecot's dovecot-keywords: a line "0 name"
// for each letter from "a" on. Who changes it writes the new table into
// dovecot-keywords.lock, which must not exist before, and renames that into
// place: lock and replacement in one.
const (
	keywordsName = "dovecot-keywords"
	keywordsLock = "dovecot-keywords.lock"
)

const (
	lockWait  = 5 * time.Second // for the lock
	lockRetry = 5 * time.Millisecond
	lockMode  = 0o400           // tells a lock of ours, whose holder died, from others'
	lockOurs  = time.Second     // after which such a lock counts as left behind
	lockStale = 2 * time.Minute // what a lock's holder that died left, as Dovecot has it
)

// readTable reads a mailbox's keyword table; nil when there is none. Lines that
// make no sense, and keywords past the last letter, are passed over.
func readTable(top dir) (mail.KeywordTable, error) {
	b, err := readSmall(top, keywordsName)
	if isMissing(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return parseTable(b), nil
}

func parseTable(b []byte) mail.KeywordTable {
	var t mail.KeywordTable
	for line := range bytes.Lines(b) {
		number, name, found := strings.Cut(strings.TrimRight(string(line), "\r\n"), " ")
		i, err := strconv.Atoi(number)
		if !found || err != nil || i < 0 || i >= mail.MaxLetters || !canWrite(name) {
			continue
		}
		for len(t) <= i {
			t = append(t, "")
		}
		t[i] = name
	}
	return t
}

func formatTable(t mail.KeywordTable) []byte {
	var b bytes.Buffer
	for i, name := range t {
		if name != "" {
			fmt.Fprintf(&b, "%d %s\n", i, name)
		}
	}
	return b.Bytes()
}

// canWrite tells whether a keyword can stand in the table; IMAP's all can
// (RFC 9051, 9: flag-keyword is an atom).
func canWrite(keyword string) bool {
	return keyword != "" && strings.IndexFunc(keyword, func(r rune) bool { return r <= ' ' || r == 0x7f }) < 0
}

// Room tells which keywords the mailbox can hold by its table: those in it, and any
// other as long as it has a place left. Whether that place's letter stands in names
// without a meaning, so that nothing can have it, a listing tells.
func (a *Account) Room(ctx context.Context, m mail.Mailbox) (mail.KeywordRoom, error) {
	if err := ctx.Err(); err != nil {
		return mail.KeywordRoom{}, err
	}
	top, err := a.find(m)
	if err != nil {
		return mail.KeywordRoom{}, explain("keywords of", m, "", err)
	}
	defer top.close()
	t, err := readTable(top)
	return room(t), explain("keywords of", m, "", err)
}

func room(t mail.KeywordTable) mail.KeywordRoom {
	known := slices.DeleteFunc(slices.Clone(t), func(name string) bool { return name == "" })
	return mail.KeywordRoom{Open: len(known) < mail.MaxLetters, Known: mail.NewKeywords(known...)}
}

// lettersFor returns the letters of keywords, and the table as it is
// afterwards. Keywords that have no letter get one, durably, as long as there
// are any; those that are left without are passed over.
func (a *Account) lettersFor(ctx context.Context, b *box, keywords mail.Keywords) (mail.KeywordTable, error) {
	t, err := readTable(b.top)
	if err != nil {
		return nil, err
	}
	if missing := missingFrom(t, keywords); len(missing) == 0 || !room(t).Open {
		return t, a.keepTable(b, keywords)
	}
	return a.rewriteTable(ctx, b, func(t mail.KeywordTable, used letterSet) mail.KeywordTable {
		for _, name := range missingFrom(t, keywords) {
			if i := freeLetter(t, used); i >= 0 {
				t = entered(t, i, name)
			}
		}
		return t
	})
}

// RestoreLetters gives letters that stand in file names of the mailbox, and mean nothing
// by its table, the meaning again that they had by an earlier one. They are lost with
// the table, which is one file among many to who copies a Maildir.
func (a *Account) RestoreLetters(ctx context.Context, m mail.Mailbox, was mail.KeywordTable) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	b, err := a.open(m)
	if err != nil {
		return explain("keywords of", m, "", err)
	}
	defer b.close()
	t, err := readTable(b.top)
	if err != nil || len(t.Lost(was)) == 0 {
		return explain("keywords of", m, "", err)
	}
	used, err := b.letters()
	if err == nil && used&meaning(t.Lost(was)) != 0 {
		_, err = a.rewriteTable(ctx, b, func(t mail.KeywordTable, used letterSet) mail.KeywordTable {
			for i, name := range t.Lost(was) {
				if used&(1<<i) != 0 && canWrite(name) {
					t = entered(t, i, name)
				}
			}
			return t
		})
	}
	return explain("keywords of", m, "", err)
}

// entered is the table with a keyword for one more letter.
func entered(t mail.KeywordTable, letter int, name string) mail.KeywordTable {
	for len(t) <= letter {
		t = append(t, "")
	}
	t[letter] = name
	return t
}

// rewriteTable changes the table, durably, and returns it as it is afterwards. What
// the change is told besides are the letters that stand in file names.
func (a *Account) rewriteTable(ctx context.Context, b *box, change func(mail.KeywordTable, letterSet) mail.KeywordTable) (mail.KeywordTable, error) {
	select {
	case a.keywords <- struct{}{}:
		defer func() { <-a.keywords }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	lock, err := lockKeywords(ctx, b.top)
	if err != nil {
		return nil, err
	}
	defer lock.Close()
	t, mode, err := writeTable(b, lock, change)
	if err == nil {
		err = b.top.replace(keywordsLock, keywordsName)
	}
	if err != nil {
		return nil, errors.Join(err, b.top.unlink(keywordsLock))
	}
	// The mark goes last: were the renaming lost with the power, the lock would come
	// back, and must be known for ours.
	if err := b.top.sync(); err != nil {
		return t, err
	}
	return t, b.top.fail("chmod", keywordsName, lock.setMode(mode))
}

// keepTable makes a mailbox's table durable before names are given that mean
// something by it alone: whoever wrote it, a run of ours that died among them, may
// not have come to that. Once for each process is enough.
func (a *Account) keepTable(b *box, keywords mail.Keywords) error {
	if keywords == "" {
		return nil
	}
	a.mu.Lock()
	kept := a.tables[b.name]
	a.mu.Unlock()
	if kept {
		return nil
	}
	err := item{b.top, keywordsName}.sync()
	if isMissing(err) {
		return nil
	}
	if err == nil {
		err = b.top.sync()
	}
	if err == nil {
		a.mu.Lock()
		a.tables[b.name] = true
		a.mu.Unlock()
	}
	return err
}

// writeTable writes the changed table into the lock file, and tells the mode that it
// shall have.
func writeTable(b *box, lock *file, change func(mail.KeywordTable, letterSet) mail.KeywordTable) (mail.KeywordTable, uint32, error) {
	mode := uint32(0o600)
	t, err := readTable(b.top) // as the last holder of the lock left it
	if err != nil {
		return nil, mode, err
	}
	used, err := b.letters()
	if err != nil {
		return nil, mode, err
	}
	t = change(t, used)
	if st, serr := b.top.stat(keywordsName); serr == nil {
		mode |= st.Mode & 0o777 // whoever could read the table shall be able to go on
	}
	if _, err = lock.Write(formatTable(t)); err == nil {
		err = lock.sync()
	}
	return t, mode, b.top.fail("write", keywordsLock, err)
}

// letters are those that stand in names of the mailbox's files.
func (b *box) letters() (used letterSet, err error) {
	err = b.read(func(name string, _ bool, _ uint64) { used |= parseName(name).letters })
	return used, err
}

// freeLetter chooses a letter: after the last, else a gap. -1: there is none. One that
// stands in file names without a meaning is not free: when the table was lost, or the
// file came from another mailbox, a meaning would flag those messages.
func freeLetter(t mail.KeywordTable, used letterSet) int {
	for n := range mail.MaxLetters {
		i := (len(t) + n) % mail.MaxLetters
		if used&(1<<i) == 0 && (i >= len(t) || t[i] == "") {
			return i
		}
	}
	return -1
}

func missingFrom(t mail.KeywordTable, keywords mail.Keywords) []string {
	return slices.DeleteFunc(keywords.List(), func(name string) bool {
		_, has := t.Letter(name)
		return has || !canWrite(name)
	})
}

// encode gives the letters of keywords; those without one are passed over.
func encode(t mail.KeywordTable, keywords mail.Keywords) (l letterSet) {
	for _, name := range keywords.List() {
		if c, has := t.Letter(name); has {
			l |= 1 << (c - 'a')
		}
	}
	return l
}

// meaning is the letters that stand for a keyword.
func meaning(t mail.KeywordTable) (l letterSet) {
	for i, name := range t {
		if name != "" {
			l |= 1 << i
		}
	}
	return l
}

// stale tells that a lock's holder died. Of ours that is plain after a moment:
// an account has one run at a time, and a run one holder of the lock.
func stale(st Stat) bool {
	age := time.Since(time.Unix(0, st.MTime))
	return age > lockStale || age > lockOurs && st.Mode&0o777 == lockMode
}

// lockKeywords creates the lock file, waiting for another holder. It is marked as ours
// from the first moment on: one that was made although the system said it could not be,
// or whose maker died just then, would look like another program's, and every run would
// wait in vain for two minutes to come.
func lockKeywords(ctx context.Context, top dir) (*file, error) {
	deadline := time.Now().Add(lockWait)
	for {
		f, err := top.fileWith(keywordsLock, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL, lockMode)
		if err == nil {
			return f, nil
		}
		if !errors.Is(err, fs.ErrExist) {
			return nil, err
		}
		if st, serr := top.stat(keywordsLock); serr == nil && stale(st) {
			if err := top.unlink(keywordsLock); err != nil && !isMissing(err) {
				return nil, err
			}
			continue
		}
		if time.Now().After(deadline) {
			return nil, fmt.Errorf("another program holds the lock: %w", err)
		}
		if err := pause(ctx, lockRetry); err != nil {
			return nil, err
		}
	}
}
