// Package maildir is the local side of an account: a tree of Maildir mailboxes
// that mail readers, delivery agents and indexers work on at the same time.
//
// # Files and keys
//
// A message is a file in new/ or cur/ of its mailbox. Its name is a key, then
// perhaps ":2," and letters for the flags. The key names the message, the rest
// may change at any moment: other programs rename files to change flags, move
// them from new/ to cur/ and to other mailboxes, and remove them. So nothing
// here remembers where a file is. Every method that is given a key looks the
// file up again, and takes "not there" for an answer only from a listing during
// which the directories' time stamps stood still: a readdir that runs beside
// renames misses files that were there all the time.
//
// # Bytes
//
// The wire form of a message is what an IMAP server sends: lines that end with
// CRLF. A file that holds any CRLF is the wire form as it stands; any other file
// is it after each LF is written as CRLF. A message is stored with LF, as
// Maildir programs expect, when it has neither a bare CR nor a bare LF, and as
// it came otherwise. One kind of message reads back wrong by that rule: bare LFs
// without a single CRLF. Its file name carries the field ",E=raw", which says
// that the file is the wire form. The field is no part of the key, and every
// rename keeps it.
//
// # Durability
//
// A message is written to tmp/ ([Account.Stage]), made durable there
// ([Account.Settle]) and moved into place without ever replacing a file
// ([Account.Place]). All other changes are renames. A method that changes
// something returns when the change survives a power failure. Removing is
// renaming too, into a trash directory outside the Maildir.
//
// # Names
//
// Mailboxes are called by their server names ([mail.Mailbox]). A map given by
// the user and then the [Layout] make directory names of them, and back; both
// ways lose nothing and never mistake one mailbox for another.
//
// Below the root nothing is opened by a path: each directory is opened from its
// parent by a single name and never through a symbolic link, which is what
// os.Root promises and one step more. A link inside the root would make one
// mailbox appear as two, and a message in it as a duplicate. The root itself
// may be a link. What the kernel is asked for, and nothing else, is [System].
package maildir
