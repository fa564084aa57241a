package maildir

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"godwit/mail"
)

// keeper is a place for octets, which are durable as soon as there are four.
func keeper(t *testing.T) (*Incoming, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "state", "incoming")
	return OpenIncoming(IncomingOptions{Path: path, Every: -1, Least: 4}), path
}

func opened(t *testing.T, i *Incoming, u mail.UID) mail.Kept {
	t.Helper()
	k, err := i.Open(t.Context(), mail.Inbox, 7, u)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func keep(t *testing.T, k mail.Kept, pieces ...string) {
	t.Helper()
	for _, p := range pieces {
		if _, err := io.WriteString(k, p); err != nil {
			t.Fatal(err)
		}
	}
}

func about(u mail.UID, total int64) mail.Incomplete {
	return mail.Incomplete{Mailbox: mail.Inbox, UIDValidity: 7, UID: u, Size: total + 1, Date: 5, EmailID: "M1", Total: total}
}

func octetsOf(t *testing.T, k mail.Kept) string {
	t.Helper()
	b, err := io.ReadAll(io.NewSectionReader(k, 0, k.About().Octets))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestKeptOctetsGoOn(t *testing.T) {
	t.Parallel()
	i, path := keeper(t)
	k := opened(t, i, 3)
	if n := k.About().Octets; n != 0 {
		t.Errorf("%d octets of a message that nobody fetched", n)
	}
	if err := k.Begin(about(3, 20)); err != nil {
		t.Fatal(err)
	}
	keep(t, k, "0123", "45678", "9")
	if err := k.Close(); err != nil {
		t.Fatal(err)
	}
	all, err := i.List(t.Context())
	want := about(3, 20)
	want.Octets = 10
	if err != nil || len(all) != 1 || all[0] != want {
		t.Errorf("%+v, %v", all, err)
	}
	k = opened(t, i, 3)
	if k.About() != want || octetsOf(t, k) != "0123456789" {
		t.Errorf("%+v %q", k.About(), octetsOf(t, k))
	}
	keep(t, k, "abcdefghij")
	if octetsOf(t, k) != "0123456789abcdefghij" {
		t.Errorf("%q", octetsOf(t, k))
	}
	if err := k.Close(); err != nil {
		t.Fatal(err)
	}
	if other := opened(t, i, 4); other.About().Octets != 0 {
		t.Errorf("the octets of UID 3 are those of UID 4, too")
	}
	k = opened(t, i, 3)
	if n := k.About().Octets; n != 20 {
		t.Errorf("%d octets, want 20", n)
	}
	for _, name := range []string{path, filepath.Join(path, incomingName(mail.Inbox, 7, 3)), filepath.Join(path, incomingName(mail.Inbox, 7, 3)+recordSuffix)} {
		info, err := os.Stat(name)
		if err != nil || info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
	}
	if err := k.Drop(); err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(path); err != nil || len(left) > 0 {
		t.Errorf("left over: %v, %v", left, err)
	}
}

// TestOnlyWhatTheRecordVouchesForIsKept damages the files in the ways of a crash,
// and of a disk that forgets.
func TestOnlyWhatTheRecordVouchesForIsKept(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		damage func(octets, record []byte) ([]byte, []byte)
		want   string
	}{
		"nothing":                        {func(o, r []byte) ([]byte, []byte) { return o, r }, "01234567"},
		"octets that nobody vouches for": {func(o, r []byte) ([]byte, []byte) { return append(o, "junk"...), r }, "01234567"},
		"a torn line":                    {func(o, r []byte) ([]byte, []byte) { return o, r[:len(r)-3] }, "0123"},
		"a torn line, other octets": {func(o, r []byte) ([]byte, []byte) {
			return append(o[:4:4], "\x00\x00\x00\x00"...), r[:len(r)-3]
		}, "0123"},
		"no octets":       {func(_, r []byte) ([]byte, []byte) { return nil, r }, ""},
		"octets of zeros": {func(o, r []byte) ([]byte, []byte) { return make([]byte, len(o)), r }, ""},
		"one bit":         {func(o, r []byte) ([]byte, []byte) { o[2] ^= 1; return o, r }, ""},
		"too few octets":  {func(o, r []byte) ([]byte, []byte) { return o[:7], r }, ""},
		"no record":       {func(o, _ []byte) ([]byte, []byte) { return o, nil }, ""},
		"a torn record":   {func(o, r []byte) ([]byte, []byte) { return o, r[:10] }, ""},
		"another message": {func(o, r []byte) ([]byte, []byte) {
			return o, bytes.Replace(r, []byte(`"UID":3`), []byte(`"UID":8`), 1)
		}, ""},
		"no JSON": {func(o, r []byte) ([]byte, []byte) { return o, append([]byte("x"), r...) }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			i, path := keeper(t)
			k := opened(t, i, 3)
			if err := k.Begin(about(3, 20)); err != nil {
				t.Fatal(err)
			}
			keep(t, k, "0123", "4567")
			if err := k.Close(); err != nil {
				t.Fatal(err)
			}
			files := []string{filepath.Join(path, incomingName(mail.Inbox, 7, 3)), filepath.Join(path, incomingName(mail.Inbox, 7, 3)+recordSuffix)}
			var texts [2][]byte
			for n, f := range files {
				b, err := os.ReadFile(f)
				if err != nil {
					t.Fatal(err)
				}
				texts[n] = b
			}
			texts[0], texts[1] = test.damage(texts[0], texts[1])
			for n, f := range files {
				if err := os.WriteFile(f, texts[n], 0o600); err != nil {
					t.Fatal(err)
				}
			}
			k = opened(t, i, 3)
			if got := octetsOf(t, k); got != test.want {
				t.Errorf("%q is kept, want %q", got, test.want)
			}
			// It goes on from there, or begins anew.
			if test.want == "" {
				if err := k.Begin(about(3, 12)); err != nil {
					t.Fatal(err)
				}
			}
			keep(t, k, "wxyz")
			if err := k.Close(); err != nil {
				t.Fatal(err)
			}
			k = opened(t, i, 3)
			if got := octetsOf(t, k); got != test.want+"wxyz" {
				t.Errorf("%q is kept then, want %q", got, test.want+"wxyz")
			}
			if err := k.Close(); err != nil {
				t.Fatal(err)
			}
		})
	}
}

func TestListTidies(t *testing.T) {
	t.Parallel()
	now := time.Now()
	path := filepath.Join(t.TempDir(), "incoming")
	i := OpenIncoming(IncomingOptions{Path: path, Now: func() time.Time { return now }})
	if all, err := i.List(t.Context()); err != nil || all != nil {
		t.Errorf("%v, %v", all, err)
	}
	for u := range mail.UID(3) {
		k := opened(t, i, u+1)
		if err := k.Begin(about(u+1, 9)); err != nil {
			t.Fatal(err)
		}
		keep(t, k, "12345")
		if err := k.Close(); err != nil {
			t.Fatal(err)
		}
		at := now.Add(-time.Duration(u) * time.Hour)
		if err := os.Chtimes(filepath.Join(path, incomingName(mail.Inbox, 7, u+1)+recordSuffix), at, at); err != nil {
			t.Fatal(err)
		}
	}
	// The oldest of too much goes: it takes no room on the disk here.
	if err := os.Truncate(filepath.Join(path, incomingName(mail.Inbox, 7, 2)), incomingMost-8); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(path, "stray"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	all, err := i.List(t.Context())
	if err != nil || len(all) != 2 || all[0].UID != 1 || all[1].UID != 2 {
		t.Errorf("%+v, %v", all, err)
	}
	now = now.Add(incomingAge)
	if all, err = i.List(t.Context()); err != nil || len(all) != 1 || all[0].UID != 1 {
		t.Errorf("a month later: %+v, %v", all, err)
	}
	left, err := os.ReadDir(path)
	if err != nil || len(left) != 2 {
		t.Errorf("left over: %v, %v", left, err)
	}
	if err := i.Drop(t.Context(), all[0]); err != nil {
		t.Fatal(err)
	}
	if all, err = i.List(t.Context()); err != nil || len(all) != 0 {
		t.Errorf("%+v, %v", all, err)
	}
}
