package contract

import (
	"io"
	"maps"
	"slices"
	"testing"

	"godwit/mail"
)

// serverFetchFrom asks for messages from their beginnings, from some octet on, for
// some octets, and for what is not there.
func serverFetchFrom(t *testing.T, a Account) {
	o := fillServer(t, a.Server, mail.Inbox, 7)
	uids := slices.Collect(allOf(o).All())
	size := func(n int) int64 { return o.Messages[n].Content.Size }
	spans := map[mail.UID]mail.Span{
		uids[1]: {Offset: 5, Length: size(1) - 5, Rest: true},
		uids[2]: {Offset: 0, Length: 9},
		uids[3]: {Offset: 5, Length: size(3) - 6, Rest: true},  // the message is longer
		uids[4]: {Offset: 5, Length: size(4) + 10, Rest: true}, // … or shorter
		uids[5]: {Offset: size(5) - 1, Length: 1, Rest: true},
		uids[6]: {Offset: size(6) + 100, Length: 10, Rest: true}, // … or not there at all
	}
	want := map[mail.UID]string{
		uids[0]: message("m1"), uids[1]: message("m2")[5:], uids[2]: message("m3")[:9], uids[5]: message("m6")[size(5)-1:],
	}
	got, pieces := map[mail.UID]string{}, map[mail.UID]mail.Piece{}
	delivered, err := a.Server.FetchFrom(t.Context(), mail.Inbox, o.UIDValidity, allOf(o), func(u mail.UID) mail.Span { return spans[u] },
		func(m mail.ServerMessage, p mail.Piece, body io.Reader) error {
			raw, err := io.ReadAll(body)
			got[m.UID], pieces[m.UID] = string(raw), p
			return err
		})
	ok(t, "fetch", err)
	same(t, "delivered", delivered.String(), mail.UIDs(slices.Collect(maps.Keys(want))...).String())
	for u, text := range want {
		same(t, "octets", got[u], text)
		same(t, "length", pieces[u].Length, int64(len(text)))
		same(t, "offset", pieces[u].Offset, spans[u].Offset)
		if size := pieces[u].Size; size != int64(len(message("m1"))) {
			t.Errorf("UID %s has RFC822.SIZE %d", u, size)
		}
	}
	// A sink that leaves a body unread has not got it; the others have theirs.
	delivered, err = a.Server.FetchFrom(t.Context(), mail.Inbox, o.UIDValidity, mail.UIDs(uids[0], uids[1]), func(u mail.UID) mail.Span { return spans[u] },
		func(m mail.ServerMessage, _ mail.Piece, body io.Reader) error {
			if m.UID == uids[1] {
				return nil
			}
			_, err := io.Copy(io.Discard, body)
			return err
		})
	ok(t, "fetch", err)
	same(t, "delivered", delivered.String(), mail.UIDs(uids[0]).String())
}

func serverListLarge(t *testing.T, a Account) {
	o := fillServer(t, a.Server, mail.Inbox, 3)
	put(t, a.Server, mail.Inbox, upload(message("a far longer one than the others are")))
	most := o.Messages[0].Content.Size
	listed, large, err := a.Server.ListLarge(t.Context(), mail.Inbox, most)
	ok(t, "list", err)
	same(t, "messages", listed.Present.Len(), 4)
	if large.IsEmpty() && !a.CondStore {
		return // a server without extensions does not say
	}
	same(t, "larger", large.String(), mail.UIDs(listed.Present.Max()).String())
	_, large, err = a.Server.ListLarge(t.Context(), mail.Inbox, most-1)
	ok(t, "list", err)
	same(t, "larger than the least", large.Len(), 4)
	_, large, err = a.Server.ListLarge(t.Context(), mail.Inbox, 1<<20)
	ok(t, "list", err)
	same(t, "larger than all", large.Len(), 0)
}
