package mail

import (
	"cmp"
	"iter"
	"slices"
	"strconv"
	"strings"
)

// UIDRange is the UIDs from Low to High, both included.
type UIDRange struct{ Low, High UID }

// UIDSet is a set of UIDs as ascending ranges that neither touch nor overlap.
// The zero value is the empty set. Its size is that of its ranges: a million
// consecutive UIDs cost eight bytes.
type UIDSet struct{ ranges []UIDRange }

// UIDs makes a set of single UIDs, in any order.
func UIDs(uids ...UID) UIDSet {
	var s UIDSet
	if !slices.IsSorted(uids) {
		uids = slices.Clone(uids)
		slices.Sort(uids)
	}
	for _, u := range uids {
		s.Add(u)
	}
	return s
}

// UIDSpan makes the set of all UIDs from low to high; empty when high < low.
func UIDSpan(low, high UID) UIDSet {
	var s UIDSet
	s.AddRange(low, high)
	return s
}

// Add puts one UID into the set. Ascending order is cheapest. UID zero is no
// UID and is left out.
func (s *UIDSet) Add(u UID) { s.AddRange(u, u) }

// AddRange puts the UIDs from low to high into the set; none when high < low.
func (s *UIDSet) AddRange(low, high UID) {
	low = max(low, 1)
	if high < low {
		return
	}
	n := len(s.ranges)
	if n == 0 || s.ranges[n-1].High < low && s.ranges[n-1].High+1 < low {
		s.ranges = append(s.ranges, UIDRange{low, high})
		return
	}
	if last := &s.ranges[n-1]; low >= last.Low {
		last.High = max(last.High, high)
		return
	}
	first, _ := slices.BinarySearchFunc(s.ranges, low, func(r UIDRange, u UID) int {
		if r.High != ^UID(0) && r.High+1 < u {
			return -1
		}
		return 1
	})
	end := first
	for end < n && (high == ^UID(0) || s.ranges[end].Low <= high+1) {
		low, high = min(low, s.ranges[end].Low), max(high, s.ranges[end].High)
		end++
	}
	s.ranges = slices.Replace(s.ranges, first, end, UIDRange{low, high})
}

// AddSet puts all of t into the set.
func (s *UIDSet) AddSet(t UIDSet) {
	if len(t.ranges) > 16 && len(s.ranges) > 16 && s.Max() >= t.ranges[0].Low {
		s.merge(t)
		return
	}
	for _, r := range t.ranges {
		s.AddRange(r.Low, r.High)
	}
}

// merge is AddSet for two long sets, in the time of their lengths: putting ranges
// into the middle one by one takes that of the product.
func (s *UIDSet) merge(t UIDSet) {
	out := UIDSet{ranges: make([]UIDRange, 0, len(s.ranges)+len(t.ranges))}
	for i, j := 0, 0; i < len(s.ranges) || j < len(t.ranges); {
		if j == len(t.ranges) || i < len(s.ranges) && s.ranges[i].Low <= t.ranges[j].Low {
			out.AddRange(s.ranges[i].Low, s.ranges[i].High)
			i++
		} else {
			out.AddRange(t.ranges[j].Low, t.ranges[j].High)
			j++
		}
	}
	*s = out
}

// Contains tells whether u is in the set.
func (s UIDSet) Contains(u UID) bool {
	_, found := slices.BinarySearchFunc(s.ranges, u, func(r UIDRange, u UID) int {
		switch {
		case r.High < u:
			return -1
		case r.Low > u:
			return 1
		}
		return 0
	})
	return found
}

// Minus returns the UIDs of s that are not in t.
func (s UIDSet) Minus(t UIDSet) UIDSet {
	var out UIDSet
	j := 0
	for _, r := range s.ranges {
		low := uint64(r.Low)
		for ; j < len(t.ranges) && uint64(t.ranges[j].High) < low; j++ {
		}
		for k := j; k < len(t.ranges) && t.ranges[k].Low <= r.High; k++ {
			if uint64(t.ranges[k].Low) > low {
				out.AddRange(UID(low), t.ranges[k].Low-1)
			}
			low = uint64(t.ranges[k].High) + 1
		}
		if low <= uint64(r.High) {
			out.AddRange(UID(low), r.High)
		}
	}
	return out
}

// Intersect returns the UIDs that are in both sets.
func (s UIDSet) Intersect(t UIDSet) UIDSet { return s.Minus(s.Minus(t)) }

// Len counts the UIDs.
func (s UIDSet) Len() int {
	n := 0
	for _, r := range s.ranges {
		n += int(r.High-r.Low) + 1
	}
	return n
}

// IsEmpty tells that no UID is in the set.
func (s UIDSet) IsEmpty() bool { return len(s.ranges) == 0 }

// Max returns the highest UID, zero for the empty set.
func (s UIDSet) Max() UID {
	if len(s.ranges) == 0 {
		return 0
	}
	return s.ranges[len(s.ranges)-1].High
}

// Ranges returns the ranges in ascending order; the caller must not change them.
func (s UIDSet) Ranges() []UIDRange { return s.ranges }

// All yields the UIDs in ascending order.
func (s UIDSet) All() iter.Seq[UID] {
	return func(yield func(UID) bool) {
		for _, r := range s.ranges {
			for u := r.Low; ; u++ {
				if !yield(u) {
					return
				}
				if u == r.High {
					break
				}
			}
		}
	}
}

// Equal tells whether both sets hold the same UIDs.
func (s UIDSet) Equal(t UIDSet) bool { return slices.Equal(s.ranges, t.ranges) }

// String writes the set as a sequence-set (RFC 9051, 9): "1:5,9".
func (s UIDSet) String() string {
	var b strings.Builder
	for i, r := range s.ranges {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(r.String())
	}
	return b.String()
}

// String writes the range as "5" or "5:9".
func (r UIDRange) String() string {
	if r.Low == r.High {
		return r.Low.String()
	}
	return strconv.FormatUint(uint64(r.Low), 10) + ":" + strconv.FormatUint(uint64(r.High), 10)
}

// Chunks splits the set, in ascending order, into sets of at most count UIDs
// whose String is at most size octets; count or size zero is no limit of that
// kind. Servers refuse long commands, some from 16,000 octets on.
func (s UIDSet) Chunks(count, size int) []UIDSet {
	var out []UIDSet
	var now UIDSet
	uids, octets := 0, 0
	flush := func() {
		if len(now.ranges) > 0 {
			out = append(out, now)
			now, uids, octets = UIDSet{}, 0, 0
		}
	}
	for _, r := range s.ranges {
		for {
			text := len(r.String()) + 1
			if size > 0 && octets+text > size || count > 0 && uids == count {
				flush()
			}
			part := r
			if count > 0 {
				if room := count - uids; int(r.High-r.Low)+1 > room {
					part.High = r.Low + UID(room) - 1
				}
			}
			now.ranges = append(now.ranges, part)
			uids += int(part.High-part.Low) + 1
			octets += text
			if part.High == r.High {
				break
			}
			r.Low = part.High + 1
		}
	}
	flush()
	return out
}

// CompareUID orders UIDs ascending.
func CompareUID(a, b UID) int { return cmp.Compare(a, b) }
