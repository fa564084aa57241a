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

// Suspect is a mailbox on one side that may be one that base knows under another
// name.
type Suspect struct {
	On       Side
	From, To mail.Mailbox // its name in base, and the one it has now
	// Sure says that nothing more has to be looked at. Otherwise the messages
	// decide: those that base has in From must be found in To.
	Sure bool
	// Alone says that no other mailbox has its UIDVALIDITY, and that it holds no
	// message and never held another than base knew: where base has no message,
	// that is proof enough.
	Alone bool
	// Renumbered says that UIDVALIDITY changed with the name: all the messages
	// that are looked at must be found under the UIDs that they had.
	Renumbered bool
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

// otherServer tells that the server's mailbox of that name is not the one that
// base knows under it, as far as the numbers say.
func (r *renamer) otherServer(m mail.Mailbox) bool {
	c, s := r.known[m], r.server[m]
	switch {
	case c == nil || !c.OnServer || s == nil || s.NoSelect:
		return true
	case s.Status == nil:
		return false
	case c.MailboxID != "" && s.Status.MailboxID != "":
		return c.MailboxID != s.Status.MailboxID
	}
	return c.UIDValidity != 0 && c.UIDValidity != s.Status.UIDValidity
}

// otherLocal tells the same of the Maildir's.
func (r *renamer) otherLocal(m mail.Mailbox) bool {
	c, l := r.known[m], r.local[m]
	return c == nil || !c.OnLocal || l == nil || c.Stamp.Cur.Inode != 0 && c.Stamp.Cur.Inode != l.Stamp.Cur.Inode
}

// Suspects returns the mailboxes that may have been renamed, by side and name.
func Suspects(n Names) []Suspect {
	r := newRenamer(&n)
	found := append(r.suspectsOnServer(), r.suspectsOnLocal()...)
	slices.SortFunc(found, compareSuspects)
	return found
}

func compareSuspects(a, b Suspect) int {
	switch {
	case a.On != b.On:
		return int(a.On) - int(b.On)
	case a.From != b.From:
		return strings.Compare(string(a.From), string(b.From))
	}
	return strings.Compare(string(a.To), string(b.To))
}

func (r *renamer) suspectsOnServer() []Suspect {
	byID, byValidity := map[string][]*mail.ServerMailbox{}, map[mail.UIDValidity][]*mail.ServerMailbox{}
	var all []*mail.ServerMailbox
	holders := map[mail.UIDValidity]int{}
	for i := range r.Server {
		s := &r.Server[i]
		if s.Status == nil {
			continue
		}
		holders[s.Status.UIDValidity]++
		if r.movable(s.Name) && r.otherServer(s.Name) && !s.NoSelect {
			all = append(all, s)
			if s.Status.MailboxID != "" {
				byID[s.Status.MailboxID] = append(byID[s.Status.MailboxID], s)
			}
			byValidity[s.Status.UIDValidity] = append(byValidity[s.Status.UIDValidity], s)
		}
	}
	if len(all) == 0 {
		return nil
	}
	shared := map[mail.UIDValidity]int{}
	for i := range r.Known {
		if r.Known[i].OnServer {
			shared[r.Known[i].UIDValidity]++
		}
	}
	var found []Suspect
	for i := range r.Known {
		c := &r.Known[i]
		if !c.OnServer || !r.movable(c.Mailbox) || !r.otherServer(c.Mailbox) {
			continue
		}
		if c.MailboxID != "" {
			for _, s := range byID[c.MailboxID] {
				found = append(found, Suspect{On: OnServer, From: c.Mailbox, To: s.Name, Sure: true})
			}
		}
		for _, s := range byValidity[c.UIDValidity] {
			if c.UIDValidity == 0 || c.MailboxID != "" && s.Status.MailboxID != "" ||
				s.Status.UIDNext != 0 && s.Status.UIDNext < c.UIDNext || s.Name == c.Mailbox {
				continue
			}
			found = append(found, Suspect{
				On: OnServer, From: c.Mailbox, To: s.Name, Sure: r.intended(c.Mailbox, s.Name),
				Alone: holders[c.UIDValidity] == 1 && shared[c.UIDValidity] == 1 &&
					s.Status.Messages == 0 && s.Status.UIDNext == c.UIDNext,
			})
		}
		found = append(found, r.renumbered(c, all)...)
	}
	return found
}

// renumbered are the mailboxes that c may be although UIDVALIDITY changed with
// the name, as on Courier: those that hold as many messages under as many UIDs.
func (r *renamer) renumbered(c *mail.Checkpoint, all []*mail.ServerMailbox) []Suspect {
	if s := r.server[c.Mailbox]; s != nil && !s.NoSelect {
		return nil // numbered anew, under the name that it had
	}
	var found []Suspect
	for _, s := range all {
		if s.Status.UIDValidity == c.UIDValidity || c.MailboxID != "" && s.Status.MailboxID != "" {
			continue
		}
		if k := r.known[s.Name]; k != nil && k.OnServer {
			continue
		}
		sure := r.intended(c.Mailbox, s.Name)
		if sure || c.Messages > 0 && c.Messages == s.Status.Messages && c.UIDNext > 1 && c.UIDNext == s.Status.UIDNext {
			found = append(found, Suspect{On: OnServer, From: c.Mailbox, To: s.Name, Sure: sure, Renumbered: true})
		}
	}
	return found
}

// intended tells that an earlier run was about to rename so.
func (r *renamer) intended(from, to mail.Mailbox) bool {
	return slices.Contains(r.Intended, mail.NewName{From: from, To: to})
}

func (r *renamer) suspectsOnLocal() []Suspect {
	byInode := map[uint64][]*mail.LocalMailbox{}
	for i := range r.Local {
		if l := &r.Local[i]; r.movable(l.Name) && r.otherLocal(l.Name) {
			byInode[l.Stamp.Cur.Inode] = append(byInode[l.Stamp.Cur.Inode], l)
		}
	}
	if len(byInode) == 0 {
		return nil
	}
	var found []Suspect
	for i := range r.Known {
		c := &r.Known[i]
		if !c.OnLocal || c.Stamp.Cur.Inode == 0 || !r.movable(c.Mailbox) || !r.otherLocal(c.Mailbox) {
			continue
		}
		for _, l := range byInode[c.Stamp.Cur.Inode] {
			found = append(found, Suspect{On: OnLocal, From: c.Mailbox, To: l.Name, Sure: c.Stamp.Unmoved(l.Stamp)})
		}
	}
	return found
}

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

// scheduler plays the renames of one side through.
type scheduler struct {
	names map[mail.Mailbox]bool // all there are
	// order are the mailboxes that base knows and the side has; at and to are where
	// they are now, and where they are to be.
	order  []mail.Mailbox
	at, to map[mail.Mailbox]mail.Mailbox
	first  []mail.NewName // of mere parents
	passed int
}

// parents finds names that hold no messages (\NoSelect) and all of whose
// mailboxes are to be below another name: renaming those takes one RENAME.
func (s *scheduler) parents(r *renamer) {
	has := map[mail.Mailbox]mail.Mailbox{}
	for m, at := range s.at {
		has[at] = m
	}
	for i := range r.Server {
		p := r.Server[i].Name
		if !r.Server[i].NoSelect || !r.movable(p) {
			continue
		}
		to, below := mail.Mailbox(""), 0
		for name := range s.names {
			if name == p || !name.Under(p) || r.server[name].NoSelect {
				continue
			}
			m, known := has[name]
			q, fits := strings.CutSuffix(string(s.to[m]), string(name[len(p):]))
			if !known || !fits || to != "" && to != mail.Mailbox(q) {
				below = 0
				break
			}
			to, below = mail.Mailbox(q), below+1
		}
		if below > 1 && to != "" && !s.names[to] && !to.Under(p) && r.movable(to) {
			s.first = append(s.first, mail.NewName{From: p, To: to})
		}
	}
	slices.SortFunc(s.first, func(a, b mail.NewName) int { return strings.Compare(string(a.From), string(b.From)) })
}

// run finds an order, and calls do for each rename and one of the mailboxes that
// it is for. It tells whether there is one.
func (s *scheduler) run(do func(m, from, to mail.Mailbox)) bool {
	slices.SortFunc(s.order, func(a, b mail.Mailbox) int { // parents first
		if d := strings.Count(string(s.at[a]), "/") - strings.Count(string(s.at[b]), "/"); d != 0 {
			return d
		}
		return strings.Compare(string(a), string(b))
	})
	for _, p := range s.first {
		if !s.names[p.From] || s.blocked(p.From, p.To) {
			continue // gone along with another
		}
		for _, m := range s.order {
			if s.at[m].Under(p.From) {
				do(m, p.From, p.To)
				s.rename(p.From, p.To)
				break
			}
		}
	}
	for range 4*len(s.order) + 4 {
		var waiting mail.Mailbox
		done := false
		for _, m := range s.order {
			from, to := s.at[m], s.to[m]
			if from == to {
				continue
			}
			if s.blocked(from, to) {
				if waiting == "" {
					waiting = m
				}
				continue
			}
			do(m, from, to)
			s.rename(from, to)
			done = true
		}
		switch {
		case done:
		case waiting == "":
			return true
		default: // names are exchanged: one of them goes round
			from, to := s.at[waiting], s.passing()
			do(waiting, from, to)
			s.rename(from, to)
		}
	}
	return false
}

// blocked tells that a rename cannot be made now: the new name, or that of one
// that would go along, is another's.
func (s *scheduler) blocked(from, to mail.Mailbox) bool {
	if s.names[to] || to.Under(from) { // RENAME a a/b would take a/b along
		return true
	}
	for name := range s.names {
		if name.Under(from) && s.names[Moved(name, from, to)] {
			return true
		}
	}
	return false
}

// passing is a name that nobody has.
func (s *scheduler) passing() mail.Mailbox {
	for {
		s.passed++
		if m := mail.Mailbox(fmt.Sprint(mail.PassingName, s.passed)); !s.names[m] {
			return m
		}
	}
}

// rename renames a mailbox with those below it.
func (s *scheduler) rename(from, to mail.Mailbox) {
	names := map[mail.Mailbox]bool{}
	for name := range s.names {
		names[Moved(name, from, to)] = true
	}
	s.names = names
	for m, at := range s.at {
		s.at[m] = Moved(at, from, to)
	}
}

// Moved is a mailbox's name after another, from, was renamed: those below go
// along.
func Moved(m, from, to mail.Mailbox) mail.Mailbox {
	if !m.Under(from) {
		return m
	}
	return to + m[len(from):]
}
