package search

import (
	"bytes"
	"io"
	"mime"
	netmail "net/mail"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/htmlindex"
)

// Header fields as they came, for those who show or judge what was found.
// [Fields.Get] finds one whatever its case.
type Fields []Field

// Field is a header field: its name, and its value unfolded and not decoded.
type Field struct{ Name, Value string }

// ReadFields takes a header, or some fields of one, apart. What is no field is
// passed over.
func ReadFields(block []byte) Fields {
	var all Fields
	for line := range bytes.Lines(block) {
		text := string(bytes.TrimRight(line, "\r\n"))
		switch {
		case text == "" && len(all) > 0:
			return all
		case (strings.HasPrefix(text, " ") || strings.HasPrefix(text, "\t")) && len(all) > 0: // folded (RFC 5322, 2.2.3)
			all[len(all)-1].Value += " " + strings.TrimSpace(text)
			continue
		}
		if name, v, found := strings.Cut(text, ":"); found {
			all = append(all, Field{strings.TrimRight(name, " \t"), strings.TrimSpace(v)})
		}
	}
	return all
}

// Get returns the first field's value, empty where there is none.
func (f Fields) Get(name string) string {
	for _, x := range f {
		if strings.EqualFold(x.Name, name) {
			return x.Value
		}
	}
	return ""
}

// Sent is the instant that the Date field names; zero where it names none.
func (f Fields) Sent() time.Time {
	t, _ := netmail.ParseDate(f.Get("Date"))
	return t
}

// words decodes encoded-words, in the charsets that web pages are written in,
// which are those of mail (WHATWG Encoding Standard, 4.2).
var words = mime.WordDecoder{CharsetReader: func(charset string, r io.Reader) (io.Reader, error) {
	e, err := htmlindex.Get(charset)
	if err != nil {
		return nil, err
	}
	return e.NewDecoder().Reader(r), nil
}}

// western reads windows-1252, in which every octet stands for a character.
func western(octets string) string {
	text, err := charmap.Windows1252.NewDecoder().String(octets)
	if err != nil {
		return octets
	}
	return text
}

// Decode makes readable text of a field's value: encoded-words (RFC 2047) are
// decoded, those of a charset that is not known stay as they are, and octets that
// are no UTF-8 are taken for windows-1252. Control characters may be in it.
func Decode(value string) string {
	if !utf8.ValidString(value) {
		value = western(value)
	}
	if decoded, err := words.DecodeHeader(value); err == nil {
		return decoded
	}
	// One word that cannot be decoded shall not spoil the others.
	parts := strings.Split(value, " ")
	for i, part := range parts {
		if decoded, err := words.DecodeHeader(part); err == nil {
			parts[i] = decoded
		}
	}
	return strings.Join(parts, " ")
}

// Sender is who wrote a message: the first name in From, or the address where it
// has none.
func (f Fields) Sender() string {
	from := f.Get("From")
	p := netmail.AddressParser{WordDecoder: &words}
	if list, err := p.ParseList(from); err == nil && len(list) > 0 {
		if name := strings.TrimSpace(list[0].Name); name != "" {
			return name
		}
		return list[0].Address
	}
	// What is not in the RFC's form is shown as it is, without its address where
	// it has a name, too.
	text := Decode(from)
	if name, _, found := strings.Cut(text, "<"); found && strings.Trim(name, ` "`) != "" {
		return strings.Trim(name, ` "`)
	}
	return strings.TrimSpace(text)
}

// Judge splits a key in two: what a server that can only search for ASCII is to be
// asked for, nil for everything, and what the headers of the messages that it
// finds then have to be judged by, with [Fields.Fulfils]. ok is false where that
// cannot be done: what is not ASCII is looked for in bodies, or side by side
// with what only the server knows.
func Judge(k Key) (server, own Key, ok bool) {
	all, is := k.(And)
	if !is {
		all = And{k}
	}
	var asked, judged And
	for _, x := range all {
		switch {
		case isASCII(x):
			asked = append(asked, x)
		case judgeable(x):
			judged = append(judged, x)
		default:
			return nil, nil, false
		}
	}
	return join(asked), join(judged), true
}

func join(all And) Key {
	switch len(all) {
	case 0:
		return nil
	case 1:
		return all[0]
	}
	return all
}

func isASCII(k Key) bool {
	is := true
	Walk(k, func(x Key) {
		switch x := x.(type) {
		case Text:
			is = is && ascii(x.Value)
		case Header:
			is = is && ascii(x.Value)
		}
	})
	return is
}

func ascii(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r >= utf8.RuneSelf })
}

// judgeable tells that the header alone says whether a key holds.
func judgeable(k Key) bool {
	can := true
	Walk(k, func(x Key) {
		switch x := x.(type) {
		case And, Or, Not, Header:
		case Text:
			can = can && x.In != Anywhere && x.In != Body
		default:
			can = false
		}
	})
	return can
}

// Fulfils tells whether a key holds for a message with this header, as far as a
// header can tell: see [Judge]. Nil holds.
func (f Fields) Fulfils(k Key) bool {
	switch k := k.(type) {
	case And:
		for _, x := range k {
			if !f.Fulfils(x) {
				return false
			}
		}
	case Or:
		for _, x := range k {
			if f.Fulfils(x) {
				return true
			}
		}
		return false
	case Not:
		return !f.Fulfils(k.Key)
	case Text:
		return f.contains(k.In.String(), k.Value)
	case Header:
		return f.contains(k.Name, k.Value)
	}
	return true
}

func (f Fields) contains(name, value string) bool {
	for _, x := range f {
		if strings.EqualFold(x.Name, name) && strings.Contains(strings.ToLower(Decode(x.Value)), strings.ToLower(value)) {
			return true
		}
	}
	return false
}
