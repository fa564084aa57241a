package maildir

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"godwit/mail"
)

func newAccount(t testing.TB, o Options) *Account {
	t.Helper()
	if o.Root == "" {
		o.Root = filepath.Join(t.TempDir(), "mail")
	}
	if o.TrashDir == "" {
		o.TrashDir = filepath.Join(t.TempDir(), "trash")
	}
	if o.Account == "" {
		o.Account = "test"
	}
	a, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Init(t.Context()); err != nil {
		t.Fatal(err)
	}
	return a
}

func withBox(t testing.TB, m mail.Mailbox) *Account {
	t.Helper()
	a := newAccount(t, Options{})
	must(t, a.Create(t.Context(), m))
	return a
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func all(t testing.TB, errs []error, err error) {
	t.Helper()
	must(t, err)
	for _, err := range errs {
		must(t, err)
	}
}

// put writes a file below the account's root.
func put(t testing.TB, a *Account, path, content string) {
	t.Helper()
	path = filepath.Join(a.root, path)
	must(t, os.MkdirAll(filepath.Dir(path), 0o700))
	must(t, os.WriteFile(path, []byte(content), 0o600))
}

// files lists what is in new/, cur/ and tmp/ of a directory below the root.
func files(t testing.TB, a *Account, path string) []string {
	t.Helper()
	var out []string
	for _, sub := range []string{"cur", "new", "tmp"} {
		list, err := os.ReadDir(filepath.Join(a.root, path, sub))
		if err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
		for _, e := range list {
			out = append(out, sub+"/"+e.Name())
		}
	}
	return out
}

func deliver(t testing.TB, a *Account, m mail.Mailbox, d mail.Delivery, body string) mail.Staged {
	t.Helper()
	d.Size = int64(len(body))
	s, err := a.Stage(t.Context(), m, d, strings.NewReader(body))
	must(t, err)
	must(t, a.Settle(t.Context(), []mail.Staged{s}))
	must(t, a.Place(t.Context(), []mail.Staged{s}))
	return s
}

func scan(t testing.TB, a *Account, m mail.Mailbox) *mail.Listing {
	t.Helper()
	l, err := a.Scan(t.Context(), m)
	must(t, err)
	return l
}

func keysIn(l *mail.Listing) []string {
	var keys []string
	for i := range l.Len() {
		keys = append(keys, string(l.At(i).Key))
	}
	return keys
}

func wire(t testing.TB, a *Account, m mail.Mailbox, k mail.Key) string {
	t.Helper()
	body, size, err := a.Open(t.Context(), m, k)
	must(t, err)
	b, err := io.ReadAll(body)
	must(t, err)
	must(t, body.Close())
	if int64(len(b)) != size {
		t.Errorf("Open announced %d octets and gave %d", size, len(b))
	}
	return string(b)
}

func contentOf(s string) mail.Content {
	c := mail.NewContentReader()
	io.Copy(c, bytes.NewReader([]byte(s)))
	return c.Content()
}

func equalStrings(t testing.TB, what string, got, want []string) {
	t.Helper()
	got, want = slices.Clone(got), slices.Clone(want)
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("%s: got %q, want %q", what, got, want)
	}
}

func ctx() context.Context { return context.Background() }

func inodeOf(fi os.FileInfo) uint64 { return uint64(fi.Sys().(*syscall.Stat_t).Ino) }
