package imap

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"godwit/mail"
)

// A nameCodec translates between a mailbox name as the server writes it (the
// raw name) and as users see it ([mail.Mailbox]).
//
// Decoding looks at the raw name alone, so that a mailbox is called the same in
// every run, whatever else the server holds. Each part between two delimiters is
// decoded by itself:
//
//   - modified UTF-7 (RFC 3501, 5.1.3) in its one canonical spelling becomes the
//     text it stands for;
//   - a part with octets above 127 that is valid UTF-8 is that text already;
//   - anything else keeps its octets, with "&", "%", "/" and what is not
//     printable ASCII written as %XX. Every such part has a %XX other than %2F
//     and %25, which tells it from a decoded one.
//
// In a decoded part "/" is written %2F, and a "%" that two hex digits follow
// %25. An empty part is %00, since no raw name can hold a NUL.
type nameCodec struct {
	prefix string // of the personal namespace, with its delimiter; not shown
	delim  string // for names to be created; empty: the server's names are flat
	// eightBit says that the server writes UTF-8 itself: new names go out so too.
	eightBit bool
	// literal says that the server knows no modified UTF-7 at all (an IMAP4rev2
	// server that is not IMAP4rev1; RFC 9051, 5.1): "&" stands for itself.
	literal bool
}

// decode returns the name that users see. delim is the delimiter that came with
// the raw name; empty for a flat one.
func (c nameCodec) decode(raw, delim string) mail.Mailbox {
	if strings.EqualFold(raw, string(mail.Inbox)) {
		return mail.Inbox
	}
	inside := false
	if c.prefix != "" && len(raw) > len(c.prefix) && hasPrefixFold(raw, c.prefix) {
		raw, inside = raw[len(c.prefix):], true
	}
	parts := []string{raw}
	if delim != "" {
		parts = strings.Split(raw, delim)
	}
	if inside && len(parts) == 1 && strings.EqualFold(parts[0], string(mail.Inbox)) {
		return mail.Mailbox(escapeOctets(parts[0])) // INBOX.INBOX is not the inbox
	}
	for i, p := range parts {
		parts[i] = c.decodePart(p)
	}
	m := strings.Join(parts, "/")
	if m == raw {
		m = raw // which is held anyway
	}
	return mail.Mailbox(m)
}

// encode returns the raw name of a mailbox that is to be created in the personal
// namespace. It fails for a name that the server could not give back as it is.
func (c nameCodec) encode(m mail.Mailbox) (string, error) {
	if m == mail.Inbox {
		return string(mail.Inbox), nil
	}
	parts := strings.Split(string(m), "/")
	if len(parts) > 1 && c.delim == "" {
		return "", errors.New("the server's mailboxes have no hierarchy")
	}
	for i, p := range parts {
		if p == "" {
			return "", errors.New("a part of the name is empty")
		}
		raw, err := c.encodePart(p)
		if err != nil {
			return "", err
		}
		if c.delim != "" && strings.Contains(raw, c.delim) {
			return "", fmt.Errorf("the server separates the parts of a name with %q", c.delim)
		}
		parts[i] = raw
	}
	raw := c.prefix + strings.Join(parts, c.delim)
	if back := c.decode(raw, c.delim); back != m {
		return "", fmt.Errorf("the server would call it %q", string(back))
	}
	return raw, nil
}

func (c nameCodec) decodePart(part string) string {
	switch {
	case part == "":
		return "%00"
	case strings.ContainsFunc(part, isControl) || !utf8.ValidString(part):
		return escapeOctets(part)
	case c.literal || !isASCII(part):
		return escapeText(part)
	}
	text, ok := decodeUTF7(part)
	if !ok {
		return escapeOctets(part)
	}
	return escapeText(text)
}

func (c nameCodec) encodePart(part string) (string, error) {
	text, octets := unescape(part)
	switch {
	case octets && strings.ContainsAny(text, "\x00\r\n"):
		return "", errors.New("the name holds octets that IMAP cannot carry")
	case octets:
		return text, nil
	case !utf8.ValidString(text):
		return "", errors.New("the name is not valid UTF-8")
	case c.literal, c.eightBit && !isASCII(text) && !strings.ContainsFunc(text, isControl):
		return text, nil
	}
	return encodeUTF7(text), nil
}

// escapeText escapes decoded text so that it can be a part of a name.
func escapeText(text string) string {
	if !strings.ContainsAny(text, "/%") {
		return text
	}
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		switch {
		case text[i] == '/':
			b.WriteString("%2F")
		case text[i] == '%' && i+2 < len(text) && isHex(text[i+1]) && isHex(text[i+2]):
			b.WriteString("%25")
		default:
			b.WriteByte(text[i])
		}
	}
	return b.String()
}

// escapeOctets escapes a part that is no text, or must not be taken for one.
func escapeOctets(part string) string {
	var b strings.Builder
	marked := false
	for _, c := range []byte(part) {
		switch {
		case c == '%', c == '/':
			fmt.Fprintf(&b, "%%%02X", c)
		case c < ' ', c > '~', c == '&':
			fmt.Fprintf(&b, "%%%02X", c)
			marked = true
		default:
			b.WriteByte(c)
		}
	}
	if !marked { // any other octet will do as the mark
		i := strings.IndexFunc(part, func(r rune) bool { return r != '%' && r != '/' })
		if i < 0 {
			return b.String() // only "%" and "/": no text decodes to this
		}
		b.Reset()
		for j, c := range []byte(part) {
			if c == '%' || c == '/' || i == j {
				fmt.Fprintf(&b, "%%%02X", c)
			} else {
				b.WriteByte(c)
			}
		}
	}
	return b.String()
}

// unescape takes %XX back, and tells whether the part stands for octets rather
// than for text.
func unescape(part string) (text string, octets bool) {
	if part == "%00" {
		return "", true
	}
	if !strings.Contains(part, "%") {
		return part, false
	}
	b := make([]byte, 0, len(part))
	for i := 0; i < len(part); i++ {
		if part[i] != '%' || i+2 >= len(part) || !isHex(part[i+1]) || !isHex(part[i+2]) {
			b = append(b, part[i])
			continue
		}
		c := unhex(part[i+1])<<4 | unhex(part[i+2])
		octets = octets || c != '/' && c != '%'
		b = append(b, c)
		i += 2
	}
	return string(b), octets
}

// utf7 is the alphabet of modified UTF-7: base64 with "," for "/", unpadded
// (RFC 3501, 5.1.3).
var utf7 = base64.NewEncoding("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,").WithPadding(base64.NoPadding)

// encodeUTF7 writes valid UTF-8 in modified UTF-7.
func encodeUTF7(text string) string {
	var b strings.Builder
	var shifted []byte
	flush := func() {
		if len(shifted) > 0 {
			b.WriteString("&" + utf7.EncodeToString(shifted) + "-")
			shifted = shifted[:0]
		}
	}
	for _, r := range text {
		switch {
		case r == '&':
			flush()
			b.WriteString("&-")
		case r >= ' ' && r <= '~':
			flush()
			b.WriteByte(byte(r))
		default:
			for _, u := range utf16.AppendRune(nil, r) {
				shifted = append(shifted, byte(u>>8), byte(u))
			}
		}
	}
	flush()
	return b.String()
}

// decodeUTF7 reads modified UTF-7. It is not ok for any spelling but the one
// that encodeUTF7 writes: two raw names never become one.
func decodeUTF7(raw string) (text string, ok bool) {
	if !strings.Contains(raw, "&") {
		return raw, true
	}
	var b strings.Builder
	for rest := raw; rest != ""; {
		plain, shifted, found := strings.Cut(rest, "&")
		b.WriteString(plain)
		if !found {
			break
		}
		code, after, closed := strings.Cut(shifted, "-")
		if !closed {
			return "", false
		}
		rest = after
		if code == "" {
			b.WriteByte('&')
			continue
		}
		octets, err := utf7.DecodeString(code)
		if err != nil || len(octets)%2 != 0 {
			return "", false
		}
		units := make([]uint16, len(octets)/2)
		for i := range units {
			units[i] = uint16(octets[2*i])<<8 | uint16(octets[2*i+1])
		}
		b.WriteString(string(utf16.Decode(units)))
	}
	text = b.String()
	return text, encodeUTF7(text) == raw
}

func isASCII(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r >= utf8.RuneSelf })
}

func isControl(r rune) bool { return r < ' ' || r == 0x7f }

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

func unhex(c byte) byte {
	switch {
	case c >= 'a':
		return c - 'a' + 10
	case c >= 'A':
		return c - 'A' + 10
	}
	return c - '0'
}

func hasPrefixFold(s, prefix string) bool {
	return len(s) >= len(prefix) && strings.EqualFold(s[:len(prefix)], prefix)
}
