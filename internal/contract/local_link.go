package contract

import (
	"testing"

	"godwit/mail"
	"godwit/sync"
)

// link is what asks for another place for a message that was delivered.
func link(k mail.Key, raw string, date mail.UnixTime, flags ...string) mail.Link {
	return mail.Link{Key: k, Content: contentOf(raw), Delivery: mail.Delivery{Flags: mail.ParseFlags(flags...), Date: date, Size: int64(len(raw))}}
}

func localLink(t *testing.T, l sync.Local) {
	create(t, l, "Work")
	for name, raw := range wireForms {
		s := stage(t, l, mail.Inbox, raw, mail.Delivery{Date: 1_000_000_000, Flags: mail.ParseFlags(`\Flagged`, "one")})
		ok(t, "settle", l.Settle(t.Context(), []mail.Staged{s}))
		ok(t, "place", l.Place(t.Context(), []mail.Staged{s}))
		staged, results, err := l.Link(t.Context(), mail.Inbox, "Work", []mail.Link{
			link(s.Key, raw, 1_000_000_000, `\Seen`, "two"), link(s.Key, raw, 1_000_000_001), link(s.Key, raw, 1_000_000_000),
		})
		ok(t, name+": link", err)
		for _, err := range results {
			ok(t, name+": link", err)
		}
		same(t, name+": before they are placed", scan(t, l, "Work").Len(), 0)
		ok(t, "settle", l.Settle(t.Context(), staged))
		ok(t, "place", l.Place(t.Context(), staged))
		same(t, name+": the flags", flagsOf(t, l, "Work"), map[mail.Key]string{staged[0].Key: `\Seen two`, staged[1].Key: "", staged[2].Key: ""})
		for i, date := range []mail.UnixTime{1_000_000_000, 1_000_000_001, 1_000_000_000} {
			if got := wireOf(t, l, "Work", staged[i].Key); got != raw {
				t.Errorf("%s: %.60q became %.60q", name, raw, got)
			}
			read := must[mail.LocalContent](t, "read")(l.Read(t.Context(), "Work", staged[i].Key))
			same(t, name+": what it is", read, mail.LocalContent{Content: contentOf(raw), Date: date, Inode: staged[i].Inode})
			same(t, name+": what was said of it", staged[i].Content, contentOf(raw))
		}
		// Each goes its own way.
		_, err = l.SetFlags(t.Context(), "Work", []mail.KeyFlags{{Key: staged[0].Key, Delta: add(`\Answered`)}})
		ok(t, "set flags", err)
		same(t, name+": the flags of the first", flagsOf(t, l, mail.Inbox)[s.Key], `\Flagged one`)
		_, err = l.Remove(t.Context(), mail.Inbox, []mail.Key{s.Key}, 1)
		ok(t, "remove", err)
		same(t, name+": without the first", wireOf(t, l, "Work", staged[0].Key), raw)
		_, err = l.Remove(t.Context(), "Work", []mail.Key{staged[0].Key, staged[1].Key, staged[2].Key}, 1)
		ok(t, "remove", err)
	}
}

func localLinkGone(t *testing.T, l sync.Local) {
	create(t, l, "Work")
	k := deliver(t, l, mail.Inbox, message("x"))
	staged, results, err := l.Link(t.Context(), mail.Inbox, "Work", []mail.Link{
		link(k, message("y"), 0), link("1.nobody", message("x"), 0), link(k, message("x"), 0),
	})
	ok(t, "link", err)
	fails(t, "other content", results[0], mail.ErrGone)
	fails(t, "no file", results[1], mail.ErrGone)
	ok(t, "the third", results[2])
	ok(t, "discard", l.Discard(t.Context(), staged[2:]))
	_, results, err = l.Link(t.Context(), mail.Inbox, mail.Inbox, []mail.Link{link(k, message("x"), 0)})
	ok(t, "link within the mailbox", err)
	ok(t, "link within the mailbox", results[0])
	_, _, err = l.Link(t.Context(), "Missing", "Work", []mail.Link{link(k, message("x"), 0)})
	fails(t, "from a missing mailbox", err, mail.ErrNoMailbox)
	_, _, err = l.Link(t.Context(), mail.Inbox, "Missing", []mail.Link{link(k, message("x"), 0)})
	fails(t, "to a missing mailbox", err, mail.ErrNoMailbox)
	same(t, "messages", flagsOf(t, l, "Work"), map[mail.Key]string{})
}
