package contract

import (
	"testing"

	"godwit/mail"
	"godwit/sync"
)

func outside(t *testing.T, b sync.Base, m mail.Mailbox, from mail.UID) []mail.Row {
	t.Helper()
	var rows []mail.Row
	for r, err := range b.OutsideRows(t.Context(), m, from) {
		if err != nil {
			t.Fatalf("rows outside of the window of %s: %v", m, err)
		}
		rows = append(rows, r)
	}
	return rows
}

func baseOutside(t *testing.T, b sync.Base) {
	left := func(m mail.Mailbox, u mail.UID, weak bool) mail.Row {
		r := row(m, u, "")
		r.Inode, r.Window, r.Content.Weak, r.Date = 0, mail.Outside, weak, 1000
		return r
	}
	one, two, three := left("A", 1, false), left("A", 7, true), left("B", 7, false)
	brought := row("A", 2, "k")
	brought.Window = mail.Brought
	given := row("A", 3, "") // for another reason
	commit(t, b, mail.PutRow{Row: two}, mail.PutRow{Row: one}, mail.PutRow{Row: three}, mail.PutRow{Row: brought}, mail.PutRow{Row: given})
	same(t, "of A", withoutIDs(outside(t, b, "A", 0)), []mail.Row{one, two})
	same(t, "of A from 2 on", withoutIDs(outside(t, b, "A", 2)), []mail.Row{two})
	same(t, "of A from 7 on", withoutIDs(outside(t, b, "A", 7)), []mail.Row{two})
	same(t, "of a mailbox that is not there", outside(t, b, "C", 0), []mail.Row(nil))
	same(t, "all of A", withoutIDs(byUID(t, b, "A")), []mail.Row{one, brought, given, two})
	same(t, "by key", withoutIDs(byKey(t, b, "A")), []mail.Row{brought})
	same(t, "counts", must[mail.Counts](t, "counts")(b.Counts(t.Context(), "A")), mail.Counts{Server: 4, Local: 1, Outside: 2})
	same(t, "total", must[mail.Counts](t, "total")(b.Total(t.Context())), mail.Counts{Server: 5, Local: 1, Outside: 3})

	back := outside(t, b, "A", 7)[0]
	back.Key, back.Window = "l", mail.InWindow
	commit(t, b, mail.PutRow{Row: back})
	same(t, "when one is back", withoutIDs(outside(t, b, "A", 0)), []mail.Row{one})

	for _, wrong := range []mail.Row{
		{Mailbox: "A", UID: 9, Key: "x", Window: mail.Outside},
		{Mailbox: "A", Key: "x", Window: mail.Outside},
	} {
		if err := b.Commit(t.Context(), mail.PutRow{Row: wrong}); err == nil {
			t.Errorf("stored: %+v", wrong)
		}
	}
	c := mail.Checkpoint{Mailbox: "A", UIDNext: 8, Window: "since=5"}
	commit(t, b, mail.PutCheckpoint{Checkpoint: c}, mail.PutIntent{Intent: mail.Intent{
		ID: 1, Kind: mail.IntentLeave, Mailbox: "A", UID: 1, Key: "m", OldRow: 1,
	}})
	same(t, "checkpoint", must[[]mail.Checkpoint](t, "checkpoints")(b.Checkpoints(t.Context()))[0], c)
	same(t, "intent", must[[]mail.Intent](t, "intents")(b.Intents(t.Context()))[0].Kind, mail.IntentLeave)
}

func baseHighestUIDs(t *testing.T, b sync.Base) {
	highest := func(m mail.Mailbox, n int) string {
		return must[mail.UIDSet](t, "highest UIDs")(b.HighestUIDs(t.Context(), m, n)).String()
	}
	for _, u := range []mail.UID{5, 1 << 31, 3, 4} {
		commit(t, b, mail.PutRow{Row: row("A", u, "")})
	}
	commit(t, b, mail.PutRow{Row: row("A", 0, "k")}, mail.PutRow{Row: row("B", 9, "")})
	same(t, "two", highest("A", 2), "5,2147483648")
	same(t, "more than there are", highest("A", 9), "3:5,2147483648")
	same(t, "none", highest("A", 0), "")
	same(t, "of a mailbox that is not there", highest("C", 2), "")
}
