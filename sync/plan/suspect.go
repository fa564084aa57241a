package plan

import (
	"slices"
	"strings"

	"godwit/mail"
)

// Suspect is a mailbox on one side that may be one that base knows under another
// name.
type Suspect struct {
	On       Side
	From, To mail.Mailbox // its name in base, and the one it has now
	// Sure says that nothing more has to be looked at. Otherwise the messages
	// decide: those that base has in From must be found in To.
	Sure bool
	// Alone says that no other mailbox has its UIDVALIDITY, and that it holds no
	// message and never held another than base knew, which had none in it when it was
	// last looked into: where base has no message,
	// that is proof enough.
	Alone bool
	// Renumbered says that UIDVALIDITY changed with the name: all the messages
	// that are looked at must be found under the UIDs that they had.
	Renumbered bool
}

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
					c.Messages == 0 && s.Status.Messages == 0 && s.Status.UIDNext == c.UIDNext,
			})
		}
		if !slices.ContainsFunc(byValidity[c.UIDValidity], func(s *mail.ServerMailbox) bool { return s.Status.UIDNext >= c.UIDNext }) {
			found = append(found, r.renumbered(c, all)...)
		}
	}
	return found
}

// renumbered are the mailboxes that c may be although UIDVALIDITY changed with
// the name, as on Courier: those that hold as many messages under as many UIDs. A
// mailbox that has its UIDVALIDITY, even if its messages are gone, has the better
// claim.
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
