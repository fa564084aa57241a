package mail

import (
	"cmp"
	"slices"
	"strings"
	"unsafe"
)

// Stamp is the identity and time of a Maildir mailbox's cur/ and new/. Two
// equal stamps that are not Racy mean that no entry was added, removed or
// renamed in between. The zero Stamp is "never looked".
type Stamp struct {
	Cur, New DirStamp
	// Racy says that the stamp was taken within the file system's grain of the
	// last change, so that a later change might not move it (git's racy index).
	Racy bool
}

// DirStamp is one directory's inode number, mtime and ctime in nanoseconds.
type DirStamp struct {
	Inode        uint64
	MTime, CTime int64
}

// Unmoved tells that nothing happened between two stamps.
func (s Stamp) Unmoved(later Stamp) bool {
	return s != Stamp{} && !s.Racy && s.Cur == later.Cur && s.New == later.New
}

// LocalMailbox is a mailbox found under the Maildir's root.
type LocalMailbox struct {
	Name  Mailbox
	Stamp Stamp
}

// RootState is what stands at the Maildir's root.
type RootState struct {
	Exists  bool   // the directory is there
	Empty   bool   // nothing is in it, the marker apart
	Marker  bool   // the marker file .godwit is there
	Account string // the account that the marker names
}

// LocalMessage is a message of the local tree, as a scan sees it.
type LocalMessage struct {
	Key     Key
	System  System
	Letters string // the lower-case letters of its name, ascending
	Inode   uint64
	New     bool // in new/
}

// Flags decodes the message's flags by the mailbox's keyword table.
func (m LocalMessage) Flags(t KeywordTable) Flags {
	return Flags{System: m.System, Keywords: t.Decode(m.Letters)}
}

// Listing is one scan of a Maildir mailbox, packed: a million messages take
// about 60 MiB. Fill it with Add, then Sort it; it yields messages by key.
type Listing struct {
	// Stamp was taken before the first directory was read.
	Stamp Stamp
	// Settled says that the stamp was the same after the scan: what the listing
	// does not have is not there. Otherwise absence proves nothing.
	Settled bool
	// Table gives the mailbox's letters their keywords, as read with the scan.
	Table KeywordTable

	names   []byte
	entries []entry
}

type entry struct {
	offset  uint32
	key     uint16
	letters uint8
	system  System
	inode   uint64
	isNew   bool
}

// Add puts a message into the listing. Its key must be shorter than 64 KiB, and
// the keys together shorter than 4 GiB.
func (l *Listing) Add(m LocalMessage) {
	l.entries = append(l.entries, entry{
		offset: uint32(len(l.names)), key: uint16(len(m.Key)), letters: uint8(len(m.Letters)),
		system: m.System, inode: m.Inode, isNew: m.New,
	})
	l.names = append(append(l.names, m.Key...), m.Letters...)
}

// Sort orders the listing by key, once after the last Add.
func (l *Listing) Sort() {
	slices.SortFunc(l.entries, func(a, b entry) int {
		return cmp.Compare(l.keyOf(a), l.keyOf(b))
	})
}

// keyOf views a key in place: copying each of a million on every comparison
// would cost more than the scan. No byte of names changes once it is written,
// and appending leaves the old array as it was.
func (l *Listing) keyOf(e entry) string {
	return unsafe.String(unsafe.SliceData(l.names[e.offset:]), int(e.key))
}

// Len is how many messages the listing holds.
func (l *Listing) Len() int { return len(l.entries) }

// Key returns the i-th key without copying it; it is valid as long as the
// listing is.
func (l *Listing) Key(i int) Key { return Key(l.keyOf(l.entries[i])) }

// At returns the i-th message in key order.
func (l *Listing) At(i int) LocalMessage {
	e := l.entries[i]
	from := e.offset + uint32(e.key)
	return LocalMessage{
		Key: Key(strings.Clone(l.keyOf(e))), Letters: string(l.names[from : from+uint32(e.letters)]),
		System: e.system, Inode: e.inode, New: e.isNew,
	}
}

// Find returns the message with that key.
func (l *Listing) Find(k Key) (LocalMessage, bool) {
	i, found := slices.BinarySearchFunc(l.entries, string(k), func(e entry, k string) int {
		return cmp.Compare(l.keyOf(e), k)
	})
	if !found {
		return LocalMessage{}, false
	}
	return l.At(i), true
}

// LocalContent is what reading a file of the Maildir tells.
type LocalContent struct {
	Content
	Date  UnixTime // its mtime
	Inode uint64
}

// Delivery describes a message to be put into the Maildir.
type Delivery struct {
	Flags Flags
	Date  UnixTime // becomes the file's mtime; zero: now
	Size  int64    // octets of the wire form that must come; -1: not known
	// Key, when not empty, is used instead of a fresh one: to put a message back
	// where it was.
	Key Key
}

// Staged is a message that was written to tmp/ and waits to be moved into place.
type Staged struct {
	Mailbox Mailbox
	Key     Key
	Flags   Flags
	Content Content
	Inode   uint64
}

// KeyFlags asks for a change of one message's flags.
type KeyFlags struct {
	Key   Key
	Delta FlagDelta
	// Anew drops all keyword letters of the file's name before Delta is carried
	// out: the file came from a mailbox in which letters mean something else.
	Anew bool
}

// Located is a key and the mailbox it was found in.
type Located struct {
	Mailbox Mailbox
	Message LocalMessage
}

// Upload is a message to be appended to a server's mailbox.
type Upload struct {
	Flags Flags
	Date  UnixTime // becomes the INTERNALDATE; zero: the server's clock
	Size  int64    // octets of the wire form
	// Open streams the wire form, exactly Size octets. It may be called again
	// after a refused command.
	Open func() (Body, error)
}

// Body is a message's wire form being read. (It is what io.ReadCloser is, said
// without importing io.)
type Body interface {
	Read(p []byte) (n int, err error)
	Close() error
}
