package contract

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"godwit/mail"
	"godwit/sync"
)

// Base checks an implementation of sync.Base. open makes a new, empty one, and
// cleans it up when the test ends.
func Base(t *testing.T, open func(t *testing.T) sync.Base) {
	for _, c := range []struct {
		name string
		run  func(t *testing.T, b sync.Base)
	}{
		{"EmptyAtFirst", baseEmpty},
		{"CheckpointsComeBackByName", baseCheckpoints},
		{"MailboxIsKnownFromItsFirstRow", baseKnownByRow},
		{"RowComesBackWhole", baseRowWhole},
		{"PartialRowsAreFound", basePartial},
		{"RowsOfOneSideAreListedOnThatSide", baseOneSided},
		{"RowWithAnIDIsReplacedWhole", baseReplaceByID},
		{"NewRowTakesThePlaceOfItsUIDAndKey", baseTakesPlace},
		{"RowGetsAnotherUIDAlone", baseRenumbered},
		{"UIDsOfAnotherLifeAreDropped", baseDropUIDs},
		{"RowIDsAreNeverUsedTwice", baseFreshIDs},
		{"RowsAreOrdered", baseOrder},
		{"BreakingOffAnIterationLeavesNothingBehind", baseBreak},
		{"IterationSeesOneMomentAndBlocksNobody", baseSnapshot},
		{"IterationEndsWithItsContext", baseIterationContext},
		{"FindUIDsTakesRanges", baseFindUIDs},
		{"FindKeysLeavesOutTheMissing", baseFindKeys},
		{"FindContentLooksInEveryMailbox", baseFindContent},
		{"FindLikeLooksInEveryMailbox", baseFindLike},
		{"CountsAreBySide", baseCounts},
		{"WhatIsOutsideOfAWindowIsFoundAndCounted", baseOutside},
		{"HighestUIDsAreOfRows", baseHighestUIDs},
		{"IntentsComeBackOldestFirst", baseIntents},
		{"ProblemsAreCountedUntilCleared", baseProblems},
		{"WhatIsSetAsideComesBackWhole", baseQuarantine},
		{"RunsComeBackNewestFirst", baseRuns},
		{"JournalKeepsWhatARunDid", baseJournal},
		{"JournalForgetsOldRuns", baseJournalForgets},
		{"DropMailboxTakesAllThatIsItsOwn", baseDropMailbox},
		{"DroppingWhatIsNotThereIsNoError", baseDropMissing},
		{"RenamedMailboxKeepsAllThatIsItsOwn", baseRenameMailbox},
		{"MailboxesExchangeNames", baseExchangeNames},
		{"NoMailboxGetsAnothersName", baseRenameTaken},
		{"ChangesOfACommitApplyInOrder", baseChangesInOrder},
		{"CommitIsAllOrNothing", baseAllOrNothing},
		{"CommitsSideBySideFailAlone", baseConcurrent},
		{"EndedContextChangesNothing", baseContext},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.run(t, open(t))
		})
	}
}

// commit does what must succeed.
func commit(t *testing.T, b sync.Base, changes ...mail.Change) {
	t.Helper()
	if err := b.Commit(t.Context(), changes...); err != nil {
		t.Fatalf("commit: %v", err)
	}
}

// must unwraps what must succeed.
func must[T any](t *testing.T, what string) func(v T, err error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		return v
	}
}

// same compares, with a diff when it fails.
func same(t *testing.T, what string, got, want any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// row is a row with both sides and a content of its own.
func row(m mail.Mailbox, uid mail.UID, key mail.Key) mail.Row {
	return mail.Row{Mailbox: m, UID: uid, Key: key, Content: content(fmt.Sprint(m, uid, key)), Inode: uint64(uid)}
}

// content is that of a message which consists of text alone.
func content(text string) mail.Content {
	r := mail.NewContentReader()
	_, _ = r.Write([]byte("Subject: " + text + "\r\nDate: 1\r\nMessage-ID: <1@x>\r\n\r\n" + text))
	c := r.Content()
	c.MessageID = "" // not kept in rows
	return c
}

func byUID(t *testing.T, b sync.Base, m mail.Mailbox) []mail.Row {
	t.Helper()
	var rows []mail.Row
	for r, err := range b.RowsByUID(t.Context(), m) {
		if err != nil {
			t.Fatalf("rows of %s by UID: %v", m, err)
		}
		rows = append(rows, r)
	}
	return rows
}

func byKey(t *testing.T, b sync.Base, m mail.Mailbox) []mail.Row {
	t.Helper()
	var rows []mail.Row
	for r, err := range b.RowsByKey(t.Context(), m) {
		if err != nil {
			t.Fatalf("rows of %s by key: %v", m, err)
		}
		rows = append(rows, r)
	}
	return rows
}

// onlyRow returns a mailbox's single row, by UID.
func onlyRow(t *testing.T, b sync.Base, m mail.Mailbox) mail.Row {
	t.Helper()
	rows := byUID(t, b, m)
	if len(rows) != 1 {
		t.Fatalf("%s has %d rows, want 1: %+v", m, len(rows), rows)
	}
	return rows[0]
}

// withoutIDs makes rows comparable with those that were put.
func withoutIDs(rows []mail.Row) []mail.Row {
	for i := range rows {
		rows[i].ID = 0
	}
	return rows
}

func uidsOf(rows []mail.Row) []mail.UID {
	var uids []mail.UID
	for _, r := range rows {
		uids = append(uids, r.UID)
	}
	return uids
}

func keysOf(rows []mail.Row) []mail.Key {
	var keys []mail.Key
	for _, r := range rows {
		keys = append(keys, r.Key)
	}
	return keys
}

func baseEmpty(t *testing.T, b sync.Base) {
	ctx := t.Context()
	same(t, "checkpoints", len(must[[]mail.Checkpoint](t, "checkpoints")(b.Checkpoints(ctx))), 0)
	same(t, "total", must[mail.Counts](t, "total")(b.Total(ctx)), mail.Counts{})
	same(t, "counts", must[mail.Counts](t, "counts")(b.Counts(ctx, "INBOX")), mail.Counts{})
	same(t, "rows by UID", len(byUID(t, b, "INBOX")), 0)
	same(t, "rows by key", len(byKey(t, b, "INBOX")), 0)
	same(t, "UIDs", len(must[[]mail.Row](t, "find UIDs")(b.FindUIDs(ctx, "INBOX", mail.UIDSpan(1, ^mail.UID(0))))), 0)
	same(t, "keys", len(must[[]mail.Row](t, "find keys")(b.FindKeys(ctx, "INBOX", []mail.Key{"k"}))), 0)
	same(t, "content", len(must[[]mail.Row](t, "find content")(b.FindContent(ctx, []mail.Hash{{1}}))), 0)
	same(t, "intents", len(must[[]mail.Intent](t, "intents")(b.Intents(ctx))), 0)
	same(t, "problems", len(must[[]mail.Problem](t, "problems")(b.Problems(ctx))), 0)
	same(t, "runs", len(must[[]mail.RunRecord](t, "runs")(b.LastRuns(ctx, 10))), 0)
	commit(t, b) // nothing at all
}
