package maildir_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"godwit/internal/simfs"
	"godwit/mail"
	"godwit/maildir"
)

// folding is an account on a file system that takes names for the same that
// differ in case, or in how é is written.
func folding(t *testing.T, o maildir.Options, written func(string) string) *maildir.Account {
	t.Helper()
	accents := strings.NewReplacer("e\u0301", "\u00e9", "E\u0301", "\u00e9")
	o.System = &simfs.Folding{
		System:  simfs.New(simfs.Options{Now: time.Now, SyncAll: true, Process: func() (string, string) { return "P1", "host" }}),
		Fold:    func(name string) string { return strings.ToLower(accents.Replace(name)) },
		Written: written,
	}
	o.Root, o.TrashDir, o.Account = "/mail", "/trash", "test"
	a, err := maildir.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Init(t.Context()); err != nil {
		t.Fatal(err)
	}
	return a
}

func mailboxesOf(t *testing.T, a *maildir.Account) string {
	t.Helper()
	found, err := a.Mailboxes(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, m := range found {
		names = append(names, string(m.Name))
	}
	return strings.Join(names, " ")
}

func TestTwoMailboxesThatWouldBeOneDirectoryAreNotMadeOne(t *testing.T) {
	for _, layout := range []maildir.Layout{maildir.Verbatim, maildir.MaildirPlusPlus, maildir.Flat} {
		for name, c := range map[string]struct{ first, second mail.Mailbox }{
			"case":            {"Work", "work"},
			"case below":      {"Lists/Go", "Lists/GO"},
			"case of parents": {"Work/2024", "WORK/2025"},
			"accents":         {"Caf\u00e9", "Cafe\u0301"},
			"accents, above":  {"Caf\u00e9/a", "Cafe\u0301/b"},
		} {
			t.Run(string(layout)+" "+name, func(t *testing.T) {
				t.Parallel()
				a := folding(t, maildir.Options{Layout: layout}, nil)
				for range 2 { // it may be there already
					if err := a.Create(t.Context(), c.first); err != nil {
						t.Fatal(err)
					}
				}
				before := mailboxesOf(t, a)
				err := a.Create(t.Context(), c.second)
				if layout != maildir.Verbatim && (name == "case of parents" || name == "accents, above") {
					if err != nil { // one directory name, and another one
						t.Fatal(err)
					}
					return
				}
				if !errors.Is(err, maildir.ErrCollision) {
					t.Fatalf("%q beside %q: %v", c.second, c.first, err)
				}
				top, _, _ := strings.Cut(string(c.first), "/")
				if text := err.Error(); !strings.Contains(text, string(c.second)) || !strings.Contains(text, top) {
					t.Errorf("the error does not name both: %s", text)
				}
				if after := mailboxesOf(t, a); after != before {
					t.Errorf("mailboxes were %q and are %q", before, after)
				}
			})
		}
	}
}

func TestAMailboxWhoseNameComesBackChangedIsNotMade(t *testing.T) {
	t.Parallel()
	a := folding(t, maildir.Options{}, func(name string) string { return strings.ReplaceAll(name, "\u00e9", "e\u0301") })
	err := a.Create(t.Context(), "Caf\u00e9")
	if !errors.Is(err, maildir.ErrCollision) || !strings.Contains(err.Error(), "Caf\u00e9") {
		t.Fatalf("a directory that the file system writes in another way: %v", err)
	}
	if err := a.Create(t.Context(), "Cafe\u0301"); err != nil {
		t.Errorf("one that it writes as it is given: %v", err)
	}
	if got := mailboxesOf(t, a); got != "Cafe\u0301" {
		t.Errorf("mailboxes are %q", got)
	}
}

func TestANewSpellingOfAMailboxsNameIsARenameLikeAnyOther(t *testing.T) {
	t.Parallel()
	a := folding(t, maildir.Options{}, nil)
	for _, m := range []mail.Mailbox{"Work", "Work/a", "Old", "Parent/x"} {
		if err := a.Create(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	if err := a.RenameMailbox(t.Context(), "Work", "WORK"); err != nil {
		t.Fatal(err)
	}
	if got, want := mailboxesOf(t, a), "Old Parent/x WORK WORK/a"; got != want {
		t.Errorf("mailboxes are %q, want %q", got, want)
	}
	for _, taken := range []mail.Mailbox{"work", "parent", "PARENT/x", "PARENT/y"} {
		if err := a.RenameMailbox(t.Context(), "Old", taken); err == nil {
			t.Errorf("Old became %s, which is to the file system another's name", taken)
		}
	}
	if got, want := mailboxesOf(t, a), "Old Parent/x WORK WORK/a"; got != want {
		t.Errorf("mailboxes are %q, want %q", got, want)
	}
}
