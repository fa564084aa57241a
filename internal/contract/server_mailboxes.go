package contract

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	gosync "sync"
	"testing"
	"time"

	"godwit/mail"
	"godwit/sync"
)

func listed(t *testing.T, s sync.Server) map[mail.Mailbox]mail.ServerMailbox {
	t.Helper()
	all, err := s.Mailboxes(t.Context(), func(mail.Mailbox, mail.Role) bool { return true })
	ok(t, "mailboxes", err)
	found := map[mail.Mailbox]mail.ServerMailbox{}
	for _, m := range all {
		if _, twice := found[m.Name]; twice {
			t.Errorf("%s is listed twice", m.Name)
		}
		found[m.Name] = m
	}
	return found
}

func serverMailboxes(t *testing.T, a Account) {
	first := listed(t, a.Server)
	if len(first) != 1 || first[mail.Inbox].Status == nil || first[mail.Inbox].NoSelect {
		t.Fatalf("a new account has %+v", first)
	}
	ok(t, "create", a.Server.Create(t.Context(), "Work"))
	fillServer(t, a.Other, "Work", 3)
	work := listed(t, a.Server)["Work"]
	o := observe(t, a.Server, "Work", mail.Since{})
	if work.Status == nil {
		t.Fatalf("Work has no status: %+v", work)
	}
	same(t, "messages", work.Status.Messages, uint32(3))
	same(t, "UIDVALIDITY", work.Status.UIDValidity, o.UIDValidity)
	same(t, "UIDNEXT", work.Status.UIDNext, o.UIDNext)
	same(t, "HIGHESTMODSEQ", work.Status.ModSeq, o.ModSeq)
	same(t, "subscribed", work.Subscribed, true)
	if work.Status.UIDValidity == 0 || (o.ModSeq != 0) != a.CondStore {
		t.Errorf("status %+v", work.Status)
	}
}

func serverWanted(t *testing.T, a Account) {
	ok(t, "create", a.Other.Create(t.Context(), "Work"))
	all, err := a.Server.Mailboxes(t.Context(), func(m mail.Mailbox, _ mail.Role) bool { return m == "Work" })
	ok(t, "mailboxes", err)
	for _, m := range all {
		if (m.Status != nil) != (m.Name == "Work") {
			t.Errorf("%s has the status %+v", m.Name, m.Status)
		}
	}
	same(t, "mailboxes", len(all), 2)
}

func serverStatusMoves(t *testing.T, a Account) {
	// Modification sequences are kept once somebody has asked for them.
	o := fillServer(t, a.Server, mail.Inbox, 2)
	status := func() mail.Status {
		s := listed(t, a.Server)[mail.Inbox].Status
		if s == nil {
			t.Fatal("INBOX has no status")
		}
		return *s
	}
	before := status()
	same(t, "status when nothing happened", status(), before)
	moved := func(what string) {
		t.Helper()
		after := status()
		if after == before {
			t.Errorf("%s: the status stays %+v", what, before)
		}
		before = after
	}
	uid := o.Messages[0].UID
	if a.CondStore {
		_, err := a.Other.Store(t.Context(), mail.Inbox, o.UIDValidity, []mail.FlagStore{{UIDs: mail.UIDs(uid), Delta: add(`\Seen`)}}, 0)
		ok(t, "store", err)
		moved("a flag")
	}
	put(t, a.Other, mail.Inbox, upload(message("x")))
	moved("a message")
	_, err := a.Other.Remove(t.Context(), mail.Inbox, o.UIDValidity, mail.UIDs(uid))
	ok(t, "remove", err)
	moved("a removal")
}

func serverCreate(t *testing.T, a Account) {
	for _, m := range []mail.Mailbox{"Work/2024/Q1", "Entwürfe/a&b", "two words"} {
		ok(t, "create "+string(m), a.Server.Create(t.Context(), m))
		put(t, a.Server, m, upload(message(string(m))))
		same(t, "messages of "+string(m), texts(t, a.Other, m), []string{message(string(m))})
		if l, there := listed(t, a.Server)[m]; !there || l.NoSelect || !l.Subscribed {
			t.Errorf("%s is listed: %t, as %+v", m, there, l)
		}
	}
}

func serverNoMailbox(t *testing.T, a Account) {
	ctx := t.Context()
	o := fillServer(t, a.Server, mail.Inbox, 1)
	one := allOf(o)
	const missing = mail.Mailbox("Missing")
	_, err := a.Server.Observe(ctx, missing, mail.Since{})
	fails(t, "observe", err, mail.ErrNoMailbox)
	_, err = a.Server.List(ctx, missing)
	fails(t, "list", err, mail.ErrNoMailbox)
	_, err = a.Server.Fetch(ctx, missing, 1, one, func(mail.ServerMessage, io.Reader) error { return errors.New("called") })
	fails(t, "fetch", err, mail.ErrNoMailbox)
	_, err = a.Server.Identify(ctx, missing, 1, one, true)
	fails(t, "identify", err, mail.ErrNoMailbox)
	_, err = a.Server.Store(ctx, missing, 1, []mail.FlagStore{{UIDs: one, Delta: add(`\Seen`)}}, 0)
	fails(t, "store", err, mail.ErrNoMailbox)
	_, err = a.Server.Append(ctx, missing, []mail.Upload{upload(message("x"))})
	fails(t, "append", err, mail.ErrNoMailbox)
	_, err = a.Server.Copy(ctx, mail.Inbox, o.UIDValidity, one, missing)
	fails(t, "copy", err, mail.ErrNoMailbox)
	_, err = a.Server.Move(ctx, mail.Inbox, o.UIDValidity, one, missing)
	fails(t, "move", err, mail.ErrNoMailbox)
	_, err = a.Server.Remove(ctx, missing, 1, one)
	fails(t, "remove", err, mail.ErrNoMailbox)
	same(t, "INBOX", flagsByUID(observe(t, a.Other, mail.Inbox, mail.Since{})), flagsByUID(o))
	if _, made := listed(t, a.Other)[missing]; made {
		t.Error("the mailbox was made")
	}
}

func serverValidity(t *testing.T, a Account) {
	ctx := t.Context()
	ok(t, "create", a.Server.Create(ctx, "Work"))
	o := fillServer(t, a.Server, mail.Inbox, 2)
	uids, wrong := allOf(o), o.UIDValidity+1
	_, err := a.Server.Fetch(ctx, mail.Inbox, wrong, uids, func(mail.ServerMessage, io.Reader) error { return errors.New("called") })
	fails(t, "fetch", err, mail.ErrUIDValidity)
	_, err = a.Server.Identify(ctx, mail.Inbox, wrong, uids, false)
	fails(t, "identify", err, mail.ErrUIDValidity)
	_, err = a.Server.Store(ctx, mail.Inbox, wrong, []mail.FlagStore{{UIDs: uids, Delta: add(`\Seen`)}}, 0)
	fails(t, "store", err, mail.ErrUIDValidity)
	_, err = a.Server.Copy(ctx, mail.Inbox, wrong, uids, "Work")
	fails(t, "copy", err, mail.ErrUIDValidity)
	_, err = a.Server.Move(ctx, mail.Inbox, wrong, uids, "Work")
	fails(t, "move", err, mail.ErrUIDValidity)
	_, err = a.Server.Remove(ctx, mail.Inbox, wrong, uids)
	fails(t, "remove", err, mail.ErrUIDValidity)
	same(t, "INBOX", flagsByUID(observe(t, a.Other, mail.Inbox, mail.Since{})), flagsByUID(o))
	same(t, "Work", len(texts(t, a.Other, "Work")), 0)
}

func serverSideBySide(t *testing.T, a Account) {
	const mailboxes, n = 6, 10
	var all gosync.WaitGroup
	for i := range mailboxes {
		m := mail.Mailbox(fmt.Sprintf("box%d", i))
		ok(t, "create", a.Server.Create(t.Context(), m))
		all.Go(func() {
			var uploads []mail.Upload
			for j := range n {
				uploads = append(uploads, upload(message(fmt.Sprintf("%s.%d", m, j))))
			}
			if _, err := a.Server.Append(t.Context(), m, uploads); err != nil {
				t.Errorf("append to %s: %v", m, err)
				return
			}
			o, err := a.Server.Observe(t.Context(), m, mail.Since{})
			if err != nil || len(o.Messages) != n {
				t.Errorf("observe %s: %v", m, err)
				return
			}
			delivered, err := a.Server.Fetch(t.Context(), m, o.UIDValidity, allOf(o), func(msg mail.ServerMessage, body io.Reader) error {
				raw, err := io.ReadAll(body)
				if !strings.Contains(string(raw), "<"+string(m)+".") {
					t.Errorf("%s UID %s is of another mailbox: %.60q", m, msg.UID, raw)
				}
				return err
			})
			if err != nil || delivered.Len() != n {
				t.Errorf("fetch from %s: %s, %v", m, delivered, err)
			}
		})
	}
	all.Wait()
}

func serverContext(t *testing.T, a Account) {
	o := fillServer(t, a.Server, mail.Inbox, 3)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := a.Server.Observe(ctx, mail.Inbox, mail.Since{})
	fails(t, "observe", err, context.Canceled)
	_, err = a.Server.Remove(ctx, mail.Inbox, o.UIDValidity, allOf(o))
	fails(t, "remove", err, context.Canceled)
	_, err = a.Server.Append(ctx, mail.Inbox, []mail.Upload{upload(message("x"))})
	fails(t, "append", err, context.Canceled)

	// One that ends while a body is being read, with more to come than could be
	// under way already.
	ok(t, "create", a.Server.Create(t.Context(), "Large"))
	var uploads []mail.Upload
	for range 200 {
		uploads = append(uploads, upload("A: b\r\n\r\n"+strings.Repeat(strings.Repeat("z", 998)+"\r\n", 100)))
	}
	put(t, a.Server, "Large", uploads...)
	large := observe(t, a.Server, "Large", mail.Since{})
	began := time.Now()
	ctx, cancel = context.WithCancel(t.Context())
	defer cancel()
	_, err = a.Server.Fetch(ctx, "Large", large.UIDValidity, allOf(large), func(_ mail.ServerMessage, body io.Reader) error {
		cancel()
		_, err := io.Copy(io.Discard, body)
		return err
	})
	fails(t, "fetch", err, context.Canceled)
	if took := time.Since(began); took > 4*time.Second { // two, and a slow machine
		t.Errorf("it took %s to end", took)
	}
	same(t, "INBOX", flagsByUID(observe(t, a.Server, mail.Inbox, mail.Since{})), flagsByUID(o))
}
