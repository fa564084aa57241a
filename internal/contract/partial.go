package contract

import (
	"errors"
	"testing"

	"godwit/mail"
	"godwit/sync"
)

func basePartial(t *testing.T, b sync.Base) {
	part := row("B", 2, "b")
	part.Content.Partial = 1 << 40
	kept := row("A", 0, "c") // the server has it no more
	kept.Content.Partial = 5000
	whole := row("B", 3, "d")
	commit(t, b, mail.PutRow{Row: part}, mail.PutRow{Row: whole}, mail.PutRow{Row: kept})
	read := must[[]mail.Row](t, "partial rows")
	found := read(b.PartialRows(t.Context()))
	same(t, "partial rows", withoutIDs(found), []mail.Row{kept, part})
	same(t, "by key", withoutIDs(byKey(t, b, "B")), []mail.Row{part, whole})
	commit(t, b, mail.PutIntent{Intent: mail.Intent{ID: 1, Kind: mail.IntentDeliver, Mailbox: "B", UID: 9, Key: "x", Content: part.Content}})
	intents := must[[]mail.Intent](t, "intents")(b.Intents(t.Context()))
	same(t, "the intent's", intents[0].Content.Partial, part.Content.Partial)
	found[1].Content.Partial = 0
	commit(t, b, mail.PutRow{Row: found[1]})
	same(t, "when one is whole", withoutIDs(read(b.PartialRows(t.Context()))), []mail.Row{kept})
}

// partAndWhole places a message and stages another, that is to take its place.
func partAndWhole(t *testing.T, l sync.Local, flags ...string) (part, whole mail.Staged) {
	part = stage(t, l, mail.Inbox, message("part"), mail.Delivery{Flags: mail.ParseFlags(flags...)})
	ok(t, "settle", l.Settle(t.Context(), []mail.Staged{part}))
	ok(t, "place", l.Place(t.Context(), []mail.Staged{part}))
	whole = stage(t, l, mail.Inbox, message("the whole"), mail.Delivery{})
	ok(t, "settle", l.Settle(t.Context(), []mail.Staged{whole}))
	return part, whole
}

func localReplace(t *testing.T, l sync.Local) {
	for _, flags := range [][]string{{`\Seen`, "$Label1"}, nil} {
		part, whole := partAndWhole(t, l, flags...)
		before := scan(t, l, mail.Inbox).Len()
		ok(t, "replace", l.Replace(t.Context(), whole, part.Key, part.Inode, 1))
		ok(t, "replace again", l.Replace(t.Context(), whole, part.Key, part.Inode, 1))
		listing := scan(t, l, mail.Inbox)
		got, _ := listing.Find(part.Key)
		same(t, "messages", listing.Len(), before)
		same(t, "flags", got.Flags(listing.Table).String(), mail.ParseFlags(flags...).String())
		same(t, "inode", got.Inode, whole.Inode)
		same(t, "bytes", wireOf(t, l, mail.Inbox, part.Key), message("the whole"))
	}
	_, whole := partAndWhole(t, l)
	if err := l.Replace(t.Context(), whole, "nobody", 1, 1); !errors.Is(err, mail.ErrGone) {
		t.Errorf("of a file that is gone: %v", err)
	}
	ok(t, "discard", l.Discard(t.Context(), []mail.Staged{whole}))
}

func localReplaceEdited(t *testing.T, l sync.Local) {
	part, whole := partAndWhole(t, l, `\Seen`)
	ok(t, "replace", l.Replace(t.Context(), whole, part.Key, part.Inode+1000, 7))
	same(t, "bytes", wireOf(t, l, mail.Inbox, part.Key), message("the whole"))
}
