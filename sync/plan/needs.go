package plan

import (
	"maps"

	"godwit/mail"
)

// Shortlist names the server messages that must be read before a plan can be
// made, because by size they may be messages that are known already. The engine
// has them read (Heads: their headers; Hashes: all of them), puts the result
// into Item.Server.Content and asks again, until it is empty or the same as
// before: what could not be read then, the plan leaves alone. Nearly always that
// takes one round, for headers, or two; it can take more where what is found in one
// mailbox tells what must be known in another. No UID is in both.
type Shortlist struct {
	Heads, Hashes map[mail.Mailbox]mail.UIDSet
}

// IsEmpty tells that nothing has to be read.
func (s Shortlist) IsEmpty() bool { return len(s.Heads) == 0 && len(s.Hashes) == 0 }

// Equal tells that the same is to be read.
func (s Shortlist) Equal(t Shortlist) bool {
	return maps.EqualFunc(s.Heads, t.Heads, mail.UIDSet.Equal) && maps.EqualFunc(s.Hashes, t.Hashes, mail.UIDSet.Equal)
}

// Needs returns what must be read before [Make] can decide. It asks for no
// more than may decide something: only for messages that are new on the server,
// and as large as a new or edited file of that mailbox, as a message that the
// server lost from any mailbox, or as one of a mailbox with a new UIDVALIDITY.
// Headers are enough unless they are weak ([mail.Content]) or a draft's. And for
// the headers of messages that have the size and the date of one whose file is
// here, or of each other: such a message need not be fetched.
func Needs(in Input) Shortlist { return Prepare(&in).Needs() }

// Needs is [Needs] of the input as it was when the plan was prepared, and as its
// Alike are now.
func (q *Preparation) Needs() Shortlist {
	p := q.p
	if p.held || !p.anyNew() {
		return Shortlist{} // the common case, and cheap
	}
	wanted := maps.Clone(q.doubted)
	if wanted == nil {
		wanted = map[*msg]bool{}
	}
	p.findTwins(false, func(m *msg) { wanted[m] = wanted[m] || false })
	if len(wanted) == 0 {
		return Shortlist{}
	}
	var s Shortlist
	for _, b := range p.boxes {
		var heads, hashes mail.UIDSet
		for i := range b.msgs {
			switch whole, asked := wanted[&b.msgs[i]]; {
			case whole:
				hashes.Add(b.msgs[i].Server.UID)
			case asked:
				heads.Add(b.msgs[i].Server.UID)
			}
		}
		s.Heads = include(s.Heads, b.Name, heads)
		s.Hashes = include(s.Hashes, b.Name, hashes)
	}
	return s
}

func include(to map[mail.Mailbox]mail.UIDSet, m mail.Mailbox, uids mail.UIDSet) map[mail.Mailbox]mail.UIDSet {
	if uids.IsEmpty() {
		return to
	}
	if to == nil {
		to = map[mail.Mailbox]mail.UIDSet{}
	}
	to[m] = uids
	return to
}
