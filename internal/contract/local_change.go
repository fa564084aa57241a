package contract

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"godwit/mail"
	"godwit/sync"
)

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

func localTally(t *testing.T, l sync.Local) {
	tally := func() mail.Tally {
		got, err := l.Tally(t.Context(), mail.Inbox)
		ok(t, "tally", err)
		return got
	}
	if tally().Sum != (mail.Sum{}) {
		t.Error("an empty mailbox has a sum")
	}
	for i := range 20 {
		deliver(t, l, mail.Inbox, message(fmt.Sprint(i)), []string{"", `\Seen`, "$Label", `\Flagged`}[i%4])
	}
	listing, got := scan(t, l, mail.Inbox), tally()
	if got.Sum != listing.Tally().Sum {
		t.Error("a tally and a listing of the same files have different sums")
	}
	same(t, "letters", got.Table, listing.Table)
	same(t, "the stamp", [2]mail.DirStamp{got.Stamp.Cur, got.Stamp.New}, [2]mail.DirStamp{listing.Stamp.Cur, listing.Stamp.New})
	_, err := l.SetFlags(t.Context(), mail.Inbox, []mail.KeyFlags{{Key: listing.At(0).Key, Delta: add(`\Answered`)}})
	ok(t, "set flags", err)
	if tally().Sum == got.Sum {
		t.Error("a flag does not change the sum")
	}
	_, err = l.Tally(t.Context(), "Nowhere")
	fails(t, "the tally of a mailbox that is not there", err, mail.ErrNoMailbox)
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

// The letters of a file that came from another mailbox mean nothing here.
func localFlagsAnew(t *testing.T, l sync.Local) {
	k := deliver(t, l, mail.Inbox, message("x"), `\Seen`, "theirs", "both")
	for _, c := range []struct {
		delta mail.FlagDelta
		want  string
	}{
		{add("both", `\Flagged`), `\Flagged \Seen both`},
		{remove(`\Seen`), `\Flagged`},
		{mail.FlagDelta{}, `\Flagged`},
	} {
		results, err := l.SetFlags(t.Context(), mail.Inbox, []mail.KeyFlags{{Key: k, Delta: c.delta, Anew: true}})
		ok(t, "set flags", errors.Join(append(results, err)...))
		same(t, "flags after "+c.delta.String(), flagsOf(t, l, mail.Inbox), map[mail.Key]string{k: c.want})
	}
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

// The keyword table was lost: letters that stand in names mean again what they meant.
func localLettersRestored(t *testing.T, l sync.Local) {
	ctx := t.Context()
	k := deliver(t, l, mail.Inbox, message("x"), "one", "two")
	was := scan(t, l, mail.Inbox).Table
	ok(t, "restore what is there", l.RestoreLetters(ctx, mail.Inbox, was))
	same(t, "flags", flagsOf(t, l, mail.Inbox)[k], "one two")
	// Of what no name has, nothing is made, and what the table says counts.
	longer := append(slices.Clone(was), "three")
	longer[0] = "other"
	ok(t, "restore what is not", l.RestoreLetters(ctx, mail.Inbox, longer))
	same(t, "flags", flagsOf(t, l, mail.Inbox)[k], "one two")
	same(t, "table", scan(t, l, mail.Inbox).Table.String(), was.String())
	fails(t, "restore in no mailbox", l.RestoreLetters(ctx, "Nowhere", was), mail.ErrNoMailbox)
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

func localAnchor(t *testing.T, l sync.Local) {
	for _, m := range []mail.Mailbox{mail.Inbox, "a/b", "a"} {
		ok(t, "create", l.Create(t.Context(), m))
		ok(t, "anchor", l.Anchor(t.Context(), m))
	}
	fails(t, "anchor", l.Anchor(t.Context(), "nowhere/b"), mail.ErrNoMailbox)
	_, err := l.Stamp(t.Context(), "nowhere/b")
	fails(t, "stamp", err, mail.ErrNoMailbox)
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
