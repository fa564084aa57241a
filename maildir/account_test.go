package maildir

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"godwit/mail"
)

func TestTheRootAndItsMarker(t *testing.T) {
	t.Parallel()
	base := t.TempDir()
	root := filepath.Join(base, "deep/er/mail")
	a, err := Open(Options{Root: root, Account: `wörk "1"`})
	must(t, err)
	want := func(what string, want mail.RootState) {
		t.Helper()
		got, err := a.Root(ctx())
		if err != nil || got != want {
			t.Errorf("%s: %+v, %v; want %+v", what, got, err, want)
		}
	}
	want("nothing", mail.RootState{})
	if _, err := os.Stat(root); !os.IsNotExist(err) {
		t.Errorf("looking at it made it: %v", err)
	}
	must(t, os.MkdirAll(root, 0o755))
	want("empty", mail.RootState{Exists: true, Empty: true})
	must(t, a.Init(ctx()))
	want("made", mail.RootState{Exists: true, Empty: true, Marker: true, Account: `wörk "1"`})
	must(t, a.Init(ctx()))
	must(t, a.Create(ctx(), "INBOX"))
	want("used", mail.RootState{Exists: true, Marker: true, Account: `wörk "1"`})
	if st, err := os.Stat(filepath.Join(root, ".godwit")); err != nil || st.Mode() != 0o600 {
		t.Errorf("the marker: %v, %v", st, err)
	}
	other, err := Open(Options{Root: root, Account: "other"})
	must(t, err)
	if err := other.Init(ctx()); err == nil || !strings.Contains(err.Error(), `wörk`) {
		t.Errorf("taking over another account's root: %v", err)
	}
	must(t, os.WriteFile(filepath.Join(root, ".godwit"), []byte("nonsense"), 0o600))
	if _, err := a.Root(ctx()); err == nil {
		t.Error("a marker that makes no sense is taken")
	}
	must(t, os.RemoveAll(root))
	must(t, a.Init(ctx()))
	for d := root; d != base; d = filepath.Dir(d) {
		if st, err := os.Stat(d); err != nil || d == root && st.Mode().Perm() != 0o700 {
			t.Errorf("%s: %v, %v", d, st, err)
		}
	}
	// The root may be a link.
	link := filepath.Join(base, "link")
	must(t, os.Symlink(root, link))
	a, err = Open(Options{Root: link, Account: `wörk "1"`})
	must(t, err)
	want("link", mail.RootState{Exists: true, Empty: true, Marker: true, Account: `wörk "1"`})
	must(t, a.Create(ctx(), "INBOX"))
	deliver(t, a, "INBOX", mail.Delivery{}, "x")
}

func TestTheMarkerKeepsItsGeneration(t *testing.T) {
	t.Parallel()
	root := filepath.Join(t.TempDir(), "mail")
	a, err := Open(Options{Root: root, Account: "work \"1\""})
	must(t, err)
	if err := a.SetGeneration(ctx(), "g1"); err == nil {
		t.Error("a generation without a marker")
	}
	must(t, a.Init(ctx()))
	for _, generation := range []string{"", "g1", "g 2 = \"x\""} {
		if generation != "" {
			must(t, a.SetGeneration(ctx(), generation))
		}
		must(t, a.Init(ctx())) // changes nothing
		state, err := a.Root(ctx())
		must(t, err)
		if !state.Marker || state.Account != "work \"1\"" || state.Generation != generation {
			t.Errorf("generation %q: %+v", generation, state)
		}
	}
	other, err := Open(Options{Root: root, Account: "other"})
	must(t, err)
	if err := other.SetGeneration(ctx(), "g3"); err == nil {
		t.Error("another account's marker was written")
	}
}

func TestMailboxesComeBackFromEveryLayout(t *testing.T) {
	t.Parallel()
	names := []mail.Mailbox{
		"INBOX", "INBOX/below", "Work", "Work/2024", "Work/2024/Q1", "[Gmail]/All Mail", "v1.2/x", "a%2Fb", "50%25ab", "..", "x/../y", "cur", "new/tmp",
		".godwit", "godwit", "Entwürfe", "a\x01b", "", "a//b", mail.Mailbox(strings.Repeat("ü", 400)), mail.Mailbox(strings.Repeat("long/", 100) + "end"),
		"Sent", "[Gmail]/Sent Mail",
	}
	for _, l := range layouts {
		a := newAccount(t, Options{Layout: l, Map: map[mail.Mailbox]mail.Mailbox{"[Gmail]/Sent Mail": "Sent"}})
		var want, got []string
		for _, m := range names {
			if err := a.Create(ctx(), m); err != nil {
				t.Fatalf("%s: %v", l, err)
			}
			must(t, a.Create(ctx(), m)) // again
			deliver(t, a, m, mail.Delivery{Flags: flags("Keyword")}, string(m))
			want = append(want, string(m))
		}
		boxes, err := a.Mailboxes(ctx())
		must(t, err)
		for i, b := range boxes {
			got = append(got, string(b.Name))
			if s, err := a.Stamp(ctx(), b.Name); err != nil || s.Cur != b.Stamp.Cur || s.New != b.Stamp.New || s.Cur.Inode == 0 {
				t.Errorf("%s: %q has stamp %+v, then %+v, %v", l, b.Name, b.Stamp, s, err)
			}
			if i > 0 && boxes[i-1].Name >= b.Name {
				t.Errorf("%s: %q is listed after %q", l, b.Name, boxes[i-1].Name)
			}
			sl := scan(t, a, b.Name)
			if sl.Len() != 1 {
				t.Errorf("%s: %q holds %q", l, b.Name, keysIn(sl))
				continue
			}
			if body := wire(t, a, b.Name, sl.At(0).Key); body != string(b.Name) {
				t.Errorf("%s: %q holds the message for %q", l, b.Name, body)
			}
		}
		equalStrings(t, string(l), got, want)
		must(t, filepath.WalkDir(a.root, func(path string, d os.DirEntry, err error) error {
			if err != nil {
				return err
			}
			fi, err := d.Info()
			if want := map[bool]os.FileMode{true: 0o700, false: 0o600}[d.IsDir()]; err == nil && fi.Mode().Perm() != want {
				t.Errorf("%s has mode %v", path, fi.Mode())
			}
			return err
		}))
	}
}

func TestMaildirPlusPlusIsWhatOthersWrite(t *testing.T) {
	t.Parallel()
	a := newAccount(t, Options{Layout: MaildirPlusPlus})
	for _, d := range []string{"cur", ".Work/cur", ".Work/new", ".Work.2024/cur", ".nothing/here", "plain/cur", ".a%41/cur"} {
		must(t, os.MkdirAll(filepath.Join(a.root, d), 0o700))
	}
	boxes, err := a.Mailboxes(ctx())
	must(t, err)
	var got []string
	for _, b := range boxes {
		got = append(got, string(b.Name))
	}
	equalStrings(t, "mailboxes", got, []string{"INBOX", "Work", "Work/2024", "a%2541"})
	// A literal name leads to its directory, and is not made again.
	must(t, a.Create(ctx(), "a%2541"))
	deliver(t, a, "a%2541", mail.Delivery{}, "x")
	if len(files(t, a, ".a%41")) != 1 {
		t.Errorf("the message is not in the directory that was there: %q", files(t, a, ".a%2541"))
	}
	must(t, a.Create(ctx(), "Sub"))
	if _, err := os.Stat(filepath.Join(a.root, ".Sub/maildirfolder")); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(a.root, "maildirfolder")); !os.IsNotExist(err) {
		t.Errorf("the root is marked as a folder: %v", err)
	}
	must(t, os.MkdirAll(filepath.Join(a.root, ".a%2541/cur"), 0o700))
	if _, err := a.Mailboxes(ctx()); !errors.Is(err, ErrCollision) || !strings.Contains(err.Error(), ".a%41") || !strings.Contains(err.Error(), ".a%2541") {
		t.Errorf("two directories that are one mailbox: %v", err)
	}
}

func TestLinksLeadNowhere(t *testing.T) {
	t.Parallel()
	outside := filepath.Join(t.TempDir(), "outside")
	for _, d := range []string{"cur", "new", "tmp"} {
		must(t, os.MkdirAll(filepath.Join(outside, d), 0o700))
	}
	must(t, os.WriteFile(filepath.Join(outside, "cur/secret:2,S"), []byte("secret"), 0o600))
	a := withBox(t, "Real")
	must(t, os.Symlink(outside, filepath.Join(a.root, "Away")))
	must(t, os.Symlink("Real", filepath.Join(a.root, "Inside")))
	must(t, os.MkdirAll(filepath.Join(a.root, "Half/new"), 0o700))
	must(t, os.Symlink(filepath.Join(outside, "cur"), filepath.Join(a.root, "Half/cur")))
	must(t, os.MkdirAll(filepath.Join(a.root, "Tmp/cur"), 0o700))
	must(t, os.Symlink(filepath.Join(outside, "tmp"), filepath.Join(a.root, "Tmp/tmp")))
	boxes, err := a.Mailboxes(ctx())
	must(t, err)
	if len(boxes) != 2 {
		t.Errorf("mailboxes %+v", boxes)
	}
	for _, m := range []mail.Mailbox{"Away", "Inside", "Half", "Nowhere"} {
		_, err := a.Scan(ctx(), m)
		_, serr := a.Stamp(ctx(), m)
		_, derr := a.Stage(ctx(), m, mail.Delivery{Size: -1}, strings.NewReader("x"))
		for _, err := range []error{err, serr, derr} {
			if !errors.Is(err, mail.ErrNoMailbox) {
				t.Errorf("%s: %v", m, err)
			}
		}
	}
	if err := a.Create(ctx(), "Away"); err == nil {
		t.Error("a mailbox is made behind a link")
	}
	if _, err := a.Stage(ctx(), "Tmp", mail.Delivery{Size: -1}, strings.NewReader("x")); err == nil {
		t.Error("a message is staged behind a link")
	}
	if left, _ := os.ReadDir(filepath.Join(outside, "tmp")); len(left) > 0 {
		t.Errorf("something was written outside: %v", left)
	}
}

func TestEveryMethodEndsWithItsContext(t *testing.T) {
	t.Parallel()
	a := withBox(t, "INBOX")
	put(t, a, "INBOX/cur/k:2,", "x")
	done, cancel := context.WithCancel(ctx())
	cancel()
	for name, call := range map[string]func() error{
		"Root":           func() error { _, err := a.Root(done); return err },
		"Init":           func() error { return a.Init(done) },
		"Mailboxes":      func() error { _, err := a.Mailboxes(done); return err },
		"Stamp":          func() error { _, err := a.Stamp(done, "INBOX"); return err },
		"Create":         func() error { return a.Create(done, "x") },
		"Scan":           func() error { _, err := a.Scan(done, "INBOX"); return err },
		"Room":           func() error { _, err := a.Room(done, "INBOX"); return err },
		"RestoreLetters": func() error { return a.RestoreLetters(done, "INBOX", mail.KeywordTable{"one"}) },
		"Locate":         func() error { _, err := a.Locate(done, []mail.Key{"k"}); return err },
		"Read":           func() error { _, err := a.Read(done, "INBOX", "k"); return err },
		"Open":           func() error { _, _, err := a.Open(done, "INBOX", "k"); return err },
		"Stage": func() error {
			_, err := a.Stage(done, "INBOX", mail.Delivery{Size: -1}, strings.NewReader("x"))
			return err
		},
		"SetFlags": func() error { _, err := a.SetFlags(done, "INBOX", []mail.KeyFlags{add("k", `\Seen`)}); return err },
		"Relocate": func() error { _, err := a.Relocate(done, "INBOX", "k", "INBOX", "l", mail.Flags{}); return err },
		"Remove":   func() error { _, err := a.Remove(done, "INBOX", []mail.Key{"k"}, 1); return err },
	} {
		if err := call(); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", name, err)
		}
	}
	equalStrings(t, "files", files(t, a, "INBOX"), []string{"cur/k:2,"})
}
