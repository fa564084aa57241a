package fake_test

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"godwit/internal/fake"
	"godwit/mail"
)

var errLost = fmt.Errorf("test: %w", mail.ErrUncertain)

func text(id string) []byte {
	return []byte("Message-ID: <" + id + ">\r\nDate: 1\r\n\r\n" + id + "\r\n")
}

func upload(id string) mail.Upload {
	raw := string(text(id))
	return mail.Upload{Size: int64(len(raw)), Open: func() (mail.Body, error) {
		return io.NopCloser(strings.NewReader(raw)), nil
	}}
}

// ids are the last lines of messages, in order.
func ids[T any](messages []T, raw func(T) []byte) []string {
	var all []string
	for _, m := range messages {
		lines := strings.Split(strings.TrimSpace(string(raw(m))), "\r\n")
		all = append(all, lines[len(lines)-1])
	}
	return all
}

func onServer(s *fake.Server, m mail.Mailbox) []string {
	return ids(s.Messages(m), func(m fake.Message) []byte { return m.Raw })
}

func inFiles(files []fake.File) []string {
	return ids(files, func(f fake.File) []byte { return f.Raw })
}

func same(t *testing.T, what string, got, want any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestFaultsStrikeOnceWhereTheyAreSet(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		fault fake.Fault
		want  []string
	}{
		{fake.Fault{Method: "Append", Err: errLost}, nil},
		{fake.Fault{Method: "Append", Effect: fake.Partly, Items: 2, Err: errLost}, []string{"a", "b"}},
		{fake.Fault{Method: "Append", Effect: fake.After, Err: errLost}, []string{"a", "b", "c"}},
	} {
		s := fake.NewServer(fake.Modern)
		s.Fail(fake.Fault{Method: "Append", Call: 2, Err: errLost})
		s.Forget() // what was arranged before is off
		s.Fail(c.fault)
		results, err := s.Append(t.Context(), mail.Inbox, []mail.Upload{upload("a"), upload("b"), upload("c")})
		if !errors.Is(err, mail.ErrUncertain) {
			t.Errorf("append: %v", err)
		}
		for _, r := range results {
			if r.UID != 0 || r.Err != nil {
				t.Errorf("a lost answer says %+v", r)
			}
		}
		same(t, "messages", onServer(s, mail.Inbox), c.want)
		results, err = s.Append(t.Context(), mail.Inbox, []mail.Upload{upload("d")})
		ok(t, err)
		if results[0].UID == 0 {
			t.Error("the call after the fault has no UID")
		}
		same(t, "calls", s.Count("Append"), 2)
	}
}

func TestLaterCallIsTheOneThatFails(t *testing.T) {
	t.Parallel()
	b := fake.NewBase()
	put := func(uid mail.UID) error {
		return b.Commit(t.Context(), mail.PutRow{Row: mail.Row{Mailbox: "A", UID: uid}})
	}
	b.Fail(fake.Fault{Method: "Commit", Call: 2, Effect: fake.After, Err: mail.ErrDisk})
	b.Fail(fake.Fault{Method: "Commit", Call: 2, Err: mail.ErrDisk}) // then the third
	ok(t, put(1))
	for uid := mail.UID(2); uid <= 3; uid++ {
		if err := put(uid); !errors.Is(err, mail.ErrDisk) {
			t.Errorf("commit %d: %v", uid, err)
		}
	}
	ok(t, put(4))
	n, err := b.Total(t.Context())
	ok(t, err)
	same(t, "rows", n.Server, 3) // 2 took effect, 3 did not
}

func TestStepActsInTheMiddleAndMayEndTheCall(t *testing.T) {
	t.Parallel()
	s := fake.NewServer(fake.QResync)
	uid := s.Deliver(mail.Inbox, text("a"), mail.Flags{})
	other := s.Deliver(mail.Inbox, text("b"), mail.Flags{})
	var steps []string
	s.Step = func(name string) error {
		steps = append(steps, name)
		if name == "Server.Fetch body" && len(steps) == 2 {
			s.Expunge(mail.Inbox, uid) // another client, just then
		}
		return nil
	}
	o, err := s.List(t.Context(), mail.Inbox)
	ok(t, err)
	steps = nil
	delivered, err := s.Fetch(t.Context(), mail.Inbox, o.UIDValidity, *o.Present, func(_ mail.ServerMessage, body io.Reader) error {
		_, err := io.Copy(io.Discard, body)
		return err
	})
	ok(t, err)
	same(t, "delivered", delivered.String(), mail.UIDs(other).String())
	same(t, "steps", steps, []string{"Server.Fetch", "Server.Fetch body", "Server.Fetch body", "Server.Fetch done"})

	killed := errors.New("killed")
	s.Step = func(name string) error {
		if name == "Server.Append done" {
			return killed
		}
		return nil
	}
	if _, err := s.Append(t.Context(), mail.Inbox, []mail.Upload{upload("c")}); !errors.Is(err, killed) {
		t.Errorf("append: %v", err)
	}
	same(t, "messages", onServer(s, mail.Inbox), []string{"b", "c"})
}

func TestServerRefusesMutesAndCuts(t *testing.T) {
	t.Parallel()
	s := fake.NewServer(fake.Modern)
	refused := errors.New("too large")
	s.Refuse = func(_ mail.Mailbox, raw []byte) error {
		if strings.Contains(string(raw), "<b>") {
			return refused
		}
		return nil
	}
	results, err := s.Append(t.Context(), mail.Inbox, []mail.Upload{upload("a"), upload("b"), upload("c")})
	ok(t, err)
	if results[0].UID == 0 || !errors.Is(results[1].Err, refused) || results[1].UID != 0 || results[2].UID == 0 {
		t.Errorf("results: %+v", results)
	}

	s.Mute(mail.Inbox, results[0].UID, true)
	s.CutBody(mail.Inbox, results[2].UID, 5)
	o, err := s.List(t.Context(), mail.Inbox)
	ok(t, err)
	var lengths []int
	delivered, err := s.Fetch(t.Context(), mail.Inbox, o.UIDValidity, *o.Present, func(_ mail.ServerMessage, body io.Reader) error {
		raw, err := io.ReadAll(body)
		lengths = append(lengths, len(raw))
		return err
	})
	ok(t, err)
	same(t, "delivered", delivered.String(), mail.UIDs(results[2].UID).String())
	same(t, "octets each time", lengths, []int{5, len(text("c"))})
}

func TestUIDValidityResetNumbersAnew(t *testing.T) {
	t.Parallel()
	s := fake.NewServer(fake.QResync)
	for _, id := range []string{"a", "b", "c"} {
		s.Deliver("Work", text(id), mail.Flags{})
	}
	s.Expunge("Work", 1)
	before, err := s.List(t.Context(), "Work")
	ok(t, err)
	s.ResetUIDValidity("Work")
	after, err := s.List(t.Context(), "Work")
	ok(t, err)
	if after.UIDValidity == before.UIDValidity || after.Present.String() != "1:2" || before.Present.String() != "2:3" {
		t.Errorf("before %s %s, after %s %s", before.UIDValidity, before.Present, after.UIDValidity, after.Present)
	}
	same(t, "messages", onServer(s, "Work"), []string{"b", "c"})
}

// staged writes a message to tmp/ of INBOX.
func staged(t *testing.T, l *fake.Local, id string) mail.Staged {
	t.Helper()
	s, err := l.Stage(t.Context(), mail.Inbox, mail.Delivery{Size: -1}, strings.NewReader(string(text(id))))
	ok(t, err)
	return s
}

func newLocal(t *testing.T) *fake.Local {
	t.Helper()
	l := fake.NewLocal("work")
	ok(t, l.Init(t.Context()))
	ok(t, l.Create(t.Context(), mail.Inbox))
	return l
}

func TestPowerCutTakesWhatWasNotFlushed(t *testing.T) {
	t.Parallel()
	cut := errors.New("power cut")
	for _, c := range []struct {
		name   string
		at     string // the step before which the power fails; empty: none
		settle bool
		keep   bool     // the disk wrote the names all the same
		files  []string // in new/ and cur/
		strays int
	}{
		{"staged only", "Local.Place", false, false, nil, 0},
		{"staged, name written", "Local.Place", false, true, nil, 1},
		{"settled", "Local.Place", true, false, nil, 1},
		{"before the first rename", "Local.Place rename", true, false, nil, 1},
		{"renamed", "Local.Place flush", true, false, nil, 1},
		{"renamed, name written", "Local.Place flush", true, true, []string{"a"}, 0},
		{"placed", "Local.Place done", true, false, []string{"a"}, 0},
		{"placed, never settled", "Local.Place done", false, false, []string{""}, 0}, // the bug that Settle is there for
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			l := newLocal(t)
			s := staged(t, l, "a")
			if c.settle {
				ok(t, l.Settle(t.Context(), []mail.Staged{s}))
			}
			l.Step = func(name string) error {
				if name == c.at {
					return cut
				}
				return nil
			}
			if err := l.Place(t.Context(), []mail.Staged{s}); !errors.Is(err, cut) {
				t.Fatalf("place: %v", err)
			}
			l.Step = nil
			l.Crash(func(string) bool { return c.keep })
			same(t, "files", inFiles(l.Files(mail.Inbox)), c.files)
			same(t, "strays", len(l.Strays(mail.Inbox)), c.strays)
			ok(t, l.Sweep(t.Context(), mail.Inbox))
			same(t, "strays after a sweep", len(l.Strays(mail.Inbox)), 0)
			same(t, "files after a sweep", inFiles(l.Files(mail.Inbox)), c.files)
		})
	}
}

func TestPowerCutUndoesRenamesWhole(t *testing.T) {
	t.Parallel()
	l := newLocal(t)
	ok(t, l.Create(t.Context(), "Work"))
	k := l.Add(mail.Inbox, text("a"), mail.Flags{})
	l.Step = func(name string) error {
		if strings.HasSuffix(name, " flush") {
			return errors.New("power cut")
		}
		return nil
	}
	for name, act := range map[string]func() error{
		"SetFlags": func() error {
			_, err := l.SetFlags(t.Context(), mail.Inbox, []mail.KeyFlags{{Key: k, Delta: mail.FlagDelta{Add: mail.ParseFlags(`\Seen`)}}})
			return err
		},
		"Relocate": func() error {
			_, err := l.Relocate(t.Context(), mail.Inbox, k, "Work", k, mail.Flags{})
			return err
		},
		"Remove": func() error {
			_, err := l.Remove(t.Context(), mail.Inbox, []mail.Key{k}, 1)
			return err
		},
	} {
		if act() == nil {
			t.Errorf("%s went on after the power cut", name)
		}
		l.Crash(nil)
		same(t, name+": INBOX", inFiles(l.Files(mail.Inbox)), []string{"a"})
		same(t, name+": flags", l.Files(mail.Inbox)[0].Flags, mail.Flags{})
		same(t, name+": Work", len(l.Files("Work"))+len(l.Trash(1, mail.Inbox)), 0)
	}
}

func TestSweepSparesTheLiving(t *testing.T) {
	t.Parallel()
	l := newLocal(t)
	dead := staged(t, l, "dead")
	l.Restart()
	living := staged(t, l, "living")
	ok(t, l.Sweep(t.Context(), mail.Inbox))
	same(t, "strays", inFiles(l.Strays(mail.Inbox)), []string{"living"})
	if err := l.Place(t.Context(), []mail.Staged{dead}); !errors.Is(err, mail.ErrGone) {
		t.Errorf("place what was swept: %v", err)
	}
	ok(t, l.Place(t.Context(), []mail.Staged{living}))
}

func TestMailReaderMovesStampsAndInodes(t *testing.T) {
	t.Parallel()
	l := newLocal(t)
	k := l.Add(mail.Inbox, text("a"), mail.Flags{})
	stamp := func(m mail.Mailbox) mail.Stamp {
		s, err := l.Stamp(t.Context(), m)
		ok(t, err)
		return s
	}
	inode := func(m mail.Mailbox, k mail.Key) uint64 {
		c, err := l.Read(t.Context(), m, k)
		ok(t, err)
		return c.Inode
	}
	first := inode(mail.Inbox, k)
	for _, c := range []struct {
		what        string
		act         func()
		moved, same bool // the stamp moves; the inode number stays
	}{
		{"nothing", func() {}, false, true},
		{"flags", func() { l.Reflag(mail.Inbox, k, mail.ParseFlags(`\Seen`, "work")) }, true, true},
		{"letters", func() { l.Reletter(mail.Inbox, k, "az") }, true, true},
		{"an edit in place", func() { l.EditInPlace(mail.Inbox, k, text("b")) }, false, true},
		{"an edit", func() { l.Edit(mail.Inbox, k, text("c")) }, true, false},
	} {
		before := stamp(mail.Inbox)
		c.act()
		if moved := !before.Unmoved(stamp(mail.Inbox)); moved != c.moved {
			t.Errorf("%s: the stamp moved: %t", c.what, moved)
		}
		if kept := inode(mail.Inbox, k) == first; kept != c.same {
			t.Errorf("%s: the inode number stayed: %t", c.what, kept)
		}
	}
	l.Copy(mail.Inbox, k, "Work", "copy")
	l.Move(mail.Inbox, k, "Work", "moved")
	same(t, "INBOX", len(l.Files(mail.Inbox)), 0)
	same(t, "Work", inFiles(l.Files("Work")), []string{"c", "c"})
	if inode("Work", "copy") == inode("Work", "moved") {
		t.Error("a copy is the same file")
	}
	l.Delete("Work", "copy")
	same(t, "mailboxes", l.Names(), []mail.Mailbox{mail.Inbox, "Work"})
	l.RemoveMailbox("Work")
	same(t, "mailboxes then", l.Names(), []mail.Mailbox{mail.Inbox})
}

func TestUnsettledScanMissesFiles(t *testing.T) {
	t.Parallel()
	l := newLocal(t)
	a, b := l.Add(mail.Inbox, text("a"), mail.Flags{}), l.Add(mail.Inbox, text("b"), mail.Flags{})
	l.Unsettle(mail.Inbox, 2, a)
	for i, want := range []struct {
		settled bool
		n       int
	}{{false, 1}, {false, 1}, {true, 2}} {
		listing, err := l.Scan(t.Context(), mail.Inbox)
		ok(t, err)
		if _, found := listing.Find(b); listing.Settled != want.settled || listing.Len() != want.n || !found {
			t.Errorf("scan %d: settled %t, %d messages", i, listing.Settled, listing.Len())
		}
	}
}

func TestRootMayBeAway(t *testing.T) {
	t.Parallel()
	l := newLocal(t)
	l.Add(mail.Inbox, text("a"), mail.Flags{})
	l.SetMarker("other")
	state, err := l.Root(t.Context())
	ok(t, err)
	same(t, "another account's", state.Account, "other")
	l.RemoveRoot()
	state, err = l.Root(t.Context())
	ok(t, err)
	if state.Exists || state.Marker {
		t.Errorf("root: %+v", state)
	}
	all, err := l.Mailboxes(t.Context())
	ok(t, err)
	same(t, "mailboxes", len(all), 0)
}

// The same doings give the same account, names and numbers.
func TestFakesAreDeterministic(t *testing.T) {
	t.Parallel()
	run := func() (log []string) {
		s, l := fake.NewServer(fake.Modern), newLocal(t)
		for i := range 20 {
			m := mail.Mailbox(fmt.Sprint("m", i%3))
			s.Deliver(m, text(fmt.Sprint(i)), mail.Flags{})
			l.Add(m, text(fmt.Sprint(i)), mail.ParseFlags("work"))
		}
		boxes, err := s.Mailboxes(t.Context(), nil)
		ok(t, err)
		locals, err := l.Mailboxes(t.Context())
		ok(t, err)
		for _, b := range boxes {
			log = append(log, fmt.Sprintf("%+v %+v %+v", b.Name, *b.Status, s.Messages(b.Name)))
		}
		for _, b := range locals {
			log = append(log, fmt.Sprintf("%+v %+v", b, l.Files(b.Name)))
		}
		return log
	}
	first := run()
	if len(first) < 8 {
		t.Fatalf("log: %q", first)
	}
	for range 5 {
		if again := run(); !slices.Equal(first, again) {
			t.Fatal(cmp.Diff(first, again))
		}
	}
}

func TestClonedBaseIsItsOwn(t *testing.T) {
	t.Parallel()
	b := fake.NewBase()
	ok(t, b.Commit(t.Context(), mail.PutRow{Row: mail.Row{Mailbox: "A", UID: 1}}))
	c := b.Clone()
	ok(t, b.Commit(t.Context(), mail.PutRow{Row: mail.Row{Mailbox: "A", UID: 2}}))
	n, err := c.Total(t.Context())
	ok(t, err)
	same(t, "rows of the clone", n.Server, 1)
}
