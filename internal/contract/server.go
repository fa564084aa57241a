package contract

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	gosync "sync"
	"testing"
	"time"

	"godwit/mail"
	"godwit/sync"
)

// Account is a new, empty account on a server, and what the server can do.
type Account struct {
	Server sync.Server // the one that is checked
	Other  sync.Server // another client of the account
	// UIDPlus: the server says under which UID a message was stored, and can
	// expunge single messages. CondStore: it has modification sequences.
	UIDPlus, CondStore bool
}

// Server checks an implementation of sync.Server. open makes an account of which
// there is INBOX alone, and cleans up when the test ends.
func Server(t *testing.T, open func(t *testing.T) Account) {
	for _, c := range []struct {
		name string
		run  func(t *testing.T, a Account)
	}{
		{"MailboxesComeWithTheirStatus", serverMailboxes},
		{"OnlyWantedMailboxesHaveAStatus", serverWanted},
		{"StatusMovesWithEachChange", serverStatusMoves},
		{"CreateMakesParents", serverCreate},
		{"MissingMailboxIsNamedSo", serverNoMailbox},
		{"AnotherUIDValidityChangesNothing", serverValidity},
		{"AppendedMessagesComeBackExactly", serverBytes},
		{"AppendAnswersInOrder", serverAppendOrder},
		{"AppendKeepsFlagsAndDate", serverAppendFlags},
		{"UploadThatEndsEarlyIsNotStored", serverShortUpload},
		{"FetchDeliversWhatIsThere", serverFetch},
		{"FetchEndsWithItsSink", serverSinkFails},
		{"FirstObservationIsComplete", serverObserveFirst},
		{"ObservationTellsWhatOthersDid", serverObserveDelta},
		{"ObservationOfAnotherLifeIsComplete", serverObserveOtherLife},
		{"ListIsTheUIDsThatAreThere", serverList},
		{"IdentifyReadsHeadersOrAll", serverIdentify},
		{"StoreAddsAndRemoves", serverStore},
		{"StoreLeavesAloneWhatChangedMeanwhile", serverUnchangedSince},
		{"CopyKeepsFlagsAndDate", serverCopy},
		{"MoveLeavesNothingBehind", serverMove},
		{"RemoveTakesWhatIsNamed", serverRemove},
		{"VanishedUIDsAreSkippedNotGuessed", serverVanished},
		{"MailboxesAreWorkedOnSideBySide", serverSideBySide},
		{"EndedContextEndsTheCall", serverContext},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.run(t, open(t))
		})
	}
}

// upload is a message to be appended.
func upload(raw string, flags ...string) mail.Upload {
	return mail.Upload{
		Flags: mail.ParseFlags(flags...), Date: 1_600_000_000, Size: int64(len(raw)),
		Open: func() (mail.Body, error) { return io.NopCloser(strings.NewReader(raw)), nil },
	}
}

// put appends what must be taken.
func put(t *testing.T, s sync.Server, m mail.Mailbox, uploads ...mail.Upload) []mail.Appended {
	t.Helper()
	results, err := s.Append(t.Context(), m, uploads)
	ok(t, "append to "+string(m), err)
	if len(results) != len(uploads) {
		t.Fatalf("append to %s: %d results for %d messages", m, len(results), len(uploads))
	}
	for i, r := range results {
		if r.Err != nil {
			t.Fatalf("append to %s: message %d: %v", m, i, r.Err)
		}
	}
	return results
}

// fill appends n messages, named "m1" and so on, and returns the state after it.
func fillServer(t *testing.T, s sync.Server, m mail.Mailbox, n int, flags ...string) *mail.Observation {
	t.Helper()
	var uploads []mail.Upload
	for i := range n {
		uploads = append(uploads, upload(message(fmt.Sprintf("m%d", i+1)), flags...))
	}
	put(t, s, m, uploads...)
	o := observe(t, s, m, mail.Since{})
	if len(o.Messages) != n {
		t.Fatalf("%s has %d messages after %d were appended", m, len(o.Messages), n)
	}
	return o
}

func observe(t *testing.T, s sync.Server, m mail.Mailbox, since mail.Since) *mail.Observation {
	t.Helper()
	o, err := s.Observe(t.Context(), m, since)
	ok(t, "observe "+string(m), err)
	for i := 1; i < len(o.Messages); i++ {
		if o.Messages[i-1].UID >= o.Messages[i].UID {
			t.Errorf("%s: UID %s stands before %s", m, o.Messages[i-1].UID, o.Messages[i].UID)
		}
	}
	return o
}

// since is what base remembers of an observation, and of what it held.
func since(o *mail.Observation, messages int) mail.Since {
	return mail.Since{UIDValidity: o.UIDValidity, UIDNext: o.UIDNext, ModSeq: o.ModSeq, Messages: uint32(messages)}
}

func allOf(o *mail.Observation) mail.UIDSet {
	var set mail.UIDSet
	for _, m := range o.Messages {
		set.Add(m.UID)
	}
	return set
}

// bodies fetches messages.
func bodies(t *testing.T, s sync.Server, m mail.Mailbox, v mail.UIDValidity, uids mail.UIDSet) map[mail.UID]string {
	t.Helper()
	got := map[mail.UID]string{}
	delivered, err := s.Fetch(t.Context(), m, v, uids, func(msg mail.ServerMessage, body io.Reader) error {
		raw, err := io.ReadAll(body)
		if err == nil && msg.Content.Size != int64(len(raw)) {
			t.Errorf("UID %s: %d octets, and %d were said to come", msg.UID, len(raw), msg.Content.Size)
		}
		got[msg.UID] = string(raw)
		return err
	})
	ok(t, "fetch from "+string(m), err)
	for u := range got {
		if !delivered.Contains(u) {
			delete(got, u)
		}
	}
	if delivered.Len() != len(got) {
		t.Errorf("%s: %s were delivered, and the sink saw %d", m, delivered, len(got))
	}
	return got
}

// texts are the bodies of a mailbox, sorted, as another client sees them.
func texts(t *testing.T, s sync.Server, m mail.Mailbox) []string {
	t.Helper()
	o := observe(t, s, m, mail.Since{})
	return slices.Sorted(maps.Values(bodies(t, s, m, o.UIDValidity, allOf(o))))
}

// flagsByUID are the flags in an observation.
func flagsByUID(o *mail.Observation) map[mail.UID]string {
	found := map[mail.UID]string{}
	for _, m := range o.Messages {
		found[m.UID] = m.Flags.String()
	}
	return found
}

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

func serverBytes(t *testing.T, a Account) {
	want := []string{
		message("plain"),
		"A: b\r\n\r\nlast line",
		"A: b\r\n\r\n" + strings.Repeat("x", 10_000) + "\r\n\xff\xfe\r\n",
		"A: b\r\n\r\n)\r\n* 1 FETCH (FLAGS ())\r\n{5}\r\n\"\\\r\n", // what means something in IMAP
		"A: b\r\n\r\n" + strings.Repeat(strings.Repeat("z", 70)+"\r\n", 5000),
	}
	for _, raw := range want {
		put(t, a.Server, mail.Inbox, upload(raw))
	}
	o := observe(t, a.Server, mail.Inbox, mail.Since{})
	got := bodies(t, a.Server, mail.Inbox, o.UIDValidity, allOf(o))
	for i, m := range o.Messages {
		if got[m.UID] != want[i] {
			t.Errorf("%.60q became %.60q", want[i], got[m.UID])
		}
		same(t, "size as observed", m.Content.Size, int64(len(want[i])))
	}
}

func serverAppendOrder(t *testing.T, a Account) {
	const n = 150
	var uploads []mail.Upload
	for i := range n {
		uploads = append(uploads, upload(message(fmt.Sprint("m", i))))
	}
	results := put(t, a.Server, mail.Inbox, uploads...)
	o := observe(t, a.Other, mail.Inbox, mail.Since{})
	got := bodies(t, a.Other, mail.Inbox, o.UIDValidity, allOf(o))
	same(t, "messages", len(got), n)
	for i, r := range results {
		switch {
		case !a.UIDPlus && r.UID == 0: // the server did not say
		case got[r.UID] != message(fmt.Sprint("m", i)):
			t.Fatalf("message %d was said to be UID %s, which is %.40q", i, r.UID, got[r.UID])
		}
	}
	same(t, "result of nothing", len(put(t, a.Server, mail.Inbox)), 0)
}

func serverAppendFlags(t *testing.T, a Account) {
	u := upload(message("x"), `\Seen`, `\Draft`, "$Forwarded", "work")
	put(t, a.Server, mail.Inbox, u, upload(message("y")))
	o := observe(t, a.Other, mail.Inbox, mail.Since{})
	same(t, "flags", o.Messages[0].Flags.String(), u.Flags.String())
	same(t, "date", o.Messages[0].Date, u.Date)
	same(t, "no flags", o.Messages[1].Flags.String(), "")

	u = upload(message("now"))
	u.Date = 0
	put(t, a.Server, mail.Inbox, u)
	if got := observe(t, a.Other, mail.Inbox, mail.Since{}).Messages[2].Date; got < 1_650_000_000 {
		t.Errorf("a message without a date is of %d, not of the server's now", got)
	}
}

// The file became shorter while it was read.
func serverShortUpload(t *testing.T, a Account) {
	short := upload(message("short"))
	short.Size++
	results, err := a.Server.Append(t.Context(), mail.Inbox, []mail.Upload{short})
	if err == nil && (len(results) != 1 || results[0].Err == nil) {
		t.Errorf("an upload that ended early gave %+v", results)
	}
	put(t, a.Server, mail.Inbox, upload(message("next"))) // the server goes on working
	same(t, "messages", texts(t, a.Other, mail.Inbox), []string{message("next")})
}

func serverFetch(t *testing.T, a Account) {
	o := fillServer(t, a.Other, mail.Inbox, 30, `\Seen`, "work")
	var busy gosync.Mutex
	seen := map[mail.UID]int{}
	delivered, err := a.Server.Fetch(t.Context(), mail.Inbox, o.UIDValidity, allOf(o), func(msg mail.ServerMessage, body io.Reader) error {
		if !busy.TryLock() {
			t.Error("the sink is called twice at a time")
			return nil
		}
		defer busy.Unlock()
		seen[msg.UID]++
		same(t, "flags", msg.Flags.String(), `\Seen work`)
		same(t, "date", msg.Date, mail.UnixTime(1_600_000_000))
		n, err := io.Copy(io.Discard, body)
		same(t, "size", msg.Content.Size, n)
		return err
	})
	ok(t, "fetch", err)
	same(t, "delivered", delivered.String(), allOf(o).String())
	for u, n := range seen {
		if n != 1 {
			t.Errorf("UID %s came %d times", u, n)
		}
	}
	none, err := a.Server.Fetch(t.Context(), mail.Inbox, o.UIDValidity, mail.UIDSet{}, nil)
	ok(t, "fetch nothing", err)
	same(t, "of nothing", none.Len(), 0)
}

func serverSinkFails(t *testing.T, a Account) {
	o := fillServer(t, a.Other, mail.Inbox, 20)
	full := errors.New("disk full")
	calls := 0
	delivered, err := a.Server.Fetch(t.Context(), mail.Inbox, o.UIDValidity, allOf(o), func(_ mail.ServerMessage, body io.Reader) error {
		if calls++; calls == 3 {
			return full // with the body unread
		}
		_, err := io.Copy(io.Discard, body)
		return err
	})
	fails(t, "fetch", err, full)
	same(t, "calls", calls, 3)
	if delivered.Len() > 2 {
		t.Errorf("%s were delivered, and the third failed", delivered)
	}
	same(t, "a later fetch", len(bodies(t, a.Server, mail.Inbox, o.UIDValidity, allOf(o))), 20)
}

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
