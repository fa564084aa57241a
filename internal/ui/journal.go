package ui

import (
	"fmt"
	"strings"
	"time"

	"godwit/mail"
)

// Instant writes a moment for a person, in the local time of their clock.
func Instant(t mail.UnixTime) string { return time.Unix(int64(t), 0).Format("2006-01-02 15:04:05") }

// OperationName is the name in JSON of a kind of entry of the journal.
func OperationName(k mail.OperationKind) string {
	names := [mail.OperationKinds]string{
		mail.OperationArrived: "arrived", mail.OperationCopied: "copied", mail.OperationMoved: "moved",
		mail.OperationRemoved: "removed", mail.OperationFlags: "flags", mail.OperationEdited: "edited",
		mail.OperationReplaced: "replaced", mail.OperationRestored: "restored", mail.OperationMailbox: "mailbox",
		mail.OperationLeft: "left",
	}
	if k >= mail.OperationKinds {
		return ""
	}
	return names[k]
}

// SideName is the name of a side.
func SideName(s mail.OperationSide) string {
	if s == mail.SideServer {
		return "server"
	}
	return "local"
}

// JournalTogether puts the entries of a run together that differ in nothing but
// their messages: five thousand messages that were moved are one line for a person.
// Each stands where the first of its entries stood.
func JournalTogether(entries []mail.Operation) []mail.Operation {
	type group struct {
		kind           mail.OperationKind
		side           mail.OperationSide
		mailbox, other mail.Mailbox
		validity       mail.UIDValidity
		numbered       bool // their UIDs are known
		flags, before  mail.Flags
		reason, detail string
		intended       bool
		undone, seq    int64
	}
	together := make([]mail.Operation, 0, min(len(entries), 64))
	at := map[group]int{}
	for i := range entries {
		o := &entries[i]
		g := group{
			kind: o.Kind, side: o.Side, mailbox: o.Mailbox, other: o.Other, validity: o.UIDValidity, numbered: !o.UIDs.IsEmpty(),
			reason: o.Reason, detail: o.Detail, intended: o.Intended, undone: o.Undone,
		}
		switch o.Kind {
		case mail.OperationFlags:
			g.flags, g.before = o.Flags, o.Before
		case mail.OperationEdited, mail.OperationMailbox: // each tells of itself alone
			g.seq = o.Seq
		}
		if first, known := at[g]; known {
			t := &together[first]
			t.UIDs.AddSet(o.UIDs)
			t.Count += o.Count
			t.Key, t.OtherKey, t.OtherUID, t.Content = "", "", 0, mail.Content{}
			continue
		}
		at[g] = len(together)
		own := *o
		own.UIDs = mail.UIDSet{} // shared with the entry, and added to here
		own.UIDs.AddSet(o.UIDs)
		together = append(together, own)
	}
	return together
}

// JournalEntry says an entry of the journal in words; the mailbox stands
// before it. It is not clean yet.
func JournalEntry(o *mail.Operation) string {
	text := journalText(o)
	if o.Reason != "" {
		text += ": " + o.Reason
	}
	if o.Intended {
		text += " (interrupted: it may not have been done)"
	}
	if o.Undone != 0 {
		text += fmt.Sprintf(" (taken back by run %d)", o.Undone)
	}
	return text
}

func journalText(o *mail.Operation) string {
	there := o.Side == mail.SideServer
	switch o.Kind {
	case mail.OperationArrived:
		if there {
			return "sent " + JournalMessages(o)
		}
		if o.Other != "" {
			return fmt.Sprintf("linked from %s, %s", o.Other, JournalMessages(o))
		}
		return "fetched " + JournalMessages(o)
	case mail.OperationCopied:
		return fmt.Sprintf("copied on the server from %s, %s", o.Other, become(o))
	case mail.OperationMoved:
		if there {
			return fmt.Sprintf("moved on the server from %s, %s", o.Other, become(o))
		}
		return fmt.Sprintf("moved here from %s, %s", o.Other, JournalMessages(o))
	case mail.OperationRemoved:
		switch {
		case !there:
			return "to the local trash, " + JournalMessages(o)
		case o.Other == "":
			return "expunged from the server, " + JournalMessages(o)
		}
		return fmt.Sprintf("to %s on the server, %s", o.Other, JournalMessages(o))
	case mail.OperationLeft:
		return "to the local trash, still on the server, " + JournalMessages(o)
	case mail.OperationFlags:
		where := "here"
		if there {
			where = "on the server"
		}
		return fmt.Sprintf("flags %s, %s: %s", where, JournalMessages(o), mail.FlagsBetween(o.Before, o.Flags))
	case mail.OperationEdited:
		return fmt.Sprintf("sent anew in place of UID %s, as %s", o.OtherUID, JournalMessages(o))
	case mail.OperationReplaced:
		return "replaced by what the server made of it, " + JournalMessages(o)
	case mail.OperationRestored:
		if o.Other != "" {
			return fmt.Sprintf("brought back from %s, %s", o.Other, JournalMessages(o))
		}
		return "brought back from the local trash, " + JournalMessages(o)
	case mail.OperationMailbox:
		where := "in the Maildir"
		if there {
			where = "on the server"
		}
		switch was, renamed := strings.CutPrefix(o.Detail, "rename "); {
		case renamed:
			return "the mailbox was renamed " + where + ", from " + was
		case o.Detail == "create":
			return "the mailbox was created " + where
		case o.Detail == "delete":
			return "the mailbox was removed " + where
		}
		return "the mailbox itself " + where + ": " + o.Detail
	}
	return "something that this program does not know"
}

// become names the messages that something was made of on the server.
func become(o *mail.Operation) string {
	if o.Count == 1 {
		return "as " + JournalMessages(o)
	}
	return JournalMessages(o)
}

// JournalMessages names the messages of an entry: by UID, else by key.
func JournalMessages(o *mail.Operation) string {
	uids := o.UIDs.String()
	if len(uids) > 40 {
		cut := strings.LastIndexByte(uids[:40], ',')
		uids = uids[:max(cut, 0)] + ",…"
	}
	switch {
	case o.Count == 1 && uids != "":
		return "UID " + uids
	case o.Count == 1 && o.Key != "":
		return string(o.Key)
	case uids != "":
		return fmt.Sprintf("%s (UID %s)", Messages(o.Count), uids)
	}
	return Messages(o.Count)
}
