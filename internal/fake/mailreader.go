package fake

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"godwit/mail"
)

// What follows are the doings of a mail reader, or of the user's own hands, on
// the same files. They are durable at once. Mailboxes that are not there are
// made, files that are not there are passed over.

// Add puts a message into a mailbox under a key of the reader's own: in new/ when
// it has no flags, else in cur/.
func (l *Local) Add(m mail.Mailbox, raw []byte, f mail.Flags) mail.Key {
	l.mu.Lock()
	l.keys++
	k := mail.Key(fmt.Sprintf("17100%05d.R1.reader", l.keys))
	l.mu.Unlock()
	l.AddAs(m, k, raw, f)
	return k
}

// AddAs is Add under a given key; a file that has it is replaced.
func (l *Local) AddAs(m mail.Mailbox, k mail.Key, raw []byte, f mail.Flags) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.make(m)
	if p, _, err := l.find(m, k); err == nil {
		l.do(operation{remove: &p})
	}
	e := entry{file: l.newFile(raw, 0), system: f.System, letters: l.letters(m, f.Keywords)}
	e.synced = true
	to := at(m, "cur", k)
	if e.system == 0 && e.letters == "" {
		to.sub = "new"
	}
	l.do(operation{add: &to, entry: e})
	l.settle()
}

// settle makes everything durable.
func (l *Local) settle() { l.disk.flush(func(directory) bool { return true }) }

// act runs f on a file that is there.
func (l *Local) act(m mail.Mailbox, k mail.Key, f func(p place, e entry)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if p, e, err := l.find(m, k); err == nil {
		f(p, e)
		l.settle()
	}
}

// Reflag gives a message other flags, which takes it to cur/.
func (l *Local) Reflag(m mail.Mailbox, k mail.Key, f mail.Flags) {
	l.act(m, k, func(p place, e entry) {
		to := at(m, "cur", k)
		e.system, e.letters = f.System, l.letters(m, f.Keywords)
		l.do(operation{remove: &p, add: &to, entry: e})
	})
}

// Reletter gives a message other lower-case letters, whatever the table says.
func (l *Local) Reletter(m mail.Mailbox, k mail.Key, letters string) {
	l.act(m, k, func(p place, e entry) {
		to := at(m, "cur", k)
		e.letters = letters
		l.do(operation{remove: &p, add: &to, entry: e})
	})
}

// Move renames a file into a mailbox under a key, over a file that has it.
func (l *Local) Move(m mail.Mailbox, k mail.Key, to mail.Mailbox, newKey mail.Key) {
	l.act(m, k, func(p place, e entry) {
		l.make(to)
		q := at(to, p.sub, newKey)
		l.do(operation{remove: &p, add: &q, entry: e})
	})
}

// Copy copies a file into a mailbox under a key.
func (l *Local) Copy(m mail.Mailbox, k mail.Key, to mail.Mailbox, newKey mail.Key) {
	l.act(m, k, func(p place, e entry) {
		l.make(to)
		q := at(to, p.sub, newKey)
		e.file = l.newFile(e.raw, e.date)
		e.synced = true
		l.do(operation{add: &q, entry: e})
	})
}

// Delete removes a file.
func (l *Local) Delete(m mail.Mailbox, k mail.Key) {
	l.act(m, k, func(p place, _ entry) { l.do(operation{remove: &p}) })
}

// Edit replaces a file by another one of the same name.
func (l *Local) Edit(m mail.Mailbox, k mail.Key, raw []byte) {
	l.act(m, k, func(p place, e entry) {
		e.file = l.newFile(raw, e.date)
		e.synced = true
		l.do(operation{remove: &p, add: &p, entry: e})
	})
}

// EditInPlace writes into a file: no stamp of a directory moves, and its inode
// number stays.
func (l *Local) EditInPlace(m mail.Mailbox, k mail.Key, raw []byte) {
	l.act(m, k, func(p place, e entry) {
		changed := *e.file
		changed.raw = slices.Clone(raw)
		e.file = &changed
		l.disk.do(operation{add: &p, entry: e})
	})
}

// MakeMailbox makes an empty mailbox.
func (l *Local) MakeMailbox(m mail.Mailbox) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.make(m)
}

// RemoveMailbox removes a mailbox with all that is in it.
func (l *Local) RemoveMailbox(m mail.Mailbox) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.removeMailbox(m)
}

func (l *Local) removeMailbox(m mail.Mailbox) {
	l.settle()
	delete(l.mailboxes, m)
	delete(l.unsettled, m)
	gone := func(p place, _ entry) bool { return p.mailbox == m && p.sub != "trash" }
	maps.DeleteFunc(l.disk.now, gone)
	maps.DeleteFunc(l.disk.durable, gone)
}

// RemoveRoot takes the whole Maildir away, as a disk does that is not mounted.
func (l *Local) RemoveRoot() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, m := range slices.Sorted(maps.Keys(l.mailboxes)) {
		l.removeMailbox(m)
	}
	l.exists, l.marker = false, ""
}

// SetMarker changes the account that the marker names; empty removes it.
func (l *Local) SetMarker(account string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.marker = account
}

// Unsettle makes the next scans of a mailbox come out unsettled, and miss keys
// that are there, as happens beside a program that renames files.
func (l *Local) Unsettle(m mail.Mailbox, times int, missed ...mail.Key) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.unsettled[m] = &unsettled{times, missed}
}

// Restart is the process being killed and started again: what it wrote is there,
// durable or not. Faults and the log are forgotten.
func (l *Local) Restart() {
	l.Forget()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.life++
}

// Crash is a power cut and a restart. keep is asked for each change of a name
// that was not durable, in order, whether the disk wrote it all the same; nil:
// it wrote none.
func (l *Local) Crash(keep func(name string) bool) {
	l.Restart()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.disk.crash(keep)
	for m := range l.mailboxes {
		for _, sub := range []string{"cur", "new"} {
			p := at(m, sub, "")
			l.touched(&p)
		}
	}
}

// File is a message as the Maildir holds it.
type File struct {
	Key     mail.Key
	Flags   mail.Flags // by the mailbox's table
	Letters string
	New     bool
	Inode   uint64
	Date    mail.UnixTime
	Raw     []byte // wire form; never changed
}

// Files returns what a mailbox holds, by key; nil when it is not there.
func (l *Local) Files(m mail.Mailbox) []File {
	return l.files(func(d directory) bool { return d.mailbox == m && (d.sub == "new" || d.sub == "cur") })
}

// Trash returns what a run removed from a mailbox, by key.
func (l *Local) Trash(run int64, m mail.Mailbox) []File {
	return l.files(func(d directory) bool { return d == directory{m, "trash", run} })
}

// Strays returns what is in a mailbox's tmp/, by key.
func (l *Local) Strays(m mail.Mailbox) []File {
	return l.files(func(d directory) bool { return d.mailbox == m && d.sub == "tmp" })
}

func (l *Local) files(wanted func(directory) bool) []File {
	l.mu.Lock()
	defer l.mu.Unlock()
	var all []File
	for p, e := range l.disk.now {
		if !wanted(p.directory) {
			continue
		}
		f := File{Key: p.key, Letters: e.letters, New: p.sub == "new", Inode: e.inode, Date: e.date, Raw: e.raw}
		f.Flags.System = e.system
		if b := l.mailboxes[p.mailbox]; b != nil {
			f.Flags.Keywords = b.table.Decode(e.letters)
		}
		all = append(all, f)
	}
	slices.SortFunc(all, func(a, b File) int { return cmp.Compare(a.Key, b.Key) })
	return all
}

// Names returns the names of the mailboxes, sorted.
func (l *Local) Names() []mail.Mailbox {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Sorted(maps.Keys(l.mailboxes))
}
