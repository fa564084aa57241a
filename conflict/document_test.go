package conflict_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"godwit/conflict"
)

var update = flag.Bool("update", false, "write docs/conflicts.md from the rules")

// TestTheDocumentationIsWhatTheRulesSay: docs/conflicts.md is written from the
// rules; "go test ./conflict -update" writes it again.
func TestTheDocumentationIsWhatTheRulesSay(t *testing.T) {
	t.Parallel()
	name := filepath.Join("..", "docs", "conflicts.md")
	want := document()
	if *update {
		if err := os.WriteFile(name, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s does not say what the rules say; run go test ./conflict -update", name)
	}
}

const introduction = `# What happens when both sides changed

<!-- Written from conflict.Rules by "go test ./conflict -update"; change it there. -->

godwit compares three trees: the Maildir, the server, and *base*, which is what
both had when they last agreed. What differs between base and one side, was
changed on that side. This page is the whole list of what is then done about a
message; it is written from the list that the program itself goes through.

## Flags

Flags are merged one by one: the side that changed a flag wins, and two sides
that both changed it agree, since a flag is only there or not. A keyword that a
side cannot hold counts as unchanged on that side, and stays known to base.
Flags that came with a message of its own (a pair found by content, a message
that the server numbered anew, a file that was put back) are united instead:
nobody took off what one of the two lacks.

In one direction only (` + "`pull`, `push`, `archive`" + `) the changes of one side are
carried out on the other, which keeps its own changes besides.

## Existence and place

The words of the table:

| word | it means |
|---|---|
| same | there, as base says |
| flags touched | there; only ` + "`\\Seen`" + ` changed, ` + "`\\Deleted`" + ` was set, or other flags were taken off: no wish to keep the message |
| flags that keep | there; ` + "`\\Flagged`, `\\Answered`, `\\Draft`, `$Forwarded`" + ` or a keyword was set, or ` + "`\\Deleted`" + ` taken off; or the message was put there again |
| there | any of these three |
| edited | the file has other content |
| moved | in another mailbox now, recognised by its content; moves are no removals |
| removed | proved not to be there any more |
| lost | not there, but nobody removed it: a new root, a mailbox that was made again, a new UIDVALIDITY |
| given up | base remembers that this side does without it: the removal was not carried out on the other |
| outside | outside of the mailbox's window (` + "`max_age`, `keep_last`" + `): base remembers that the server alone has it |
| inside again | was outside, and the window has it now, or it was asked for |
| leaving | there on both sides, with the same flags, and outside of the window |
| not there | removed, lost, given up, outside or inside again |
| unknown | not observed, or not proved |

The first line that fits decides. A line with an entry under *needs* fits only
where the mode and the ` + "`expunge`" + ` setting allow that. (Departures, which have a file
leave that is outside of the window, are what ` + "`two-way` and `pull`" + ` allow.)

| in the Maildir | on the server | needs | done | because |
|---|---|---|---|---|
`

const modes = `
## The same, by mode

What the lines above come to, for every case that there is. An entry in the
column of a mode is left out where it does the same as the one before it.

| in the Maildir | on the server | two-way | pull | archive | push |
|---|---|---|---|---|---|
`

const rest = `
## New messages

| in the Maildir | on the server | done | because |
|---|---|---|---|
| new | – | append, or copy on the server what it holds already | %s; %s |
| – | new | fetch, or link what is here already | %s |
| – | new, outside of the window | remember: only on the server | %s |
| new | new, same content | pair one to one, unite the flags, transfer nothing | %s |

Whether contents are the same is decided by the whole content where both are
known, else by the server's own name for it (EMAILID, X-GM-MSGID), else by size
and header together, unless the header has no Message-ID or no Date, or it is a
draft's: then the message is read. What cannot be read is left alone: %s.

In ` + "`pull` and `archive`" + ` a new file stays what it is, and so does a new message in
` + "`push`" + `.

With ` + "`expunge_flagged`" + ` a message that is marked ` + "`\\Deleted`" + ` on both sides is removed
from both: %s. Without it, and in the trash mailbox, the flag is only a flag.

## Mailboxes

| | done |
|---|---|
| %s | created in the Maildir, and its mail fetched, as ` + "`create`" + ` allows |
| %s | created on the server, and its mail uploaded, as ` + "`create`" + ` allows |
| %s | kept in the Maildir, told, and not created again; what is new in it waits for ` + "`--recreate`" + `, which in turn waits while another mailbox cannot be looked into: the mail may be there |
| %s | a guard: nothing is removed and nothing fetched, until ` + "`--recreate`" + ` makes it again or ` + "`--allow-deletes`" + ` goes on without it; its messages stay on the server either way, unless ` + "`remove`" + ` has them removed. One that went empty, or all of whose mail was moved away, is done without, and is made again when there is mail for it; where base has messages of it that the server alone has, as in ` + "`pull`" + ` mode, it is made again at once, unless ` + "`--allow-deletes`" + ` says that the Maildir is to do without |
| %s | with ` + "`remove = \"local\"`" + ` or ` + "`\"both\"`" + `: removed from the Maildir; with mail in it only with ` + "`--allow-deletes`" + `, its files to the local trash first |
| %s | with ` + "`remove = \"server\"`" + ` or ` + "`\"both\"`" + `: removed from the server; with mail in it only with ` + "`--allow-deletes`" + `, its messages to the trash first |
| %s | kept, and told: mail that is new there, flagged, answered or edited since |
| %s | forgotten, with all that base knew of it |
| %s | messages are paired by content again; what finds no partner is new, never removed |
| %s | its changes are carried out in the Maildir; removals, moves and edits that it is to take wait until it can, other changes stay in the Maildir |

A mailbox that has another name than before is the same one where that is proved:
on the server by MAILBOXID (RFC 8474), or by UIDVALIDITY and UIDNEXT and a sample
of its messages under the UIDs that they had; in the Maildir by the inode number
of its directory and its files. Then it is renamed, with those below it, and none
of its messages is moved or transferred:

| | done |
|---|---|
| %s | its directory is renamed |
| %s | it is renamed on the server, and stays subscribed to |
| %s | nothing but recorded |
| %s | the server's name wins |
| %s | its messages are moved one by one |

Where that is not proved, and the mail of a mailbox that is gone came up in
another one, its messages are moved one by one. INBOX is never renamed.

## Guards

- %s: a mailbox or an account that would lose 10 messages or more, and more than
  a quarter of what base knows (` + "`max_delete`" + `), keeps all of them in that run; everything
  else is done. ` + "`--allow-deletes`" + ` lets it.
- %s, 4 or more and more than a quarter of them: none is removed from the other.
- %s, or not even an INBOX, where it had some: nothing is done.
- %s, even one that both sides agree on.
`

func document() []byte {
	var b bytes.Buffer
	b.WriteString(introduction)
	for _, r := range conflict.Rules {
		fmt.Fprintf(&b, "| %v | %v | %v | %v | %v |\n", r.Local, r.Server, r.Needs, r.Do, r.Reason)
	}
	b.WriteString(modes)
	sides(func(local, server conflict.Situation) {
		fmt.Fprintf(&b, "| %v | %v |", local, server)
		last := ""
		for _, mode := range []conflict.Mode{conflict.TwoWay, conflict.Pull, conflict.Archive, conflict.Push} {
			done := conflict.Decide(local, server, conflict.Policy{Mode: mode}.Permits()).Do.String()
			if done != last {
				fmt.Fprintf(&b, " %s |", done)
			} else {
				b.WriteString(" |")
			}
			last = done
		}
		b.WriteString("\n")
	})
	fmt.Fprintf(&b, rest, conflict.NewInMaildir, conflict.CopyOfKnown, conflict.NewOnServer, conflict.OutsideWindow, conflict.PairedByContent,
		conflict.NotIdentified, conflict.MarkedDeleted,
		conflict.MailboxNewOnServer, conflict.MailboxNewInMaildir, conflict.MailboxGoneFromServer,
		conflict.MailboxGoneFromMaildir, conflict.MailboxRemovedFromServer, conflict.MailboxRemovedFromMaildir, conflict.MailboxHasMail,
		conflict.MailboxGoneFromBoth, conflict.UIDValidityChanged, conflict.MailboxReadOnly,
		conflict.MailboxRenamedOnServer, conflict.MailboxRenamedInMaildir, conflict.MailboxRenamedTogether,
		conflict.MailboxRenamedApart, conflict.MailboxNameTaken,
		conflict.TooManyRemovals, conflict.TooManyMailboxes, conflict.NoMailboxes, conflict.NewRootKeeps)
	return b.Bytes()
}
