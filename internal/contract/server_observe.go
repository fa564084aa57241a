package contract

import (
	"errors"
	"fmt"
	"testing"

	"godwit/mail"
)

func serverObserveFirst(t *testing.T, a Account) {
	empty := observe(t, a.Server, mail.Inbox, mail.Since{})
	if len(empty.Messages) != 0 || empty.Exists != 0 || empty.UIDValidity == 0 || empty.ReadOnly || !empty.Keywords.Holds("any") {
		t.Errorf("an empty mailbox: %+v", empty)
	}
	put(t, a.Other, mail.Inbox, upload(message("a"), `\Seen`), upload(message("b"), "work"))
	o := observe(t, a.Server, mail.Inbox, mail.Since{})
	same(t, "EXISTS", o.Exists, uint32(2))
	same(t, "messages", len(o.Messages), 2)
	for i, m := range o.Messages {
		same(t, "size", m.Content.Size, int64(len(message([]string{"a", "b"}[i]))))
		same(t, "date", m.Date, mail.UnixTime(1_600_000_000))
		same(t, "flags", m.Flags.String(), []string{`\Seen`, "work"}[i])
		if m.UID == 0 || m.UID >= o.UIDNext || o.Removed(m.UID) {
			t.Errorf("UID %s, below UIDNEXT %s, removed: %t", m.UID, o.UIDNext, o.Removed(m.UID))
		}
	}
	if n := o.Untaken; n != 0 && (n != o.UIDNext || !o.NeverHad(n) || o.NeverHad(n-1)) {
		t.Errorf("UIDNEXT is %s, and it had %s: %t, and %s: %t", o.UIDNext, n, !o.NeverHad(n), n-1, !o.NeverHad(n-1))
	}
	if !o.Removed(o.UIDNext) {
		t.Error("a first observation does not prove that what it has not is not there")
	}
}

// knowledge is what a client that kept books knows of a mailbox.
type knowledge map[mail.UID]string

// learn applies an observation.
func (k knowledge) learn(t *testing.T, o *mail.Observation, since mail.Since) {
	t.Helper()
	for u := range k {
		if o.Removed(u) {
			delete(k, u)
		}
	}
	for _, m := range o.Messages {
		if _, known := k[m.UID]; !known && m.UID < since.UIDNext {
			t.Errorf("UID %s, below UIDNEXT %s, is unknown", m.UID, since.UIDNext)
		}
		if m.UID >= since.UIDNext && (m.Content.Size <= 0 || m.Date == 0) {
			t.Errorf("new UID %s comes without size or date: %+v", m.UID, m)
		}
		k[m.UID] = m.Flags.String()
	}
}

func serverObserveDelta(t *testing.T, a Account) {
	ctx := t.Context()
	o := fillServer(t, a.Other, mail.Inbox, 8)
	known := knowledge{}
	known.learn(t, observe(t, a.Server, mail.Inbox, mail.Since{}), mail.Since{})
	v := o.UIDValidity
	uid := func(i int) mail.UIDSet { return mail.UIDs(o.Messages[i].UID) }
	last := since(observe(t, a.Server, mail.Inbox, mail.Since{}), len(known))
	for _, c := range []struct {
		what string
		act  func() error
	}{
		{"nothing", func() error { return nil }},
		{"flags", func() error {
			_, err := a.Other.Store(ctx, mail.Inbox, v, []mail.FlagStore{{UIDs: uid(0), Delta: add(`\Seen`, "work")}, {UIDs: uid(7), Delta: add(`\Flagged`)}}, 0)
			return err
		}},
		{"new messages", func() error {
			_, err := a.Other.Append(ctx, mail.Inbox, []mail.Upload{upload(message("new"), `\Seen`), upload(message("newer"))})
			return err
		}},
		{"removals", func() error {
			_, err := a.Other.Remove(ctx, mail.Inbox, v, uid(3))
			return err
		}},
		{"a removal and a new message, the count being the same", func() error {
			_, err := a.Other.Remove(ctx, mail.Inbox, v, uid(4))
			if err == nil {
				_, err = a.Other.Append(ctx, mail.Inbox, []mail.Upload{upload(message("instead"))})
			}
			return err
		}},
		{"flags taken off", func() error {
			_, err := a.Other.Store(ctx, mail.Inbox, v, []mail.FlagStore{{UIDs: uid(0), Delta: remove(`\Seen`)}}, 0)
			return err
		}},
		{"a message that came and went, flags and a removal at once", func() error {
			before, err := a.Other.List(ctx, mail.Inbox)
			if err != nil {
				return err
			}
			_, e1 := a.Other.Append(ctx, mail.Inbox, []mail.Upload{upload(message("brief"))})
			_, e2 := a.Other.Remove(ctx, mail.Inbox, v, mail.UIDs(before.UIDNext))
			_, e3 := a.Other.Store(ctx, mail.Inbox, v, []mail.FlagStore{{UIDs: uid(1), Delta: add("other")}}, 0)
			_, e4 := a.Other.Remove(ctx, mail.Inbox, v, uid(2))
			return errors.Join(e1, e2, e3, e4)
		}},
	} {
		ok(t, c.what, c.act())
		delta := observe(t, a.Server, mail.Inbox, last)
		known.learn(t, delta, last)
		truth := flagsByUID(observe(t, a.Other, mail.Inbox, mail.Since{}))
		same(t, "what is known after "+c.what, map[mail.UID]string(known), truth)
		same(t, "EXISTS after "+c.what, delta.Exists, uint32(len(truth)))
		last = since(delta, len(known))
	}
}

func serverObserveOtherLife(t *testing.T, a Account) {
	o := fillServer(t, a.Server, mail.Inbox, 3)
	stale := since(o, 3)
	stale.UIDValidity++
	again := observe(t, a.Server, mail.Inbox, stale)
	same(t, "UIDVALIDITY", again.UIDValidity, o.UIDValidity)
	same(t, "messages", flagsByUID(again), flagsByUID(o))
	for _, m := range again.Messages {
		if m.Content.Size <= 0 || m.Date == 0 {
			t.Errorf("UID %s comes without size or date", m.UID)
		}
	}
	if !again.Removed(again.UIDNext) {
		t.Error("it is not a full listing")
	}
}

func serverList(t *testing.T, a Account) {
	empty, err := a.Server.List(t.Context(), mail.Inbox)
	ok(t, "list", err)
	if empty.Present == nil || !empty.Present.IsEmpty() {
		t.Errorf("an empty mailbox: %v", empty.Present)
	}
	o := fillServer(t, a.Other, mail.Inbox, 5)
	gone := mail.UIDs(o.Messages[1].UID)
	_, err = a.Other.Remove(t.Context(), mail.Inbox, o.UIDValidity, gone)
	ok(t, "remove", err)
	list, err := a.Server.List(t.Context(), mail.Inbox)
	ok(t, "list", err)
	if list.Present == nil || len(list.Messages) != 0 {
		t.Fatalf("list: %+v", list)
	}
	same(t, "present", list.Present.String(), allOf(o).Minus(gone).String())
	same(t, "UIDNEXT", list.UIDNext, o.UIDNext)
	same(t, "UIDVALIDITY", list.UIDValidity, o.UIDValidity)
	same(t, "EXISTS", list.Exists, uint32(4))
}

func serverIdentify(t *testing.T, a Account) {
	texts := []string{message("a"), "A: b\r\n\r\nno identity\r\n", message("a")}
	put(t, a.Other, mail.Inbox, upload(texts[0]), upload(texts[1]), upload(texts[2]))
	o := observe(t, a.Server, mail.Inbox, mail.Since{})
	for _, whole := range []bool{false, true} {
		found := must[map[mail.UID]mail.Content](t, "identify")(a.Server.Identify(t.Context(), mail.Inbox, o.UIDValidity, allOf(o), whole))
		same(t, "messages", len(found), len(texts))
		for i, m := range o.Messages {
			want, got := contentOf(texts[i]), found[m.UID]
			if !whole {
				want.Hash = mail.Hash{}
			}
			got.EmailID = ""
			same(t, fmt.Sprintf("content of message %d, whole %t", i, whole), got, want)
		}
	}
}
