// Package mail is the vocabulary that the other packages share: identifiers,
// flags, messages as each side sees them, and the rows that record what both
// sides last agreed on. It holds values and no I/O.
//
// # The three trees
//
// For every mailbox there are three trees of messages. The server tree is what
// the IMAP server holds, the local tree is what the Maildir holds, and the base
// tree is what both held when they last agreed. What differs between base and
// server is what the server's other clients did; what differs between base and
// local is what the user did offline. A [ServerMessage] is a leaf of the server
// tree, a [LocalMessage] one of the local tree, a [Row] one of the base tree.
//
// A delta ([Observation] after QRESYNC or CONDSTORE, a directory whose [Stamp]
// did not move) is only a cheaper way to know a tree. What a delta or a
// listing does not prove is unknown, and unknown is never "removed".
//
// # Identity
//
// A message is (mailbox, UIDVALIDITY, UID) on the server, (mailbox, key) in the
// Maildir, and a content hash everywhere. Nothing about the server is written
// into a file name, so that users may move, rename and copy files as they like.
package mail

import "strconv"

// UID is a message's unique identifier in one mailbox (RFC 9051, 2.3.1.1).
// Zero is no UID: the message is not, or not known to be, on the server.
type UID uint32

// UIDValidity is the mailbox's unique identifier validity value (RFC 9051,
// 2.3.1.1): UIDs compare only under the same one. Zero is "not given".
type UIDValidity uint32

// ModSeq is a modification sequence (RFC 7162, 3.1). Zero is "none": the
// server has no CONDSTORE, or said NOMODSEQ for the mailbox.
type ModSeq uint64

// Mailbox is a mailbox name as users see it: decoded UTF-8 with "/" between its
// parts, whatever the server's delimiter is. A "/" or "%XX" inside a part is
// escaped as %2F, %25XX. The inbox is always [Inbox]. Mailbox names here are
// server names; the Maildir side maps them to local ones by itself.
type Mailbox string

// Inbox is the one name that every server has, in any case (RFC 9051, 5.1).
const Inbox Mailbox = "INBOX"

// Under tells whether a mailbox is that one or below it in the hierarchy.
func (m Mailbox) Under(top Mailbox) bool {
	return m == top || len(m) > len(top) && m[:len(top)] == top && m[len(top)] == '/'
}

// PassingName begins the names that mailboxes have for a moment, while names are
// exchanged. One that is left so by a run that died is brought to its own again.
const PassingName = "godwit-renaming-"

// Key is a Maildir file name up to its ":2," suffix. Empty is no key: the
// message is not in the Maildir.
type Key string

// Hash is the SHA-256 of a message's wire form (the octets of BODY[]). The
// zero Hash is "not known".
type Hash [32]byte

// Head is the first half of the SHA-256 of a message's header block in wire
// form, through the empty line that ends it. The zero Head is "not known".
type Head [16]byte

// UnixTime is an instant in whole seconds since 1970 UTC; IMAP's INTERNALDATE
// and a file's mtime. Zero is "not known".
type UnixTime int64

// Role is a SPECIAL-USE attribute (RFC 6154) such as `\Trash`; empty for none.
type Role string

// The roles that decisions are made on.
const (
	RoleTrash   Role = `\Trash`
	RoleSent    Role = `\Sent`
	RoleDrafts  Role = `\Drafts`
	RoleJunk    Role = `\Junk`
	RoleArchive Role = `\Archive`
	RoleAll     Role = `\All`
)

func (u UID) String() string         { return strconv.FormatUint(uint64(u), 10) }
func (v UIDValidity) String() string { return strconv.FormatUint(uint64(v), 10) }
func (m ModSeq) String() string      { return strconv.FormatUint(uint64(m), 10) }

// IsZero tells that the hash is not known.
func (h Hash) IsZero() bool { return h == Hash{} }

// IsZero tells that the header's hash is not known.
func (h Head) IsZero() bool { return h == Head{} }
