package maildir

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"godwit/mail"
)

func flags(names ...string) mail.Flags { return mail.ParseFlags(names...) }

func add(k mail.Key, names ...string) mail.KeyFlags {
	return mail.KeyFlags{Key: k, Delta: mail.FlagDelta{Add: flags(names...)}}
}

func remove(k mail.Key, names ...string) mail.KeyFlags {
	return mail.KeyFlags{Key: k, Delta: mail.FlagDelta{Remove: flags(names...)}}
}

func TestSetFlagsRenamesAndKeepsTheRest(t *testing.T) {
	t.Parallel()
	for _, scanned := range []bool{false, true} {
		for _, c := range []struct {
			file   string
			change mail.KeyFlags
			want   string
		}{
			{"new/k", add("k", `\Seen`), "cur/k:2,S"},
			{"new/k", remove("k", `\Seen`), "new/k"},
			{"new/k", add("k", "Work"), "cur/k:2,a"},
			{"cur/k", add("k", `\Seen`), "cur/k:2,S"},
			{"cur/k:2,", add("k", `\Flagged`, `\Answered`, `$Forwarded`, `\Draft`, `\Deleted`), "cur/k:2,DFPRT"},
			{"cur/k:2,SX", add("k", `\Flagged`), "cur/k:2,FSX"},
			{"cur/k:2,Sz", remove("k", `\Seen`), "cur/k:2,z"},
			{"cur/k:2,Sab", remove("k", "Work", `\Flagged`), "cur/k:2,Sb"},
			{"cur/k:2,b", add("k", "WORK"), "cur/k:2,ab"},
			{"cur/k,S=12,W=13:2,", add("k,S=12,W=13", `\Seen`), "cur/k,S=12,W=13:2,S"},
			{"cur/k,E=raw:2,", add("k", `\Seen`), "cur/k,E=raw:2,S"},
			{"new/k,E=raw", add("k", `\Seen`), "cur/k,E=raw:2,S"},
			{"cur/k:2,,x", add("k", `\Seen`), "cur/k:2,S,x"},
			{"cur/k:2,FXabz", mail.KeyFlags{Key: "k", Anew: true, Delta: mail.FlagDelta{Add: flags("Play", `\Seen`)}}, "cur/k:2,FSXb"},
			{"cur/k:2,SR", add("k", `\Seen`), "cur/k:2,SR"}, // nothing changes
			{"cur/k:2,S", remove("k", "never heard of"), "cur/k:2,S"},
		} {
			a := withBox(t, "INBOX")
			put(t, a, "INBOX/dovecot-keywords", "0 Work\n1 Play\n")
			put(t, a, "INBOX/"+c.file, "x")
			var l *mail.Listing
			if scanned {
				l = scan(t, a, "INBOX")
			}
			results, err := a.SetFlags(ctx(), "INBOX", []mail.KeyFlags{c.change, add("nobody", `\Seen`)})
			must(t, err)
			if results[0] != nil || !errors.Is(results[1], mail.ErrGone) {
				t.Errorf("%s: results %v", c.file, results)
			}
			equalStrings(t, c.file+" with "+c.change.Delta.String(), files(t, a, "INBOX"), []string{c.want})
			_ = l.Len // the listing lives until here: it is what the names are tried from
		}
	}
}

func TestManyFlagsAreSetInOneReaddir(t *testing.T) {
	t.Parallel()
	a := withBox(t, "INBOX")
	const messages = 20000
	var changes []mail.KeyFlags
	for i := range messages {
		k := fmt.Sprintf("%d.many", i)
		put(t, a, "INBOX/cur/"+k+":2,", "")
		changes = append(changes, add(mail.Key(k), `\Seen`))
	}
	began := time.Now()
	results, err := a.SetFlags(ctx(), "INBOX", changes)
	took := time.Since(began)
	all(t, results, err)
	t.Logf("%d messages in %v", messages, took)
	if took > 20*time.Second {
		t.Errorf("%d messages took %v", messages, took)
	}
	l := scan(t, a, "INBOX")
	for i := range l.Len() {
		if l.At(i).System != mail.Seen {
			t.Fatalf("%+v is not seen", l.At(i))
		}
	}
}

func TestFlagsReachMessagesThatOthersRename(t *testing.T) {
	t.Parallel()
	a := withBox(t, "INBOX")
	const messages = 200
	var changes []mail.KeyFlags
	for i := range messages {
		put(t, a, fmt.Sprintf("INBOX/new/%d", i), "")
		changes = append(changes, add(mail.Key(fmt.Sprint(i)), `\Flagged`))
	}
	l := scan(t, a, "INBOX")
	var wg sync.WaitGroup
	wg.Go(func() { // a mail reader opens the mailbox: all new mail becomes old
		for i := range messages {
			os.Rename(fmt.Sprintf("%s/INBOX/new/%d", a.root, i), fmt.Sprintf("%s/INBOX/cur/%d:2,", a.root, i))
		}
	})
	results, err := a.SetFlags(ctx(), "INBOX", changes)
	wg.Wait()
	all(t, results, err)
	_ = l.Len
	l = scan(t, a, "INBOX")
	for i := range l.Len() {
		if m := l.At(i); m.System != mail.Flagged || m.New {
			t.Errorf("%+v", m)
		}
	}
	if l.Len() != messages {
		t.Errorf("%d messages", l.Len())
	}
}

func TestKeywordsGetLettersAndKeepThem(t *testing.T) {
	t.Parallel()
	a := withBox(t, "INBOX")
	put(t, a, "INBOX/dovecot-keywords", "0 Work\n3 Later\n")
	put(t, a, "INBOX/cur/k:2,e", "") // a letter whose meaning was lost
	results, err := a.SetFlags(ctx(), "INBOX", []mail.KeyFlags{add("k", "Home", "later")})
	all(t, results, err)
	equalStrings(t, "files", files(t, a, "INBOX"), []string{"cur/k:2,def"})
	b, err := os.ReadFile(filepath.Join(a.root, "INBOX/dovecot-keywords"))
	must(t, err)
	if string(b) != "0 Work\n3 Later\n5 Home\n" {
		t.Errorf("table %q", b)
	}
	room, err := a.Room(ctx(), "INBOX")
	must(t, err)
	if !room.Open || !room.Known.Equal(mail.NewKeywords("Work", "Later", "Home")) {
		t.Errorf("room %+v", room)
	}
	// All 26 letters, and then some.
	var many []string
	for i := range 30 {
		many = append(many, fmt.Sprintf("k%02d", i))
	}
	s := deliver(t, a, "INBOX", mail.Delivery{Flags: flags(many...)}, "x")
	if room, err = a.Room(ctx(), "INBOX"); err != nil || len(room.Known.List()) != mail.MaxLetters-1 {
		t.Errorf("room %+v, %v", room, err)
	}
	l := scan(t, a, "INBOX")
	m, _ := l.Find(s.Key)
	if got := m.Flags(l.Table).Keywords.List(); len(got) != 22 || l.HasFreeLetter() {
		t.Errorf("%d keywords: %q", len(got), got)
	}
	// Not even the last letter is given a meaning that would flag another message.
	if m, _ := l.Find("k"); !m.Flags(l.Table).Keywords.Equal(mail.NewKeywords("Home", "Later")) {
		t.Errorf("a letter without a meaning became a keyword: %v", m.Flags(l.Table))
	}
	must(t, os.Remove(filepath.Join(a.root, "INBOX/cur/k:2,def")))
	deliver(t, a, "INBOX", mail.Delivery{Flags: flags("last")}, "x")
	if room, err = a.Room(ctx(), "INBOX"); err != nil || room.Open || len(room.Known.List()) != mail.MaxLetters {
		t.Errorf("room %+v, %v", room, err)
	}
	s = deliver(t, a, "INBOX", mail.Delivery{Flags: flags("one too many")}, "x")
	s = deliver(t, a, "INBOX", mail.Delivery{Flags: flags("one-too-many")}, "x")
	if l = scan(t, a, "INBOX"); true {
		if m, _ := l.Find(s.Key); m.New || m.Letters != "" {
			t.Errorf("a message whose keyword has no letter: %+v", m)
		}
	}
	if _, err := os.Stat(filepath.Join(a.root, "INBOX/dovecot-keywords.lock")); !os.IsNotExist(err) {
		t.Errorf("the lock is still there: %v", err)
	}
}

// TestLettersOfALostTableMeanWhatTheyMeant: those that stand in names, and only where
// the table does not say otherwise by now.
func TestLettersOfALostTableMeanWhatTheyMeant(t *testing.T) {
	t.Parallel()
	was := mail.KeywordTable{"zero", "one", "two", "", "four", "five"}
	for _, c := range []struct{ table, want string }{
		{"", "0 zero\n2 two\n4 four\n"},
		{"0 other\n", "0 other\n2 two\n4 four\n"},
		{"7 FOUR\n", "0 zero\n2 two\n7 FOUR\n"},
		{"0 two\n2 zero\n4 four\n", "0 two\n2 zero\n4 four\n"},
	} {
		a := withBox(t, "INBOX")
		put(t, a, "INBOX/cur/k:2,Sacdez", "") // one and five are not in use
		table := filepath.Join(a.root, "INBOX/dovecot-keywords")
		if c.table != "" {
			put(t, a, "INBOX/dovecot-keywords", c.table)
			must(t, os.Chmod(table, 0o640))
		}
		must(t, a.RestoreLetters(ctx(), "INBOX", was))
		b, err := os.ReadFile(table)
		must(t, err)
		if string(b) != c.want {
			t.Errorf("table %q became %q, want %q", c.table, b, c.want)
		}
		st, err := os.Stat(table)
		must(t, err)
		if want := os.FileMode(0o600); c.table == "" && st.Mode() != want || c.table != "" && st.Mode() != 0o640 {
			t.Errorf("mode %v", st.Mode())
		}
		inode := st.Sys().(*syscall.Stat_t).Ino
		must(t, a.RestoreLetters(ctx(), "INBOX", was))
		if st, err = os.Stat(table); err != nil || st.Sys().(*syscall.Stat_t).Ino != inode {
			t.Errorf("the table was written again: %v", err)
		}
	}
	// Nothing is made where no name has a letter.
	a := withBox(t, "INBOX")
	put(t, a, "INBOX/cur/k:2,S", "")
	must(t, a.RestoreLetters(ctx(), "INBOX", was))
	if _, err := os.Stat(filepath.Join(a.root, "INBOX/dovecot-keywords")); !os.IsNotExist(err) {
		t.Errorf("a table was made: %v", err)
	}
}

func TestTwoProgramsShareTheKeywordTable(t *testing.T) {
	t.Parallel()
	a := withBox(t, "INBOX")
	b := newAccount(t, Options{Root: a.root})
	var wg sync.WaitGroup
	for i := range 20 {
		account := []*Account{a, b}[i%2]
		wg.Go(func() {
			s, err := account.Stage(ctx(), "INBOX", mail.Delivery{Size: -1, Flags: flags(fmt.Sprintf("k%d", i))}, strings.NewReader("x"))
			if err == nil {
				err = account.Place(ctx(), []mail.Staged{s})
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	l := scan(t, a, "INBOX")
	seen := map[mail.Keywords]bool{}
	for i := range l.Len() {
		seen[l.At(i).Flags(l.Table).Keywords] = true
	}
	if len(seen) != 20 || len(l.Table) != 20 {
		t.Errorf("%d different keywords in a table of %d", len(seen), len(l.Table))
	}
}

func TestAStaleKeywordLockIsBroken(t *testing.T) {
	t.Parallel()
	a := withBox(t, "INBOX")
	put(t, a, "INBOX/dovecot-keywords.lock", "")
	short, cancel := context.WithTimeout(ctx(), 50*time.Millisecond)
	defer cancel()
	put(t, a, "INBOX/cur/k:2,", "")
	if _, err := a.SetFlags(short, "INBOX", []mail.KeyFlags{add("k", "Work")}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("with the lock held: %v", err)
	}
	old := time.Now().Add(-lockStale - time.Second)
	must(t, os.Chtimes(filepath.Join(a.root, "INBOX/dovecot-keywords.lock"), old, old))
	results, err := a.SetFlags(ctx(), "INBOX", []mail.KeyFlags{add("k", "Work")})
	all(t, results, err)
	equalStrings(t, "files", files(t, a, "INBOX"), []string{"cur/k:2,a"})
}

func TestRelocateRewritesLettersByTheTargetsTable(t *testing.T) {
	t.Parallel()
	a := withBox(t, "INBOX")
	must(t, a.Create(ctx(), "Work/2024"))
	put(t, a, "INBOX/dovecot-keywords", "0 One\n1 Two\n")
	put(t, a, "Work/2024/dovecot-keywords", "0 Two\n2 Three\n")
	put(t, a, "INBOX/cur/k,S=5:2,SXabcz", "x")
	m, err := a.Relocate(ctx(), "INBOX", "k,S=5", "Work/2024", "fresh", flags(`\Flagged`, "One", "Two"))
	must(t, err)
	// c means Three there, and nothing here: dropped. z means nothing: kept.
	equalStrings(t, "target", files(t, a, "Work/2024"), []string{"cur/fresh:2,FXadz"})
	equalStrings(t, "source", files(t, a, "INBOX"), nil)
	l := scan(t, a, "Work/2024")
	if got, found := l.Find("fresh"); !found || got != m {
		t.Errorf("told %+v, found %+v", m, got)
	}
	if got := m.Flags(l.Table); !got.Equal(flags(`\Flagged`, "One", "Two")) {
		t.Errorf("flags %v", got)
	}
	if _, err := a.Relocate(ctx(), "INBOX", "k,S=5", "Work/2024", "other", mail.Flags{}); !errors.Is(err, mail.ErrGone) {
		t.Errorf("moving what is gone: %v", err)
	}
	if _, err := a.Relocate(ctx(), "INBOX", "k", "Nowhere", "other", mail.Flags{}); !errors.Is(err, mail.ErrNoMailbox) {
		t.Errorf("moving to no mailbox: %v", err)
	}
}

func TestRelocateNeverReplacesAFile(t *testing.T) {
	t.Parallel()
	a := withBox(t, "INBOX")
	must(t, a.Create(ctx(), "A"))
	for _, taken := range []string{"A/new/k", "A/cur/k:2,S", "A/cur/k:2,F"} {
		put(t, a, "INBOX/cur/k:2,S", "moves")
		put(t, a, taken, "there before")
		if _, err := a.Relocate(ctx(), "INBOX", "k", "A", "k", flags(`\Seen`)); !errors.Is(err, fs.ErrExist) {
			t.Errorf("%s: %v", taken, err)
		}
		if got := wire(t, a, "A", "k"); got != "there before" {
			t.Errorf("%s now holds %q", taken, got)
		}
		if got := wire(t, a, "INBOX", "k"); got != "moves" {
			t.Errorf("the source now holds %q", got)
		}
		must(t, os.Remove(filepath.Join(a.root, taken)))
	}
	put(t, a, "INBOX/new/fresh", "x")
	for from, want := range map[mail.Key]string{"fresh": "new/fresh", "k": "cur/k:2,"} {
		_, err := a.Relocate(ctx(), "INBOX", from, "A", from, mail.Flags{})
		must(t, err)
		if _, err := os.Stat(filepath.Join(a.root, "A", want)); err != nil {
			t.Error(err)
		}
	}
}

func trashed(t testing.TB, a *Account, run int64, m mail.Mailbox) []string {
	t.Helper()
	list, err := os.ReadDir(where(a, run, m))
	must(t, err)
	var names []string
	for _, e := range list {
		if !e.IsDir() {
			names = append(names, e.Name())
		}
	}
	return names
}

// where is the directory in which a run's files of a mailbox are.
func where(a *Account, run int64, m mail.Mailbox) string {
	usual := a.TrashPath(run, m)
	if _, err := os.Stat(usual); err == nil {
		return usual
	}
	below, _ := filepath.Rel(a.trash, usual)
	return filepath.Join(a.inner, below)
}

// apart lets the trash beside the state be on another file system, and with
// copies the one in the root as well, as it is for a mailbox on one of its own.
func apart(t *testing.T, o Options, copies bool) *Account {
	t.Helper()
	other := otherFileSystem(t)
	o.TrashDir = filepath.Join(other, "trash")
	a := newAccount(t, o)
	if copies {
		a.inner = filepath.Join(other, "inner")
	}
	return a
}

// otherFileSystem makes a directory on another file system than t.TempDir is on.
func otherFileSystem(t *testing.T) string {
	t.Helper()
	device := func(path string) uint64 {
		var st unix.Stat_t
		must(t, unix.Stat(path, &st))
		return uint64(st.Dev)
	}
	here := device(t.TempDir())
	for _, place := range []string{"/dev/shm", "/var/tmp", "/tmp"} {
		other, err := os.MkdirTemp(place, "godwit-test-")
		if err != nil {
			continue
		}
		t.Cleanup(func() { os.RemoveAll(other) })
		if device(other) != here {
			return other
		}
	}
	t.Skip("no other file system")
	return ""
}

func TestRemovedFilesAreNotCopiedUnlessThatIsWanted(t *testing.T) {
	t.Parallel()
	a := apart(t, Options{}, true)
	must(t, a.Create(ctx(), "Work"))
	put(t, a, "Work/cur/a:2,S", "stays")
	results, err := a.Remove(ctx(), "Work", []mail.Key{"a"}, 1)
	must(t, err)
	if !errors.Is(results[0], ErrElsewhere) {
		t.Errorf("removed to another file system: %v", results[0])
	}
	equalStrings(t, "left", files(t, a, "Work"), []string{"cur/a:2,S"})
}

func TestTrashInTheRootIsNoMailbox(t *testing.T) {
	t.Parallel()
	for _, l := range []Layout{Verbatim, MaildirPlusPlus, Flat} {
		a := apart(t, Options{Layout: l}, false)
		names := []mail.Mailbox{"INBOX", "godwit-trash", ".godwit-trash", "x/.godwit-trash"}
		if l == MaildirPlusPlus {
			names = names[:2]
		}
		for _, m := range names {
			must(t, a.Create(ctx(), m))
			deliver(t, a, m, mail.Delivery{}, "stays")
			s := deliver(t, a, m, mail.Delivery{}, "goes")
			results, err := a.Remove(ctx(), m, []mail.Key{s.Key}, 1)
			all(t, results, err)
		}
		found, err := a.Mailboxes(ctx())
		must(t, err)
		var got []string
		for _, m := range found {
			got = append(got, string(m.Name))
		}
		var want []string
		for _, m := range names {
			want = append(want, string(m))
		}
		slices.Sort(want)
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("%s: mailboxes %q, want %q", l, got, want)
		}
		there, err := a.Trashed(ctx(), 1)
		must(t, err)
		if len(there) != len(names) {
			t.Errorf("%s: %d files in the trash", l, len(there))
		}
		for _, f := range there {
			if !strings.HasPrefix(f.Path(), a.inner+"/1/") {
				t.Errorf("%s: %s is not in the trash of the root", l, f.Path())
			}
			if _, err := os.Stat(f.Path()); err != nil {
				t.Error(err)
			}
		}
	}
}

// TestRestoreOfOneFile: with the flags that are given, whatever the letters of
// its name mean now, and its date.
func TestRestoreOfOneFile(t *testing.T) {
	t.Parallel()
	for _, elsewhere := range []bool{false, true} {
		var a *Account
		if elsewhere {
			a = apart(t, Options{CopyToTrash: true}, true)
		} else {
			a = newAccount(t, Options{})
		}
		must(t, a.Create(ctx(), "Work"))
		s := deliver(t, a, "Work", mail.Delivery{Date: 1e9, Flags: flags(`\Flagged`, "one", "two")}, "body")
		results, err := a.Remove(ctx(), "Work", []mail.Key{s.Key}, 7)
		all(t, results, err)
		must(t, os.RemoveAll(filepath.Join(a.root, "Work"))) // and with it the table
		files, err := a.Trashed(ctx(), 7)
		must(t, err)
		if len(files) != 1 || files[0].Mailbox != "Work" || files[0].Key != s.Key || files[0].System != mail.Flagged || files[0].Letters != "ab" {
			t.Fatalf("in the trash: %+v", files)
		}
		c, err := a.ReadTrashed(ctx(), files[0])
		must(t, err)
		if c.Hash != s.Content.Hash || c.Date != 1e9 {
			t.Errorf("read %+v", c)
		}
		must(t, a.Create(ctx(), "Work"))
		put(t, a, "Work/cur/taken:2,", "x")
		if _, err := a.RestoreTrashed(ctx(), files[0], "Work", "taken", mail.Flags{}); !errors.Is(err, os.ErrExist) {
			t.Errorf("over another file: %v", err)
		}
		m, err := a.RestoreTrashed(ctx(), files[0], "Work", s.Key, flags(`\Seen`, "two"))
		must(t, err)
		l := scan(t, a, "Work")
		got, found := l.Find(s.Key)
		if !found || !got.Flags(l.Table).Equal(flags(`\Seen`, "two")) || got != m {
			t.Errorf("restored %+v, found %+v", m, got)
		}
		back, err := a.Read(ctx(), "Work", s.Key)
		must(t, err)
		if back.Hash != s.Content.Hash || back.Date != 1e9 {
			t.Errorf("restored with %+v", back)
		}
		if _, err := a.RestoreTrashed(ctx(), files[0], "Work", "again", mail.Flags{}); !errors.Is(err, mail.ErrGone) {
			t.Errorf("once more: %v", err)
		}
		if _, err := a.ReadTrashed(ctx(), files[0]); !errors.Is(err, mail.ErrGone) {
			t.Errorf("reading it once more: %v", err)
		}
	}
}

func TestRemovedFilesAreInTheTrash(t *testing.T) {
	t.Parallel()
	for _, place := range []string{"beside the state", "in the root", "copied"} {
		var a *Account
		switch place {
		case "beside the state":
			a = newAccount(t, Options{})
		case "in the root":
			a = apart(t, Options{}, false)
		case "copied":
			a = apart(t, Options{CopyToTrash: true}, true)
		}
		elsewhere := place == "copied"
		must(t, a.Create(ctx(), "Work/cur"))
		dir := "Work/%63ur"
		put(t, a, dir+"/cur/a,S=1:2,S", "in cur")
		put(t, a, dir+"/new/b", "in new")
		put(t, a, dir+"/new/stays", "stays")
		long := time.Unix(1e9, 0)
		must(t, os.Chtimes(filepath.Join(a.root, dir, "new/b"), long, long))
		results, err := a.Remove(ctx(), "Work/cur", []mail.Key{"a,S=1", "gone", "b"}, 42)
		must(t, err)
		if results[0] != nil || results[2] != nil || !errors.Is(results[1], mail.ErrGone) {
			t.Errorf("results %v", results)
		}
		equalStrings(t, "left", files(t, a, dir), []string{"new/stays"})
		equalStrings(t, "trash", trashed(t, a, 42, "Work/cur"), []string{"a,S=1:2,S", "b"})
		st, err := os.Stat(filepath.Join(where(a, 42, "Work/cur"), "b"))
		must(t, err)
		if !st.ModTime().Equal(long) || st.Mode() != 0o600 && elsewhere {
			t.Errorf("b has mtime %v, mode %v", st.ModTime(), st.Mode())
		}
		// Another file of the same name finds its own place.
		put(t, a, dir+"/new/b", "in new, again")
		results, err = a.Remove(ctx(), "Work/cur", []mail.Key{"b"}, 42)
		all(t, results, err)
		var bodies []string
		for _, name := range trashed(t, a, 42, "Work/cur") {
			b, err := os.ReadFile(filepath.Join(where(a, 42, "Work/cur"), name))
			must(t, err)
			bodies = append(bodies, string(b))
		}
		equalStrings(t, "bodies", bodies, []string{"in cur", "in new", "in new, again"})
		for _, d := range []string{filepath.Dir(filepath.Dir(where(a, 42, "Work/cur"))), filepath.Dir(where(a, 42, "Work/cur")), where(a, 42, "Work/cur")} {
			if st, err := os.Stat(d); err != nil || st.Mode().Perm() != 0o700 {
				t.Errorf("%s: %v, %v", d, st.Mode(), err)
			}
		}
	}
}

func TestLocateFindsKeysWhereverTheyWent(t *testing.T) {
	t.Parallel()
	a := withBox(t, "INBOX")
	must(t, a.Create(ctx(), "A"))
	must(t, a.Create(ctx(), "A/B"))
	put(t, a, "A/B/cur/deep:2,Sa", "")
	put(t, a, "INBOX/new/fresh", "")
	put(t, a, "INBOX/cur/twice:2,", "")
	put(t, a, "A/cur/twice:2,S", "")
	put(t, a, "A/cur/raw,E=raw:2,", "")
	got, err := a.Locate(ctx(), []mail.Key{"deep", "fresh", "twice", "raw", "nowhere", "../x"})
	must(t, err)
	var found []string
	for k, l := range got {
		if l.Message.Key != k || l.Message.Inode == 0 {
			t.Errorf("%q: %+v", k, l)
		}
		found = append(found, fmt.Sprintf("%s in %s, %v %s", k, l.Mailbox, l.Message.New, l.Message.Letters))
	}
	equalStrings(t, "located", found, []string{"deep in A/B, false a", "fresh in INBOX, true ", "twice in INBOX, false ", "raw in A, false "})
}

func TestLocateNeverMissesAMessageThatIsBeingMoved(t *testing.T) {
	t.Parallel()
	a := withBox(t, "INBOX")
	must(t, a.Create(ctx(), "A"))
	put(t, a, "INBOX/cur/wanders:2,", "")
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		x, y := filepath.Join(a.root, "INBOX/cur/wanders:2,"), filepath.Join(a.root, "A/new/wanders")
		for {
			os.Rename(x, y)
			x, y = y, x
			select {
			case <-stop:
				return
			case <-time.After(time.Millisecond):
			}
		}
	})
	defer wg.Wait()
	defer close(stop)
	for range 3 {
		got, err := a.Locate(ctx(), []mail.Key{"wanders"})
		if err != nil && !errors.Is(err, ErrBusy) || err == nil && len(got) != 1 {
			t.Fatalf("%v, %v", got, err)
		}
	}
}

func TestUndoBringsBackWhatARunRemoved(t *testing.T) {
	t.Parallel()
	for _, elsewhere := range []bool{false, true} {
		o := Options{Layout: MaildirPlusPlus, Map: map[mail.Mailbox]mail.Mailbox{"Work/2024": "Elsewhere"}}
		if elsewhere {
			other, err := os.MkdirTemp("/dev/shm", "godwit-test-")
			if err != nil {
				t.Logf("no other file system: %v", err)
				continue
			}
			defer os.RemoveAll(other)
			o.TrashDir = filepath.Join(other, "trash")
		}
		a := newAccount(t, o)
		boxes := []mail.Mailbox{"INBOX", "Work/2024", "cur", mail.Mailbox(strings.Repeat("ü", 200))}
		if runs, err := a.Runs(ctx()); err != nil || len(runs) > 0 {
			t.Errorf("runs of an empty trash: %v, %v", runs, err)
		}
		var keys []mail.Key
		for _, m := range boxes {
			must(t, a.Create(ctx(), m))
			s := deliver(t, a, m, mail.Delivery{Date: 1e9, Flags: flags(`\Seen`, "Keyword")}, "to "+string(m))
			fresh := deliver(t, a, m, mail.Delivery{}, "bare\nLF in "+string(m))
			keys = append(keys, s.Key)
			results, err := a.Remove(ctx(), m, []mail.Key{s.Key, fresh.Key}, 5)
			all(t, results, err)
		}
		put(t, a, "cur/"+string(keys[0])+":2,", "the key is taken again")
		must(t, os.RemoveAll(filepath.Join(a.root, ".Elsewhere")))
		runs, err := a.Runs(ctx())
		if err != nil || len(runs) != 1 || runs[0] != 5 {
			t.Errorf("runs %v, %v", runs, err)
		}
		restored, err := a.Restore(ctx(), 5)
		must(t, err)
		for i, m := range boxes {
			if restored[m] != 2 {
				t.Errorf("%q: %d came back", m, restored[m])
			}
			l := scan(t, a, m)
			var bodies []string
			for j := range l.Len() {
				msg := l.At(j)
				bodies = append(bodies, wire(t, a, m, msg.Key))
				if msg.Key == keys[i] && i > 0 && (msg.System != mail.Seen || msg.Letters != "a") {
					t.Errorf("%q came back as %+v", m, msg)
				}
			}
			want := []string{"to " + string(m), "bare\nLF in " + string(m)}
			if i == 0 {
				want = append(want, "the key is taken again")
			}
			equalStrings(t, string(m), bodies, want)
		}
		if runs, err := a.Runs(ctx()); err != nil || len(runs) > 0 {
			t.Errorf("runs after that: %v, %v", runs, err)
		}
		if again, err := a.Restore(ctx(), 5); err != nil || len(again) > 0 {
			t.Errorf("restored again: %v, %v", again, err)
		}
	}
}

// TestMoveAsItIsKeepsTheName but for the key: letters mean there what they meant.
func TestMoveAsItIsKeepsTheName(t *testing.T) {
	t.Parallel()
	a := newAccount(t, Options{})
	for _, m := range []mail.Mailbox{"A", "B"} {
		must(t, a.Create(ctx(), m))
	}
	put(t, a, "A/cur/one:2,FSXbc", "x")
	put(t, a, "A/new/two", "x")
	put(t, a, "B/cur/taken:2,", "y")
	for k, to := range map[mail.Key]mail.Key{"one": "three", "two": "four"} {
		if _, err := a.MoveAsItIs(ctx(), "A", k, "B", "taken"); !errors.Is(err, os.ErrExist) {
			t.Errorf("over another file: %v", err)
		}
		m, err := a.MoveAsItIs(ctx(), "A", k, "B", to)
		must(t, err)
		if got, found := scan(t, a, "B").Find(to); !found || got != m {
			t.Errorf("moved %+v, found %+v", m, got)
		}
	}
	equalStrings(t, "moved", files(t, a, "B"), []string{"cur/taken:2,", "cur/three:2,FSXbc", "new/four"})
	if _, err := a.MoveAsItIs(ctx(), "A", "one", "B", "again"); !errors.Is(err, mail.ErrGone) {
		t.Errorf("what is gone: %v", err)
	}
}
