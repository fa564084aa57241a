package contract

import (
	"context"
	"testing"

	"godwit/mail"
	"godwit/sync"
)

// journal is what a base offers besides, to those who read what runs did.
type journal interface {
	Operations(ctx context.Context, run int64) ([]mail.Operation, error)
}

func operations(t *testing.T, b sync.Base, run int64) []mail.Operation {
	t.Helper()
	return must[[]mail.Operation](t, "operations")(b.(journal).Operations(t.Context(), run))
}

func baseJournal(t *testing.T, b sync.Base) {
	commit(t, b, mail.PutRun{Run: mail.RunRecord{ID: 3, Started: 100}}, mail.PutRow{Row: row("A", 1, "a")})
	next := byUID(t, b, "A")[0].ID + 1
	arrived := mail.Operation{
		Run: 3, Seq: 1, Kind: mail.OperationArrived, Side: mail.SideLocal, Mailbox: "A", UIDValidity: 1 << 31,
		UIDs: mail.UIDs(1, 2, 3, 9, ^mail.UID(0)), Count: 5,
	}
	removed := mail.Operation{
		Run: 3, Seq: 2, Intended: true, Kind: mail.OperationRemoved, Side: mail.SideServer, Mailbox: "A", Other: "Trash",
		UIDs: mail.UIDs(7), Count: 1, OtherUID: 12, Key: "a", OtherKey: "b",
		Content: mail.Content{Hash: mail.Hash{1}, Head: mail.Head{2}, Size: -1, EmailID: "M1", MessageID: "<1@x>", Weak: true, Partial: 1 << 33},
		Flags:   mail.ParseFlags(`\Seen`, "k"), Before: mail.ParseFlags(`\Seen`, "k"), Reason: "because", Detail: "so", Mark: 40, Undone: 9,
	}
	flags := mail.Operation{
		Run: 3, Seq: 3, Kind: mail.OperationFlags, Side: mail.SideServer, Mailbox: "A", Count: 1,
		Before: mail.ParseFlags(`\Flagged`, "old"), Content: mail.Content{Size: -1},
	}
	other := mail.Operation{Run: 4, Seq: 1, Kind: mail.OperationMailbox, Side: mail.SideLocal, Mailbox: "A", Detail: "created"}
	commit(t, b, mail.PutOperation{Operation: flags}, mail.PutOperation{Operation: removed}, mail.PutOperation{Operation: arrived},
		mail.PutRun{Run: mail.RunRecord{ID: 4, Started: 200}}, mail.PutOperation{Operation: other})
	arrived.Mark, flags.Mark, other.Mark = next, next, next
	same(t, "by number", operations(t, b, 3), []mail.Operation{arrived, removed, flags})
	same(t, "another run", operations(t, b, 4), []mail.Operation{other})

	removed.Intended, removed.OtherUID = false, 13
	commit(t, b, mail.PutOperation{Operation: removed}, mail.DropOperation{Run: 3, Seq: 3}, mail.DropOperation{Run: 3, Seq: 99})
	same(t, "one done, one dropped", operations(t, b, 3), []mail.Operation{arrived, removed})
	commit(t, b, mail.DropMailbox{Mailbox: "A"})
	same(t, "the mailbox gone", len(operations(t, b, 3)), 2)

	for _, bad := range []mail.Operation{
		{Seq: 1, Kind: mail.OperationMailbox, Side: mail.SideLocal, Mailbox: "A"},
		{Run: 3, Seq: 1, Kind: mail.OperationMailbox, Side: mail.SideLocal},
		{Run: 3, Seq: 1, Kind: mail.OperationKinds, Side: mail.SideLocal, Mailbox: "A"},
		{Run: 3, Seq: 1, Kind: mail.OperationMailbox, Mailbox: "A"},
	} {
		if b.Commit(t.Context(), mail.PutOperation{Operation: bad}) == nil {
			t.Errorf("%+v was stored", bad)
		}
	}
}

func baseJournalForgets(t *testing.T, b sync.Base) {
	for run := range int64(4) {
		commit(t, b, mail.PutRun{Run: mail.RunRecord{ID: run + 1, Started: mail.UnixTime(100 * (run + 1))}},
			mail.PutOperation{Operation: mail.Operation{Run: run + 1, Seq: 1, Kind: mail.OperationMailbox, Side: mail.SideLocal, Mailbox: "A"}})
	}
	commit(t, b, mail.ForgetOperations{Before: 350, Keep: []int64{2}})
	var left []int64
	for _, r := range must[[]mail.RunRecord](t, "runs")(b.LastRuns(t.Context(), 9)) {
		left = append(left, r.ID)
	}
	same(t, "runs", left, []int64{4, 2})
	for run, want := range map[int64]int{1: 0, 2: 1, 3: 0, 4: 1} {
		same(t, "operations", len(operations(t, b, run)), want)
	}
	commit(t, b, mail.ForgetOperations{Before: 1000})
	same(t, "the newest run stays", len(must[[]mail.RunRecord](t, "runs")(b.LastRuns(t.Context(), 9))), 1)
	same(t, "its operations do not", len(operations(t, b, 4)), 0)
}
