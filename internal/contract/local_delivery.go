package contract

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	gosync "sync"
	"testing"
	"testing/iotest"

	"godwit/mail"
	"godwit/sync"
)

func localDeliver(t *testing.T, l sync.Local) {
	raw := message("one")
	s := stage(t, l, mail.Inbox, raw, mail.Delivery{Flags: mail.ParseFlags(`\Seen`, "$Label1")})
	want := contentOf(raw)
	same(t, "staged content", s.Content, want)
	same(t, "staged mailbox", s.Mailbox, mail.Inbox)
	same(t, "staged flags", s.Flags.String(), `\Seen $Label1`)
	same(t, "before it is placed", scan(t, l, mail.Inbox).Len(), 0)
	ok(t, "settle", l.Settle(t.Context(), []mail.Staged{s}))
	same(t, "settled", scan(t, l, mail.Inbox).Len(), 0)
	ok(t, "place", l.Place(t.Context(), []mail.Staged{s}))

	listing := scan(t, l, mail.Inbox)
	got, found := listing.Find(s.Key)
	if !found {
		t.Fatalf("%q is not listed", s.Key)
	}
	same(t, "listed flags", got.Flags(listing.Table).String(), `\Seen $Label1`)
	read := must[mail.LocalContent](t, "read")(l.Read(t.Context(), mail.Inbox, s.Key))
	same(t, "content", read.Content, want)
	if got.Inode != s.Inode || read.Inode != s.Inode || s.Inode == 0 {
		t.Errorf("inode number %d when staged, %d listed, %d read", s.Inode, got.Inode, read.Inode)
	}
	same(t, "bytes", wireOf(t, l, mail.Inbox, s.Key), raw)
}

// wireForms are messages as servers send them, the odd ones too.
var wireForms = map[string]string{
	"plain":           message("plain"),
	"no final CRLF":   "A: b\r\n\r\nlast line",
	"header only":     "A: b\r\nC: d\r\n",
	"empty header":    "\r\nbody\r\n",
	"empty line only": "\r\n",
	"one line":        "just text",
	"bare LF":         "A: b\r\n\r\none\ntwo\r\nthree\n",
	"bare CR":         "A: b\r\n\r\none\rtwo\r\nthree\r",
	"CR CR LF":        "A: b\r\n\r\none\r\r\ntwo\r\n",
	"bare CR alone":   "one\rtwo",
	"NUL and 8 bit":   "A: b\r\n\r\n\x00\xff\xfe\r\n",
	"From lines":      "From a\r\nA: b\r\n\r\nFrom here\r\n>From there\r\n",
	"CR at a block":   "A: b\r\n\r\n" + strings.Repeat("x", 4096-9) + "\r\n" + strings.Repeat("y", 32768) + "\r\n",
	"large":           "A: b\r\n\r\n" + strings.Repeat(strings.Repeat("z", 70)+"\r\n", 5000),
}

func localBytes(t *testing.T, l sync.Local) {
	for name, raw := range wireForms {
		k := deliver(t, l, mail.Inbox, raw)
		if got := wireOf(t, l, mail.Inbox, k); got != raw {
			t.Errorf("%s: %.60q became %.60q", name, raw, got)
		}
		read := must[mail.LocalContent](t, "read")(l.Read(t.Context(), mail.Inbox, k))
		same(t, name+": content", read.Content, contentOf(raw))
	}
}

func localNew(t *testing.T, l sync.Local) {
	for _, c := range []struct {
		flags []string
		isNew bool
	}{
		{nil, true},
		{[]string{`\Seen`}, false},
		{[]string{`\Flagged`}, false},
		{[]string{"$Label1"}, false},
	} {
		k := deliver(t, l, mail.Inbox, message("x"), c.flags...)
		got, found := scan(t, l, mail.Inbox).Find(k)
		if !found || got.New != c.isNew {
			t.Errorf("with the flags %q: found %t, in new/ %t", c.flags, found, got.New)
		}
	}
}

func localBadBody(t *testing.T, l sync.Local) {
	ctx := t.Context()
	raw := message("x")
	k := l.NewKey()
	broken := errors.New("connection lost")
	for name, c := range map[string]struct {
		size int64
		body io.Reader
		want error
	}{
		"too short": {int64(len(raw)) + 1, strings.NewReader(raw), nil},
		"too long":  {int64(len(raw)) - 1, strings.NewReader(raw), nil},
		"empty":     {int64(len(raw)), strings.NewReader(""), nil},
		"broken":    {int64(len(raw)), io.MultiReader(strings.NewReader(raw[:20]), iotest.ErrReader(broken)), broken},
		"at end":    {int64(len(raw)), io.MultiReader(strings.NewReader(raw), iotest.ErrReader(broken)), broken},
	} {
		_, err := l.Stage(ctx, mail.Inbox, mail.Delivery{Size: c.size, Key: k}, c.body)
		if err == nil || c.want != nil && !errors.Is(err, c.want) {
			t.Errorf("%s body: %v, want %v", name, err, c.want)
		}
	}
	same(t, "messages", scan(t, l, mail.Inbox).Len(), 0)
	// The key is free: nothing of the failures is left.
	s, err := l.Stage(ctx, mail.Inbox, mail.Delivery{Size: -1, Key: k}, iotest.OneByteReader(strings.NewReader(raw)))
	ok(t, "stage under the same key, of unknown size", err)
	same(t, "content", s.Content, contentOf(raw))
}

func localGivenKey(t *testing.T, l sync.Local) {
	const k = mail.Key("1600000000.M1P2.old.host,S=17,W=18")
	s := stage(t, l, mail.Inbox, message("x"), mail.Delivery{Key: k})
	same(t, "staged key", s.Key, k)
	ok(t, "settle", l.Settle(t.Context(), []mail.Staged{s}))
	ok(t, "place", l.Place(t.Context(), []mail.Staged{s}))
	same(t, "messages", flagsOf(t, l, mail.Inbox), map[mail.Key]string{k: ""})
}

// wiresOf are the bytes of all messages of a mailbox, sorted.
func wiresOf(t *testing.T, l sync.Local, m mail.Mailbox) []string {
	t.Helper()
	var all []string
	for k := range flagsOf(t, l, m) {
		all = append(all, wireOf(t, l, m, k))
	}
	slices.Sort(all)
	return all
}

// A key that is taken may be refused, or lead to two files of one key that the
// next scan tells apart; but no file is lost.
func localNoOverwrite(t *testing.T, l sync.Local) {
	var want []string
	for _, flags := range []string{"", `\Seen`} { // in new/ and in cur/
		k := deliver(t, l, mail.Inbox, message("old"+flags), flags)
		want = append(want, message("old"+flags))
		for _, newFlags := range []string{flags, `\Flagged`} {
			raw := message("new" + newFlags + flags)
			s, err := l.Stage(t.Context(), mail.Inbox,
				mail.Delivery{Key: k, Size: -1, Flags: mail.ParseFlags(newFlags)}, strings.NewReader(raw))
			if err != nil {
				continue // refused as early as that
			}
			ok(t, "settle", l.Settle(t.Context(), []mail.Staged{s}))
			err = l.Place(t.Context(), []mail.Staged{s})
			switch {
			case err != nil:
				ok(t, "discard", l.Discard(t.Context(), []mail.Staged{s}))
			case flags == newFlags:
				t.Errorf("two messages with the flags %q were placed under one key", flags)
			default:
				want = append(want, raw)
			}
		}
	}
	slices.Sort(want)
	same(t, "messages", wiresOf(t, l, mail.Inbox), want)
}

func localDiscard(t *testing.T, l sync.Local) {
	s, kept := stage(t, l, mail.Inbox, message("x"), mail.Delivery{}), stage(t, l, mail.Inbox, message("y"), mail.Delivery{})
	ok(t, "discard", l.Discard(t.Context(), []mail.Staged{s}))
	if err := l.Place(t.Context(), []mail.Staged{s}); err == nil {
		t.Error("a discarded message was placed")
	}
	ok(t, "settle the other", l.Settle(t.Context(), []mail.Staged{kept}))
	ok(t, "place the other", l.Place(t.Context(), []mail.Staged{kept}))
	same(t, "messages", flagsOf(t, l, mail.Inbox), map[mail.Key]string{kept.Key: ""})
}

func localDate(t *testing.T, l sync.Local) {
	for _, date := range []mail.UnixTime{1_000_000_000, 1, 4_000_000_000} {
		s := stage(t, l, mail.Inbox, message("x"), mail.Delivery{Date: date})
		ok(t, "place", l.Place(t.Context(), []mail.Staged{s}))
		_, err := l.SetFlags(t.Context(), mail.Inbox, []mail.KeyFlags{{Key: s.Key, Delta: add(`\Seen`)}})
		ok(t, "set flags", err)
		same(t, "date", must[mail.LocalContent](t, "read")(l.Read(t.Context(), mail.Inbox, s.Key)).Date, date)
	}
	k := deliver(t, l, mail.Inbox, message("y"))
	if got := must[mail.LocalContent](t, "read")(l.Read(t.Context(), mail.Inbox, k)); got.Date < 1_500_000_000 {
		t.Errorf("a message without a date is of %d, not of now", got.Date)
	}
}

func localNewKey(t *testing.T, l sync.Local) {
	var all gosync.WaitGroup
	keys := make([][]mail.Key, 8)
	for i := range keys {
		all.Go(func() {
			for range 500 {
				keys[i] = append(keys[i], l.NewKey())
			}
		})
	}
	all.Wait()
	seen := map[mail.Key]bool{}
	for _, k := range slices.Concat(keys...) {
		if seen[k] || k == "" || strings.ContainsAny(string(k), "/:\x00") || k[0] == '.' {
			t.Fatalf("key %q (given before: %t)", k, seen[k])
		}
		seen[k] = true
	}
}

func localConcurrent(t *testing.T, l sync.Local) {
	const workers, each = 6, 20
	ctx := t.Context()
	var all gosync.WaitGroup
	for w := range workers {
		all.Go(func() {
			var batch []mail.Staged
			for i := range each {
				raw := message(fmt.Sprintf("m%d.%d", w, i))
				s, err := l.Stage(ctx, mail.Inbox, mail.Delivery{Size: int64(len(raw)), Flags: mail.ParseFlags(fmt.Sprintf("$w%d", w))},
					strings.NewReader(raw))
				if err != nil {
					t.Errorf("stage: %v", err)
					return
				}
				batch = append(batch, s)
			}
			if err := errors.Join(l.Settle(ctx, batch), l.Place(ctx, batch)); err != nil {
				t.Errorf("settle and place: %v", err)
			}
			if _, err := l.Scan(ctx, mail.Inbox); err != nil {
				t.Errorf("scan: %v", err)
			}
		})
	}
	all.Wait()
	byFlags := map[string]int{}
	for _, flags := range flagsOf(t, l, mail.Inbox) {
		byFlags[flags]++
	}
	want := map[string]int{}
	for w := range workers {
		want[fmt.Sprintf("$w%d", w)] = each
	}
	same(t, "messages by keyword", byFlags, want)
}

func localBatch(t *testing.T, l sync.Local) {
	create(t, l, "Work")
	batch := []mail.Staged{
		stage(t, l, mail.Inbox, message("a"), mail.Delivery{}),
		stage(t, l, "Work", message("b"), mail.Delivery{Flags: mail.ParseFlags(`\Seen`)}),
		stage(t, l, mail.Inbox, message("c"), mail.Delivery{Flags: mail.ParseFlags(`\Seen`)}),
	}
	ok(t, "settle", l.Settle(t.Context(), batch))
	ok(t, "place", l.Place(t.Context(), batch))
	same(t, "INBOX", flagsOf(t, l, mail.Inbox), map[mail.Key]string{batch[0].Key: "", batch[2].Key: `\Seen`})
	same(t, "Work", flagsOf(t, l, "Work"), map[mail.Key]string{batch[1].Key: `\Seen`})
	ok(t, "settle nothing", l.Settle(t.Context(), nil))
	ok(t, "place nothing", l.Place(t.Context(), nil))
	ok(t, "discard nothing", l.Discard(t.Context(), nil))
}
