package partial

import (
	"bytes"
	"mime"
	"regexp"
	"strconv"
	"strings"
)

// field is one field of a header, with its folding and its line end.
type field struct {
	name string // lower case
	raw  []byte
}

// fields takes a header block apart. What is no field has no name.
func fields(block []byte) []field {
	var all []field
	for len(block) > 0 {
		end := lineEnd(block)
		for end < len(block) && (block[end] == ' ' || block[end] == '\t') { // folded (RFC 5322, 2.2.3)
			end += lineEnd(block[end:])
		}
		raw := block[:end]
		block = block[end:]
		if len(bytes.TrimRight(raw, "\r\n")) == 0 {
			break
		}
		name, _, found := bytes.Cut(raw, []byte(":"))
		f := field{raw: raw}
		if found {
			f.name = strings.ToLower(string(bytes.TrimRight(name, " \t")))
		}
		all = append(all, f)
	}
	return all
}

func lineEnd(b []byte) int {
	if i := bytes.IndexByte(b, '\n'); i >= 0 {
		return i + 1
	}
	return len(b)
}

// value is the unfolded text of a field.
func (f field) value() string {
	_, v, _ := bytes.Cut(f.raw, []byte(":"))
	return string(bytes.Join(bytes.Fields(v), []byte(" ")))
}

// find returns the only field of a name; many tells that there are several, of
// which readers take different ones.
func find(all []field, name string) (value string, many bool) {
	for _, f := range all {
		if f.name != name {
			continue
		}
		if value != "" {
			return value, true
		}
		value = f.value()
	}
	return value, false
}

// contentType reads a Content-Type as readers do: what is missing or cannot be
// understood is text/plain (RFC 2045, 5.2).
func contentType(all []field) (mediaType string, params map[string]string) {
	v, many := find(all, "content-type")
	if many {
		return "", nil
	}
	t, params, err := mime.ParseMediaType(readable(v))
	if v == "" || err != nil && t == "" {
		return "text/plain", nil
	}
	return t, params
}

// readable writes a value so that the library reads it: without comments, and
// with RFC 2231's parameters in UTF-8 where they are in ISO-8859-1 or its kin.
func readable(v string) string {
	v = uncommented(v)
	if !latin.MatchString(v) {
		return v
	}
	v = latin.ReplaceAllString(v, "${1}utf-8'")
	return upperHalf.ReplaceAllStringFunc(v, func(octet string) string {
		c, _ := strconv.ParseUint(octet[1:], 16, 8)
		return strings.TrimPrefix(extended(string(rune(c))), "utf-8''")
	})
}

var (
	latin     = regexp.MustCompile(`(?i)(\*(?:0\*)?=\s*)(?:iso-8859-1|iso-8859-15|windows-1252)'`)
	upperHalf = regexp.MustCompile(`%[89A-Fa-f][0-9A-Fa-f]`)
)

// uncommented takes the comments out of a field's value (RFC 5322, 3.2.2), which the
// library does not know. One that does not end is none.
func uncommented(v string) string {
	if !strings.Contains(v, "(") {
		return v
	}
	var out strings.Builder
	quoted, depth := false, 0
	for i := 0; i < len(v); i++ {
		switch c := v[i]; {
		case c == '\\' && (quoted || depth > 0) && i+1 < len(v):
			if depth == 0 {
				out.WriteString(v[i : i+2])
			}
			i++
			continue
		case c == '"' && depth == 0:
			quoted = !quoted
		case c == '(' && !quoted:
			depth++
			continue
		case c == ')' && depth > 0:
			depth--
			continue
		}
		if depth == 0 {
			out.WriteByte(v[i])
		}
	}
	if depth > 0 {
		return v
	}
	return out.String()
}

// encoding is the Content-Transfer-Encoding, 7bit where there is none.
func encoding(all []field) string {
	v, _ := find(all, "content-transfer-encoding")
	if v = strings.ToLower(strings.TrimSpace(uncommented(v))); v == "" {
		return "7bit"
	}
	return v
}

// boundary is that of a multipart's header, empty where it cannot be used.
func boundary(all []field) string {
	t, params := contentType(all)
	b := params["boundary"]
	if !strings.HasPrefix(t, "multipart/") || !usable(b) {
		return ""
	}
	return b
}

// usable tells that lines can be made of a boundary. Some real ones are longer
// than RFC 2046, 5.1.1 allows, or have other characters.
func usable(b string) bool {
	if b == "" || len(b) > 200 || b[len(b)-1] == ' ' {
		return false
	}
	for i := range len(b) {
		if b[i] < ' ' || b[i] >= 0x7f {
			return false
		}
	}
	return true
}

// parameter returns a parameter in UTF-8, whichever way it is written: plain, as
// RFC 2231 has it, in pieces, or with the encoded words of RFC 2047, which are
// not allowed there and common.
func parameter(params map[string]string, name string) string {
	if len(params) == 0 {
		return ""
	}
	plain := params[name]
	if plain == "" {
		// Let the library put RFC 2231's pieces together.
		var b strings.Builder
		b.WriteString("x")
		for k, v := range params {
			if k != name && !strings.HasPrefix(k, name+"*") {
				continue
			}
			if strings.HasSuffix(k, "*") && !strings.ContainsAny(v, " ;\"") {
				b.WriteString("; " + k + "=" + v)
			} else {
				b.WriteString("; " + k + "=" + quote(v))
			}
		}
		_, parsed, err := mime.ParseMediaType(readable(b.String()))
		if err != nil {
			return ""
		}
		plain = parsed[name]
	}
	if decoded, err := new(mime.WordDecoder).DecodeHeader(plain); err == nil {
		return decoded
	}
	return plain
}

// quote writes a quoted-string.
func quote(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\r", " ", "\n", " ").Replace(s) + `"`
}

// named writes a parameter in the simplest form that holds it.
func named(name, value string) string {
	value = oneLine(value)
	if len(value) > 60 || !ascii(value) {
		return name + "*=" + extended(value)
	}
	return name + "=" + quote(value)
}

// extended writes an extended-value (RFC 2231, 4).
func extended(s string) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	b.WriteString("utf-8''")
	for i := range len(s) {
		c := s[i]
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '.' || c == '-' || c == '_' {
			b.WriteByte(c)
		} else {
			b.WriteString("%" + hex[c>>4:c>>4+1] + hex[c&15:c&15+1])
		}
	}
	return b.String()
}
