package contract

import (
	"context"
	"errors"
	"fmt"
	gosync "sync"
	"testing"

	"godwit/mail"
	"godwit/sync"
)

func baseCheckpoints(t *testing.T, b sync.Base) {
	full := mail.Checkpoint{
		Mailbox: "Wörk/2024", MailboxID: "F2212ea87-6097-4256-9d51-71338625",
		UIDValidity: ^mail.UIDValidity(0), UIDNext: ^mail.UID(0), ModSeq: 1<<63 - 1, Messages: ^uint32(0),
		Stamp: mail.Stamp{
			Cur:  mail.DirStamp{Inode: 1<<64 - 1, MTime: 1700000000123456789, CTime: -5},
			New:  mail.DirStamp{Inode: 2, MTime: 3, CTime: 4},
			Racy: true,
		},
		OnServer: true, OnLocal: true, Letters: "one\n\nthree",
	}
	first := mail.Checkpoint{Mailbox: "INBOX", UIDValidity: 7, OnServer: true}
	commit(t, b, mail.PutCheckpoint{Checkpoint: full}, mail.PutCheckpoint{Checkpoint: first})
	read := must[[]mail.Checkpoint](t, "checkpoints")
	same(t, "by name", read(b.Checkpoints(t.Context())), []mail.Checkpoint{first, full})

	first.UIDValidity, first.OnServer, first.OnLocal = 8, false, true
	commit(t, b, mail.PutCheckpoint{Checkpoint: first})
	same(t, "after an update", read(b.Checkpoints(t.Context())), []mail.Checkpoint{first, full})
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
	for kind := mail.IntentDeliver; kind < mail.IntentKinds; kind++ {
		commit(t, b, mail.PutIntent{Intent: mail.Intent{ID: int64(kind), Kind: kind, Mailbox: "A", From: "B"}})
	}
	same(t, "all kinds", len(read(b.Intents(t.Context()))), 2+int(mail.IntentKinds-mail.IntentDeliver))
	for _, kind := range []mail.IntentKind{0, mail.IntentKinds} {
		if err := b.Commit(t.Context(), mail.PutIntent{Intent: mail.Intent{ID: 1, Kind: kind, Mailbox: "A"}}); err == nil {
			t.Errorf("an intent of kind %d was stored", kind)
		}
	}
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

func baseQuarantine(t *testing.T, b sync.Base) {
	uid := mail.Quarantined{
		Mailbox: "A", UIDValidity: 1 << 31, UID: ^mail.UID(0), Size: 1 << 40, EmailID: "M1", Tried: mail.AttemptFetch,
		Reason: "NIL", First: 100, Last: 200, Tries: 2, Next: 1400,
	}
	key := mail.Quarantined{
		Mailbox: "A", Key: "k", Size: -1, Inode: 1<<64 - 1, Tried: mail.AttemptRead, Reason: "permission denied",
		First: 300, Last: 300, Tries: 1, Next: 900, Known: true,
	}
	other := mail.Quarantined{Mailbox: "A/B", Key: "k", Size: 5, Tried: mail.AttemptAppend, Tries: 1}
	commit(t, b, mail.PutQuarantined{Quarantined: other}, mail.PutQuarantined{Quarantined: uid}, mail.PutQuarantined{Quarantined: key})
	read := must[[]mail.Quarantined](t, "what is set aside")
	same(t, "in order", read(b.Quarantine(t.Context())), []mail.Quarantined{key, uid, other})
	same(t, "mailboxes known", len(must[[]mail.Checkpoint](t, "checkpoints")(b.Checkpoints(t.Context()))), 0)

	uid.Tries, uid.Reason = 3, "still NIL"
	commit(t, b, mail.PutQuarantined{Quarantined: uid}, mail.DropQuarantined{Mailbox: "A", Key: "k"})
	same(t, "replaced whole, and one dropped", read(b.Quarantine(t.Context())), []mail.Quarantined{uid, other})

	commit(t, b, mail.DropQuarantined{Mailbox: "A", UID: 1}, mail.DropMailbox{Mailbox: "A"})
	same(t, "with its mailbox", read(b.Quarantine(t.Context())), []mail.Quarantined{other})
	for _, bad := range []mail.Quarantined{
		{Mailbox: "A", Tried: mail.AttemptRead}, {Mailbox: "A", UID: 1, Key: "k", Tried: mail.AttemptRead}, {UID: 1, Tried: mail.AttemptRead},
	} {
		if err := b.Commit(t.Context(), mail.PutQuarantined{Quarantined: bad}); err == nil {
			t.Errorf("stored: %+v", bad)
		}
	}
}

func baseRuns(t *testing.T, b sync.Base) {
	one := mail.RunRecord{Started: 100}
	two := mail.RunRecord{
		Started: 200, Ended: 300, Exit: 5, Summary: "held 12 removals", Pulled: 1, Pushed: 2, Flagged: 3, Removed: 4, Relocate: 5, Paired: 6,
		Command: "undo 1",
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
	commit(t, b, mail.DropRow{ID: 77}, mail.DropIntent{ID: 77}, mail.DropMailbox{Mailbox: "none"}, mail.ClearProblems{Mailbox: "none"},
		mail.DropQuarantined{Mailbox: "none", UID: 1})
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
