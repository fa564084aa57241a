package contract

import (
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

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
		{"ReplaceTakesNameAndFlagsOver", localReplace},
		{"ReplaceKeepsWhatWasEdited", localReplaceEdited},
		{"BytesComeBackExactly", localBytes},
		{"UnseenMessagesAreNew", localNew},
		{"FailedBodyLeavesNothing", localBadBody},
		{"GivenKeyIsUsed", localGivenKey},
		{"NothingIsPlacedOverAFile", localNoOverwrite},
		{"DiscardedIsGone", localDiscard},
		{"DateIsKept", localDate},
		{"LinkGivesContentAnotherPlace", localLink},
		{"LinkRefusesOtherContent", localLinkGone},
		{"KeysAreNeverGivenTwice", localNewKey},
		{"ManyAreDeliveredSideBySide", localConcurrent},
		{"OneBatchMaySpanMailboxes", localBatch},
		{"StampsMoveWithEachChangeAndOnlyThen", localStamps},
		{"ListingIsSortedByKey", localSorted},
		{"TallyIsThatOfTheListing", localTally},
		{"SetFlagsAddsAndRemoves", localFlags},
		{"SetFlagsAnswersForEachMessage", localFlagResults},
		{"SetFlagsAnewForgetsLetters", localFlagsAnew},
		{"KeywordsEndWithTheAlphabet", localKeywords},
		{"LettersOfALostTableAreRestored", localLettersRestored},
		{"RelocateCarriesFlagsAlong", localRelocate},
		{"RelocateReplacesNothing", localRelocateRefused},
		{"RemoveTakesWhatIsNamed", localRemove},
		{"LocateFindsInAnyMailbox", localLocate},
		{"ReadingWhatIsGoneSaysSo", localGone},
		{"SweepSparesMessages", localSweep},
		{"RenamedMailboxTakesThoseBelowAlong", localRenameMailbox},
		{"RenameGoesIntoParentsAndOutOfThem", localRenameDeep},
		{"RenameReplacesNoMailbox", localRenameTaken},
		{"OnlyEmptyMailboxIsDeleted", localDeleteMailbox},
		{"EndedContextChangesNothing", localContext},
		{"AnchoringMakesNothing", localAnchor},
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
		same(t, "letters of "+string(m.Name), m.Letters, "")
	}
	deliver(t, l, "a b", message("x"), "one", "two")
	for _, m := range must[[]mail.LocalMailbox](t, "mailboxes")(l.Mailboxes(t.Context())) {
		same(t, "letters of "+string(m.Name), m.Letters, scan(t, l, m.Name).Table.String())
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
