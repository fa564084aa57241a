package fake

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"

	"godwit/mail"
)

// Stage implements sync.Local.
func (l *Local) Stage(ctx context.Context, m mail.Mailbox, d mail.Delivery, body io.Reader) (mail.Staged, error) {
	fault, err := l.begin(ctx, "Stage", string(m), true)
	if err != nil {
		return mail.Staged{}, err
	}
	key := d.Key
	if key == "" {
		key = l.NewKey()
	}
	raw, err := io.ReadAll(body)
	if err == nil && d.Size >= 0 && int64(len(raw)) != d.Size {
		err = fmt.Errorf("%d octets, not %d: %w", len(raw), d.Size, io.ErrUnexpectedEOF)
	}
	if err != nil {
		return mail.Staged{}, fmt.Errorf("stage in %s: %w", m, err)
	}
	staged, err := l.stage(m, key, d, raw)
	if err != nil {
		return mail.Staged{}, err
	}
	return staged, l.end(fault, "Stage")
}

func (l *Local) stage(m mail.Mailbox, key mail.Key, d mail.Delivery, raw []byte) (mail.Staged, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, err := l.box(m); err != nil {
		return mail.Staged{}, err
	}
	p := at(m, "tmp", key)
	if _, there := l.disk.now[p]; there {
		return mail.Staged{}, fmt.Errorf("stage in %s %q: %w", m, string(key), fs.ErrExist)
	}
	f := l.newFile(raw, d.Date)
	l.do(operation{name: "stage " + string(key), add: &p, entry: entry{file: f}})
	return mail.Staged{Mailbox: m, Key: key, Flags: d.Flags, Content: read(raw), Inode: f.inode}, nil
}

// Link implements sync.Local.
func (l *Local) Link(ctx context.Context, from, to mail.Mailbox, links []mail.Link) ([]mail.Staged, []error, error) {
	staged, results := make([]mail.Staged, len(links)), make([]error, len(links))
	fault, err := l.begin(ctx, "Link", fmt.Sprintf("%s to %s %d", from, to, len(links)), true)
	if err != nil {
		return nil, nil, err
	}
	for i, link := range links[:fault.items(len(links))] {
		staged[i], results[i] = l.link(from, to, link)
		if errors.Is(results[i], mail.ErrNoMailbox) {
			return nil, nil, results[i]
		}
	}
	return staged, results, l.end(fault, "Link")
}

func (l *Local) link(from, to mail.Mailbox, link mail.Link) (mail.Staged, error) {
	key := link.Delivery.Key
	if key == "" {
		key = l.NewKey()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, err := l.box(to); err != nil {
		return mail.Staged{}, err
	}
	_, e, err := l.find(from, link.Key)
	if err == nil && read(e.raw).Hash != link.Content.Hash {
		err = fmt.Errorf("link %s %q: other content: %w", from, string(link.Key), mail.ErrGone)
	}
	if err != nil {
		return mail.Staged{}, err
	}
	f := e.file
	if link.Delivery.Date != 0 && f.date != link.Delivery.Date {
		f = l.newFile(e.raw, link.Delivery.Date)
	}
	p := at(to, "tmp", key)
	l.do(operation{name: "link " + string(key), add: &p, entry: entry{file: f}})
	return mail.Staged{Mailbox: to, Key: key, Flags: link.Delivery.Flags, Content: read(e.raw), Inode: f.inode}, nil
}

// Settle implements sync.Local.
func (l *Local) Settle(ctx context.Context, staged []mail.Staged) error {
	fault, err := l.begin(ctx, "Settle", fmt.Sprint(len(staged)), true)
	if err != nil {
		return err
	}
	l.mu.Lock()
	for _, s := range staged[:fault.items(len(staged))] {
		e, there := l.disk.now[at(s.Mailbox, "tmp", s.Key)]
		if !there {
			l.mu.Unlock()
			return fmt.Errorf("settle %s %q: %w", s.Mailbox, string(s.Key), mail.ErrGone)
		}
		e.synced = true
		l.disk.flush(func(d directory) bool { return d.mailbox == s.Mailbox && d.sub == "tmp" })
	}
	l.mu.Unlock()
	return l.end(fault, "Settle")
}

// Place implements sync.Local.
func (l *Local) Place(ctx context.Context, staged []mail.Staged) error {
	fault, err := l.begin(ctx, "Place", fmt.Sprint(len(staged)), true)
	if err != nil {
		return err
	}
	var touched []mail.Mailbox
	for _, s := range staged[:fault.items(len(staged))] {
		if err := l.step("Local.Place rename"); err != nil {
			return err
		}
		if err := l.place(s); err != nil {
			return err
		}
		touched = append(touched, s.Mailbox)
	}
	if err := l.step("Local.Place flush"); err != nil {
		return err
	}
	l.mu.Lock()
	l.flush(touched...)
	l.mu.Unlock()
	return l.end(fault, "Place")
}

func (l *Local) place(s mail.Staged) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	from := at(s.Mailbox, "tmp", s.Key)
	e, there := l.disk.now[from]
	if !there {
		return fmt.Errorf("place %s %q: %w", s.Mailbox, string(s.Key), mail.ErrGone)
	}
	if err := l.free(s.Mailbox, s.Key); err != nil {
		return fmt.Errorf("place %w", err)
	}
	e.system, e.letters = s.Flags.System, l.letters(s.Mailbox, s.Flags.Keywords)
	to := at(s.Mailbox, "cur", s.Key)
	if e.system == 0 && e.letters == "" {
		to.sub = "new"
	}
	l.do(operation{name: "place " + string(s.Key), remove: &from, add: &to, entry: e})
	return nil
}

// free tells that no message of the mailbox has the key.
func (l *Local) free(m mail.Mailbox, k mail.Key) error {
	_, _, err := l.find(m, k)
	switch {
	case err == nil:
		return fmt.Errorf("%s %q: %w", m, string(k), fs.ErrExist)
	case errors.Is(err, mail.ErrGone):
		return nil
	}
	return err
}

// letters gives keywords their letters in the mailbox's table, new ones as long
// as there are any; those without one are passed over. A letter that stands in a
// file's name without a meaning, as a reader brought it from another mailbox, is
// given none: it would flag that message.
func (l *Local) letters(m mail.Mailbox, k mail.Keywords) string {
	b := l.mailboxes[m]
	var letters []byte
	for _, name := range k.List() {
		letter, ok := b.table.Letter(name)
		if !ok && len(b.table) < mail.MaxLetters {
			for len(b.table) < mail.MaxLetters && l.bears(m, 'a'+byte(len(b.table))) {
				b.table = append(b.table, "")
			}
			if len(b.table) < mail.MaxLetters {
				b.table = append(b.table, name)
			}
			letter, ok = b.table.Letter(name)
		}
		if ok {
			letters = append(letters, letter)
		}
	}
	slices.Sort(letters)
	return string(letters)
}

// bears tells that a file of the mailbox has the letter in its name.
func (l *Local) bears(m mail.Mailbox, letter byte) bool {
	for p, e := range l.disk.now {
		if p.mailbox == m && strings.IndexByte(e.letters, letter) >= 0 {
			return true
		}
	}
	return false
}

// Discard implements sync.Local.
func (l *Local) Discard(ctx context.Context, staged []mail.Staged) error {
	fault, err := l.begin(ctx, "Discard", fmt.Sprint(len(staged)), true)
	if err != nil {
		return err
	}
	l.mu.Lock()
	for _, s := range staged[:fault.items(len(staged))] {
		p := at(s.Mailbox, "tmp", s.Key)
		l.do(operation{name: "discard " + string(s.Key), remove: &p})
	}
	l.mu.Unlock()
	return l.end(fault, "Discard")
}

// SetFlags implements sync.Local.
func (l *Local) SetFlags(ctx context.Context, m mail.Mailbox, changes []mail.KeyFlags) ([]error, error) {
	results := make([]error, len(changes))
	fault, err := l.begin(ctx, "SetFlags", fmt.Sprintf("%s %d", m, len(changes)), true)
	if err != nil {
		return results, err
	}
	for i, c := range changes[:fault.items(len(changes))] {
		if err := l.step("Local.SetFlags rename"); err != nil {
			return results, err
		}
		results[i] = l.setFlags(m, c)
		if errors.Is(results[i], mail.ErrNoMailbox) {
			return results, results[i]
		}
	}
	if err := l.step("Local.SetFlags flush"); err != nil {
		return results, err
	}
	l.mu.Lock()
	l.flush(m)
	l.mu.Unlock()
	return results, l.end(fault, "SetFlags")
}

func (l *Local) setFlags(m mail.Mailbox, c mail.KeyFlags) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	p, e, err := l.find(m, c.Key)
	if err != nil {
		return err
	}
	if c.Anew {
		e.letters = ""
	}
	l.rename(p, e, m, c.Key, c.Delta.Apply(e.message(p).Flags(l.mailboxes[m].table)), "flag ")
	return nil
}

// rename gives a file another mailbox, key or flags. Letters that its table does
// not know stay while it stays in its mailbox.
func (l *Local) rename(p place, e entry, m mail.Mailbox, k mail.Key, f mail.Flags, why string) place {
	letters := []byte(l.letters(m, f.Keywords))
	if m == p.mailbox {
		for _, c := range []byte(e.letters) {
			if l.mailboxes[m].table.Decode(string(c)) == "" {
				letters = append(letters, c)
			}
		}
	}
	slices.Sort(letters)
	to := at(m, "cur", k)
	if p.sub == "new" && f.System == 0 && len(letters) == 0 {
		to.sub = "new"
	}
	moved := entry{file: e.file, system: f.System, letters: string(slices.Compact(letters))}
	if to != p || moved != l.disk.now[p] {
		l.do(operation{name: why + string(k), remove: &p, add: &to, entry: moved})
	}
	return to
}

// Relocate implements sync.Local.
func (l *Local) Relocate(ctx context.Context, from mail.Mailbox, k mail.Key, to mail.Mailbox, newKey mail.Key, flags mail.Flags) (mail.LocalMessage, error) {
	fault, err := l.begin(ctx, "Relocate", fmt.Sprintf("%s %q to %s %q", from, string(k), to, string(newKey)), true)
	if err != nil {
		return mail.LocalMessage{}, err
	}
	moved, err := l.relocate(from, k, to, newKey, flags)
	if err != nil {
		return mail.LocalMessage{}, fmt.Errorf("relocate %w", err)
	}
	if err := l.step("Local.Relocate flush"); err != nil {
		return mail.LocalMessage{}, err
	}
	l.mu.Lock()
	l.flush(from, to)
	l.mu.Unlock()
	return moved, l.end(fault, "Relocate")
}

func (l *Local) relocate(from mail.Mailbox, k mail.Key, to mail.Mailbox, newKey mail.Key, flags mail.Flags) (mail.LocalMessage, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	p, e, err := l.find(from, k)
	if err != nil {
		return mail.LocalMessage{}, err
	}
	if err := l.free(to, newKey); err != nil {
		return mail.LocalMessage{}, err
	}
	q := l.rename(p, e, to, newKey, flags, "relocate ")
	return l.disk.now[q].message(q), nil
}

// Remove implements sync.Local.
func (l *Local) Remove(ctx context.Context, m mail.Mailbox, keys []mail.Key, run int64) ([]error, error) {
	results := make([]error, len(keys))
	fault, err := l.begin(ctx, "Remove", fmt.Sprintf("%s %q", m, keys), true)
	if err != nil {
		return results, err
	}
	for i, k := range keys[:fault.items(len(keys))] {
		if err := l.step("Local.Remove rename"); err != nil {
			return results, err
		}
		l.mu.Lock()
		p, e, err := l.find(m, k)
		if err == nil {
			to := place{directory{m, "trash", run}, k}
			l.do(operation{name: "remove " + string(k), remove: &p, add: &to, entry: e})
		}
		l.mu.Unlock()
		if errors.Is(err, mail.ErrNoMailbox) {
			return results, err
		}
		results[i] = err
	}
	if err := l.step("Local.Remove flush"); err != nil {
		return results, err
	}
	l.mu.Lock()
	l.flush(m)
	l.mu.Unlock()
	return results, l.end(fault, "Remove")
}

// Flush implements sync.Local.
func (l *Local) Flush(ctx context.Context, m mail.Mailbox) error {
	fault, err := l.begin(ctx, "Flush", string(m), true)
	if err != nil {
		return err
	}
	l.mu.Lock()
	_, err = l.box(m)
	if err == nil {
		l.flush(m)
	}
	l.mu.Unlock()
	if err != nil {
		return err
	}
	return l.end(fault, "Flush")
}

// Sweep implements sync.Local: what an earlier life of the process left.
func (l *Local) Sweep(ctx context.Context, m mail.Mailbox) error {
	fault, err := l.begin(ctx, "Sweep", string(m), true)
	if err != nil {
		return err
	}
	l.mu.Lock()
	var strays []place
	for p, e := range l.disk.now {
		if p.mailbox == m && p.sub == "tmp" && e.life < l.life {
			strays = append(strays, p)
		}
	}
	slices.SortFunc(strays, func(a, b place) int { return strings.Compare(string(a.key), string(b.key)) })
	for _, p := range strays {
		l.do(operation{name: "sweep " + string(p.key), remove: &p})
	}
	l.mu.Unlock()
	return l.end(fault, "Sweep")
}
