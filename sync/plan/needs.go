package plan

import "godwit/mail"

// Shortlist names the server messages that must be read before a plan can be
// made, because by size they may be messages that are known already. The engine
// has them read (Heads: their headers; Hashes: all of them), puts the result
// into Item.Server.Content and asks again; after two rounds at most, nothing is
// left to ask for, unless messages could not be read: then the plan leaves them
// alone.
type Shortlist struct {
	Heads, Hashes map[mail.Mailbox]mail.UIDSet
}

// IsEmpty tells that nothing has to be read.
func (s Shortlist) IsEmpty() bool { return len(s.Heads) == 0 && len(s.Hashes) == 0 }

// Needs returns what must be read before [Make] can decide.
func Needs(in Input) Shortlist {
	return Shortlist{}
}
