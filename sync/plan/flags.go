package plan

import (
	"godwit/conflict"
	"godwit/mail"
)

// forwarded is the keyword that mail.System has a bit for, since Maildir has a
// letter for it. On the server it is a keyword like any other, and can be one
// that the mailbox does not hold.
const forwarded = "$Forwarded"

// unheld returns those of f that the server's mailbox cannot hold.
func (b *box) unheld(f mail.Flags) mail.Flags {
	out := b.ServerRoom.Missing(f)
	if f.System&mail.Forwarded != 0 && !b.ServerRoom.Holds(forwarded) {
		out.System = mail.Forwarded
	}
	return out
}

// storable returns what of a change the server's mailbox can carry out.
func (b *box) storable(d mail.FlagDelta) mail.FlagDelta {
	return mail.FlagDelta{Add: d.Add.Minus(b.unheld(d.Add)), Remove: d.Remove.Minus(b.unheld(d.Remove))}
}

// markable returns what of a change the Maildir's mailbox can carry out. A
// keyword that has a letter can always be taken off.
func (b *box) markable(d mail.FlagDelta) mail.FlagDelta {
	missing := b.LocalRoom.Missing(d.Add)
	if missing.Keywords != "" {
		missing.Keywords = missing.Keywords.Minus(b.letters())
	}
	d.Add = d.Add.Minus(missing)
	return d
}

// letters are the keywords that have a letter in the Maildir's mailbox.
func (b *box) letters() mail.Keywords {
	n := min(len(b.Table), mail.MaxLetters)
	names := make([]string, 0, n)
	for _, name := range b.Table[:n] {
		if name != "" {
			names = append(names, name)
		}
	}
	return mail.NewKeywords(names...)
}

// localFlags returns a file's flags as its letters mean them to the user, by
// the table of the mailbox in which base last knew the message, with what base
// knows of keywords that have no letter there: of them the file cannot speak.
func (r *row) localFlags() mail.Flags {
	l := r.localMessage()
	if l == nil {
		return r.Base.Flags
	}
	f := l.Flags(r.box.Table)
	if k := r.Base.Flags.Keywords; k != "" {
		f.Keywords = f.Keywords.Union(k.Minus(r.box.letters()))
	}
	return f
}

// localRaw returns a file's flags as its letters read where it is now.
func (r *row) localRaw() mail.Flags {
	l := r.localMessage()
	if l == nil {
		return r.Base.Flags
	}
	return l.Flags(r.fileBox().Table)
}

// serverFlags returns the flags that the server has, with what base knows of
// those that it cannot hold: of them it cannot speak.
func (r *row) serverFlags() mail.Flags {
	m := r.serverMessage()
	if m == nil {
		return r.Base.Flags
	}
	silent := r.box.unheld(r.Base.Flags)
	if r.msg != nil {
		silent = silent.Union(r.msg.box.unheld(r.Base.Flags))
	}
	return m.Flags.Union(silent)
}

// serverRaw returns the flags that the server has.
func (r *row) serverRaw() mail.Flags {
	if m := r.serverMessage(); m != nil {
		return m.Flags
	}
	return r.Base.Flags
}

// flags puts the question of what becomes of a message's flags. A side that
// does not have the message says nothing.
func (r *row) flags() conflict.Flags {
	f := conflict.Flags{Base: r.Base.Flags, Local: r.Base.Flags, Server: r.Base.Flags}
	if r.localThere() || r.file != nil {
		f.Local = r.localFlags()
		f.LocalAnew = r.local == conflict.Never
	}
	if r.serverThere() || r.msg != nil {
		f.Server = r.serverFlags()
		f.ServerAnew = r.msg != nil && r.msg.box == r.box
	}
	return f
}
