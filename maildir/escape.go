package maildir

import (
	"runtime"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Escaping turns the real name of a mailbox's part into something that can
// stand in a directory name, by writing bytes as %XX. Only what is unsafe is
// escaped, and a "%" that would be read as an escape. Three forms are no %XX:
// an empty part is "%_", and a directory name that is too long is cut into
// several, nested, of which all but the last end in "%-" and all but the first
// begin with it.
const (
	emptyPart = "%_"
	cut       = "%-"
)

// maxName is how many bytes a file name may have (NAME_MAX).
const maxName = 255

const upperHex = "0123456789ABCDEF"

// reserved are the names that mean something in a Maildir.
var reserved = []string{
	"cur", "new", "tmp", ".godwit", innerName,
	"dovecot-keywords", "dovecot-keywords.lock", "dovecot-uidlist", "maildirfolder", "subscriptions",
}

// isReserved tells whether a directory must not be given that name. Case does
// not matter, since it does not on every file system.
func isReserved(component string) bool {
	return component == "." || component == ".." ||
		slices.ContainsFunc(reserved, func(r string) bool { return strings.EqualFold(component, r) })
}

// isTaken tells whether a directory that was found under that name can be no
// mailbox. "New" can be one where it is not the same as "new".
func isTaken(component string) bool {
	if runtime.GOOS == "darwin" {
		return isReserved(component)
	}
	return component == "." || component == ".." || slices.Contains(reserved, component)
}

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

// looksEscaped tells whether s begins with "%" and two hex digits.
func looksEscaped(s string) bool {
	return len(s) >= 3 && s[0] == '%' && isHex(s[1]) && isHex(s[2])
}

func escapeByte(b *strings.Builder, c byte) {
	b.WriteByte('%')
	b.WriteByte(upperHex[c>>4])
	b.WriteByte(upperHex[c&15])
}

// escapeAll writes every byte as %XX.
func escapeAll(s string) string {
	var b strings.Builder
	for i := range len(s) {
		escapeByte(&b, s[i])
	}
	return b.String()
}

// escapePart writes a part so that it holds no slash, no control character,
// none of the bytes of also, and nothing that reads as an escape.
func escapePart(part, also string) string {
	if part == "" {
		return emptyPart
	}
	var b strings.Builder
	for i := 0; i < len(part); {
		r, n := utf8.DecodeRuneInString(part[i:])
		c := part[i]
		switch {
		case c == '/' || unicode.IsControl(r) || strings.IndexByte(also, c) >= 0,
			c == '%' && (looksEscaped(part[i:]) || part == emptyPart || readsAsCut(part, i)):
			for j := range n {
				escapeByte(&b, part[i+j])
			}
		default:
			b.WriteString(part[i : i+n])
		}
		i += n
	}
	return b.String()
}

// readsAsCut tells whether the "%" at i would make the part look like one that
// was cut.
func readsAsCut(part string, i int) bool {
	return strings.HasPrefix(part[i:], cut) && (i == 0 || i+len(cut) == len(part))
}

// escapeFirst escapes the first byte that is not escaped already, of a
// component that is safe but for being reserved.
func escapeFirst(component string, from int) string {
	var b strings.Builder
	b.WriteString(component[:from])
	escapeByte(&b, component[from])
	b.WriteString(component[from+1:])
	return b.String()
}

// unescape turns %XX into bytes, and "%_" into nothing.
func unescape(s string) string {
	if s == emptyPart {
		return ""
	}
	if !strings.Contains(s, "%") {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if looksEscaped(s[i:]) {
			b.WriteByte(unhex(s[i+1])<<4 | unhex(s[i+2]))
			i += 2
			continue
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

func unhex(c byte) byte {
	switch {
	case c <= '9':
		return c - '0'
	case c <= 'F':
		return c - 'A' + 10
	}
	return c - 'a' + 10
}

// cutLong makes nested directory names of one that is too long. No escape and
// no character of UTF-8 is cut in two.
func cutLong(component string) []string {
	if len(component) <= maxName {
		return []string{component}
	}
	var out []string
	prefix := ""
	for len(prefix)+len(component) > maxName {
		room := maxName - len(prefix) - len(cut)
		n := 0
		for n < room {
			step := 3
			if !looksEscaped(component[n:]) {
				_, step = utf8.DecodeRuneInString(component[n:])
			}
			if n+step > room {
				break
			}
			n += step
		}
		out = append(out, prefix+component[:n]+cut)
		component, prefix = component[n:], cut
	}
	return append(out, prefix+component)
}

// joinLong is the reverse of cutLong; ok tells whether the names fit together.
func joinLong(names []string) (component string, ok bool) {
	var b strings.Builder
	for i, n := range names {
		if i > 0 {
			if !strings.HasPrefix(n, cut) {
				return "", false
			}
			n = n[len(cut):]
		}
		if i < len(names)-1 {
			if !strings.HasSuffix(n, cut) {
				return "", false
			}
			n = n[:len(n)-len(cut)]
		}
		b.WriteString(n)
	}
	return b.String(), true
}

// escapeName and unescapeName are the escaping of package mail: what a user
// reads and writes for a part's real name (see [mail.Mailbox]).
func escapeName(part string) string {
	if !strings.ContainsAny(part, "/%") {
		return part
	}
	var b strings.Builder
	for i := range len(part) {
		switch {
		case part[i] == '/':
			b.WriteString("%2F")
		case looksEscaped(part[i:]):
			b.WriteString("%25")
		default:
			b.WriteByte(part[i])
		}
	}
	return b.String()
}

func unescapeName(part string) string {
	if !strings.Contains(part, "%2") {
		return part
	}
	var b strings.Builder
	for i := 0; i < len(part); i++ {
		rest := part[i:]
		switch {
		case strings.HasPrefix(rest, "%2F"):
			b.WriteByte('/')
			i += 2
		case len(rest) >= 5 && rest[:3] == "%25" && isHex(rest[3]) && isHex(rest[4]):
			b.WriteByte('%')
			i += 2
		default:
			b.WriteByte(part[i])
		}
	}
	return b.String()
}
