package sim

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"path"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"godwit/internal/fake"
	"godwit/internal/simfs"
	"godwit/mail"
	"godwit/maildir"
	"godwit/sync"
)

// disk is the real Maildir code on a simulated file system, and a mail reader of
// ours beside it, which knows of package maildir's code nothing but what Maildir
// programs agree on.
type disk struct {
	calls
	fs     *simfs.FS
	now    func() *schedule
	layout maildir.Layout
	lives  int
	keys   int
	faults []*fake.Fault
	// revived are strays that a power cut brought back.
	revived map[string]bool
}

const (
	rootPath  = "/home/Mail"
	trashPath = "/home/state/trash"
	keptPath  = "/home/state/incoming"
)

func newDisk(seed uint64, now func() *schedule) *disk {
	random := rand.New(rand.NewPCG(seed, 2))
	d := &disk{now: now, revived: map[string]bool{}}
	d.layout = []maildir.Layout{maildir.Verbatim, maildir.MaildirPlusPlus, maildir.Flat}[random.IntN(3)]
	grain := []time.Duration{time.Nanosecond, time.Millisecond, 4 * time.Millisecond, 10 * time.Millisecond, time.Second, 2 * time.Second}[random.IntN(6)]
	d.fs = simfs.New(simfs.Options{
		Seed: seed, Now: time.Now, Grain: grain, Batch: 1 + random.IntN(3)*random.IntN(5),
		SyncAll: random.IntN(2) == 0, Links: random.IntN(6) == 0, Untyped: random.IntN(6) == 0, Clones: random.IntN(2) == 0,
		Call: d.call,
		Process: func() (string, string) {
			return fmt.Sprintf("%dRgodwit%08x", d.lives, d.lives), "host"
		},
	})
	d.fs.MakeAll("/home")
	d.open()
	return d
}

// open begins a process.
func (d *disk) open() {
	d.lives++
	a, err := maildir.Open(maildir.Options{
		Root: rootPath, Account: "sim", Layout: d.layout, TrashDir: trashPath, System: d.fs,
	})
	if err != nil {
		panic(err) // nothing is touched, and the options are ours
	}
	d.calls = calls{account: a, now: d.now, held: &listings{}}
}

// call is a call of the file system: others may act, and it may fail.
func (d *disk) call(name, path string) simfs.Fault {
	s := d.now()
	if s == nil {
		return simfs.Fault{}
	}
	if err := s.point("FS."+name, path); err != nil {
		return simfs.Fault{Err: err, Dead: true}
	}
	for i, f := range d.faults {
		if f.Method != "FS."+name {
			continue
		}
		if f.Call--; f.Call > 0 {
			continue
		}
		d.faults = slices.Delete(d.faults, i, i+1)
		return simfs.Fault{Err: f.Err, After: f.Effect == fake.After}
	}
	return simfs.Fault{}
}

// Incoming is where octets of large messages are kept: of each 32, at once.
func (d *disk) Incoming() sync.Incoming {
	return maildir.OpenIncoming(maildir.IncomingOptions{Path: keptPath, Every: -1, Least: 32, System: d.fs})
}

// Kept are the files there.
func (d *disk) Kept() (names []string) {
	for _, f := range d.fs.Files(keptPath) {
		names = append(names, f.Name)
	}
	return names
}

// errno is an error of the file system as a case calls it.
func errno(name string) error {
	return map[string]error{"disk": unix.ENOSPC, "io": unix.EIO, "readonly": unix.EROFS}[name]
}

func (d *disk) Fail(f fake.Fault) { d.faults = append(d.faults, &f) }
func (d *disk) Forget()           { d.faults = nil }

// Left is what the process has open although nothing is under way.
func (d *disk) Left() []string { return d.fs.Open() }

func (d *disk) Restart() {
	d.Forget()
	d.fs.Kill()
	d.open()
}

func (d *disk) Crash(keep func(string) bool, random *rand.Rand) {
	d.Forget()
	before := d.inTmp()
	d.fs.Crash(func() bool { return keep("") }, random)
	for p := range d.inTmp() {
		d.revived[p] = d.revived[p] || !before[p]
	}
	d.open()
}

// inTmp is what is in tmp/ of all mailboxes, by path.
func (d *disk) inTmp() map[string]bool {
	all := map[string]bool{}
	for _, m := range everywhere {
		for _, f := range d.fs.Files(d.place(m) + "/tmp") {
			all[d.place(m)+"/"+f.Name] = true
		}
	}
	return all
}

// place is the directory of a mailbox.
func (d *disk) place(m mail.Mailbox) string {
	name := string(m)
	switch d.layout {
	case maildir.MaildirPlusPlus:
		if m == mail.Inbox {
			return rootPath
		}
		return rootPath + "/." + strings.ReplaceAll(name, "/", ".")
	case maildir.Flat:
		return rootPath + "/" + strings.ReplaceAll(name, "/", ".")
	}
	return rootPath + "/" + name
}

func (d *disk) Names() (all []mail.Mailbox) {
	for _, m := range everywhere {
		if d.fs.Has(d.place(m) + "/cur") {
			all = append(all, m)
		}
	}
	slices.Sort(all)
	return all
}

// Files are the messages of a mailbox. A file with two names of one key is one.
func (d *disk) Files(m mail.Mailbox) (all []fake.File) {
	table := d.table(m)
	for _, sub := range []string{"cur", "new"} {
		for _, f := range d.fs.Files(d.place(m) + "/" + sub) {
			file := asFile(f, sub == "new", table)
			again := func(other fake.File) bool { return other.Key == file.Key && other.Inode == file.Inode }
			if f.Name[0] != '.' && !slices.ContainsFunc(all, again) {
				all = append(all, file)
			}
		}
	}
	slices.SortStableFunc(all, func(a, b fake.File) int { return strings.Compare(string(a.Key), string(b.Key)) })
	return all
}

// letters are those of flags in file names.
var systemLetters = map[byte]mail.System{
	'D': mail.Draft, 'F': mail.Flagged, 'P': mail.Forwarded, 'R': mail.Answered, 'S': mail.Seen, 'T': mail.Deleted,
}

const rawField = ",E=raw"

// asFile reads a file as a mail reader does.
func asFile(f simfs.File, isNew bool, table mail.KeywordTable) fake.File {
	base, flags, _ := strings.Cut(f.Name, ":2,")
	key, raw := strings.CutSuffix(base, rawField)
	out := fake.File{Key: mail.Key(key), New: isNew, Inode: f.Inode, Date: mail.UnixTime(f.MTime / 1e9), Raw: f.Data}
	if !raw && !bytes.Contains(f.Data, []byte("\r\n")) {
		out.Raw = bytes.ReplaceAll(f.Data, []byte("\n"), []byte("\r\n"))
	}
	for _, c := range []byte(flags) {
		if 'a' <= c && c <= 'z' {
			out.Letters += string(c)
		}
		out.Flags.System |= systemLetters[c]
	}
	out.Flags.Keywords = table.Decode(out.Letters)
	return out
}

// Strays are what is left in tmp/. A second name of a message in its place, which
// a power cut between two halves of a rename leaves, and a file that had been
// removed before a power cut, are swept up when something else happens in the
// mailbox.
func (d *disk) Strays(m mail.Mailbox) (all []fake.File) {
	placed := d.Files(m)
	for _, f := range d.fs.Files(d.place(m) + "/tmp") {
		if d.revived[d.place(m)+"/"+f.Name] {
			continue
		}
		stray := asFile(f, false, nil)
		if !slices.ContainsFunc(placed, func(p fake.File) bool { return p.Key == stray.Key && p.Inode == stray.Inode }) {
			all = append(all, stray)
		}
	}
	return all
}

func (d *disk) Trashed() (all []fake.File) {
	var visit func(dir string)
	visit = func(dir string) {
		for _, f := range d.fs.Files(dir) {
			all = append(all, asFile(f, false, nil))
		}
		for _, name := range d.fs.Dirs(dir) {
			visit(dir + "/" + name)
		}
	}
	visit(trashPath)
	return all
}

// table is a mailbox's table of keywords.
func (d *disk) table(m mail.Mailbox) (t mail.KeywordTable) {
	for _, f := range d.fs.Files(d.place(m)) {
		if f.Name != "dovecot-keywords" {
			continue
		}
		for line := range strings.Lines(string(f.Data)) {
			var i int
			var name string
			if _, err := fmt.Sscanf(line, "%d %s", &i, &name); err != nil || i >= mail.MaxLetters {
				continue
			}
			for len(t) <= i {
				t = append(t, "")
			}
			t[i] = name
		}
	}
	return t
}

const keywordsLock = "/dovecot-keywords.lock"

// Busy: somebody has a keyword table in hand. A reader would wait; one that died
// is not waited for.
func (d *disk) Busy() bool {
	for _, m := range everywhere {
		if p := d.place(m) + keywordsLock; d.fs.Has(p) {
			if d.now() != nil {
				return true
			}
			d.fs.Remove(p, true)
		}
	}
	return false
}

// letters gives keywords letters, new ones where they have none.
func (d *disk) letters(m mail.Mailbox, keywords mail.Keywords) string {
	t := d.table(m)
	var out []byte
	grown := false
	for _, name := range keywords.List() {
		c, has := t.Letter(name)
		if !has && len(t) < mail.MaxLetters {
			t = append(t, name)
			c, has = t.Letter(name)
			grown = true
		}
		if has {
			out = append(out, c)
		}
	}
	if grown {
		var b bytes.Buffer
		for i, name := range t {
			fmt.Fprintf(&b, "%d %s\n", i, name)
		}
		d.fs.Put(d.place(m)+"/dovecot-keywords", b.Bytes(), true)
	}
	slices.Sort(out)
	return string(out)
}

// name is a file's name in cur/.
func (d *disk) name(base string, f mail.Flags, letters string) string {
	name := base + ":2,"
	for _, c := range []byte("DFPRST") {
		if f.System&systemLetters[c] != 0 {
			name += string(c)
		}
	}
	return name + letters
}

func (d *disk) Add(m mail.Mailbox, raw []byte, f mail.Flags) mail.Key {
	d.keys++
	k := fmt.Sprintf("17100%05d.R1.reader", d.keys)
	d.MakeMailbox(m)
	stored, base := raw, k
	lf := bytes.ReplaceAll(raw, []byte("\r\n"), []byte("\n"))
	switch {
	case !bytes.Contains(raw, []byte("\r\n")) && bytes.Contains(raw, []byte("\n")):
		base += rawField
	case d.keys%2 == 0 && !bytes.Contains(lf, []byte("\r")) && bytes.Equal(bytes.ReplaceAll(lf, []byte("\n"), []byte("\r\n")), raw):
		stored = lf
	}
	d.fs.Put(d.where(m, base, f), stored, true)
	return mail.Key(k)
}

// where is the path that a message gets.
func (d *disk) where(m mail.Mailbox, base string, f mail.Flags) string {
	if f.IsZero() {
		return d.place(m) + "/new/" + base
	}
	return d.place(m) + "/cur/" + d.name(base, f, d.letters(m, f.Keywords))
}

// find is the path of a message, in parts.
func (d *disk) find(m mail.Mailbox, k mail.Key) (sub, name string, ok bool) {
	for _, sub := range []string{"cur", "new"} {
		for _, f := range d.fs.Files(d.place(m) + "/" + sub) {
			base, _, _ := strings.Cut(f.Name, ":2,")
			if strings.TrimSuffix(base, rawField) == string(k) {
				return sub, f.Name, true
			}
		}
	}
	return "", "", false
}

func (d *disk) Reflag(m mail.Mailbox, k mail.Key, f mail.Flags) {
	if sub, name, ok := d.find(m, k); ok {
		base, _, _ := strings.Cut(name, ":2,")
		d.fs.Move(d.place(m)+"/"+sub+"/"+name, d.place(m)+"/cur/"+d.name(base, f, d.letters(m, f.Keywords)), true)
	}
}

// renamed is a file's name under another key.
func renamed(name string, k mail.Key) string {
	base, flags, has := strings.Cut(name, ":2,")
	out := string(k)
	if strings.HasSuffix(base, rawField) {
		out += rawField
	}
	if has {
		out += ":2," + flags
	}
	return out
}

func (d *disk) Move(m mail.Mailbox, k mail.Key, to mail.Mailbox, newKey mail.Key) {
	if sub, name, ok := d.find(m, k); ok {
		d.MakeMailbox(to)
		d.fs.Move(d.place(m)+"/"+sub+"/"+name, d.place(to)+"/"+sub+"/"+renamed(name, newKey), true)
	}
}

func (d *disk) Copy(m mail.Mailbox, k mail.Key, to mail.Mailbox, newKey mail.Key) {
	if sub, name, ok := d.find(m, k); ok {
		d.MakeMailbox(to)
		for _, f := range d.fs.Files(d.place(m) + "/" + sub) {
			if f.Name == name {
				d.fs.Put(d.place(to)+"/"+sub+"/"+renamed(name, newKey), f.Data, true)
			}
		}
	}
}

func (d *disk) Delete(m mail.Mailbox, k mail.Key) {
	for { // all its names
		sub, name, ok := d.find(m, k)
		if !ok {
			return
		}
		d.fs.Remove(d.place(m)+"/"+sub+"/"+name, true)
	}
}

// Edit puts another file in the place of one, as editors do.
func (d *disk) Edit(m mail.Mailbox, k mail.Key, raw []byte) {
	if sub, name, ok := d.find(m, k); ok {
		d.fs.Put(d.place(m)+"/"+sub+"/"+name, raw, true)
	}
}

// EditInPlace writes into a file: its number and all names stay.
func (d *disk) EditInPlace(m mail.Mailbox, k mail.Key, raw []byte) {
	if sub, name, ok := d.find(m, k); ok {
		d.fs.Rewrite(d.place(m)+"/"+sub+"/"+name, raw, true)
	}
}

func (d *disk) MakeMailbox(m mail.Mailbox) {
	for _, sub := range []string{"tmp", "new", "cur"} {
		d.fs.MakeAll(path.Join(d.place(m), sub))
	}
}

func (d *disk) RemoveMailbox(m mail.Mailbox) {
	for _, sub := range []string{"cur", "new", "tmp"} {
		d.fs.RemoveAll(d.place(m) + "/" + sub)
	}
	d.fs.Remove(d.place(m)+"/dovecot-keywords", true)
	d.fs.Remove(d.place(m)+"/maildirfolder", true)
	if place := d.place(m); place != rootPath && len(d.fs.Dirs(place)) == 0 {
		d.fs.RemoveAll(place)
	}
}

// RenameAll renames a mailbox's directory, and those of the mailboxes below it,
// where nothing is in the way.
func (d *disk) RenameAll(from, to mail.Mailbox, called map[mail.Mailbox]mail.Mailbox) bool {
	for _, n := range called {
		if d.fs.Has(d.place(n)) {
			return false
		}
	}
	move := func(a, b string) {
		d.fs.Move(a, b, true)
		for p := range maps.Clone(d.revived) {
			if rest, in := strings.CutPrefix(p, a+"/"); in {
				d.revived[b+"/"+rest] = d.revived[p]
				delete(d.revived, p)
			}
		}
	}
	if d.layout == maildir.Verbatim {
		move(d.place(from), d.place(to))
		return true
	}
	for _, m := range slices.Sorted(maps.Keys(called)) {
		move(d.place(m), d.place(called[m]))
	}
	return true
}

// Unsettle needs not be arranged: a directory that is read while files are
// renamed is read wrongly.
func (d *disk) Unsettle(mail.Mailbox, int, ...mail.Key) {}
