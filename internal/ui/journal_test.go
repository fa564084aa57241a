package ui

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"godwit/mail"
)

// TestJournalEntriesInWords is the golden output of `log`, entry by entry.
func TestJournalEntriesInWords(t *testing.T) {
	t.Parallel()
	server, local := mail.SideServer, mail.SideLocal
	var many mail.UIDSet
	for u := mail.UID(1000); u < 1100; u += 2 {
		many.Add(u)
	}
	entries := []mail.Operation{
		{Kind: mail.OperationArrived, Side: local, UIDs: mail.UIDSpan(1, 2000), Count: 2000},
		{Kind: mail.OperationArrived, Side: local, Other: "Work", UIDs: mail.UIDSpan(4, 6), Count: 3},
		{Kind: mail.OperationArrived, Side: server, UIDs: mail.UIDs(7), Count: 1},
		{Kind: mail.OperationArrived, Side: server, UIDs: many, Count: many.Len()},
		{Kind: mail.OperationArrived, Side: local, UIDs: mail.UIDs(8), Count: 1, Reason: "removed from the Maildir, but flagged on the server"},
		{Kind: mail.OperationCopied, Side: server, Other: "Work", UIDs: mail.UIDs(3), Count: 1},
		{Kind: mail.OperationMoved, Side: server, Other: "Work", UIDs: mail.UIDs(3), Count: 1, Reason: "moved in the Maildir"},
		{Kind: mail.OperationMoved, Side: local, Other: "Work", UIDs: mail.UIDs(3), Count: 1},
		{Kind: mail.OperationRemoved, Side: local, UIDs: mail.UIDs(3), Count: 1, Undone: 12},
		{Kind: mail.OperationRemoved, Side: local, Key: "1.a", Count: 1, Intended: true},
		{Kind: mail.OperationRemoved, Side: server, Other: "Trash", UIDs: mail.UIDs(3), Count: 1},
		{Kind: mail.OperationRemoved, Side: server, UIDs: mail.UIDs(3), Count: 1},
		{Kind: mail.OperationFlags, Side: server, UIDs: mail.UIDs(1, 2, 9), Count: 3, Before: mail.ParseFlags(`\Seen`), Flags: mail.ParseFlags("red")},
		{Kind: mail.OperationFlags, Side: local, UIDs: mail.UIDs(1), Count: 1, Flags: mail.ParseFlags(`\Seen`)},
		{Kind: mail.OperationEdited, Side: server, OtherUID: 4, UIDs: mail.UIDs(5), Count: 1},
		{Kind: mail.OperationReplaced, Side: local, UIDs: mail.UIDs(5), Count: 1},
		{Kind: mail.OperationRestored, Side: local, Key: "1.a", Count: 1},
		{Kind: mail.OperationRestored, Side: server, Other: "Trash", UIDs: mail.UIDs(5), Count: 1},
		{Kind: mail.OperationMailbox, Side: local, Detail: "create"},
		{Kind: mail.OperationMailbox, Side: server, Detail: "create"},
		{Kind: mail.OperationMailbox, Side: server, Detail: "delete", Reason: "the mailbox was removed from the Maildir"},
		{Kind: mail.OperationMailbox, Side: local, Detail: "rename Old/One"},
		{Kind: mail.OperationMoved, Side: server, Other: "Work", UIDs: mail.UIDSpan(3, 5), Count: 3},
		{Kind: mail.OperationLeft, Side: mail.SideLocal, UIDs: mail.UIDs(3), Count: 1, Reason: "outside of the mailbox's window"},
	}
	want := strings.TrimSpace(`
fetched 2,000 messages (UID 1:2000)
linked from Work, 3 messages (UID 4:6)
sent UID 7
sent 50 messages (UID 1000,1002,1004,1006,1008,1010,1012,1014,…)
fetched UID 8: removed from the Maildir, but flagged on the server
copied on the server from Work, as UID 3
moved on the server from Work, as UID 3: moved in the Maildir
moved here from Work, UID 3
to the local trash, UID 3 (taken back by run 12)
to the local trash, 1.a (interrupted: it may not have been done)
to Trash on the server, UID 3
expunged from the server, UID 3
flags on the server, 3 messages (UID 1:2,9): +red -\Seen
flags here, UID 1: +\Seen
sent anew in place of UID 4, as UID 5
replaced by what the server made of it, UID 5
brought back from the local trash, 1.a
brought back from Trash, UID 5
the mailbox was created in the Maildir
the mailbox was created on the server
the mailbox was removed on the server: the mailbox was removed from the Maildir
the mailbox was renamed in the Maildir, from Old/One
moved on the server from Work, 3 messages (UID 3:5)
to the local trash, still on the server, UID 3: outside of the mailbox's window`)
	var got []string
	seen := map[mail.OperationKind]bool{}
	for i := range entries {
		got = append(got, JournalEntry(&entries[i]))
		seen[entries[i].Kind] = true
	}
	if d := cmp.Diff(want, strings.Join(got, "\n")); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	names := map[string]bool{"": true}
	for k := mail.OperationArrived; k < mail.OperationKinds; k++ {
		if name := OperationName(k); names[name] || !seen[k] {
			t.Errorf("kind %d: the name %q is empty, or of another, or the kind is not in this test", k, name)
		}
		names[OperationName(k)] = true
	}
	if text := fmt.Sprint(JournalEntry(&mail.Operation{Kind: mail.OperationKinds})); text == "" {
		t.Error("an unknown kind says nothing")
	}
}

// TestWhatDiffersInItsMessagesAloneIsOneLine: five thousand messages that were moved
// are one line of `log`, and an entry that tells of something else stays its own.
func TestWhatDiffersInItsMessagesAloneIsOneLine(t *testing.T) {
	t.Parallel()
	server, local := mail.SideServer, mail.SideLocal
	var entries []mail.Operation
	for u := range mail.UID(5000) {
		entries = append(entries, mail.Operation{
			Run: 7, Seq: int64(len(entries)), Kind: mail.OperationMoved, Side: server, Mailbox: "Archive", Other: "INBOX",
			UIDs: mail.UIDs(u + 1), Count: 1, Key: "k", OtherUID: u + 9, Reason: "moved in the Maildir",
		})
	}
	for _, o := range []mail.Operation{
		{Kind: mail.OperationMoved, Side: server, Mailbox: "Archive", Other: "Work", UIDs: mail.UIDs(6000), Count: 1, Reason: "moved in the Maildir"},
		{Kind: mail.OperationRemoved, Side: local, Mailbox: "INBOX", Key: "1.a", Count: 1},
		{Kind: mail.OperationRemoved, Side: local, Mailbox: "INBOX", UIDs: mail.UIDs(3), Count: 1, Key: "1.b"},
		{Kind: mail.OperationRemoved, Side: local, Mailbox: "INBOX", UIDs: mail.UIDs(5), Count: 1, Key: "1.c"},
		{Kind: mail.OperationRemoved, Side: local, Mailbox: "INBOX", UIDs: mail.UIDs(4), Count: 1, Undone: 9},
		{Kind: mail.OperationEdited, Side: server, Mailbox: "INBOX", OtherUID: 4, UIDs: mail.UIDs(7), Count: 1},
		{Kind: mail.OperationEdited, Side: server, Mailbox: "INBOX", OtherUID: 5, UIDs: mail.UIDs(8), Count: 1},
		{Kind: mail.OperationFlags, Side: local, Mailbox: "INBOX", UIDs: mail.UIDs(1), Count: 1, Flags: mail.ParseFlags(`\Seen`)},
		{Kind: mail.OperationFlags, Side: local, Mailbox: "INBOX", UIDs: mail.UIDs(2), Count: 1, Flags: mail.ParseFlags(`\Seen`, "red")},
	} {
		o.Run, o.Seq = 7, int64(len(entries))
		entries = append(entries, o)
	}
	before := entries[0].UIDs.String()
	var got []string
	for _, o := range JournalTogether(entries) {
		got = append(got, string(o.Mailbox)+": "+JournalEntry(&o))
	}
	want := `Archive: moved on the server from INBOX, 5,000 messages (UID 1:5000): moved in the Maildir
Archive: moved on the server from Work, as UID 6000: moved in the Maildir
INBOX: to the local trash, 1.a
INBOX: to the local trash, 2 messages (UID 3,5)
INBOX: to the local trash, UID 4 (taken back by run 9)
INBOX: sent anew in place of UID 4, as UID 7
INBOX: sent anew in place of UID 5, as UID 8
INBOX: flags here, UID 1: +\Seen
INBOX: flags here, UID 2: +\Seen +red`
	if d := cmp.Diff(want, strings.Join(got, "\n")); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if entries[0].UIDs.String() != before {
		t.Error("the entries were changed")
	}
}
