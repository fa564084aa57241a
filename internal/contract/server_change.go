package contract

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"godwit/mail"
)

func serverStore(t *testing.T, a Account) {
	o := fillServer(t, a.Other, mail.Inbox, 6, "old")
	uid := func(i ...int) mail.UIDSet {
		var set mail.UIDSet
		for _, i := range i {
			set.Add(o.Messages[i].UID)
		}
		return set
	}
	both := mail.FlagDelta{Add: mail.ParseFlags(`\Flagged`), Remove: mail.ParseFlags("OLD")}
	modified, err := a.Server.Store(t.Context(), mail.Inbox, o.UIDValidity, []mail.FlagStore{
		{UIDs: uid(0, 1, 3), Delta: add(`\Seen`, "$Forwarded")},
		{UIDs: uid(3, 4), Delta: both},
		{UIDs: uid(5), Delta: remove("old", `\Answered`)},
	}, 0)
	ok(t, "store", err)
	same(t, "modified", modified.Len(), 0)
	got := flagsByUID(observe(t, a.Other, mail.Inbox, mail.Since{}))
	want := map[mail.UID]string{}
	for i, flags := range []string{`$Forwarded \Seen old`, `$Forwarded \Seen old`, "old", `\Flagged $Forwarded \Seen`, `\Flagged`, ""} {
		want[o.Messages[i].UID] = flags
	}
	same(t, "flags", got, want)
}

func serverUnchangedSince(t *testing.T, a Account) {
	o := fillServer(t, a.Other, mail.Inbox, 3)
	if !a.CondStore {
		same(t, "HIGHESTMODSEQ", o.ModSeq, mail.ModSeq(0))
		return
	}
	seen := observe(t, a.Server, mail.Inbox, mail.Since{})
	changed := mail.UIDs(o.Messages[1].UID)
	_, err := a.Other.Store(t.Context(), mail.Inbox, o.UIDValidity, []mail.FlagStore{{UIDs: changed, Delta: add("theirs")}}, 0)
	ok(t, "store by another client", err)
	modified, err := a.Server.Store(t.Context(), mail.Inbox, o.UIDValidity,
		[]mail.FlagStore{{UIDs: allOf(o), Delta: add("ours")}}, seen.ModSeq)
	ok(t, "store", err)
	same(t, "modified", modified.String(), changed.String())
	got := flagsByUID(observe(t, a.Other, mail.Inbox, mail.Since{}))
	same(t, "flags", got, map[mail.UID]string{
		o.Messages[0].UID: "ours", o.Messages[1].UID: "theirs", o.Messages[2].UID: "ours",
	})
}

// checkTransfer compares the answer with what another client sees.
func checkTransfer(t *testing.T, a Account, o *mail.Observation, chosen mail.UIDSet, copied []mail.Copied, to mail.Mailbox) {
	t.Helper()
	there := observe(t, a.Other, to, mail.Since{})
	got := bodies(t, a.Other, to, there.UIDValidity, allOf(there))
	var want []string
	for i, m := range o.Messages {
		if chosen.Contains(m.UID) {
			want = append(want, message(fmt.Sprint("m", i+1)))
		}
	}
	same(t, "messages in "+string(to), slices.Sorted(maps.Values(got)), want)
	for _, m := range there.Messages {
		same(t, "flags", m.Flags.String(), `\Seen work`)
		same(t, "date", m.Date, mail.UnixTime(1_600_000_000))
	}
	if a.UIDPlus {
		same(t, "pairs", len(copied), len(want))
	}
	for _, c := range copied {
		if a.UIDPlus && c.To == 0 {
			t.Errorf("the copy of UID %s has none", c.From)
		}
		i := slices.IndexFunc(o.Messages, func(m mail.ServerMessage) bool { return m.UID == c.From })
		if i < 0 || c.To != 0 && got[c.To] != message(fmt.Sprint("m", i+1)) {
			t.Errorf("UID %s is said to have become %s, which is %.40q", c.From, c.To, got[c.To])
		}
	}
}

func serverCopy(t *testing.T, a Account) {
	ok(t, "create", a.Server.Create(t.Context(), "Work"))
	o := fillServer(t, a.Other, mail.Inbox, 5, `\Seen`, "work")
	chosen := mail.UIDs(o.Messages[0].UID, o.Messages[2].UID, o.Messages[3].UID)
	copied, err := a.Server.Copy(t.Context(), mail.Inbox, o.UIDValidity, chosen, "Work")
	ok(t, "copy", err)
	checkTransfer(t, a, o, chosen, copied, "Work")
	same(t, "INBOX", flagsByUID(observe(t, a.Other, mail.Inbox, mail.Since{})), flagsByUID(o))
}

func serverMove(t *testing.T, a Account) {
	ok(t, "create", a.Server.Create(t.Context(), "Work"))
	o := fillServer(t, a.Other, mail.Inbox, 5, `\Seen`, "work")
	chosen := mail.UIDs(o.Messages[0].UID, o.Messages[2].UID, o.Messages[3].UID)
	copied, err := a.Server.Move(t.Context(), mail.Inbox, o.UIDValidity, chosen, "Work")
	ok(t, "move", err)
	left := observe(t, a.Other, mail.Inbox, mail.Since{})
	same(t, "what is left", allOf(left).String(), allOf(o).Minus(chosen).String())
	checkTransfer(t, a, o, chosen, copied, "Work")
}

func serverRemove(t *testing.T, a Account) {
	ctx := t.Context()
	o := fillServer(t, a.Other, mail.Inbox, 5)
	uid := func(i int) mail.UIDSet { return mail.UIDs(o.Messages[i].UID) }
	kept, err := a.Server.Remove(ctx, mail.Inbox, o.UIDValidity, uid(0))
	ok(t, "remove", err)
	same(t, "kept", kept.Len(), 0)
	same(t, "left", allOf(observe(t, a.Other, mail.Inbox, mail.Since{})).String(), allOf(o).Minus(uid(0)).String())

	// Another client has marked one: it must stay, whatever happens to ours.
	_, err = a.Other.Store(ctx, mail.Inbox, o.UIDValidity, []mail.FlagStore{{UIDs: uid(3), Delta: add(`\Deleted`)}}, 0)
	ok(t, "mark", err)
	kept, err = a.Server.Remove(ctx, mail.Inbox, o.UIDValidity, uid(1))
	ok(t, "remove", err)
	after := observe(t, a.Other, mail.Inbox, mail.Since{})
	want := allOf(o).Minus(uid(0))
	if a.UIDPlus {
		want = want.Minus(uid(1))
		same(t, "kept", kept.Len(), 0)
	} else {
		same(t, "kept", kept.String(), uid(1).String())
		same(t, "its flags", flagsByUID(after)[o.Messages[1].UID], `\Deleted`)
	}
	same(t, "left", allOf(after).String(), want.String())
}

func serverVanished(t *testing.T, a Account) {
	ctx := t.Context()
	ok(t, "create", a.Server.Create(ctx, "Work"))
	o := fillServer(t, a.Server, mail.Inbox, 6)
	gone := mail.UIDs(o.Messages[1].UID, o.Messages[5].UID)
	_, err := a.Other.Remove(ctx, mail.Inbox, o.UIDValidity, gone)
	ok(t, "remove", err)
	there := allOf(o).Minus(gone)
	asked := allOf(o)
	asked.AddRange(o.UIDNext+5, o.UIDNext+6) // and some that never were

	same(t, "fetched", len(bodies(t, a.Server, mail.Inbox, o.UIDValidity, asked)), 4)
	found := must[map[mail.UID]mail.Content](t, "identify")(a.Server.Identify(ctx, mail.Inbox, o.UIDValidity, asked, true))
	same(t, "identified", mail.UIDs(slices.Collect(maps.Keys(found))...).String(), there.String())
	_, err = a.Server.Store(ctx, mail.Inbox, o.UIDValidity, []mail.FlagStore{{UIDs: asked, Delta: add(`\Seen`, "work")}}, 0)
	ok(t, "store", err)
	copied, err := a.Server.Copy(ctx, mail.Inbox, o.UIDValidity, asked, "Work")
	ok(t, "copy", err)
	checkTransfer(t, a, o, there, copied, "Work")
	kept, err := a.Server.Remove(ctx, mail.Inbox, o.UIDValidity, gone)
	ok(t, "remove what is gone", err)
	same(t, "kept", kept.Len(), 0)
	same(t, "left", allOf(observe(t, a.Other, mail.Inbox, mail.Since{})).String(), there.String())
	kept, err = a.Server.Remove(ctx, mail.Inbox, o.UIDValidity, asked)
	ok(t, "remove all", err)
	same(t, "kept of all", kept.Len(), 0)
	same(t, "left in the end", allOf(observe(t, a.Other, mail.Inbox, mail.Since{})).Len(), 0)
}
