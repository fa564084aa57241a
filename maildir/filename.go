package maildir

import (
	"fmt"
	"math/bits"
	"slices"
	"strings"

	"godwit/mail"

	gomaildir "github.com/emersion/go-maildir"
)

// info separates a key from the flags' letters.
const info = ":2,"

// rawField marks a file that is the wire form although it holds no CRLF.
const rawField = ",E=raw"

// systemLetters are the upper-case letters that stand for flags.
var systemLetters = [...]struct {
	letter byte
	flag   mail.System
}{
	{byte(gomaildir.FlagDraft), mail.Draft},
	{byte(gomaildir.FlagFlagged), mail.Flagged},
	{byte(gomaildir.FlagPassed), mail.Forwarded},
	{byte(gomaildir.FlagReplied), mail.Answered},
	{byte(gomaildir.FlagSeen), mail.Seen},
	{byte(gomaildir.FlagTrashed), mail.Deleted},
}

// letterFlag is systemLetters by letter.
var letterFlag = func() (table ['Z' + 1]mail.System) {
	for _, s := range systemLetters {
		table[s.letter] = s.flag
	}
	return table
}()

// letterSet is a set of lower-case letters, bit 0 for "a".
type letterSet uint32

func (l letterSet) String() string {
	if l == 0 {
		return ""
	}
	out := make([]byte, 0, mail.MaxLetters)
	for ; l != 0; l &= l - 1 {
		out = append(out, byte('a'+bits.TrailingZeros32(uint32(l))))
	}
	return string(out)
}

func lettersOf(s string) (l letterSet) {
	for _, c := range []byte(s) {
		l |= 1 << (c - 'a')
	}
	return l
}

// fileName is a message's file name, taken apart.
type fileName struct {
	key     string
	raw     bool
	system  mail.System
	letters letterSet
	others  string // upper-case letters without a meaning for us, ascending
	tail    string // what follows the letters, as it stood
}

// parseName takes any file name apart. Without rawField, key is part of name.
func parseName(name string) (f fileName) {
	base, flags, _ := strings.Cut(name, info)
	f.key = base
	if i := strings.Index(base, rawField); i >= 0 {
		if rest := base[i+len(rawField):]; rest == "" || rest[0] == ',' {
			f.key, f.raw = base[:i]+rest, true
		}
	}
	for i, c := range []byte(flags) {
		switch {
		case 'a' <= c && c <= 'z':
			f.letters |= 1 << (c - 'a')
		case 'A' <= c && c <= 'Z' && letterFlag[c] != 0:
			f.system |= letterFlag[c]
		case 'A' <= c && c <= 'Z':
			if i := strings.IndexFunc(f.others, func(r rune) bool { return r >= rune(c) }); i < 0 {
				f.others += string(rune(c))
			} else if f.others[i] != c {
				f.others = f.others[:i] + string(rune(c)) + f.others[i:]
			}
		default:
			f.tail = flags[i:]
			return f
		}
	}
	return f
}

// base is the name without flags, as it may stand in new/.
func (f fileName) base() string {
	if f.raw {
		return f.key + rawField
	}
	return f.key
}

// String is the name as it stands in cur/: the letters in ASCII order, each
// once.
func (f fileName) String() string {
	if f.others == "" && f.letters == 0 && f.tail == "" { // nearly always
		var b strings.Builder
		b.Grow(len(f.key) + len(rawField) + len(info) + len(systemLetters))
		b.WriteString(f.base())
		b.WriteString(info)
		for _, s := range systemLetters {
			if f.system&s.flag != 0 {
				b.WriteByte(s.letter)
			}
		}
		return b.String()
	}
	upper := []byte(f.others)
	for _, s := range systemLetters {
		if f.system&s.flag != 0 {
			upper = append(upper, s.letter)
		}
	}
	slices.Sort(upper)
	return f.base() + info + string(slices.Compact(upper)) + f.letters.String() + f.tail
}

// isPlain tells whether name, which f was parsed from, is what most programs
// would call a file with this key and these flags.
func (f fileName) isPlain(name string, isNew bool) bool {
	if isNew {
		return len(name) == len(f.key)
	}
	if f.raw || f.others != "" || f.tail != "" || len(name) < len(f.key)+len(info) {
		return false
	}
	letters := name[len(f.key)+len(info):]
	for i := 1; i < len(letters); i++ {
		if letters[i-1] >= letters[i] {
			return false
		}
	}
	return true
}

// place is where a message without any flag and any other is put.
func (f fileName) place() (isNew bool, name string) {
	if f.system == 0 && f.letters == 0 && f.others == "" && f.tail == "" {
		return true, f.base()
	}
	return false, f.String()
}

// KeyOf is the key of a message's file by the file's name: what stands before the
// flags.
func KeyOf(name string) mail.Key { return mail.Key(parseName(name).key) }

// checkKey refuses what cannot be a key: the file would not be found again, or
// not be a message, or not be in its directory.
func checkKey(k mail.Key) error {
	s := string(k)
	if s == "" || s[0] == '.' || strings.ContainsAny(s, "/\x00") || strings.Contains(s, info) ||
		parseName(s).raw || len(s)+len(rawField)+len(info) > maxName {
		return fmt.Errorf("%w: %q", ErrKey, s)
	}
	return nil
}
