package conflict

import "godwit/mail"

// Touch tells what a side's flags say about a message that the other side lost:
// [Still] when they are as base has them; [Kept] when somebody cared for it, by
// adding a flag other than \Seen and \Deleted, or by taking \Deleted off; and
// [Slight] for any other change: reading a message, or marking it for removal,
// is no wish to keep it.
func Touch(base, now mail.Flags) Situation {
	if base.Equal(now) {
		return Still
	}
	added := now.Minus(base)
	if added.System&^(mail.Seen|mail.Deleted) != 0 || added.Keywords != "" {
		return Kept
	}
	if base.System&^now.System&mail.Deleted != 0 {
		return Kept
	}
	return Slight
}

// Keeps tells whether flags that became now, where base has base, ask to keep a
// message that the other side removed. It is for the last look at a file or a
// message before it is removed.
func Keeps(base, now mail.Flags) bool { return Touch(base, now) == Kept }

// Flags are one message's flags as the three trees have them. A flag that a
// side cannot hold must be given on that side as base has it: its silence says
// nothing.
type Flags struct {
	Base, Local, Server mail.Flags
	// LocalAnew and ServerAnew say that the side's message was made anew (put
	// back, numbered anew, found as the other half of a pair): nobody took off
	// the flags that it lacks.
	LocalAnew, ServerAnew bool
}

// Merged is what becomes of the flags: of the row, of the file, and of the
// server's message.
type Merged struct {
	Row, Local, Server mail.Flags
}

// Merge merges flag by flag: the side that changed a flag wins, and two sides
// that both changed one agree, since a flag has but two values. Where changes
// may travel in one direction only, the row follows the side they come from,
// and the other side keeps its own changes; where they may not travel at all,
// the row learns what both sides agree on.
func (f Flags) Merge(may Permit) Merged {
	local, server := mail.FlagsBetween(f.Base, f.Local), mail.FlagsBetween(f.Base, f.Server)
	if f.LocalAnew {
		local.Remove = mail.Flags{}
	}
	if f.ServerAnew {
		server.Remove = mail.Flags{}
	}
	switch may & (ToLocal | ToServer) {
	case ToLocal | ToServer:
		all := server.Apply(local.Apply(f.Base))
		return Merged{Row: all, Local: all, Server: all}
	case ToLocal:
		if f.LocalAnew {
			f.Local = f.Local.Union(f.Base)
		}
		return Merged{Row: f.Server, Local: server.Apply(f.Local), Server: f.Server}
	case ToServer:
		if f.ServerAnew {
			f.Server = f.Server.Union(f.Base)
		}
		return Merged{Row: f.Local, Local: f.Local, Server: local.Apply(f.Server)}
	}
	either := f.Local.Union(f.Server)
	agreed := f.Local.Intersect(f.Server).Union(f.Base.Intersect(either))
	return Merged{Row: agreed, Local: f.Local, Server: f.Server}
}
