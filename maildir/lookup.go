package maildir

import (
	"context"
	"errors"
	"maps"
	"strings"
	"weak"

	"godwit/mail"
)

// hint is where the files of a mailbox were when it was last listed. It saves a
// readdir for each message that is then opened, and is never believed: a name
// is tried, and if it is not there the file is looked for.
type hint struct {
	// listing lives as long as whoever asked for the scan holds it.
	listing weak.Pointer[mail.Listing]
	// odd are the names that a listing does not tell, at most maxOdd.
	odd map[mail.Key]string
}

const maxOdd = 1 << 16

func (a *Account) remember(m mail.Mailbox, l *mail.Listing, odd map[mail.Key]string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	maps.DeleteFunc(a.hints, func(_ mail.Mailbox, h hint) bool { return h.listing.Value() == nil })
	a.hints[m] = hint{weak.Make(l), odd}
}

// guess gives names that a key's file may have, the likeliest first, until try
// is satisfied.
func (a *Account) guess(b *box, k mail.Key, few bool, try func(entry) bool) {
	a.mu.Lock()
	h := a.hints[b.name]
	a.mu.Unlock()
	var letters letterSet
	if l := h.listing.Value(); l != nil {
		if m, found := l.Find(k); found {
			f := fileName{key: string(k), system: m.System, letters: lettersOf(m.Letters)}
			name := f.String()
			if m.New {
				name = f.key
			}
			if odd := h.odd[k]; odd != "" {
				name = odd
			}
			if try(entry{name: name, isNew: m.New, inode: m.Inode}) {
				return
			}
			letters = f.letters
		}
	}
	if !few {
		return
	}
	// Looking up 65 names that may not be there costs less than reading a
	// directory of some hundred files.
	if try(entry{name: string(k), isNew: true}) {
		return
	}
	for _, likely := range []mail.System{mail.Seen, 0, mail.Seen | mail.Answered} {
		if try(entry{name: fileName{key: string(k), system: likely, letters: letters}.String()}) {
			return
		}
	}
	for s := range mail.Deleted << 1 {
		switch s {
		case mail.Seen, 0, mail.Seen | mail.Answered:
			continue
		}
		if try(entry{name: fileName{key: string(k), system: s, letters: letters}.String()}) {
			return
		}
	}
}

// fewKeys is up to how many keys are looked for one by one.
const fewKeys = 8

// withFiles calls act with each key's file, by its index, wherever in the
// mailbox it is now. act fails with fs.ErrNotExist when the file was renamed
// meanwhile: then it is looked for again. The result is act's, one for each
// key; [mail.ErrGone] for a file that is not in the mailbox, [ErrBusy] for one
// that was not found in a mailbox that did not stand still.
func (a *Account) withFiles(ctx context.Context, b *box, keys []mail.Key, act func(i int, e entry) error) ([]error, error) {
	return a.withNames(ctx, b, keys, false, act)
}

// withOpening is withFiles where act opens the file, and fails with
// fs.ErrNotExist where it is no regular one: a file that a listing tells of is not
// looked at before that.
func (a *Account) withOpening(ctx context.Context, b *box, keys []mail.Key, act func(i int, e entry) error) ([]error, error) {
	return a.withNames(ctx, b, keys, true, act)
}

func (a *Account) withNames(ctx context.Context, b *box, keys []mail.Key, opening bool, act func(i int, e entry) error) ([]error, error) {
	results := make([]error, len(keys))
	var pending []int
	for i, k := range keys {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if err := checkKey(k); err != nil {
			results[i] = err
			continue
		}
		done := false
		a.guess(b, k, len(keys) <= fewKeys, func(e entry) bool {
			d := b.in(e)
			if d.fd < 0 {
				return false
			}
			if listed := e.inode != 0; !listed || !opening {
				st, err := d.stat(e.name)
				if err != nil || !isRegular(st) {
					return false
				}
				e.inode = st.Inode
			}
			err := act(i, e)
			if isMissing(err) {
				return false
			}
			results[i], done = err, true
			return true
		})
		if !done {
			pending = append(pending, i)
		}
	}
	for round := 0; len(pending) > 0; round++ {
		found, settled, err := a.list(ctx, b, keys, pending, round == 0)
		if isMissing(err) {
			err = errors.Join(mail.ErrNoMailbox, err)
		}
		if err != nil {
			return nil, err
		}
		var left []int
		for _, i := range pending {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			e, is := found[keys[i]]
			if !is && settled {
				results[i] = mail.ErrGone
				continue
			}
			if is {
				if results[i] = act(i, e); !isMissing(results[i]) {
					continue
				}
			}
			results[i] = ErrBusy
			left = append(left, i)
		}
		if pending = left; round == rounds {
			break
		}
	}
	return results, nil
}

// list finds the files of some keys by reading the mailbox: once and at once
// when quick, which settles nothing unless all were found, else until it stood
// still.
func (a *Account) list(ctx context.Context, b *box, keys []mail.Key, which []int, quick bool) (found map[mail.Key]entry, settled bool, err error) {
	wanted := make(map[mail.Key]bool, len(which))
	for _, i := range which {
		wanted[keys[i]] = true
	}
	return a.listWanted(ctx, b, wanted, quick)
}

func (a *Account) listWanted(ctx context.Context, b *box, wanted map[mail.Key]bool, quick bool) (found map[mail.Key]entry, settled bool, err error) {
	found = make(map[mail.Key]entry, len(wanted))
	message := func(name string, isNew bool, inode uint64) {
		f := parseName(name)
		if !wanted[mail.Key(f.key)] {
			return
		}
		k := mail.Key(strings.Clone(f.key))
		if e, twice := found[k]; twice && !e.isNew && e.name < name {
			return // as in a scan: cur/ first, then by name
		}
		found[k] = entry{strings.Clone(name), isNew, inode}
	}
	if quick {
		err = b.read(message)
		return found, false, err
	}
	settled, err = a.settle(ctx, b, func(mail.Stamp) { clear(found) }, message, func() (bool, error) { return false, nil })
	return found, settled, err
}

// withFile is withFiles for one key.
func (a *Account) withFile(ctx context.Context, b *box, k mail.Key, act func(e entry) error) error {
	results, err := a.withFiles(ctx, b, []mail.Key{k}, func(_ int, e entry) error { return act(e) })
	if err != nil {
		return err
	}
	return results[0]
}

// Locate finds keys by their names in any mailbox, at the cost of reading every
// directory once. Keys that are nowhere are left out. It fails with [ErrBusy]
// when mail was being moved about all the time, so that a key that was not
// found might be there. A key that is in several mailboxes is told from the
// first, INBOX before the others.
func (a *Account) Locate(ctx context.Context, keys []mail.Key) (map[mail.Key]mail.Located, error) {
	out := map[mail.Key]mail.Located{}
	wanted := make(map[mail.Key]bool, len(keys))
	for _, k := range keys {
		if checkKey(k) == nil { // no file can have another
			wanted[k] = true
		}
	}
	for round := 0; len(wanted) > 0; round++ {
		before, err := a.Mailboxes(ctx)
		if err != nil {
			return nil, err
		}
		inboxFirst(before)
		still := true
		for _, m := range before {
			settled, err := a.locateIn(ctx, m.Name, wanted, out)
			if err != nil && !errors.Is(err, mail.ErrNoMailbox) {
				return nil, explain("locate messages", m.Name, "", err)
			}
			still = still && settled && err == nil
			if len(wanted) == 0 {
				return out, nil
			}
		}
		// A file that moved from a mailbox not yet read to one that was is in
		// neither listing, but it moved their stamps.
		after, err := a.Mailboxes(ctx)
		if err != nil {
			return nil, err
		}
		inboxFirst(after)
		if still && sameStamps(before, after) {
			return out, nil
		}
		if round == rounds-1 {
			return nil, explain("locate messages", "", "", ErrBusy)
		}
	}
	return out, nil
}

// locateIn moves the keys that a mailbox has from wanted to out.
func (a *Account) locateIn(ctx context.Context, m mail.Mailbox, wanted map[mail.Key]bool, out map[mail.Key]mail.Located) (settled bool, err error) {
	b, err := a.open(m)
	if err != nil {
		return false, err
	}
	defer b.close()
	found, settled, err := a.listWanted(ctx, b, wanted, false)
	if err != nil {
		return false, err
	}
	for k, e := range found {
		f := parseName(e.name)
		out[k] = mail.Located{Mailbox: m, Message: mail.LocalMessage{
			Key: k, System: f.system, Letters: f.letters.String(), Inode: e.inode, New: e.isNew,
		}}
		delete(wanted, k)
	}
	return settled, nil
}

func inboxFirst(boxes []mail.LocalMailbox) {
	for i, b := range boxes {
		if b.Name == mail.Inbox {
			copy(boxes[1:i+1], boxes[:i])
			boxes[0] = b
			return
		}
	}
}

func sameStamps(a, b []mail.LocalMailbox) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i].Name != b[i].Name || a[i].Stamp.Cur != b[i].Stamp.Cur || a[i].Stamp.New != b[i].Stamp.New {
			return false
		}
	}
	return true
}
