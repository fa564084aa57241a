package contract

import (
	"context"
	"errors"
	"fmt"
	gosync "sync"
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
		{"RowsOfOneSideAreListedOnThatSide", baseOneSided},
		{"RowWithAnIDIsReplacedWhole", baseReplaceByID},
		{"NewRowTakesThePlaceOfItsUIDAndKey", baseTakesPlace},
		{"RowIDsAreNeverUsedTwice", baseFreshIDs},
		{"RowsAreOrdered", baseOrder},
		{"BreakingOffAnIterationLeavesNothingBehind", baseBreak},
		{"IterationSeesOneMomentAndBlocksNobody", baseSnapshot},
		{"IterationEndsWithItsContext", baseIterationContext},
		{"FindUIDsTakesRanges", baseFindUIDs},
		{"FindKeysLeavesOutTheMissing", baseFindKeys},
		{"FindContentLooksInEveryMailbox", baseFindContent},
		{"CountsAreBySide", baseCounts},
		{"IntentsComeBackOldestFirst", baseIntents},
		{"ProblemsAreCountedUntilCleared", baseProblems},
		{"RunsComeBackNewestFirst", baseRuns},
		{"DropMailboxTakesAllThatIsItsOwn", baseDropMailbox},
		{"DroppingWhatIsNotThereIsNoError", baseDropMissing},
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

func baseCheckpoints(t *testing.T, b sync.Base) {
	full := mail.Checkpoint{
		Mailbox: "Wörk/2024", MailboxID: "F2212ea87-6097-4256-9d51-71338625",
		UIDValidity: ^mail.UIDValidity(0), UIDNext: ^mail.UID(0), ModSeq: 1<<63 - 1, Messages: ^uint32(0),
		Stamp: mail.Stamp{
			Cur:  mail.DirStamp{Inode: 1<<64 - 1, MTime: 1700000000123456789, CTime: -5},
			New:  mail.DirStamp{Inode: 2, MTime: 3, CTime: 4},
			Racy: true,
		},
		OnServer: true, OnLocal: true,
	}
	first := mail.Checkpoint{Mailbox: "INBOX", UIDValidity: 7, OnServer: true}
	commit(t, b, mail.PutCheckpoint{Checkpoint: full}, mail.PutCheckpoint{Checkpoint: first})
	read := must[[]mail.Checkpoint](t, "checkpoints")
	same(t, "by name", read(b.Checkpoints(t.Context())), []mail.Checkpoint{first, full})

	first.UIDValidity, first.OnServer, first.OnLocal = 8, false, true
	commit(t, b, mail.PutCheckpoint{Checkpoint: first})
	same(t, "after an update", read(b.Checkpoints(t.Context())), []mail.Checkpoint{first, full})
}

func baseKnownByRow(t *testing.T, b sync.Base) {
	commit(t, b, mail.PutRow{Row: row("A", 1, "a")})
	read := must[[]mail.Checkpoint](t, "checkpoints")
	same(t, "before a checkpoint", read(b.Checkpoints(t.Context())), []mail.Checkpoint{{Mailbox: "A"}})
	point := mail.Checkpoint{Mailbox: "A", UIDNext: 2}
	commit(t, b, mail.PutCheckpoint{Checkpoint: point})
	same(t, "after it", read(b.Checkpoints(t.Context())), []mail.Checkpoint{point})
	same(t, "rows", len(byUID(t, b, "A")), 1)
}

func baseRowWhole(t *testing.T, b sync.Base) {
	r := mail.Row{
		Mailbox: "A/B", UID: ^mail.UID(0), Key: "1700000000.M1P2.host,S=10,W=11",
		Flags: mail.ParseFlags(`\Seen`, `\Draft`, `\Deleted`, `$Forwarded`, `\Answered`, `\Flagged`, "$Label1", "Wörk"),
		Content: mail.Content{
			Hash: mail.Hash{0: 0xff, 31: 1}, Head: mail.Head{0: 2, 15: 3}, Size: 1 << 40, EmailID: "M1", Weak: true,
		},
		Inode: 1<<64 - 1,
	}
	bare := mail.Row{Mailbox: "A/B", UID: 1, Key: "\xff\xfe not UTF-8", Content: mail.Content{Size: -1}}
	commit(t, b, mail.PutRow{Row: r}, mail.PutRow{Row: bare})
	rows := byUID(t, b, "A/B")
	for _, r := range rows {
		if r.ID <= 0 {
			t.Errorf("row has the ID %d", r.ID)
		}
	}
	same(t, "by UID", withoutIDs(rows), []mail.Row{bare, r})
	same(t, "by key", withoutIDs(byKey(t, b, "A/B")), []mail.Row{r, bare})
	same(t, "by UID set", withoutIDs(must[[]mail.Row](t, "find")(b.FindUIDs(t.Context(), "A/B", mail.UIDs(r.UID)))), []mail.Row{r})
	same(t, "by keys", withoutIDs(must[[]mail.Row](t, "find")(b.FindKeys(t.Context(), "A/B", []mail.Key{bare.Key}))), []mail.Row{bare})
	same(t, "by content", withoutIDs(must[[]mail.Row](t, "find")(b.FindContent(t.Context(), []mail.Hash{r.Content.Hash}))), []mail.Row{r})
}

func baseOneSided(t *testing.T, b sync.Base) {
	commit(t, b, mail.PutRow{Row: row("A", 1, "")}, mail.PutRow{Row: row("A", 0, "k")},
		mail.PutRow{Row: row("A", 2, "")}, mail.PutRow{Row: row("A", 0, "l")})
	same(t, "with a UID", uidsOf(byUID(t, b, "A")), []mail.UID{1, 2})
	same(t, "with a key", keysOf(byKey(t, b, "A")), []mail.Key{"k", "l"})
}

func baseReplaceByID(t *testing.T, b sync.Base) {
	r := row("A", 1, "a")
	r.Flags = mail.ParseFlags(`\Seen`, "x")
	r.Content.EmailID = "M1"
	commit(t, b, mail.PutRow{Row: r}, mail.PutRow{Row: row("A", 2, "b")})
	stored := must[[]mail.Row](t, "find")(b.FindUIDs(t.Context(), "A", mail.UIDs(1)))[0]

	changed := mail.Row{ID: stored.ID, Mailbox: "B", UID: 9, Key: "c", Content: mail.Content{Size: -1}}
	commit(t, b, mail.PutRow{Row: changed})
	same(t, "in its new mailbox", onlyRow(t, b, "B"), changed)
	same(t, "in the old one", uidsOf(byUID(t, b, "A")), []mail.UID{2})

	changed.UID = 0 // a removal on the server that is remembered
	commit(t, b, mail.PutRow{Row: changed})
	same(t, "without its UID", byKey(t, b, "B"), []mail.Row{changed})
	same(t, "by UID", len(byUID(t, b, "B")), 0)
}

func baseTakesPlace(t *testing.T, b sync.Base) {
	commit(t, b, mail.PutRow{Row: row("A", 1, "a")}, mail.PutRow{Row: row("A", 2, "b")}, mail.PutRow{Row: row("A", 3, "c")},
		mail.PutRow{Row: row("B", 1, "a")})
	commit(t, b, mail.PutRow{Row: row("A", 1, "new")})
	same(t, "same UID", keysOf(byUID(t, b, "A")), []mail.Key{"new", "b", "c"})
	commit(t, b, mail.PutRow{Row: row("A", 7, "b")})
	same(t, "same key", uidsOf(byKey(t, b, "A")), []mail.UID{7, 3, 1})
	commit(t, b, mail.PutRow{Row: row("A", 7, "c")})
	same(t, "UID of one and key of another", withoutIDs(byUID(t, b, "A")), []mail.Row{row("A", 1, "new"), row("A", 7, "c")})
	same(t, "the other mailbox", withoutIDs(byUID(t, b, "B")), []mail.Row{row("B", 1, "a")})
	same(t, "counts", must[mail.Counts](t, "counts")(b.Counts(t.Context(), "A")), mail.Counts{Server: 2, Local: 2})
}

// An intent may name a row that is gone by the time it is settled.
func baseFreshIDs(t *testing.T, b sync.Base) {
	seen := map[int64]bool{}
	for i := range 5 {
		commit(t, b, mail.PutRow{Row: row("A", mail.UID(i+1), "")})
		id := onlyRow(t, b, "A").ID
		if seen[id] {
			t.Fatalf("ID %d was used before", id)
		}
		seen[id] = true
		commit(t, b, mail.DropRow{ID: id})
	}
}

func baseOrder(t *testing.T, b sync.Base) {
	uids := []mail.UID{9, 100, 10, 1 << 31, 1, 1<<32 - 1, 2}
	keys := []mail.Key{"b", "a.b", "a", "B", "ä", "a,b", "a b"}
	var changes []mail.Change
	for i := range uids {
		changes = append(changes, mail.PutRow{Row: row("A", uids[i], keys[i])})
	}
	commit(t, b, changes...)
	same(t, "by UID", uidsOf(byUID(t, b, "A")), []mail.UID{1, 2, 9, 10, 100, 1 << 31, 1<<32 - 1})
	same(t, "by key", keysOf(byKey(t, b, "A")), []mail.Key{"B", "a", "a b", "a,b", "a.b", "b", "ä"})
}

// fill puts n rows with both sides into a mailbox.
func fill(t *testing.T, b sync.Base, m mail.Mailbox, n int) {
	t.Helper()
	var changes []mail.Change
	for i := range n {
		changes = append(changes, mail.PutRow{Row: row(m, mail.UID(i+1), mail.Key(fmt.Sprintf("%05d", i)))})
	}
	commit(t, b, changes...)
}

func baseBreak(t *testing.T, b sync.Base) {
	fill(t, b, "A", 600)
	for range 40 { // more often than any pool of readers is large
		n := 0
		for _, err := range b.RowsByUID(t.Context(), "A") {
			if err != nil {
				t.Fatal(err)
			}
			if n++; n == 3 {
				break
			}
		}
	}
	commit(t, b, mail.DropMailbox{Mailbox: "A"})
	same(t, "rows", len(byUID(t, b, "A")), 0)
}

func baseSnapshot(t *testing.T, b sync.Base) {
	fill(t, b, "A", 600)
	n := 0
	for r, err := range b.RowsByKey(t.Context(), "A") {
		if err != nil {
			t.Fatal(err)
		}
		if n == 0 { // the rest of the mailbox goes away under the iteration
			commit(t, b, mail.DropMailbox{Mailbox: "A"}, mail.PutRow{Row: row("B", 1, "b")})
			same(t, "what a new call sees", len(byUID(t, b, "A")), 0)
		}
		if n < 3 {
			same(t, "read in the loop", onlyRow(t, b, "B").Key, mail.Key("b"))
		}
		if n++; r.UID != mail.UID(n) {
			t.Fatalf("row %d has UID %s", n, r.UID)
		}
	}
	same(t, "rows seen", n, 600)
}

func baseIterationContext(t *testing.T, b sync.Base) {
	fill(t, b, "A", 2000)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	n := 0
	var last error
	for _, err := range b.RowsByUID(ctx, "A") {
		if last != nil {
			t.Fatal("the iteration went on after an error")
		}
		last = err
		if n++; n == 2 {
			cancel()
		}
	}
	if !errors.Is(last, context.Canceled) || n >= 2000 {
		t.Errorf("ended after %d rows with %v, want context.Canceled before the end", n, last)
	}
}

func baseFindUIDs(t *testing.T, b sync.Base) {
	fill(t, b, "A", 50)
	commit(t, b, mail.PutRow{Row: row("A", 0, "no UID")}, mail.PutRow{Row: row("B", 3, "other")})
	var set mail.UIDSet
	set.AddRange(3, 5)
	set.Add(20)
	set.AddRange(49, ^mail.UID(0))
	rows := must[[]mail.Row](t, "find UIDs")(b.FindUIDs(t.Context(), "A", set))
	same(t, "UIDs", uidsOf(rows), []mail.UID{3, 4, 5, 20, 49, 50})
	same(t, "none", len(must[[]mail.Row](t, "find UIDs")(b.FindUIDs(t.Context(), "A", mail.UIDSet{}))), 0)
}

func baseFindKeys(t *testing.T, b sync.Base) {
	commit(t, b, mail.PutRow{Row: row("A", 1, "a")}, mail.PutRow{Row: row("A", 2, "b")}, mail.PutRow{Row: row("B", 1, "c")},
		mail.PutRow{Row: row("A", 3, "")})
	rows := must[[]mail.Row](t, "find keys")(b.FindKeys(t.Context(), "A", []mail.Key{"b", "c", "a", "", "b", "missing"}))
	found := map[mail.Key]int{}
	for _, r := range rows {
		found[r.Key]++
	}
	same(t, "keys", found, map[mail.Key]int{"a": 1, "b": 1})
}

func baseFindContent(t *testing.T, b sync.Base) {
	one, two := row("A", 1, "a"), row("B", 2, "")
	two.Content = one.Content
	near, unknown := row("A", 3, "c"), row("A", 4, "d")
	near.Content.Hash = one.Content.Hash
	near.Content.Hash[31]++ // equal in the beginning
	unknown.Content = mail.Content{Size: 5}
	commit(t, b, mail.PutRow{Row: one}, mail.PutRow{Row: two}, mail.PutRow{Row: near}, mail.PutRow{Row: unknown},
		mail.PutRow{Row: row("C", 1, "x")})
	find := func(hashes ...mail.Hash) map[mail.Mailbox]mail.UID {
		found := map[mail.Mailbox]mail.UID{}
		for _, r := range must[[]mail.Row](t, "find content")(b.FindContent(t.Context(), hashes)) {
			if _, twice := found[r.Mailbox]; twice {
				t.Errorf("more than one row of %s", r.Mailbox)
			}
			found[r.Mailbox] = r.UID
		}
		return found
	}
	same(t, "both copies", find(one.Content.Hash, mail.Hash{1}), map[mail.Mailbox]mail.UID{"A": 1, "B": 2})
	same(t, "one that was asked for twice", find(near.Content.Hash, near.Content.Hash), map[mail.Mailbox]mail.UID{"A": 3})
	same(t, "what is not known", find(mail.Hash{}), map[mail.Mailbox]mail.UID{})
	same(t, "nothing", find(), map[mail.Mailbox]mail.UID{})
	var many []mail.Hash
	for i := range 3000 {
		many = append(many, content(fmt.Sprint("other", i)).Hash)
	}
	same(t, "one among many", find(append(many, near.Content.Hash)...), map[mail.Mailbox]mail.UID{"A": 3})
}

func baseCounts(t *testing.T, b sync.Base) {
	commit(t, b, mail.PutRow{Row: row("A", 1, "a")}, mail.PutRow{Row: row("A", 2, "")}, mail.PutRow{Row: row("A", 0, "b")},
		mail.PutRow{Row: row("A", 0, "c")}, mail.PutRow{Row: row("B", 5, "x")})
	same(t, "A", must[mail.Counts](t, "counts")(b.Counts(t.Context(), "A")), mail.Counts{Server: 2, Local: 3})
	same(t, "B", must[mail.Counts](t, "counts")(b.Counts(t.Context(), "B")), mail.Counts{Server: 1, Local: 1})
	same(t, "total", must[mail.Counts](t, "total")(b.Total(t.Context())), mail.Counts{Server: 3, Local: 4})
}

func baseIntents(t *testing.T, b sync.Base) {
	full := mail.Intent{
		ID: 900, Kind: mail.IntentTransfer, Mailbox: "B", UIDValidity: 1 << 31, UID: ^mail.UID(0), Key: "k",
		Flags: mail.ParseFlags(`\Seen`, "$x"),
		Content: mail.Content{
			Hash: mail.Hash{1}, Head: mail.Head{2}, Size: 3, EmailID: "M1", MessageID: "<1@x>", Weak: true,
		},
		Floor: 1 << 31, From: "A", FromKey: "old", OldRow: 1 << 40,
	}
	second := mail.Intent{ID: 5, Kind: mail.IntentDeliver, Mailbox: "A", UID: 1, Key: "a", Content: mail.Content{Size: -1}}
	third := mail.Intent{ID: 600, Kind: mail.IntentRemove, Mailbox: "A", UID: 2, Content: mail.Content{Size: -1}}
	commit(t, b, mail.PutIntent{Intent: full})
	commit(t, b, mail.PutIntent{Intent: second}, mail.PutIntent{Intent: third})
	read := must[[]mail.Intent](t, "intents")
	same(t, "oldest first", read(b.Intents(t.Context())), []mail.Intent{full, second, third})

	full.Flags, full.Content.MessageID = mail.Flags{}, ""
	commit(t, b, mail.DropIntent{ID: second.ID}, mail.PutIntent{Intent: full})
	same(t, "one dropped, one put again", read(b.Intents(t.Context())), []mail.Intent{full, third})
	same(t, "mailboxes known", len(must[[]mail.Checkpoint](t, "checkpoints")(b.Checkpoints(t.Context()))), 0)
}

func baseProblems(t *testing.T, b sync.Base) {
	account := mail.Problem{Reason: "quota", Since: 100, Last: 100, Count: 1}
	uid := mail.Problem{Mailbox: "A", UID: 7, Reason: "malformed", Since: 100, Last: 100, Count: 1}
	key := mail.Problem{Mailbox: "A", Key: "k", Reason: "refused", Since: 200, Last: 200, Count: 1}
	commit(t, b, mail.PutProblem{Problem: key}, mail.PutProblem{Problem: uid}, mail.PutProblem{Problem: account})
	read := must[[]mail.Problem](t, "problems")
	same(t, "first time", read(b.Problems(t.Context())), []mail.Problem{account, key, uid})

	again := uid
	again.Since, again.Last, again.Count, again.Reason = 300, 300, 0, "still malformed"
	commit(t, b, mail.PutProblem{Problem: again})
	uid.Last, uid.Count, uid.Reason = 300, 2, "still malformed"
	same(t, "second time", read(b.Problems(t.Context())), []mail.Problem{account, key, uid})

	commit(t, b, mail.ClearProblems{Mailbox: "A"})
	same(t, "cleared", read(b.Problems(t.Context())), []mail.Problem{account})
	commit(t, b, mail.ClearProblems{})
	same(t, "the account's too", len(read(b.Problems(t.Context()))), 0)
}

func baseRuns(t *testing.T, b sync.Base) {
	one := mail.RunRecord{Started: 100}
	two := mail.RunRecord{
		Started: 200, Ended: 300, Exit: 5, Summary: "held 12 removals", Pulled: 1, Pushed: 2, Flagged: 3, Removed: 4, Relocate: 5,
	}
	commit(t, b, mail.PutRun{Run: one})
	commit(t, b, mail.PutRun{Run: two})
	read := must[[]mail.RunRecord](t, "runs")
	runs := read(b.LastRuns(t.Context(), 10))
	if len(runs) != 2 || runs[1].ID <= 0 || runs[0].ID <= runs[1].ID {
		t.Fatalf("runs: %+v", runs)
	}
	two.ID, one.ID = runs[0].ID, runs[1].ID
	same(t, "newest first", runs, []mail.RunRecord{two, one})
	same(t, "at most one", read(b.LastRuns(t.Context(), 1)), []mail.RunRecord{two})
	same(t, "none", len(read(b.LastRuns(t.Context(), 0))), 0)

	one.Ended, one.Exit = 150, 1
	three := mail.RunRecord{ID: two.ID + 1, Started: 400}
	commit(t, b, mail.PutRun{Run: one}, mail.PutRun{Run: three})
	same(t, "one ended, one under a chosen ID", read(b.LastRuns(t.Context(), 10)), []mail.RunRecord{three, two, one})
}

func baseDropMailbox(t *testing.T, b sync.Base) {
	for i, m := range []mail.Mailbox{"A", "A/B"} {
		commit(t, b, mail.PutCheckpoint{Checkpoint: mail.Checkpoint{Mailbox: m, UIDNext: 5}},
			mail.PutRow{Row: row(m, 1, "a")}, mail.PutRow{Row: row(m, 0, "b")},
			mail.PutIntent{Intent: mail.Intent{ID: int64(i + 1), Kind: mail.IntentDeliver, Mailbox: m}},
			mail.PutProblem{Problem: mail.Problem{Mailbox: m, Reason: "r", Count: 1}})
	}
	commit(t, b, mail.DropMailbox{Mailbox: "A"})
	ctx := t.Context()
	same(t, "checkpoints", must[[]mail.Checkpoint](t, "checkpoints")(b.Checkpoints(ctx)), []mail.Checkpoint{{Mailbox: "A/B", UIDNext: 5}})
	same(t, "rows by UID", len(byUID(t, b, "A")), 0)
	same(t, "rows by key", len(byKey(t, b, "A")), 0)
	same(t, "total", must[mail.Counts](t, "total")(b.Total(ctx)), mail.Counts{Server: 1, Local: 2})
	intents := must[[]mail.Intent](t, "intents")(b.Intents(ctx))
	if len(intents) != 1 || intents[0].Mailbox != "A/B" {
		t.Errorf("intents: %+v", intents)
	}
	problems := must[[]mail.Problem](t, "problems")(b.Problems(ctx))
	if len(problems) != 1 || problems[0].Mailbox != "A/B" {
		t.Errorf("problems: %+v", problems)
	}
	commit(t, b, mail.PutRow{Row: row("A", 9, "z")}) // and once more from the start
	same(t, "a mailbox of the same name", uidsOf(byUID(t, b, "A")), []mail.UID{9})
}

func baseDropMissing(t *testing.T, b sync.Base) {
	commit(t, b, mail.DropRow{ID: 77}, mail.DropIntent{ID: 77}, mail.DropMailbox{Mailbox: "none"}, mail.ClearProblems{Mailbox: "none"})
}

func baseChangesInOrder(t *testing.T, b sync.Base) {
	commit(t, b,
		mail.PutRow{Row: row("A", 1, "a")},
		mail.PutIntent{Intent: mail.Intent{ID: 1, Kind: mail.IntentDeliver, Mailbox: "A"}},
		mail.DropMailbox{Mailbox: "A"},
		mail.PutRow{Row: row("A", 2, "a")},
		mail.PutRow{Row: row("A", 2, "b")})
	same(t, "rows", withoutIDs(byUID(t, b, "A")), []mail.Row{row("A", 2, "b")})
	same(t, "intents", len(must[[]mail.Intent](t, "intents")(b.Intents(t.Context()))), 0)
}

// refused is a change that no base can carry out: a row that is nowhere.
var refused = mail.PutRow{Row: mail.Row{Mailbox: "A"}}

func baseAllOrNothing(t *testing.T, b sync.Base) {
	commit(t, b, mail.PutRow{Row: row("A", 1, "a")})
	before := byUID(t, b, "A")
	err := b.Commit(t.Context(), mail.PutRow{Row: row("A", 1, "b")}, mail.PutRow{Row: row("New", 1, "c")},
		mail.DropMailbox{Mailbox: "A"}, mail.PutRun{Run: mail.RunRecord{Started: 1}}, refused)
	if err == nil {
		t.Fatal("a row with neither UID nor key was stored")
	}
	same(t, "rows", byUID(t, b, "A"), before)
	same(t, "mailboxes", len(must[[]mail.Checkpoint](t, "checkpoints")(b.Checkpoints(t.Context()))), 1)
	same(t, "runs", len(must[[]mail.RunRecord](t, "runs")(b.LastRuns(t.Context(), 1))), 0)
	commit(t, b, mail.PutRow{Row: row("New", 2, "c")}) // nothing is left of the failure
	same(t, "a later commit", uidsOf(byUID(t, b, "New")), []mail.UID{2})
}

func baseConcurrent(t *testing.T, b sync.Base) {
	const writers, each = 8, 30
	var all gosync.WaitGroup
	for w := range writers {
		all.Go(func() {
			for i := range each {
				uid := mail.UID(w*each + i + 1)
				changes := []mail.Change{mail.PutRow{Row: row("A", uid, mail.Key(fmt.Sprint(uid)))}}
				bad := w == 0 && i%2 == 0
				if bad {
					changes = append(changes, refused)
				}
				if err := b.Commit(t.Context(), changes...); (err != nil) != bad {
					t.Errorf("commit of UID %s: %v", uid, err)
				}
				// What was committed is seen at once.
				rows, err := b.FindUIDs(t.Context(), "A", mail.UIDs(uid))
				if err != nil || (len(rows) == 0) != bad {
					t.Errorf("UID %s after its commit: %d rows, %v", uid, len(rows), err)
				}
			}
		})
	}
	all.Wait()
	same(t, "rows", len(byUID(t, b, "A")), writers*each-each/2)
}

func baseContext(t *testing.T, b sync.Base) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := b.Commit(ctx, mail.PutRow{Row: row("A", 1, "a")}); !errors.Is(err, context.Canceled) {
		t.Errorf("commit: %v, want context.Canceled", err)
	}
	same(t, "rows", len(byUID(t, b, "A")), 0)
	if _, err := b.Checkpoints(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("checkpoints: %v, want context.Canceled", err)
	}
}
