package contract

import (
	"bytes"
	"context"
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

// Local checks an implementation of sync.Local. open makes a new one whose root
// does not exist yet, and cleans it up when the test ends.
func Local(t *testing.T, open func(t *testing.T) sync.Local) {
	t.Run("RootIsMadeOnce", func(t *testing.T) {
		t.Parallel()
		localRoot(t, open(t))
	})
	for _, c := range []struct {
		name string
		run  func(t *testing.T, l sync.Local)
	}{
		{"MailboxesAreThoseThatWereCreated", localMailboxes},
		{"MissingMailboxIsNamedSo", localNoMailbox},
		{"DeliveryShowsOnlyWhenPlaced", localDeliver},
		{"BytesComeBackExactly", localBytes},
		{"UnseenMessagesAreNew", localNew},
		{"FailedBodyLeavesNothing", localBadBody},
		{"GivenKeyIsUsed", localGivenKey},
		{"NothingIsPlacedOverAFile", localNoOverwrite},
		{"DiscardedIsGone", localDiscard},
		{"DateIsKept", localDate},
		{"KeysAreNeverGivenTwice", localNewKey},
		{"ManyAreDeliveredSideBySide", localConcurrent},
		{"OneBatchMaySpanMailboxes", localBatch},
		{"StampsMoveWithEachChangeAndOnlyThen", localStamps},
		{"ListingIsSortedByKey", localSorted},
		{"SetFlagsAddsAndRemoves", localFlags},
		{"SetFlagsAnswersForEachMessage", localFlagResults},
		{"KeywordsEndWithTheAlphabet", localKeywords},
		{"RelocateCarriesFlagsAlong", localRelocate},
		{"RelocateReplacesNothing", localRelocateRefused},
		{"RemoveTakesWhatIsNamed", localRemove},
		{"LocateFindsInAnyMailbox", localLocate},
		{"ReadingWhatIsGoneSaysSo", localGone},
		{"SweepSparesMessages", localSweep},
		{"EndedContextChangesNothing", localContext},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			l := open(t)
			ok(t, "init", l.Init(t.Context()))
			ok(t, "create INBOX", l.Create(t.Context(), mail.Inbox))
			c.run(t, l)
		})
	}
}

// ok tells that nothing failed.
func ok(t *testing.T, what string, err error) {
	t.Helper()
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

// fails tells that it failed for a reason.
func fails(t *testing.T, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: %v, want %v", what, err, want)
	}
}

// message is a message in wire form.
func message(id string) string {
	return "From: a@example.org\r\nDate: Tue, 14 Nov 2023 22:13:20 +0000\r\nMessage-ID: <" + id + "@example.org>\r\n" +
		"Subject: " + id + "\r\n\r\nThis is " + id + ".\r\n"
}

// contentOf is what a wire form is.
func contentOf(raw string) mail.Content {
	r := mail.NewContentReader()
	_, _ = io.WriteString(r, raw)
	return r.Content()
}

// stage writes a message to tmp/.
func stage(t *testing.T, l sync.Local, m mail.Mailbox, raw string, d mail.Delivery) mail.Staged {
	t.Helper()
	d.Size = int64(len(raw))
	s, err := l.Stage(t.Context(), m, d, strings.NewReader(raw))
	ok(t, "stage in "+string(m), err)
	return s
}

// deliver puts a message into the Maildir.
func deliver(t *testing.T, l sync.Local, m mail.Mailbox, raw string, flags ...string) mail.Key {
	t.Helper()
	s := stage(t, l, m, raw, mail.Delivery{Flags: mail.ParseFlags(flags...)})
	ok(t, "settle", l.Settle(t.Context(), []mail.Staged{s}))
	ok(t, "place", l.Place(t.Context(), []mail.Staged{s}))
	return s.Key
}

func create(t *testing.T, l sync.Local, m mail.Mailbox) {
	t.Helper()
	ok(t, "create "+string(m), l.Create(t.Context(), m))
}

func scan(t *testing.T, l sync.Local, m mail.Mailbox) *mail.Listing {
	t.Helper()
	listing, err := l.Scan(t.Context(), m)
	ok(t, "scan "+string(m), err)
	if !listing.Settled {
		t.Errorf("the scan of %s, in which nobody works, is not settled", m)
	}
	return listing
}

// flagsOf are a mailbox's messages and their flags, by key.
func flagsOf(t *testing.T, l sync.Local, m mail.Mailbox) map[mail.Key]string {
	t.Helper()
	listing := scan(t, l, m)
	found := map[mail.Key]string{}
	for i := range listing.Len() {
		msg := listing.At(i)
		found[msg.Key] = msg.Flags(listing.Table).String()
	}
	if len(found) != listing.Len() {
		t.Errorf("%s: %d messages have %d keys", m, listing.Len(), len(found))
	}
	return found
}

// wireOf reads a message back.
func wireOf(t *testing.T, l sync.Local, m mail.Mailbox, k mail.Key) string {
	t.Helper()
	body, size, err := l.Open(t.Context(), m, k)
	ok(t, "open "+string(k), err)
	raw, err := io.ReadAll(body)
	ok(t, "read "+string(k), err)
	ok(t, "close "+string(k), body.Close())
	if int64(len(raw)) != size {
		t.Errorf("%s: %d octets, and %d were said to come", k, len(raw), size)
	}
	return string(raw)
}

func localRoot(t *testing.T, l sync.Local) {
	ctx := t.Context()
	state := must[mail.RootState](t, "root")(l.Root(ctx))
	if state.Exists || state.Marker || state.Account != "" {
		t.Errorf("before: %+v", state)
	}
	ok(t, "init", l.Init(ctx))
	state = must[mail.RootState](t, "root")(l.Root(ctx))
	if !state.Exists || !state.Marker || state.Account == "" {
		t.Errorf("after init: %+v", state)
	}
	create(t, l, "Work")
	deliver(t, l, "Work", message("x"))
	ok(t, "init again", l.Init(ctx))
	again := must[mail.RootState](t, "root")(l.Root(ctx))
	state.Empty = false
	same(t, "with a mailbox in it", again, state)
	same(t, "mailboxes", slices.Contains(names(t, l), "Work"), true)
}

func names(t *testing.T, l sync.Local) []mail.Mailbox {
	t.Helper()
	var all []mail.Mailbox
	for _, m := range must[[]mail.LocalMailbox](t, "mailboxes")(l.Mailboxes(t.Context())) {
		all = append(all, m.Name)
	}
	slices.Sort(all)
	return all
}

func localMailboxes(t *testing.T, l sync.Local) {
	created := []mail.Mailbox{
		"Work/2024/Q1", "Entwürfe", "a b", "100%", "[Gmail]/All Mail", "cur", "x/new/y", "dots.in.name", "..", "tilde~", "A%2FB",
	}
	for _, m := range created {
		create(t, l, m)
		create(t, l, m) // it may be there already
		deliver(t, l, m, message(string(m)))
	}
	want := append([]mail.Mailbox{mail.Inbox}, created...)
	slices.Sort(want)
	same(t, "mailboxes", names(t, l), want)
	for _, m := range must[[]mail.LocalMailbox](t, "mailboxes")(l.Mailboxes(t.Context())) {
		stamp := must[mail.Stamp](t, "stamp")(l.Stamp(t.Context(), m.Name))
		if m.Stamp.Cur != stamp.Cur || m.Stamp.New != stamp.New || stamp == (mail.Stamp{}) {
			t.Errorf("%s has the stamp %+v, then %+v", m.Name, m.Stamp, stamp)
		}
		if n := scan(t, l, m.Name).Len(); m.Name != mail.Inbox && n != 1 {
			t.Errorf("%s has %d messages", m.Name, n)
		}
	}
}

func localNoMailbox(t *testing.T, l sync.Local) {
	ctx := t.Context()
	create(t, l, "There/Below") // its parent is no mailbox
	for _, m := range []mail.Mailbox{"Missing", "There"} {
		_, err := l.Stamp(ctx, m)
		fails(t, "stamp of "+string(m), err, mail.ErrNoMailbox)
		_, err = l.Scan(ctx, m)
		fails(t, "scan of "+string(m), err, mail.ErrNoMailbox)
		_, err = l.Stage(ctx, m, mail.Delivery{Size: -1}, strings.NewReader(message("x")))
		fails(t, "stage in "+string(m), err, mail.ErrNoMailbox)
	}
	k := deliver(t, l, mail.Inbox, message("x"))
	_, err := l.Relocate(ctx, mail.Inbox, k, "Missing", l.NewKey(), mail.Flags{})
	fails(t, "relocate to a missing mailbox", err, mail.ErrNoMailbox)
	same(t, "the message", len(flagsOf(t, l, mail.Inbox)), 1)
}

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

func localStamps(t *testing.T, l sync.Local) {
	ctx := t.Context()
	create(t, l, "Work")
	take := func(m mail.Mailbox) mail.Stamp {
		s := must[mail.Stamp](t, "stamp")(l.Stamp(ctx, m))
		s.Racy = false // the test does not wait for the clock
		return s
	}
	moved := func(what string, m mail.Mailbox, want bool, act func()) {
		t.Helper()
		before := take(m)
		act()
		if after := take(m); (after != before) != want {
			t.Errorf("%s: the stamp moved: %t, want %t", what, after != before, want)
		}
	}
	var k mail.Key
	moved("a delivery to new/", mail.Inbox, true, func() { k = deliver(t, l, mail.Inbox, message("x")) })
	moved("a delivery to cur/", mail.Inbox, true, func() { deliver(t, l, mail.Inbox, message("y"), `\Seen`) })
	moved("a delivery elsewhere", "Work", false, func() { deliver(t, l, mail.Inbox, message("z")) })
	moved("reading", mail.Inbox, false, func() {
		wireOf(t, l, mail.Inbox, k)
		scan(t, l, mail.Inbox)
		_, err := l.Read(ctx, mail.Inbox, k)
		ok(t, "read", err)
	})
	moved("staging", mail.Inbox, false, func() {
		s := stage(t, l, mail.Inbox, message("s"), mail.Delivery{})
		ok(t, "discard", l.Discard(ctx, []mail.Staged{s}))
	})
	moved("flags", mail.Inbox, true, func() {
		_, err := l.SetFlags(ctx, mail.Inbox, []mail.KeyFlags{{Key: k, Delta: add(`\Seen`)}})
		ok(t, "set flags", err)
	})
	moved("relocation, to", "Work", true, func() {
		_, err := l.Relocate(ctx, mail.Inbox, k, "Work", k, mail.ParseFlags(`\Seen`))
		ok(t, "relocate", err)
	})
	moved("removal", "Work", true, func() {
		_, err := l.Remove(ctx, "Work", []mail.Key{k}, 1)
		ok(t, "remove", err)
	})
	listing := scan(t, l, mail.Inbox)
	now := take(mail.Inbox)
	same(t, "the stamp of a listing", [2]mail.DirStamp{listing.Stamp.Cur, listing.Stamp.New}, [2]mail.DirStamp{now.Cur, now.New})
}

func localSorted(t *testing.T, l sync.Local) {
	for i := range 40 {
		deliver(t, l, mail.Inbox, message(fmt.Sprint(i)), []string{"", `\Seen`, `\Flagged`}[i%3])
	}
	listing := scan(t, l, mail.Inbox)
	same(t, "messages", listing.Len(), 40)
	for i := 1; i < listing.Len(); i++ {
		if listing.Key(i-1) >= listing.Key(i) {
			t.Fatalf("%q stands before %q", listing.Key(i-1), listing.Key(i))
		}
	}
}

// add and remove are changes of flags.
func add(names ...string) mail.FlagDelta { return mail.FlagDelta{Add: mail.ParseFlags(names...)} }
func remove(names ...string) mail.FlagDelta {
	return mail.FlagDelta{Remove: mail.ParseFlags(names...)}
}

func localFlags(t *testing.T, l sync.Local) {
	k := deliver(t, l, mail.Inbox, message("x"))
	change := func(d mail.FlagDelta, want string) {
		t.Helper()
		results, err := l.SetFlags(t.Context(), mail.Inbox, []mail.KeyFlags{{Key: k, Delta: d}})
		ok(t, "set flags", errors.Join(append(results, err)...))
		same(t, "flags after "+d.String(), flagsOf(t, l, mail.Inbox), map[mail.Key]string{k: mail.ParseFlags(strings.Fields(want)...).String()})
	}
	change(mail.FlagDelta{}, "")
	change(add(`\Seen`, `\Draft`, "$Forwarded"), `\Draft $Forwarded \Seen`)
	change(remove(`\Draft`, `\Flagged`), `$Forwarded \Seen`)
	change(mail.FlagDelta{Add: mail.ParseFlags(`\Deleted`, "work", "$Label1"), Remove: mail.ParseFlags(`\Seen`)}, `$Forwarded \Deleted $Label1 work`)
	change(add("WORK"), `$Forwarded \Deleted $Label1 work`)
	change(remove("Work", `\Deleted`, "$Forwarded"), "$Label1")
	change(remove("$Label1"), "")
	same(t, "bytes", wireOf(t, l, mail.Inbox, k), message("x"))
}

func localFlagResults(t *testing.T, l sync.Local) {
	a, b := deliver(t, l, mail.Inbox, message("a")), deliver(t, l, mail.Inbox, message("b"))
	results, err := l.SetFlags(t.Context(), mail.Inbox, []mail.KeyFlags{
		{Key: a, Delta: add(`\Seen`)}, {Key: "missing", Delta: add(`\Seen`)}, {Key: b, Delta: add(`\Flagged`)},
	})
	ok(t, "set flags", err)
	if len(results) != 3 || results[0] != nil || !errors.Is(results[1], mail.ErrGone) || results[2] != nil {
		t.Errorf("results: %v", results)
	}
	same(t, "flags", flagsOf(t, l, mail.Inbox), map[mail.Key]string{a: `\Seen`, b: `\Flagged`})
}

func localKeywords(t *testing.T, l sync.Local) {
	ctx := t.Context()
	room := must[mail.KeywordRoom](t, "room")(l.Room(ctx, mail.Inbox))
	if !room.Open || room.Known != "" {
		t.Errorf("room of an empty mailbox: %+v", room)
	}
	k := deliver(t, l, mail.Inbox, message("x"), `\Seen`, "kw0")
	var all []string
	for i := range mail.MaxLetters {
		all = append(all, fmt.Sprintf("kw%d", i))
	}
	results, err := l.SetFlags(ctx, mail.Inbox, []mail.KeyFlags{{Key: k, Delta: add(all...)}})
	ok(t, "set keywords", errors.Join(append(results, err)...))
	room = must[mail.KeywordRoom](t, "room")(l.Room(ctx, mail.Inbox))
	if room.Open || !room.Known.Equal(mail.NewKeywords(all...)) {
		t.Errorf("room with %d keywords: %+v", len(all), room)
	}
	// One more has no letter: it is passed over, and what comes with it is not.
	results, err = l.SetFlags(ctx, mail.Inbox, []mail.KeyFlags{
		{Key: k, Delta: mail.FlagDelta{Add: mail.ParseFlags(`\Flagged`, "onemore"), Remove: mail.ParseFlags("kw7")}},
	})
	ok(t, "set one more", errors.Join(append(results, err)...))
	want := mail.ParseFlags(append(slices.DeleteFunc(all, func(s string) bool { return s == "kw7" }), `\Seen`, `\Flagged`)...)
	same(t, "flags", flagsOf(t, l, mail.Inbox)[k], want.String())
	other := deliver(t, l, mail.Inbox, message("y"), "onemore", "kw3")
	same(t, "a delivery with one more", flagsOf(t, l, mail.Inbox)[other], "kw3")
}

func localRelocate(t *testing.T, l sync.Local) {
	ctx := t.Context()
	create(t, l, "Work")
	deliver(t, l, "Work", message("other"), "other") // "a" means something else there
	k := deliver(t, l, mail.Inbox, message("x"), `\Seen`, "mine")
	inode := must[mail.LocalContent](t, "read")(l.Read(ctx, mail.Inbox, k)).Inode
	moved := must[mail.LocalMessage](t, "relocate")(l.Relocate(ctx, mail.Inbox, k, "Work", "newkey.1", mail.ParseFlags(`\Flagged`, "mine")))
	same(t, "key", moved.Key, mail.Key("newkey.1"))
	same(t, "inode number", moved.Inode, inode)
	listing := scan(t, l, "Work")
	same(t, "flags as answered", moved.Flags(listing.Table).String(), `\Flagged mine`)
	same(t, "flags", flagsOf(t, l, "Work")["newkey.1"], `\Flagged mine`)
	same(t, "bytes", wireOf(t, l, "Work", "newkey.1"), message("x"))
	same(t, "what is left", scan(t, l, mail.Inbox).Len(), 0)

	_, err := l.Relocate(ctx, mail.Inbox, k, "Work", "newkey.2", mail.Flags{})
	fails(t, "relocate again", err, mail.ErrGone)

	unseen := deliver(t, l, mail.Inbox, message("unseen"))
	moved = must[mail.LocalMessage](t, "relocate")(l.Relocate(ctx, mail.Inbox, unseen, "Work", unseen, mail.Flags{}))
	same(t, "flags of an unseen one", moved.Flags(listing.Table).String(), "")
	same(t, "as listed", flagsOf(t, l, "Work")[unseen], "")
}

// As for a delivery.
func localRelocateRefused(t *testing.T, l sync.Local) {
	create(t, l, "Work")
	var want []string
	for _, flags := range []string{"", `\Seen`, `\Flagged`} {
		there := deliver(t, l, "Work", message("there"+flags), flags)
		raw := message("moved" + flags)
		k := deliver(t, l, mail.Inbox, raw, `\Seen`)
		_, err := l.Relocate(t.Context(), mail.Inbox, k, "Work", there, mail.ParseFlags(`\Seen`))
		if err == nil && flags == `\Seen` {
			t.Errorf("a file was moved over one with the flags %q", flags)
		}
		if err != nil {
			same(t, "the file that was not moved", wireOf(t, l, mail.Inbox, k), raw)
		} else {
			want = append(want, raw)
		}
		want = append(want, message("there"+flags))
	}
	slices.Sort(want)
	same(t, "messages", wiresOf(t, l, "Work"), want)
}

func localRemove(t *testing.T, l sync.Local) {
	a, b := deliver(t, l, mail.Inbox, message("a")), deliver(t, l, mail.Inbox, message("b"), `\Seen`)
	kept := deliver(t, l, mail.Inbox, message("kept"))
	results, err := l.Remove(t.Context(), mail.Inbox, []mail.Key{a, "missing", b}, 7)
	ok(t, "remove", err)
	if len(results) != 3 || results[0] != nil || !errors.Is(results[1], mail.ErrGone) || results[2] != nil {
		t.Errorf("results: %v", results)
	}
	same(t, "what is left", flagsOf(t, l, mail.Inbox), map[mail.Key]string{kept: ""})
	found := must[map[mail.Key]mail.Located](t, "locate")(l.Locate(t.Context(), []mail.Key{a, b}))
	same(t, "found in no mailbox", len(found), 0)
	same(t, "mailboxes", names(t, l), []mail.Mailbox{mail.Inbox}) // the trash is none

	// Put back under the same key, and removed in the same run once more.
	s := stage(t, l, mail.Inbox, message("a, again"), mail.Delivery{Key: a})
	ok(t, "place", l.Place(t.Context(), []mail.Staged{s}))
	results, err = l.Remove(t.Context(), mail.Inbox, []mail.Key{a}, 7)
	ok(t, "remove again", errors.Join(append(results, err)...))
	same(t, "what is left then", flagsOf(t, l, mail.Inbox), map[mail.Key]string{kept: ""})
}

func localLocate(t *testing.T, l sync.Local) {
	create(t, l, "Work/Deep")
	a, b := deliver(t, l, mail.Inbox, message("a")), deliver(t, l, "Work/Deep", message("b"), `\Seen`)
	found := must[map[mail.Key]mail.Located](t, "locate")(l.Locate(t.Context(), []mail.Key{a, "missing", b}))
	same(t, "found", len(found), 2)
	same(t, "a", found[a].Mailbox, mail.Inbox)
	same(t, "b", found[b].Mailbox, mail.Mailbox("Work/Deep"))
	if m := found[b].Message; m.Key != b || m.System != mail.Seen || m.Inode == 0 || m.New || !found[a].Message.New {
		t.Errorf("located: %+v, %+v", found[a], found[b])
	}
	none := must[map[mail.Key]mail.Located](t, "locate")(l.Locate(t.Context(), nil))
	same(t, "nothing", len(none), 0)
}

func localGone(t *testing.T, l sync.Local) {
	create(t, l, "Work")
	k := deliver(t, l, mail.Inbox, message("x"))
	_, err := l.Read(t.Context(), "Work", k)
	fails(t, "read in another mailbox", err, mail.ErrGone)
	_, _, err = l.Open(t.Context(), mail.Inbox, "missing")
	fails(t, "open", err, mail.ErrGone)

	// One that is renamed while it is open can still be read.
	body, _, err := l.Open(t.Context(), mail.Inbox, k)
	ok(t, "open", err)
	results, err := l.SetFlags(t.Context(), mail.Inbox, []mail.KeyFlags{{Key: k, Delta: add(`\Seen`)}})
	ok(t, "set flags", errors.Join(append(results, err)...))
	var got bytes.Buffer
	_, err = got.ReadFrom(body)
	ok(t, "read", errors.Join(err, body.Close()))
	same(t, "bytes", got.String(), message("x"))
}

func localSweep(t *testing.T, l sync.Local) {
	k := deliver(t, l, mail.Inbox, message("x"))
	seen := deliver(t, l, mail.Inbox, message("y"), `\Seen`)
	ok(t, "sweep", l.Sweep(t.Context(), mail.Inbox))
	same(t, "messages", flagsOf(t, l, mail.Inbox), map[mail.Key]string{k: "", seen: `\Seen`})
}

func localContext(t *testing.T, l sync.Local) {
	k := deliver(t, l, mail.Inbox, message("x"))
	s := stage(t, l, mail.Inbox, message("y"), mail.Delivery{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := l.Stage(ctx, mail.Inbox, mail.Delivery{Size: -1}, strings.NewReader(message("z")))
	fails(t, "stage", err, context.Canceled)
	fails(t, "place", l.Place(ctx, []mail.Staged{s}), context.Canceled)
	_, err = l.Remove(ctx, mail.Inbox, []mail.Key{k}, 1)
	fails(t, "remove", err, context.Canceled)
	_, err = l.Scan(ctx, mail.Inbox)
	fails(t, "scan", err, context.Canceled)
	same(t, "messages", flagsOf(t, l, mail.Inbox), map[mail.Key]string{k: ""})
}
