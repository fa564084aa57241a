package mail

import (
	"crypto/sha256"
	"encoding/binary"
)

// Tally is what a scan of a Maildir mailbox comes to when the messages themselves
// are not wanted: a [Sum] instead of a [Listing], and so as little memory for a
// million messages as for one.
type Tally struct {
	Stamp   Stamp        // as in Listing
	Settled bool         // as in Listing
	Table   KeywordTable // as in Listing
	Sum     Sum
}

// Sum stands for a set of messages of the local tree: two sums are equal when the
// same messages were added, in whatever order, and otherwise differ but for a
// chance of 1 in 2^128 or less. The zero Sum is that of no message.
type Sum struct {
	count int
	lanes [4]uint64 // of the SHA-256 of each message, added up lane by lane
}

// Add adds a message: its key, its flags as its file's name shows them, and its
// inode number.
func (s *Sum) Add(k Key, system System, letters string, inode uint64) {
	var room [160]byte
	b := append(room[:0], byte(system), byte(len(letters)))
	b = binary.LittleEndian.AppendUint64(b, inode)
	b = append(append(b, letters...), k...)
	hash := sha256.Sum256(b)
	for i := range s.lanes {
		s.lanes[i] += binary.LittleEndian.Uint64(hash[8*i:])
	}
	s.count++
}

// Tally sums up a listing.
func (l *Listing) Tally() Tally {
	t := Tally{Stamp: l.Stamp, Settled: l.Settled, Table: l.Table}
	for i := range l.Len() {
		m := l.At(i)
		t.Sum.Add(m.Key, m.System, m.Letters, m.Inode)
	}
	return t
}
