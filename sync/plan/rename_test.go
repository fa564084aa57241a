package plan_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"godwit/conflict"
	"godwit/mail"
	"godwit/sync/plan"

	"pgregory.net/rapid"
)

// directory is a model of an account's names alone: which mailbox, known by a
// number, has which name on each side and in base.
type directory struct {
	server, local, base map[int]mail.Mailbox
	parents             []mail.Mailbox // names on the server that hold no messages
	serial              int
}

// names observes the model. With ids the server tells MAILBOXID.
func (a *directory) names(ids bool) plan.Names {
	n := plan.Names{Policies: map[mail.Mailbox]conflict.Policy{}}
	id := func(i int) string {
		if ids {
			return fmt.Sprint("F", i)
		}
		return ""
	}
	for i, m := range a.base {
		n.Known = append(n.Known, mail.Checkpoint{
			Mailbox: m, MailboxID: id(i), UIDValidity: mail.UIDValidity(1000 + i), UIDNext: 5, Messages: 4, OnServer: true, OnLocal: true,
			Stamp: mail.Stamp{Cur: mail.DirStamp{Inode: uint64(i + 1), MTime: 1, CTime: 1}},
		})
	}
	for i, m := range a.server {
		n.Server = append(n.Server, mail.ServerMailbox{Name: m, Status: &mail.Status{
			UIDValidity: mail.UIDValidity(1000 + i), UIDNext: 6, Messages: 4, MailboxID: id(i),
		}})
	}
	for _, m := range a.parents {
		n.Server = append(n.Server, mail.ServerMailbox{Name: m, NoSelect: true})
	}
	for i, m := range a.local {
		n.Local = append(n.Local, mail.LocalMailbox{
			Name: m, Stamp: mail.Stamp{Cur: mail.DirStamp{Inode: uint64(i + 1), MTime: 2, CTime: 2}},
		})
	}
	return n
}

// proved looks at the messages: a suspect is what it is suspected to be, if it
// is the same mailbox.
func (a *directory) proved(suspects []plan.Suspect) []plan.Suspect {
	return slices.DeleteFunc(slices.Clone(suspects), func(s plan.Suspect) bool {
		side := a.server
		if s.On == plan.OnLocal {
			side = a.local
		}
		return number(a.base, s.From) != number(side, s.To)
	})
}

func number(side map[int]mail.Mailbox, m mail.Mailbox) int {
	for i, name := range side {
		if name == m {
			return i
		}
	}
	return -1
}

// rename renames on one side as RENAME does; it fails where a name is taken.
func (a *directory) rename(side map[int]mail.Mailbox, from, to mail.Mailbox, parents bool) error {
	taken := map[mail.Mailbox]bool{}
	for _, m := range side {
		taken[m] = true
	}
	if parents {
		for _, m := range a.parents {
			taken[m] = true
		}
	}
	blocked := !taken[from] || from == mail.Inbox || to == mail.Inbox
	for m := range taken {
		blocked = blocked || m.Under(from) && taken[plan.Moved(m, from, to)]
	}
	if blocked {
		return fmt.Errorf("rename %s to %s", from, to)
	}
	for i, m := range side {
		side[i] = plan.Moved(m, from, to)
	}
	if parents {
		for i, m := range a.parents {
			a.parents[i] = plan.Moved(m, from, to)
		}
	}
	return nil
}

func (a *directory) String() string {
	return fmt.Sprintf("server %v (parents %v)\nlocal  %v\nbase   %v", a.server, a.parents, a.local, a.base)
}

var someNames = []mail.Mailbox{"A", "B", "C", "A/x", "A/y", "B/x", "A/x/1", "D", "D/x"}

// drawAccount makes an account that agrees, and then renames, removes and creates
// on both sides.
func drawAccount(t *rapid.T, removals bool) *directory {
	a := &directory{server: map[int]mail.Mailbox{}, local: map[int]mail.Mailbox{}, base: map[int]mail.Mailbox{}}
	add := func(m mail.Mailbox, sides ...map[int]mail.Mailbox) {
		for _, side := range sides {
			side[a.serial] = m
		}
		a.serial++
	}
	add(mail.Inbox, a.server, a.local, a.base)
	for _, m := range someNames {
		if rapid.IntRange(0, 2).Draw(t, "has "+string(m)) > 0 {
			add(m, a.server, a.local, a.base)
		} else if rapid.IntRange(0, 3).Draw(t, "parent "+string(m)) == 0 {
			a.parents = append(a.parents, m)
		}
	}
	name := func(label string) mail.Mailbox { return rapid.SampledFrom(someNames).Draw(t, label) }
	for range rapid.IntRange(0, 8).Draw(t, "doings") {
		side, onServer := a.local, rapid.Bool().Draw(t, "on server")
		if onServer {
			side = a.server
		}
		switch rapid.IntRange(0, 9).Draw(t, "doing") {
		case 0:
			if m := name("new"); number(side, m) < 0 && (!onServer || !slices.Contains(a.parents, m)) {
				add(m, side)
			}
		case 1:
			if removals {
				if i := number(side, name("gone")); i > 0 {
					delete(side, i)
				}
			}
		default:
			from, to := name("from"), name("to")
			if !to.Under(from) {
				_ = a.rename(side, from, to, onServer) // or there is nothing to rename
			}
		}
	}
	return a
}

// follow carries out what is planned, at most so many operations and base only
// after all of them; it tells whether that was all.
func (a *directory) follow(r plan.Renaming, most int) (bool, error) {
	for i, op := range r.Operations {
		if i == most {
			return false, nil
		}
		side := a.server
		if op.On == plan.OnLocal {
			side = a.local
		}
		if err := a.rename(side, op.From, op.Mailbox, op.On == plan.OnServer); err != nil {
			return false, fmt.Errorf("%s: %w", op.On, err)
		}
	}
	called := map[mail.Mailbox]mail.Mailbox{}
	for _, n := range r.Names {
		called[n.From] = n.To
	}
	taken := map[mail.Mailbox]bool{}
	for i, m := range a.base {
		if to, renamed := called[m]; renamed {
			a.base[i] = to
		}
		if taken[a.base[i]] {
			return false, fmt.Errorf("base has %s twice", a.base[i])
		}
		taken[a.base[i]] = true
	}
	return true, nil
}

// TestRenamesConvergeAndLoseNoMailbox: what is planned can be carried out, gives
// both sides and base one name for each mailbox, loses none, and leaves nothing to
// do; cut after any operation, the next plan does.
func TestRenamesConvergeAndLoseNoMailbox(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a := drawAccount(t, true)
		ids := rapid.Bool().Draw(t, "MAILBOXID")
		before := a.String()
		server, local := slices.Sorted(maps.Keys(a.server)), slices.Sorted(maps.Keys(a.local))
		var last plan.Renaming
		for round := 0; ; round++ {
			n := a.names(ids)
			last = plan.Renames(n, a.proved(plan.Suspects(n)))
			most := len(last.Operations)
			if round < 3 {
				most = rapid.IntRange(0, most).Draw(t, "cut after")
			}
			all, err := a.follow(last, most)
			if err != nil {
				t.Fatalf("%v\nbefore:\n%s\nplan: %+v\nnow:\n%s", err, before, last, a)
			}
			if all && round >= 3 {
				break
			}
		}
		if !slices.Equal(server, slices.Sorted(maps.Keys(a.server))) || !slices.Equal(local, slices.Sorted(maps.Keys(a.local))) {
			t.Fatalf("a mailbox was lost\nbefore:\n%s\nnow:\n%s", before, a)
		}
		n := a.names(ids)
		// What was in the way of a name may be gone after the others were renamed.
		if again := plan.Renames(n, a.proved(plan.Suspects(n))); len(last.Holds) == 0 && len(again.Operations)+len(again.Names) > 0 {
			t.Fatalf("something is left: %+v\nbefore:\n%s\nplan: %+v\nnow:\n%s", again, before, last, a)
		}
		if a.server[0] != mail.Inbox || a.local[0] != mail.Inbox {
			t.Fatalf("INBOX was renamed\nbefore:\n%s\nnow:\n%s", before, a)
		}
		for i, m := range a.base {
			s, onServer := a.server[i]
			l, onLocal := a.local[i]
			if len(last.Holds) == 0 && (onServer && s != m || onLocal && l != m) {
				t.Fatalf("base has %s, the server %s, the Maildir %s\nbefore:\n%s\nplan: %+v\nnow:\n%s", m, s, l, before, last, a)
			}
		}
	})
}

// TestRenamesDoNotDependOnOrder: the same names in another order have the same
// plan.
func TestRenamesDoNotDependOnOrder(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a := drawAccount(t, true)
		first, second := a.names(true), a.names(true)
		for _, n := range []*plan.Names{&first} {
			slices.Reverse(n.Known)
			slices.Reverse(n.Server)
			slices.Reverse(n.Local)
		}
		one := plan.Renames(first, a.proved(plan.Suspects(first)))
		two := plan.Renames(second, a.proved(plan.Suspects(second)))
		if fmt.Sprint(one) != fmt.Sprint(two) {
			t.Fatalf("%.2000v\n%.2000v", one, two)
		}
	})
}

// TestRenameIsNotCarriedOutWithoutProof: numbers that agree are no proof.
func TestRenameIsNotCarriedOutWithoutProof(t *testing.T) {
	t.Parallel()
	n := plan.Names{
		Known:  []mail.Checkpoint{{Mailbox: "A", UIDValidity: 1, UIDNext: 9, Messages: 3, OnServer: true, OnLocal: true}},
		Server: []mail.ServerMailbox{{Name: "INBOX", Status: &mail.Status{UIDValidity: 1}}, {Name: "B", Status: &mail.Status{UIDValidity: 1, UIDNext: 9, Messages: 3}}},
	}
	s := plan.Suspects(n)
	if len(s) != 1 || s[0].Sure || s[0].Alone {
		t.Fatalf("suspects: %+v", s)
	}
	if r := plan.Renames(n, nil); len(r.Operations)+len(r.Names) > 0 {
		t.Errorf("renamed without a proof: %+v", r)
	}
}

// TestRenameIsNotSoughtBeyondUIDValidity: a mailbox that has as many messages as
// one that is missing is a suspect, unless another has kept the missing one's
// UIDVALIDITY, be it empty.
func TestRenameIsNotSoughtBeyondUIDValidity(t *testing.T) {
	t.Parallel()
	n := plan.Names{
		Known: []mail.Checkpoint{{Mailbox: "A", UIDValidity: 7, UIDNext: 9, Messages: 3, OnServer: true, OnLocal: true}},
		Server: []mail.ServerMailbox{
			{Name: "INBOX", Status: &mail.Status{UIDValidity: 1}},
			{Name: "B", Status: &mail.Status{UIDValidity: 8, UIDNext: 9, Messages: 3}},
		},
	}
	if s := plan.Suspects(n); len(s) != 1 || s[0].To != "B" || !s[0].Renumbered {
		t.Fatalf("numbered anew: %+v", s)
	}
	n.Server = append(n.Server, mail.ServerMailbox{Name: "C", Status: &mail.Status{UIDValidity: 7, UIDNext: 9}})
	if s := plan.Suspects(n); len(s) != 1 || s[0].To != "C" {
		t.Errorf("with one that has its UIDVALIDITY: %+v", s)
	}
}

// TestRenameOfTwoIntoOneIsLeftAlone: where two mailboxes are proved to be one, or
// one to be two, nothing is renamed.
func TestRenameOfTwoIntoOneIsLeftAlone(t *testing.T) {
	t.Parallel()
	n := plan.Names{Known: []mail.Checkpoint{{Mailbox: "A", OnServer: true}, {Mailbox: "B", OnServer: true}}, Server: []mail.ServerMailbox{{Name: "C"}, {Name: "D"}}}
	for _, proved := range [][]plan.Suspect{
		{{From: "A", To: "C", Sure: true}, {From: "B", To: "C", Sure: true}},
		{{From: "A", To: "C", Sure: true}, {From: "A", To: "D", Sure: true}},
	} {
		if r := plan.Renames(n, proved); len(r.Operations)+len(r.Names) > 0 {
			t.Errorf("%+v: %+v", proved, r)
		}
	}
}

// TestRenameHonoursTheMode: what may not be changed is not renamed.
func TestRenameHonoursTheMode(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		mode   conflict.Mode
		on     plan.Side
		follow bool
	}{
		{conflict.Pull, plan.OnServer, true}, {conflict.Archive, plan.OnServer, true}, {conflict.Push, plan.OnServer, false},
		{conflict.Pull, plan.OnLocal, false}, {conflict.Push, plan.OnLocal, true}, {conflict.TwoWay, plan.OnLocal, true},
	} {
		a := &directory{
			server: map[int]mail.Mailbox{0: "INBOX", 1: "A"}, local: map[int]mail.Mailbox{0: "INBOX", 1: "A"}, base: map[int]mail.Mailbox{0: "INBOX", 1: "A"},
		}
		if c.on == plan.OnServer {
			a.server[1] = "B"
		} else {
			a.local[1] = "B"
		}
		n := a.names(true)
		n.Policies["A"] = conflict.Policy{Mode: c.mode}
		r := plan.Renames(n, a.proved(plan.Suspects(n)))
		if got := len(r.Operations) == 1 && len(r.Names) == 1; got != c.follow {
			t.Errorf("mode %d, renamed %s: %+v", c.mode, c.on, r)
		}
	}
}
