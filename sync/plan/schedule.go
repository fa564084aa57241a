package plan

import (
	"fmt"
	"slices"
	"strings"

	"godwit/mail"
)

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
