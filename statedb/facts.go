package statedb

import (
	"encoding/binary"
	"fmt"

	"godwit/mail"
)

// factsSize is the length of the facts column (sql/0001.sql), partialSize that of
// a message that is here only in part (sql/0006.sql).
const (
	factsSize   = 66
	partialSize = 74
)

// The bits of the second octet (sql/0001.sql, sql/0007.sql).
const (
	weakBit     = 1
	windowShift = 1
	windowMask  = 3
)

// windowOf is what a row's facts say of its window. Those of an intent say nothing.
func windowOf(facts []byte) mail.Windowed { return mail.Windowed(facts[1] >> windowShift & windowMask) }

// packFacts packs what a row or an intent knows of a message that no query asks
// for.
func packFacts(system mail.System, inode uint64, c mail.Content, window mail.Windowed) []byte {
	f := make([]byte, factsSize, partialSize)
	f[0] = byte(system)
	if c.Weak {
		f[1] |= weakBit
	}
	f[1] |= byte(window) << windowShift
	binary.BigEndian.PutUint64(f[2:], inode)
	binary.BigEndian.PutUint64(f[10:], uint64(c.Size))
	copy(f[18:], c.Hash[:])
	copy(f[50:], c.Head[:])
	if c.Partial > 0 {
		f = binary.BigEndian.AppendUint64(f, uint64(c.Partial))
	}
	return f
}

// unpackFacts is the reverse of packFacts; EmailID and MessageID are columns of
// their own.
func unpackFacts(b []byte) (system mail.System, inode uint64, c mail.Content, err error) {
	if len(b) != factsSize && len(b) != partialSize {
		return 0, 0, c, fmt.Errorf("%w: facts of %d octets, not %d", ErrCorrupt, len(b), factsSize)
	}
	if len(b) == partialSize {
		c.Partial = int64(binary.BigEndian.Uint64(b[factsSize:]))
	}
	c.Weak = b[1]&weakBit != 0
	c.Size = int64(binary.BigEndian.Uint64(b[10:]))
	copy(c.Hash[:], b[18:])
	copy(c.Head[:], b[50:])
	return mail.System(b[0]), binary.BigEndian.Uint64(b[2:]), c, nil
}

// hashPrefix is the hash column: the first 8 octets.
func hashPrefix(h mail.Hash) int64 { return int64(binary.BigEndian.Uint64(h[:])) }

// orNull is the value of a column in which empty is NULL.
func orNull[T ~string](s T) any {
	if s == "" {
		return nil
	}
	return string(s)
}

// dateOrNull is the value of a date column.
func dateOrNull(t mail.UnixTime) any {
	if t == 0 {
		return nil
	}
	return int64(t)
}

// uidOrNull is the value of a uid column.
func uidOrNull(u mail.UID) any {
	if u == 0 {
		return nil
	}
	return int64(u)
}
