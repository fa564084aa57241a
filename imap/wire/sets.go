package wire

import (
	"bytes"
	"cmp"
	"slices"

	"godwit/mail"
)

// ranges reads a uid-set (RFC 4315, 4): ranges in their order, each ascending,
// since "4:2" means 2, 3, 4 there. "*" has no meaning in a response.
func (p *parser) ranges() []mail.UIDRange {
	var out []mail.UIDRange
	for p.ok() {
		r := mail.UIDRange{Low: p.uid()}
		r.High = r.Low
		if p.take(':') {
			r.High = p.uid()
		}
		if r.High < r.Low {
			r.Low, r.High = r.High, r.Low
		}
		out = append(out, r)
		if !p.take(',') {
			break
		}
	}
	if !p.ok() {
		return nil
	}
	return out
}

// parseRanges reads b, whole, as a uid-set.
func parseRanges(b []byte) ([]mail.UIDRange, bool) {
	p := parser{segment: b, line: b}
	out := p.ranges()
	if !p.ok() || len(p.line) > 0 {
		return nil, false
	}
	return out, true
}

// setOf makes a set of ranges in any order. It sorts first: putting ranges into a
// set in descending order costs the square of their number, and a server may send
// millions.
func setOf(ranges []mail.UIDRange) mail.UIDSet {
	byLow := func(a, b mail.UIDRange) int { return cmp.Compare(a.Low, b.Low) }
	if !slices.IsSortedFunc(ranges, byLow) {
		ranges = slices.Clone(ranges)
		slices.SortFunc(ranges, byLow)
	}
	var s mail.UIDSet
	for _, r := range ranges {
		s.AddRange(r.Low, r.High)
	}
	return s
}

// count is how many UIDs ordered ranges list, repetitions included.
func count(ranges []mail.UIDRange) uint64 {
	var n uint64
	for _, r := range ranges {
		n += uint64(r.High-r.Low) + 1
	}
	return n
}

// list writes ordered ranges out, at most n UIDs.
func list(ranges []mail.UIDRange, n uint64) []mail.UID {
	out := make([]mail.UID, 0, min(n, count(ranges)))
	for _, r := range ranges {
		for u := uint64(r.Low); u <= uint64(r.High); u++ {
			if uint64(len(out)) == n {
				return out
			}
			out = append(out, mail.UID(u))
		}
	}
	return out
}

// copyUID is the argument of COPYUID (RFC 4315, 3).
type copyUID struct {
	validity mail.UIDValidity
	from, to []mail.UIDRange
}

// parseCopyUID reads "38505 304,319:320 3956:3958"; false also where the two
// sets do not list equally many.
func parseCopyUID(b []byte) (copyUID, bool) {
	fields := bytes.Fields(b)
	if len(fields) != 3 {
		return copyUID{}, false
	}
	v, ok := number(fields[0], 1<<32-1)
	from, ok1 := parseRanges(fields[1])
	to, ok2 := parseRanges(fields[2])
	if !ok || !ok1 || !ok2 || v == 0 || count(from) != count(to) {
		return copyUID{}, false
	}
	return copyUID{mail.UIDValidity(v), from, to}, true
}

// parseAppendUID reads "38505 3955" or, after MULTIAPPEND, "38505 3955:3957".
func parseAppendUID(b []byte) (mail.UIDValidity, []mail.UIDRange, bool) {
	fields := bytes.Fields(b)
	if len(fields) != 2 {
		return 0, nil, false
	}
	v, ok := number(fields[0], 1<<32-1)
	uids, ok1 := parseRanges(fields[1])
	return mail.UIDValidity(v), uids, ok && ok1 && v != 0
}
