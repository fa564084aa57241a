package mail

import (
	"slices"
	"strings"
)

// System is a set of the flags that Maildir has letters for: the system flags
// of RFC 9051, 2.3.2, and the keyword $Forwarded, which Maildir writes as P.
type System uint8

// The flags, in the order of their Maildir letters (D F P R S T).
const (
	Draft     System = 1 << iota // \Draft, D
	Flagged                      // \Flagged, F
	Forwarded                    // $Forwarded, P
	Answered                     // \Answered, R
	Seen                         // \Seen, S
	Deleted                      // \Deleted, T
)

// systemNames pairs each flag with its IMAP name, in Maildir order.
var systemNames = [...]struct {
	flag System
	name string
}{
	{Draft, `\Draft`}, {Flagged, `\Flagged`}, {Forwarded, `$Forwarded`},
	{Answered, `\Answered`}, {Seen, `\Seen`}, {Deleted, `\Deleted`},
}

// Keywords is a set of user-defined flags in canonical form: each once, sorted
// without regard to case, one space between them. Keywords that differ only in
// case are one keyword (RFC 9051, 2.3.2 leaves it open; servers fold them).
type Keywords string

// Flags is a message's flags. The zero value is no flags. Compare with
// [Flags.Equal], since keywords may differ in case.
type Flags struct {
	System   System
	Keywords Keywords
}

// ParseFlags makes a set from IMAP flag names. \Recent, \* and unknown names
// with a backslash are left out: nobody can store them.
func ParseFlags(names ...string) Flags {
	var f Flags
	var keywords []string
next:
	for _, n := range names {
		for _, s := range systemNames {
			if strings.EqualFold(n, s.name) {
				f.System |= s.flag
				continue next
			}
		}
		if n == "" || n[0] == '\\' || strings.ContainsRune(n, ' ') {
			continue
		}
		keywords = append(keywords, n)
	}
	f.Keywords = NewKeywords(keywords...)
	return f
}

// Names returns the IMAP names, system flags first.
func (f Flags) Names() []string {
	var names []string
	for _, s := range systemNames {
		if f.System&s.flag != 0 {
			names = append(names, s.name)
		}
	}
	return append(names, f.Keywords.List()...)
}

// String shows the flags as IMAP writes them, without parentheses.
func (f Flags) String() string { return strings.Join(f.Names(), " ") }

// IsZero tells that no flag is set.
func (f Flags) IsZero() bool { return f.System == 0 && f.Keywords == "" }

// Equal compares two sets; keywords without regard to case.
func (f Flags) Equal(g Flags) bool {
	return f.System == g.System && f.Keywords.Equal(g.Keywords)
}

// Union holds what is in either set.
func (f Flags) Union(g Flags) Flags {
	return Flags{f.System | g.System, f.Keywords.Union(g.Keywords)}
}

// Minus holds what is in f and not in g.
func (f Flags) Minus(g Flags) Flags {
	return Flags{f.System &^ g.System, f.Keywords.Minus(g.Keywords)}
}

// Intersect holds what is in both sets.
func (f Flags) Intersect(g Flags) Flags { return f.Minus(f.Minus(g)) }

// FlagDelta is a change of flags: what to set and what to clear. Deltas by
// different hands commute unless they touch the same flag.
type FlagDelta struct {
	Add, Remove Flags
}

// FlagsBetween is the delta that turns from into to.
func FlagsBetween(from, to Flags) FlagDelta {
	return FlagDelta{Add: to.Minus(from), Remove: from.Minus(to)}
}

// Apply returns f with the delta carried out.
func (d FlagDelta) Apply(f Flags) Flags { return f.Minus(d.Remove).Union(d.Add) }

// IsZero tells that the delta changes nothing.
func (d FlagDelta) IsZero() bool { return d.Add.IsZero() && d.Remove.IsZero() }

// String shows a delta as "+\Seen -\Flagged".
func (d FlagDelta) String() string {
	var parts []string
	for _, n := range d.Add.Names() {
		parts = append(parts, "+"+n)
	}
	for _, n := range d.Remove.Names() {
		parts = append(parts, "-"+n)
	}
	return strings.Join(parts, " ")
}

// NewKeywords makes the canonical form. Of names that differ only in case the
// first is kept.
func NewKeywords(names ...string) Keywords {
	if len(names) == 0 {
		return ""
	}
	sorted := slices.Clone(names)
	slices.SortStableFunc(sorted, compareFold)
	sorted = slices.CompactFunc(sorted, strings.EqualFold)
	return Keywords(strings.Join(sorted, " "))
}

// List returns the names in canonical order; nil when there are none.
func (k Keywords) List() []string {
	if k == "" {
		return nil
	}
	return strings.Split(string(k), " ")
}

// Has tells whether the set holds the name, in any case.
func (k Keywords) Has(name string) bool {
	return slices.ContainsFunc(k.List(), func(s string) bool { return strings.EqualFold(s, name) })
}

// Equal compares without regard to case.
func (k Keywords) Equal(l Keywords) bool { return k == l || strings.EqualFold(string(k), string(l)) }

// Union holds what is in either set, spelled as in k where both have it.
func (k Keywords) Union(l Keywords) Keywords {
	if l == "" {
		return k
	}
	if k == "" {
		return l
	}
	return NewKeywords(append(k.List(), l.List()...)...)
}

// Minus holds what is in k and not in l.
func (k Keywords) Minus(l Keywords) Keywords {
	if k == "" || l == "" {
		return k
	}
	return NewKeywords(slices.DeleteFunc(k.List(), l.Has)...)
}

// compareFold orders as [Keywords] are ordered: by lower case alone, so that
// equal sets have equal order whatever their spelling.
func compareFold(a, b string) int { return strings.Compare(strings.ToLower(a), strings.ToLower(b)) }

// KeywordTable gives the keywords of one Maildir mailbox their letters: entry 0
// is "a", 25 is "z" (the dovecot-keywords file). An empty entry is a letter
// without a keyword.
type KeywordTable []string

// MaxLetters is how many keywords a Maildir mailbox has letters for.
const MaxLetters = 26

// Decode returns the keywords that a file name's lower-case letters stand for.
// A letter the table does not know is no keyword; it stays in the name.
func (t KeywordTable) Decode(letters string) Keywords {
	if letters == "" {
		return ""
	}
	var names []string
	for _, c := range []byte(letters) {
		if i := int(c) - 'a'; i >= 0 && i < len(t) && i < MaxLetters && t[i] != "" {
			names = append(names, t[i])
		}
	}
	return NewKeywords(names...)
}

// Letter returns the letter of a keyword, and whether it has one.
func (t KeywordTable) Letter(keyword string) (byte, bool) {
	for i, name := range t {
		if i < MaxLetters && strings.EqualFold(name, keyword) {
			return byte('a' + i), true
		}
	}
	return 0, false
}

// String is the table as base keeps it; [ParseKeywordTable] reads it.
func (t KeywordTable) String() string { return strings.TrimRight(strings.Join(t, "\n"), "\n") }

// ParseKeywordTable reads what [KeywordTable.String] wrote; nothing is the empty table.
func ParseKeywordTable(s string) KeywordTable {
	if s == "" {
		return nil
	}
	return strings.Split(s, "\n")
}

// Lost returns what of an earlier table t does not say any more: letters that mean
// nothing now, and whose keywords have no letter now.
func (t KeywordTable) Lost(was KeywordTable) KeywordTable {
	var lost KeywordTable
	for i, name := range was[:min(len(was), MaxLetters)] {
		if _, has := t.Letter(name); name == "" || has || i < len(t) && t[i] != "" {
			continue
		}
		for len(lost) <= i {
			lost = append(lost, "")
		}
		lost[i] = name
	}
	return lost
}

// KeywordRoom tells which keywords a side can hold. A keyword that a side
// cannot hold counts as unchanged there: it lives in base alone.
type KeywordRoom struct {
	Open  bool     // any new keyword can be made
	Known Keywords // those that exist there already
}

// Holds tells whether the side can hold the keyword.
func (r KeywordRoom) Holds(name string) bool { return r.Open || r.Known.Has(name) }

// Missing returns those of f's keywords that the side cannot hold.
func (r KeywordRoom) Missing(f Flags) Flags {
	if r.Open || f.Keywords == "" {
		return Flags{}
	}
	return Flags{Keywords: f.Keywords.Minus(r.Known)}
}
