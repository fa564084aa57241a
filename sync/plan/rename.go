package plan

import (
	"fmt"
	"slices"
	"strings"

	"godwit/conflict"
	"godwit/mail"
)

// Side is one of the two sides.
type Side uint8

// The sides.
const (
	OnServer Side = iota
	OnLocal
)

// String names the side, for users.
func (s Side) String() string {
	if s == OnLocal {
		return "in the Maildir"
	}
	return "on the server"
}

// Names are an account's mailboxes in the three trees, before any is looked
// into: what is known of a mailbox by its name, its numbers and its directory.
type Names struct {
	Known  []mail.Checkpoint
	Server []mail.ServerMailbox
	Local  []mail.LocalMailbox
	// Intended are the renames that an earlier run had begun.
	Intended []mail.NewName
	// Unwanted are names that are not part of the account: none is renamed, or
	// given to another.
	Unwanted map[mail.Mailbox]bool
	// Policies are those that are not the zero Policy, by the name in base.
	Policies map[mail.Mailbox]conflict.Policy
}

// RenameMailbox gives a mailbox on one side the name that the other side gave
// it. Mailbox is the new name; those below it go along.
type RenameMailbox struct {
	Step
	On   Side
	From mail.Mailbox
}

// Renaming is what follows from the renames that were proved.
type Renaming struct {
	// Operations in the order in which they must run. Where names are exchanged, a
	// mailbox has a name that begins with [mail.PassingName] in between.
	Operations []RenameMailbox
	// Names are the new names in base, of every mailbox that was renamed on either
	// side.
	Names []mail.NewName
	Holds []Hold
}

func isPassing(m mail.Mailbox) bool { return strings.HasPrefix(string(m), mail.PassingName) }

// renamer knows where the mailboxes of base are now.
type renamer struct {
	*Names
	known  map[mail.Mailbox]*mail.Checkpoint
	server map[mail.Mailbox]*mail.ServerMailbox
	local  map[mail.Mailbox]*mail.LocalMailbox
	// moved is where a side has a mailbox of base now, if not under its own name.
	moved [2]map[mail.Mailbox]mail.Mailbox
}

func newRenamer(n *Names) *renamer {
	r := &renamer{
		Names: n, known: map[mail.Mailbox]*mail.Checkpoint{}, server: map[mail.Mailbox]*mail.ServerMailbox{},
		local: map[mail.Mailbox]*mail.LocalMailbox{},
		moved: [2]map[mail.Mailbox]mail.Mailbox{{}, {}},
	}
	for i := range n.Known {
		r.known[n.Known[i].Mailbox] = &n.Known[i]
	}
	for i := range n.Server {
		r.server[n.Server[i].Name] = &n.Server[i]
	}
	for i := range n.Local {
		r.local[n.Local[i].Name] = &n.Local[i]
	}
	return r
}

// movable tells whether a name may be given or taken away. INBOX never is:
// RENAME of it moves its messages away and leaves it (RFC 9051, 6.3.6).
func (r *renamer) movable(m mail.Mailbox) bool { return m != mail.Inbox && !r.Unwanted[m] }

// Renames decides what becomes of the renames that were proved: which names the
// other side has to be given, and base. Of what is ambiguous, not permitted, or
// has no room, nothing is renamed; its messages are moved one by one then, like
// any that came up elsewhere.
func Renames(n Names, proved []Suspect) Renaming {
	r := newRenamer(&n)
	for _, on := range [...]Side{OnServer, OnLocal} {
		froms, tos := map[mail.Mailbox]int{}, map[mail.Mailbox]int{}
		for _, s := range proved {
			if s.On == on {
				froms[s.From]++
				tos[s.To]++
			}
		}
		for _, s := range proved {
			if s.On == on && froms[s.From] == 1 && tos[s.To] == 1 {
				r.moved[on][s.From] = s.To
			}
		}
	}
	var out Renaming
	targets := r.targets()
	r.fit(targets, &out)
	if len(targets) == 0 {
		return out
	}
	if !r.schedule(targets, &out) {
		// Names that base knows nothing of are in the way, below others.
		m := sortedNames(targets)[0]
		return Renaming{Holds: append(out.Holds, Hold{Mailbox: targets[m].name, Reason: conflict.MailboxNameTaken, Text: fmt.Sprintf(
			"%s was renamed to this name, below which others are in the way: its messages are moved one by one", m)})}
	}
	for _, from := range sortedNames(targets) {
		if t := targets[from]; t.name != from {
			out.Names = append(out.Names, mail.NewName{From: from, To: t.name})
		}
	}
	return out
}

// target is the name that a mailbox of base is to have on both sides.
type target struct {
	name mail.Mailbox
	why  conflict.Reason
}

func sortedNames(m map[mail.Mailbox]target) []mail.Mailbox {
	names := make([]mail.Mailbox, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// at is the name under which a side has a mailbox of base; empty when it has it
// no more.
func (r *renamer) at(on Side, m mail.Mailbox) mail.Mailbox {
	if to, moved := r.moved[on][m]; moved {
		return to
	}
	c := r.known[m]
	switch {
	case on == OnServer && c.OnServer:
		// Under another UIDVALIDITY it still has the name, unless that is another's.
		if s := r.server[m]; s != nil && !s.NoSelect && !r.taken(on, m) {
			return m
		}
	case on == OnLocal && c.OnLocal:
		if r.local[m] != nil && !r.taken(on, m) {
			return m
		}
	}
	return ""
}

// taken tells that what has the name on a side is another mailbox of base.
func (r *renamer) taken(on Side, m mail.Mailbox) bool {
	for _, to := range r.moved[on] {
		if to == m {
			return true
		}
	}
	return false
}

// targets chooses the names. Where both sides renamed, the server's name wins.
func (r *renamer) targets() map[mail.Mailbox]target {
	targets := map[mail.Mailbox]target{}
	for i := range r.Known {
		m := r.Known[i].Mailbox
		server, onServer := r.moved[OnServer][m]
		local, onLocal := r.moved[OnLocal][m]
		if !onServer && !onLocal {
			continue
		}
		if isPassing(server) && onServer { // an exchange of names was cut off
			server, onServer = m, false
		}
		if isPassing(local) && onLocal {
			local, onLocal = m, false
		}
		mode := r.Policies[m].Mode
		t := target{name: m}
		switch {
		case onServer && onLocal && server == local:
			t = target{server, conflict.MailboxRenamedTogether}
		case onServer && onLocal && mode.Pulls():
			t = target{server, conflict.MailboxRenamedApart}
		case onServer && onLocal:
			t = target{local, conflict.MailboxRenamedApart}
		case onServer:
			t = target{server, conflict.MailboxRenamedOnServer}
		case onLocal:
			t = target{local, conflict.MailboxRenamedInMaildir}
		}
		if t.why == conflict.NoReason {
			t.why = conflict.MailboxRenamedTogether // back from an exchange
		}
		atServer, atLocal := r.at(OnServer, m), r.at(OnLocal, m)
		if atServer != "" && atServer != t.name && !mode.Pushes() || atLocal != "" && atLocal != t.name && !mode.Pulls() {
			continue // the side is not to be changed
		}
		targets[m] = t
	}
	return targets
}

// fit gives up the renames whose new name is another's, until none is left.
func (r *renamer) fit(targets map[mail.Mailbox]target, out *Renaming) {
	for again := true; again; {
		again = false
		leaves := [2]map[mail.Mailbox]bool{{}, {}} // names that the renamed ones have
		gets := map[mail.Mailbox]int{}
		for m, t := range targets {
			gets[t.name]++
			for _, on := range [...]Side{OnServer, OnLocal} {
				if at := r.at(on, m); at != "" {
					leaves[on][at] = true
				}
			}
		}
		for _, m := range sortedNames(targets) {
			to := targets[m].name
			_, moving := targets[to]
			free := gets[to] == 1 && r.movable(to) && (r.known[to] == nil || moving) &&
				(r.server[to] == nil || leaves[OnServer][to]) && (r.local[to] == nil || leaves[OnLocal][to])
			if free {
				continue
			}
			delete(targets, m)
			again = true
			out.Holds = append(out.Holds, Hold{Mailbox: to, Reason: conflict.MailboxNameTaken, Text: fmt.Sprintf(
				"%s was renamed to this name, which another mailbox has on the other side: its messages are moved one by one", m)})
			break
		}
	}
}

// schedule orders the renames on each side, so that no name is given that is
// still another's. A rename takes the mailboxes below along (RFC 9051, 6.3.6),
// which saves renaming them and may have to be undone for some.
func (r *renamer) schedule(targets map[mail.Mailbox]target, out *Renaming) bool {
	for _, on := range [...]Side{OnServer, OnLocal} {
		s := scheduler{names: map[mail.Mailbox]bool{}, at: map[mail.Mailbox]mail.Mailbox{}, to: map[mail.Mailbox]mail.Mailbox{}}
		if on == OnServer {
			for name := range r.server {
				s.names[name] = true
			}
		} else {
			for name := range r.local {
				s.names[name] = true
			}
		}
		for m := range r.known {
			at := r.at(on, m)
			if at == "" || !r.movable(m) {
				continue
			}
			s.order = append(s.order, m)
			s.at[m], s.to[m] = at, at
			if t, renamed := targets[m]; renamed {
				s.to[m] = t.name
			}
		}
		if on == OnServer {
			s.parents(r)
		}
		ok := s.run(func(m, from, to mail.Mailbox) {
			why := targets[m].why
			if why == conflict.NoReason {
				why = conflict.MailboxRenamedTogether // back to where it was
			}
			out.Operations = append(out.Operations, RenameMailbox{Step{to, why}, on, from})
		})
		if !ok {
			return false
		}
	}
	return true
}
