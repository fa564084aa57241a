package e2e

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"godwit/internal/corpus"
)

// sum is the SHA-256 of a message's wire form.
type sum = [sha256.Size]byte

// letters are Maildir's flags, in its order.
var letters = []struct {
	letter byte
	name   string
}{{'D', `\Draft`}, {'F', `\Flagged`}, {'P', "$Forwarded"}, {'R', `\Answered`}, {'S', `\Seen`}, {'T', `\Deleted`}}

// file is a message in the Maildir.
type file struct {
	path  string
	key   string
	wire  sum      // of what the file stands for
	raw   sum      // of its bytes; base may remember that they are the wire form
	flags []string // sorted IMAP names
	date  time.Time
	isNew bool
}

// dir is where a mailbox is, by layout.
func (a *account) dir(mailbox string) string {
	if mapped, ok := a.settings["map."+mailbox]; ok {
		mailbox = strings.Trim(mapped, `"`)
	}
	switch a.setting("layout", "verbatim") {
	case "maildir++":
		if mailbox == "INBOX" {
			return a.root
		}
		return filepath.Join(a.root, "."+strings.ReplaceAll(mailbox, "/", "."))
	case "flat":
		return filepath.Join(a.root, strings.ReplaceAll(mailbox, "/", "."))
	}
	return filepath.Join(a.root, filepath.FromSlash(mailbox))
}

// mailboxes finds the mailboxes in the Maildir: whatever holds a cur directory.
func (a *account) mailboxes() []string {
	a.t.Helper()
	var names []string
	err := filepath.WalkDir(a.root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() || d.Name() != "cur" {
			return err
		}
		relative, err := filepath.Rel(a.root, filepath.Dir(path))
		if err != nil {
			return err
		}
		names = append(names, a.named(relative))
		return fs.SkipDir
	})
	if err != nil && !os.IsNotExist(err) {
		a.t.Fatalf("walking the Maildir: %v", err)
	}
	slices.Sort(names)
	return names
}

// named turns a directory below the root into a mailbox name.
func (a *account) named(relative string) string {
	name := filepath.ToSlash(relative)
	switch a.setting("layout", "verbatim") {
	case "maildir++":
		if relative == "." {
			return "INBOX"
		}
		name = strings.ReplaceAll(strings.TrimPrefix(relative, "."), ".", "/")
	case "flat":
		name = strings.ReplaceAll(relative, ".", "/")
	}
	for key, value := range a.settings {
		if server, ok := strings.CutPrefix(key, "map."); ok && strings.Trim(value, `"`) == name {
			return server
		}
	}
	return name
}

// keywords reads a mailbox's table of keywords.
func keywords(dir string) (table [26]string, next int, err error) {
	text, err := os.ReadFile(filepath.Join(dir, "dovecot-keywords"))
	if os.IsNotExist(err) {
		return table, 0, nil
	}
	for line := range strings.Lines(string(text)) {
		var n int
		var name string
		if _, err := fmt.Sscanf(line, "%d %s", &n, &name); err != nil || n < 0 || n > 25 {
			return table, 0, fmt.Errorf("bad line %q in dovecot-keywords", line)
		}
		table[n], next = name, max(next, n+1)
	}
	return table, next, err
}

// files reads the messages of a mailbox, in order of their names.
func (a *account) files(mailbox string) []file {
	a.t.Helper()
	dir := a.dir(mailbox)
	table, _, err := keywords(dir)
	if err != nil {
		a.t.Fatalf("%s: %v", mailbox, err)
	}
	var all []file
	for _, sub := range []string{"cur", "new"} {
		entries, err := os.ReadDir(filepath.Join(dir, sub))
		if err != nil && !os.IsNotExist(err) {
			a.t.Fatalf("%v", err)
		}
		for _, e := range entries {
			f := file{path: filepath.Join(dir, sub, e.Name()), isNew: sub == "new"}
			body, err := os.ReadFile(f.path)
			if err != nil {
				a.t.Fatalf("%v", err)
			}
			info, err := os.Stat(f.path)
			if err != nil {
				a.t.Fatalf("%v", err)
			}
			f.date = info.ModTime()
			f.raw, f.wire = sha256.Sum256(body), sha256.Sum256(corpus.WireForm(body))
			var info2 string
			f.key, info2, _ = strings.Cut(e.Name(), ":2,")
			for _, c := range []byte(info2) {
				name := ""
				for _, l := range letters {
					if l.letter == c {
						name = l.name
					}
				}
				if c >= 'a' && c <= 'z' {
					if name = table[c-'a']; name == "" {
						name = "?" + string(c)
					}
				}
				if name == "" {
					a.t.Fatalf("%s: unknown letter %q", f.path, c)
				}
				f.flags = append(f.flags, name)
			}
			slices.Sort(f.flags)
			all = append(all, f)
		}
	}
	return all
}

// localAdd puts a message into the Maildir as a mail program would.
func (a *account) localAdd(mailbox string, body []byte, date time.Time, flags ...string) {
	a.t.Helper()
	a.serial++
	name := fmt.Sprintf("%d.M%dP7.mutt", 1_500_000_000+a.serial, a.serial)
	dir := a.dir(mailbox)
	tmp := filepath.Join(dir, "tmp", name)
	if err := os.WriteFile(tmp, body, 0o600); err != nil {
		a.t.Fatalf("%v", err)
	}
	if !date.IsZero() {
		if err := os.Chtimes(tmp, date, date); err != nil {
			a.t.Fatalf("%v", err)
		}
	}
	target := filepath.Join(dir, "new", name)
	if len(flags) > 0 {
		target = filepath.Join(dir, "cur", name+a.suffix(mailbox, flags))
	}
	if err := os.Rename(tmp, target); err != nil {
		a.t.Fatalf("%v", err)
	}
}

// suffix writes flags as the end of a file name, extending the table of
// keywords as Dovecot does.
func (a *account) suffix(mailbox string, flags []string) string {
	a.t.Helper()
	dir := a.dir(mailbox)
	table, next, err := keywords(dir)
	if err != nil {
		a.t.Fatalf("%v", err)
	}
	var out []byte
flags:
	for _, flag := range flags {
		for _, l := range letters {
			if strings.EqualFold(l.name, flag) {
				out = append(out, l.letter)
				continue flags
			}
		}
		at := slices.IndexFunc(table[:], func(k string) bool { return strings.EqualFold(k, flag) })
		if at < 0 {
			if next > 25 {
				a.t.Fatalf("%s: no letter left for %s", mailbox, flag)
			}
			at, next = next, next+1
			table[at] = flag
			var b strings.Builder
			for i, name := range table {
				if name != "" {
					fmt.Fprintf(&b, "%d %s\n", i, name)
				}
			}
			if err := os.WriteFile(filepath.Join(dir, "dovecot-keywords"), []byte(b.String()), 0o600); err != nil {
				a.t.Fatalf("%v", err)
			}
		}
		out = append(out, byte('a'+at))
	}
	slices.Sort(out)
	return ":2," + string(slices.Compact(out))
}

// localFlag changes a file's flags by renaming it into cur.
func (a *account) localFlag(mailbox string, f file, changes ...string) {
	a.t.Helper()
	flags := changed(a.t.Fatalf, f.flags, changes)
	a.rename(f.path, filepath.Join(a.dir(mailbox), "cur", f.key+a.suffix(mailbox, flags)))
}

// localMove moves a file to another mailbox under a new name with the letters it
// had, as mail readers do that know nothing of tables of keywords.
func (a *account) localMove(mailbox string, f file, target string) {
	a.t.Helper()
	a.serial++
	_, letters, _ := strings.Cut(filepath.Base(f.path), ":2,")
	a.rename(f.path, filepath.Join(a.dir(target), "cur", fmt.Sprintf("%d.M%dP7.moved:2,%s", 1_600_000_000+a.serial, a.serial, letters)))
}

// localEdit replaces a file's content under its name, by another inode.
func (a *account) localEdit(mailbox string, f file, body []byte) {
	a.t.Helper()
	a.serial++
	tmp := filepath.Join(a.dir(mailbox), "tmp", fmt.Sprintf("edit%d", a.serial))
	if err := os.WriteFile(tmp, body, 0o600); err != nil {
		a.t.Fatalf("%v", err)
	}
	a.rename(tmp, f.path)
}

func (a *account) rename(from, to string) {
	a.t.Helper()
	if err := os.Rename(from, to); err != nil {
		a.t.Fatalf("%v", err)
	}
}

// localCreate makes a mailbox in the Maildir.
func (a *account) localCreate(mailbox string) {
	a.t.Helper()
	for _, sub := range []string{"tmp", "new", "cur"} {
		if err := os.MkdirAll(filepath.Join(a.dir(mailbox), sub), 0o700); err != nil {
			a.t.Fatalf("%v", err)
		}
	}
}

// localRename renames a mailbox's directory, and in the layouts that have them side
// by side those of the mailboxes below it.
func (a *account) localRename(from, to string) {
	a.t.Helper()
	old, renamed := a.dir(from), a.dir(to)
	if err := os.MkdirAll(filepath.Dir(renamed), 0o700); err != nil {
		a.t.Fatalf("%v", err)
	}
	if err := os.Rename(old, renamed); err != nil {
		a.t.Fatalf("%v", err)
	}
	below, err := filepath.Glob(old + ".*")
	if err != nil {
		a.t.Fatalf("%v", err)
	}
	for _, dir := range below {
		if err := os.Rename(dir, renamed+strings.TrimPrefix(dir, old)); err != nil {
			a.t.Fatalf("%v", err)
		}
	}
}

// changed applies "+flag" and "-flag" to flags.
func changed(fatalf func(string, ...any), flags, changes []string) []string {
	flags = slices.Clone(flags)
	for _, c := range changes {
		name := c[1:]
		flags = slices.DeleteFunc(flags, func(f string) bool { return strings.EqualFold(f, name) })
		switch c[0] {
		case '+':
			flags = append(flags, name)
		case '-':
		default:
			fatalf("%q is neither +FLAG nor -FLAG", c)
		}
	}
	slices.Sort(flags)
	return flags
}

// is tells whether the file holds a message with this wire form.
func (f file) is(s sum) bool { return f.wire == s || f.raw == s }

// wireSums returns what a message file of a script may be on the server.
func wireSums(body []byte) []sum {
	sums := []sum{sha256.Sum256(corpus.WireForm(body))}
	if raw := sha256.Sum256(body); !bytes.Equal(raw[:], sums[0][:]) {
		sums = append(sums, raw)
	}
	return sums
}
