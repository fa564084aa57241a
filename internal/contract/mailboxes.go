package contract

import (
	"errors"
	"io/fs"
	"slices"
	"testing"

	"godwit/mail"
	"godwit/sync"
)

// What follows checks renames and removals of mailboxes, on all three sides.

func localRenameMailbox(t *testing.T, l sync.Local) {
	ctx := t.Context()
	for _, m := range []mail.Mailbox{"Work", "Work/2024", "Work/2024/Q1", "Workshop"} {
		create(t, l, m)
		deliver(t, l, m, message(string(m)), `\Seen`, "label")
	}
	before := must[mail.Stamp](t, "stamp")(l.Stamp(ctx, "Work/2024"))
	scan(t, l, "Work")
	ok(t, "rename", l.RenameMailbox(ctx, "Work", "Jobs/Old work"))
	same(t, "mailboxes", names(t, l), []mail.Mailbox{mail.Inbox, "Jobs/Old work", "Jobs/Old work/2024", "Jobs/Old work/2024/Q1", "Workshop"})
	after := must[mail.Stamp](t, "stamp")(l.Stamp(ctx, "Jobs/Old work/2024"))
	if before.Cur != after.Cur || before.New != after.New {
		t.Errorf("a stamp moved from %+v to %+v", before, after)
	}
	for m, text := range map[mail.Mailbox]string{"Jobs/Old work": "Work", "Jobs/Old work/2024/Q1": "Work/2024/Q1"} {
		all := flagsOf(t, l, m)
		for k, f := range all {
			same(t, "text", wireOf(t, l, m, k), message(text))
			same(t, "flags", f, `\Seen label`)
		}
		same(t, "messages", len(all), 1)
		deliver(t, l, m, message("more"))
	}
	fails(t, "rename again", l.RenameMailbox(ctx, "Work", "Elsewhere"), mail.ErrNoMailbox)
	if l.RenameMailbox(ctx, mail.Inbox, "Elsewhere") == nil || l.RenameMailbox(ctx, "Workshop", mail.Inbox) == nil {
		t.Error("INBOX was renamed")
	}
}

func localRenameDeep(t *testing.T, l sync.Local) {
	ctx := t.Context()
	create(t, l, "A/B")
	create(t, l, "A/C")
	deliver(t, l, "A/B", message("b"))
	deliver(t, l, "A/C", message("c"))
	ok(t, "rename to a mere parent's name", l.RenameMailbox(ctx, "A/B", "A"))
	same(t, "mailboxes", names(t, l), []mail.Mailbox{"A", "A/C", mail.Inbox})
	same(t, "messages of A", len(flagsOf(t, l, "A")), 1)
	same(t, "messages of A/C", len(flagsOf(t, l, "A/C")), 1)
	ok(t, "rename to beside", l.RenameMailbox(ctx, "A/C", "Deep/Er/C"))
	ok(t, "and back", l.RenameMailbox(ctx, "Deep/Er/C", "A/C"))
	same(t, "mailboxes", names(t, l), []mail.Mailbox{"A", "A/C", mail.Inbox})
}

func localRenameTaken(t *testing.T, l sync.Local) {
	ctx := t.Context()
	for _, m := range []mail.Mailbox{"A", "A/x", "B", "C/x"} {
		create(t, l, m)
		deliver(t, l, m, message(string(m)))
	}
	fails(t, "rename to a mailbox", l.RenameMailbox(ctx, "A", "B"), fs.ErrExist)
	fails(t, "rename over a mailbox below", l.RenameMailbox(ctx, "A", "C"), fs.ErrExist)
	same(t, "mailboxes", names(t, l), []mail.Mailbox{"A", "A/x", "B", "C/x", mail.Inbox})
	for _, m := range []mail.Mailbox{"A", "A/x", "B", "C/x"} {
		same(t, "messages of "+string(m), len(flagsOf(t, l, m)), 1)
	}
}

func localDeleteMailbox(t *testing.T, l sync.Local) {
	ctx := t.Context()
	create(t, l, "A")
	create(t, l, "A/x")
	for _, flags := range [][]string{nil, {`\Seen`, "label"}} {
		k := deliver(t, l, "A", message("a"), flags...)
		fails(t, "delete with a message", l.DeleteMailbox(ctx, "A"), mail.ErrNotEmpty)
		same(t, "messages", len(flagsOf(t, l, "A")), 1)
		results, err := l.Remove(ctx, "A", []mail.Key{k}, 1)
		ok(t, "remove", errors.Join(append(results, err)...))
	}
	s := stage(t, l, "A", message("under way"), mail.Delivery{})
	fails(t, "delete with a message under way", l.DeleteMailbox(ctx, "A"), mail.ErrNotEmpty)
	ok(t, "discard", l.Discard(ctx, []mail.Staged{s}))
	ok(t, "delete", l.DeleteMailbox(ctx, "A"))
	same(t, "mailboxes", names(t, l), []mail.Mailbox{"A/x", mail.Inbox})
	fails(t, "delete again", l.DeleteMailbox(ctx, "A"), mail.ErrNoMailbox)
	ok(t, "delete below", l.DeleteMailbox(ctx, "A/x"))
	same(t, "mailboxes", names(t, l), []mail.Mailbox{mail.Inbox})
	create(t, l, "A/x")
	deliver(t, l, "A/x", message("once more"))
}

func serverRename(t *testing.T, a Account) {
	ctx := t.Context()
	for _, m := range []mail.Mailbox{"Work", "Work/Q&A", "Workshop"} {
		ok(t, "create", a.Server.Create(ctx, m))
		put(t, a.Server, m, upload(message(string(m))))
	}
	observe(t, a.Server, "Work", mail.Since{}) // it is selected
	before := listed(t, a.Server)
	ok(t, "rename", a.Server.Rename(ctx, "Work", "Entwürfe/alt"))
	ok(t, "rename when the answer was lost", a.Server.Rename(ctx, "Work", "Entwürfe/alt"))
	for old, m := range map[mail.Mailbox]mail.Mailbox{"Work": "Entwürfe/alt", "Work/Q&A": "Entwürfe/alt/Q&A", "Workshop": "Workshop"} {
		same(t, "messages of "+string(m), texts(t, a.Server, m), []string{message(string(old))})
		l, there := listed(t, a.Other)[m]
		if !there || !l.Subscribed || l.Status == nil {
			t.Fatalf("%s is listed: %t, as %+v", m, there, l)
		}
		same(t, "MAILBOXID", l.Status.MailboxID, before[old].Status.MailboxID)
		same(t, "UIDNEXT", l.Status.UIDNext, before[old].Status.UIDNext)
	}
	if l, there := listed(t, a.Other)["Work"]; there && !l.NoSelect {
		t.Errorf("the old name is still there: %+v", l)
	}
	if err := a.Server.Rename(ctx, "Workshop", "Entwürfe/alt"); err == nil {
		t.Error("a mailbox was renamed over another")
	}
	if err := a.Server.Rename(ctx, mail.Inbox, "Elsewhere"); err == nil {
		t.Error("INBOX was renamed")
	}
	put(t, a.Server, "Entwürfe/alt", upload(message("more")))
	same(t, "messages", len(texts(t, a.Other, "Entwürfe/alt")), 2)
}

func serverDelete(t *testing.T, a Account) {
	ctx := t.Context()
	ok(t, "create", a.Server.Create(ctx, "Work/2024"))
	ok(t, "create", a.Server.Create(ctx, "Work"))
	put(t, a.Server, "Work", upload(message("x")))
	o := observe(t, a.Server, "Work", mail.Since{})
	fails(t, "delete with a message", a.Server.Delete(ctx, "Work", o.UIDValidity), mail.ErrNotEmpty)
	same(t, "messages", len(texts(t, a.Other, "Work")), 1)
	_, err := a.Server.Remove(ctx, "Work", o.UIDValidity, allOf(o))
	ok(t, "remove", err)
	fails(t, "delete another one", a.Server.Delete(ctx, "Work", o.UIDValidity+1), mail.ErrUIDValidity)
	ok(t, "delete", a.Server.Delete(ctx, "Work", o.UIDValidity))
	fails(t, "delete again", a.Server.Delete(ctx, "Work", o.UIDValidity), mail.ErrNoMailbox)
	all := listed(t, a.Other)
	if l, there := all["Work"]; there && !l.NoSelect {
		t.Errorf("it is still there: %+v", l)
	}
	if _, there := all["Work/2024"]; !there {
		t.Error("the one below is gone")
	}
	inbox := observe(t, a.Server, mail.Inbox, mail.Since{})
	if a.Server.Delete(ctx, mail.Inbox, inbox.UIDValidity) == nil {
		t.Error("INBOX was deleted")
	}
}

// rowsAndMore puts a mailbox into base, with a row, an intent and a problem.
func rowsAndMore(t *testing.T, b sync.Base, m mail.Mailbox, n int) {
	t.Helper()
	commit(t, b, mail.PutCheckpoint{Checkpoint: mail.Checkpoint{Mailbox: m, UIDNext: mail.UID(n)}},
		mail.PutRow{Row: row(m, mail.UID(n), mail.Key("k"+string(m)))},
		mail.PutIntent{Intent: mail.Intent{ID: int64(n), Kind: mail.IntentRename, Mailbox: m, From: m}},
		mail.PutProblem{Problem: mail.Problem{Mailbox: m, Reason: "r"}})
}

func baseRenameMailbox(t *testing.T, b sync.Base) {
	ctx := t.Context()
	rowsAndMore(t, b, "A", 1)
	rowsAndMore(t, b, "A/B", 2)
	id := onlyRow(t, b, "A").ID
	commit(t, b, mail.RenameMailboxes{Names: []mail.NewName{{From: "A", To: "C"}, {From: "none", To: "D"}}})
	same(t, "checkpoints", must[[]mail.Checkpoint](t, "checkpoints")(b.Checkpoints(ctx)),
		[]mail.Checkpoint{{Mailbox: "A/B", UIDNext: 2}, {Mailbox: "C", UIDNext: 1}})
	r := onlyRow(t, b, "C")
	same(t, "row's mailbox", r.Mailbox, mail.Mailbox("C"))
	same(t, "row's ID", r.ID, id)
	same(t, "row's key", r.Key, mail.Key("kA"))
	same(t, "rows of the old name", len(byUID(t, b, "A")), 0)
	found := must[[]mail.Row](t, "find content")(b.FindContent(ctx, []mail.Hash{r.Content.Hash}))
	if len(found) != 1 || found[0].Mailbox != "C" {
		t.Errorf("found by content: %+v", found)
	}
	intents := must[[]mail.Intent](t, "intents")(b.Intents(ctx))
	same(t, "intent", []mail.Mailbox{intents[0].Mailbox, intents[0].From, intents[1].Mailbox}, []mail.Mailbox{"C", "C", "A/B"})
	var troubled []mail.Mailbox
	for _, p := range must[[]mail.Problem](t, "problems")(b.Problems(ctx)) {
		troubled = append(troubled, p.Mailbox)
	}
	slices.Sort(troubled)
	same(t, "problems", troubled, []mail.Mailbox{"A/B", "C"})
	commit(t, b, mail.PutRow{Row: row("A", 9, "z")}) // a new one of the old name
	same(t, "a mailbox of the old name", uidsOf(byUID(t, b, "A")), []mail.UID{9})
	same(t, "the renamed", uidsOf(byUID(t, b, "C")), []mail.UID{1})
}

func baseExchangeNames(t *testing.T, b sync.Base) {
	rowsAndMore(t, b, "A", 1)
	rowsAndMore(t, b, "B", 2)
	commit(t, b, mail.RenameMailboxes{Names: []mail.NewName{{From: "A", To: "B"}, {From: "B", To: "A"}}})
	same(t, "A", uidsOf(byUID(t, b, "A")), []mail.UID{2})
	same(t, "B", uidsOf(byUID(t, b, "B")), []mail.UID{1})
}

func baseRenameTaken(t *testing.T, b sync.Base) {
	rowsAndMore(t, b, "A", 1)
	rowsAndMore(t, b, "B", 2)
	if err := b.Commit(t.Context(), mail.RenameMailboxes{Names: []mail.NewName{{From: "A", To: "B"}}}); err == nil {
		t.Error("two mailboxes have one name")
	}
	same(t, "A", uidsOf(byUID(t, b, "A")), []mail.UID{1})
	same(t, "B", uidsOf(byUID(t, b, "B")), []mail.UID{2})
}
