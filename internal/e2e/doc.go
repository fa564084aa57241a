// Package e2e holds the end-to-end tests: the godwit binary as users run it,
// against a real Dovecot, with a network between them that can fail.
//
// The scripts in testdata/script are meant to be read by users: each tells what
// another client did, what the user did to the Maildir, and what must be there
// after godwit ran. Beside the commands of testscript (exec, stdout, stderr,
// exists, cp …) they have these, which all act on the account named last:
//
//	account NAME [KEY=VALUE …]         make an account of a fresh user (or go back to one made before), with these settings
//	config KEY=VALUE …                 change settings of the account
//	server append MAILBOX FILE [FLAG …]    another client appends a message
//	server fill MAILBOX A-B            … appends messages @A to @B of the test corpus
//	server odds MAILBOX                … appends the odd messages of the test corpus; big MAILBOX BYTES a large one
//	server flag MAILBOX WHICH ±FLAG …  … changes flags
//	server expunge MAILBOX WHICH       … removes messages
//	server move MAILBOX WHICH TARGET   … moves them; copy likewise
//	server create MAILBOX              … creates a mailbox; delete and rename likewise
//	server subscribe MAILBOX           … subscribes to it; unsubscribe likewise
//	server uidvalidity MAILBOX         the server changes UIDVALIDITY, the UIDs stay
//	server renumber MAILBOX            … and gives new UIDs as well
//	server break MAILBOX @N            the server cannot read one of its messages any more, until: server mend MAILBOX
//	server acl MAILBOX RIGHT …         the user's rights on a mailbox (server=acl)
//	local add MAILBOX FILE [FLAG …]    a mail program puts a message into the Maildir; with no flags into new/
//	local fill MAILBOX A-B             … many
//	local odds MAILBOX                 … the odd ones; altered: those that the server changes; big MAILBOX BYTES
//	local flag, rm, mv, cp             … changes flags, removes, moves or copies files
//	local edit MAILBOX WHICH FILE      … replaces a file's content under its name
//	local rename MAILBOX WHICH         … gives a file another name
//	local create MAILBOX               … makes a mailbox; delete likewise
//	local relocate MAILBOX NAME        … renames its directory
//	exitcode N[,N…] PROGRAM …          the program ends with this exit code, or one of these
//	[!] has SIDE MAILBOX WHICH [FLAG …]   the side has each of these once, with exactly these flags
//	count SIDE MAILBOX N               the mailbox has N messages
//	same [-except MAILBOX,…]           both sides have the same mailboxes and messages, by bytes and flags, as often
//	quiet [ARG …]                      godwit sync says nothing, sends no change, and changes nothing anywhere
//	snapshot, unchanged [SIDE …]       remember both sides and the database; all is as remembered
//	turns N                            the client waited at most N times since the last quiet, cut or online
//	cut up|down N                      the next connection ends after N bytes
//	offline, online                    every connection is refused; is accepted again
//	hide [TEXT …]                      lines of the server that begin so do not arrive; without TEXT all do again
//	kill-at STEP                       godwit sync is killed at a step of its work
//	lose-state                         the state database is deleted
//	record restamp MAILBOX             it takes the directories' stamps of now for those of the last run
//	record ghost MAILBOX               it gets a message that neither side has; record corrupt: pages are overwritten
//
// WHICH is a file whose content the message has, @N or @A-B (messages of the test
// corpus), or * (all). FLAG is an IMAP flag or keyword; '$Label1' wants the quotes.
// MAILBOX has "/" between its parts, whatever the server and the layout have.
package e2e
