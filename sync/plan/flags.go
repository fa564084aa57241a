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

// storable returns what of a change the server's mailbox can and may carry out.
func (b *box) storable(d mail.FlagDelta) mail.FlagDelta {
	if b.may&conflict.ToServer == 0 {
		return mail.FlagDelta{}
	}
	return mail.FlagDelta{Add: d.Add.Minus(b.unheld(d.Add)), Remove: d.Remove.Minus(b.unheld(d.Remove))}
}

// markable returns what of a change the Maildir's mailbox can and may carry
// out. A keyword that has a letter can always be taken off.
func (b *box) markable(d mail.FlagDelta) mail.FlagDelta {
	if b.may&conflict.ToLocal == 0 {
		return mail.FlagDelta{}
	}
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
// Where the letters of a file that moved may not be written anew, they mean
// from now on what they mean in its new place.
func (r *row) localFlags() mail.Flags {
	l := r.localMessage()
	if l == nil {
		return r.Base.Flags
	}
	table, to := r.box.Table, r.fileBox()
	silent := r.silent()
	if to != r.box && to.may&conflict.ToLocal == 0 {
		table = to.Table
		silent = silent.Union(r.Base.Flags.Keywords.Minus(to.letters()))
	}
	f := l.Flags(table)
	f.Keywords = f.Keywords.Union(silent)
	return f
}

// silent are the keywords that base knows and that have no letter in the
// Maildir's mailbox.
func (r *row) silent() mail.Keywords {
	k := r.Base.Flags.Keywords
	if k == "" {
		return ""
	}
	return k.Minus(r.box.letters())
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
// does not have the message says nothing. Which way changes may travel is asked
// of the mailbox where the message will be.
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

// tell returns what the row may say of a message's flags when it is in b, once
// store and mark are carried out: what merging found, but not that a side has a
// flag which it has not, could have, and is not to be given. It would look as
// if it had been taken off there.
func (r *row) tell(b *box, merged mail.Flags, store, mark mail.FlagDelta) mail.Flags {
	if b.may&conflict.ToServer == 0 {
		merged = b.spoken(merged, store.Apply(r.serverRaw()))
	}
	if b.may&conflict.ToLocal == 0 {
		merged.Keywords = b.written(merged.Keywords, mark.Apply(r.localRaw()).Keywords)
	}
	return merged
}

// spoken returns those of f that the server has, or cannot hold in the mailbox.
func (b *box) spoken(f, has mail.Flags) mail.Flags {
	lacking := f.Minus(has)
	return f.Minus(lacking.Minus(b.unheld(lacking)))
}

// written returns those of k that the file has, or has no letter for.
func (b *box) written(k, has mail.Keywords) mail.Keywords {
	lacking := k.Minus(has)
	if lacking == "" {
		return k
	}
	return k.Minus(lacking.Minus(lacking.Minus(b.letters())))
}
