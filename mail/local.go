package mail

import (
	"cmp"
	"encoding/binary"
	"slices"
	"sort"
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

// Forgotten is what remains of a stamp that must not be trusted: whose
// directories they were, by which a mailbox is known again under another name.
// No stamp is unmoved since.
func (s Stamp) Forgotten() Stamp {
	if s == (Stamp{}) {
		return s
	}
	return Stamp{Cur: DirStamp{Inode: s.Cur.Inode}, New: DirStamp{Inode: s.New.Inode}, Racy: true}
}

// LocalMailbox is a mailbox found under the Maildir's root.
type LocalMailbox struct {
	Name  Mailbox
	Stamp Stamp
	// Letters is its keyword table ([KeywordTable.String]): whoever gives a letter
	// another meaning changes the flags of every file that has it, and moves no stamp.
	Letters string
}

// RootState is what stands at the Maildir's root.
type RootState struct {
	Exists  bool   // the directory is there
	Empty   bool   // nothing is in it, the marker apart
	Marker  bool   // the marker file .godwit is there
	Account string // the account that the marker names
	// Generation is what the marker says of the time that the Maildir is of; empty:
	// nothing.
	Generation string
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

	// Both are kept in blocks: growing one array of a million by copying it would
	// take twice its memory for a moment.
	names   [][]byte  // keys and letters, nameBlock octets each
	entries [][]entry // entryBlock each, but for the last
	count   int
	letters uint32 // that stand in any name, bit 0 for "a"
}

const (
	nameBlock  = 1 << 20
	entryBlock = 1 << 15
)

type entry struct {
	offset  uint32 // into the blocks of names, one behind the other
	key     uint16
	letters uint8
	flags   uint8 // System, and isNew
	inode   uint64
}

// isNew is the bit of entry.flags that no flag has.
const isNew = 1 << 7

// Add puts a message into the listing. Its key must be shorter than 64 KiB, and
// the keys together shorter than 4 GiB.
func (l *Listing) Add(m LocalMessage) {
	last := len(l.names) - 1
	if last < 0 || len(l.names[last])+len(m.Key)+len(m.Letters) > nameBlock {
		l.names = append(l.names, l.newNames())
		last++
	}
	offset := last*nameBlock + len(l.names[last])
	l.names[last] = append(append(l.names[last], m.Key...), m.Letters...)
	for _, c := range []byte(m.Letters) {
		l.letters |= 1 << (c - 'a')
	}
	e := entry{offset: uint32(offset), key: uint16(len(m.Key)), letters: uint8(len(m.Letters)), flags: uint8(m.System), inode: m.Inode}
	if m.New {
		e.flags |= isNew
	}
	if l.count%entryBlock == 0 {
		l.entries = append(l.entries, l.newEntries())
	}
	block := &l.entries[len(l.entries)-1]
	*block = append(*block, e)
	l.count++
}

// HasFreeLetter tells whether a letter is left for one more keyword: one that means
// nothing by the table, and stands in no name. One that does stand in a name had a
// meaning once; another one would give those messages a keyword that nobody gave them.
func (l *Listing) HasFreeLetter() bool {
	for i := range MaxLetters {
		if l.letters&(1<<i) == 0 && (i >= len(l.Table) || l.Table[i] == "") {
			return true
		}
	}
	return false
}

// newNames and newEntries make a block: the first one small, for most mailboxes
// are.
func (l *Listing) newNames() []byte {
	if len(l.names) == 0 {
		return nil
	}
	return make([]byte, 0, nameBlock)
}

func (l *Listing) newEntries() []entry {
	if len(l.entries) == 0 {
		return nil
	}
	return make([]entry, 0, entryBlock)
}

// rank is what most comparisons are decided by: the octets of a key behind
// those that all keys begin with. Looking at the keys themselves each time would
// cost more than reading the directory.
type rank struct {
	high, low uint64
	entry     uint32
}

// Sort orders the listing by key, once after the last Add.
func (l *Listing) Sort() {
	if l.count < 2 {
		return
	}
	skip := l.common()
	ranks := make([]rank, l.count)
	for i := range ranks {
		var head [16]byte
		copy(head[:], l.keyOf(l.at(i))[skip:])
		ranks[i] = rank{binary.BigEndian.Uint64(head[:8]), binary.BigEndian.Uint64(head[8:]), uint32(i)}
	}
	slices.SortFunc(ranks, func(a, b rank) int {
		switch {
		case a.high != b.high:
			return cmp.Compare(a.high, b.high)
		case a.low != b.low:
			return cmp.Compare(a.low, b.low)
		}
		return cmp.Compare(l.keyOf(l.at(int(a.entry))), l.keyOf(l.at(int(b.entry))))
	})
	sorted := make([][]entry, len(l.entries))
	for b := range sorted {
		part := ranks[b*entryBlock : min((b+1)*entryBlock, l.count)]
		sorted[b] = make([]entry, len(part))
		for i, r := range part {
			sorted[b][i] = *l.at(int(r.entry))
		}
	}
	l.entries = sorted
}

// common is how many octets all keys begin with.
func (l *Listing) common() int {
	first := l.keyOf(l.at(0))
	n := len(first)
	for i := 1; i < l.count && n > 0; i++ {
		k := l.keyOf(l.at(i))
		n = min(n, len(k))
		for j := range n {
			if k[j] != first[j] {
				n = j
				break
			}
		}
	}
	return n
}

func (l *Listing) at(i int) *entry { return &l.entries[i/entryBlock][i%entryBlock] }

// keyOf views a key in place. No byte of names changes once it is written, and
// appending leaves the old array as it was.
func (l *Listing) keyOf(e *entry) string {
	return unsafe.String(unsafe.SliceData(l.names[e.offset/nameBlock][e.offset%nameBlock:]), int(e.key))
}

// Len is how many messages the listing holds.
func (l *Listing) Len() int { return l.count }

// Key returns the i-th key without copying it; it is valid as long as the
// listing is.
func (l *Listing) Key(i int) Key { return Key(l.keyOf(l.at(i))) }

// At returns the i-th message in key order.
func (l *Listing) At(i int) LocalMessage {
	e := l.at(i)
	from := e.offset%nameBlock + uint32(e.key)
	return LocalMessage{
		Key: Key(strings.Clone(l.keyOf(e))), Letters: string(l.names[e.offset/nameBlock][from : from+uint32(e.letters)]),
		System: System(e.flags &^ isNew), Inode: e.inode, New: e.flags&isNew != 0,
	}
}

// Find returns the message with that key.
func (l *Listing) Find(k Key) (LocalMessage, bool) {
	i, found := sort.Find(l.count, func(i int) int { return strings.Compare(string(k), l.keyOf(l.at(i))) })
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

// Link describes a message whose content a file of the Maildir has already. A
// second name of that file, or a copy of it, is put into the Maildir.
type Link struct {
	Key      Key      // of the file that is there
	Content  Content  // that it must have; Hash is known
	Delivery Delivery // of the new message; Size is not asked for
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
