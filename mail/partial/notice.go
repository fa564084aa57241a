package partial

import (
	"encoding/base64"
	"fmt"
	"strings"
)

// why tells for what reason something is missing.
type why uint8

const (
	tooLarge    why = iota
	noSignature     // of something that is not complete
	encrypted       // and of no use in part
	headerOnly      // nothing but the header was wanted
	noStructure     // nothing but the header could be had
)

// notice is what stands in for a part: lines of at most 76 octets, none of which
// begins with "-", for a boundary would, nor with "From ".
func notice(w why, what string) string {
	how := "[ To have all of it, run: godwit fetch FILE, with this message's file; ]\r\n" +
		"[ see godwit(1), \"Partial messages\". ]\r\n"
	switch w {
	case noSignature:
		return "[ The signature was left out, because what it signs is here only in part ]\r\n" +
			"[ and could not be verified. The message on the server has both. ]\r\n" + how
	case encrypted:
		return "[ The encrypted content was not fetched: " + what + ". ]\r\n" +
			"[ Nobody has changed it; it can be read once all of it is here. ]\r\n" + how
	case headerOnly:
		return "[ Only the header of this message was fetched: " + what + ". ]\r\n" + how
	case noStructure:
		return "[ Only the header of this message was fetched: " + what + ". ]\r\n" +
			"[ The server could not tell what it is made of. ]\r\n" + how
	}
	return "[ This part was not fetched: " + what + ". ]\r\n" + how
}

// unverified is said of what is missing from something signed.
const unverified = "[ It is part of what was signed. Nobody has changed it; the signature can be ]\r\n" +
	"[ verified once all of it is here. ]\r\n"

// notice is what stands in for the part, described by what.
func (n *node) notice(what string) string {
	text := notice(n.reason(), what)
	if n.signed {
		text += unverified
	}
	return text
}

// cutNotice stands behind a text of which only the beginning is here.
func cutNotice(what string) string {
	return "\r\n[ The text was cut here: " + what + ". ]\r\n" +
		"[ To have all of it, run: godwit fetch FILE, with this message's file. ]\r\n"
}

// what describes a part.
func (p *Part) what(size int64) string {
	var b strings.Builder
	if n := oneLine(p.name()); n != "" {
		b.WriteString(n + ", ")
	}
	b.WriteString(oneLine(p.MediaType()))
	if p.Encoding == "base64" {
		size = size * 3 / 4
	}
	if size > 0 {
		b.WriteString(", " + Octets(size))
	}
	return b.String()
}

// Octets writes a number of octets for people: "950 bytes", "3.2 MB".
func Octets(n int64) string {
	if n < 1000 {
		return fmt.Sprintf("%d bytes", n)
	}
	f, unit := float64(n)/1000, 0
	for f >= 999.95 && unit < 3 {
		f, unit = f/1000, unit+1
	}
	return fmt.Sprintf("%.1f %s", f, [...]string{"kB", "MB", "GB", "TB"}[unit])
}

// encode writes a text in a transfer encoding, its last line as lines of its own;
// false: the encoding is not known.
func encode(text, encoding string) (string, bool) {
	switch encoding {
	case "", "7bit", "8bit", "binary":
		return text, true
	case "quoted-printable":
		return quotedPrintable(text), true
	case "base64":
		return base64Lines(text), true
	}
	return "", false
}

// base64Lines pads the text so that the encoding of its last line, the mark's,
// begins a line and can be read by itself.
func base64Lines(text string) string {
	body := strings.TrimSuffix(text, "\r\n")
	at := strings.LastIndex(body, "\r\n") + 2
	if at < 2 {
		at = 0
	}
	head, last := text[:at], text[at:]
	if pad := len(head) % 57; pad != 0 {
		head = strings.TrimSuffix(head, "\r\n") + strings.Repeat(" ", 57-pad) + "\r\n"
	}
	var b strings.Builder
	for _, s := range [...]string{head, last} {
		for len(s) > 0 {
			n := min(57, len(s)) // 76 characters of base64
			b.WriteString(base64.StdEncoding.EncodeToString([]byte(s[:n])) + "\r\n")
			s = s[n:]
		}
	}
	return b.String()
}

// quotedPrintable encodes text with CRLF line ends (RFC 2045, 6.7).
func quotedPrintable(text string) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for line := range strings.SplitSeq(strings.TrimSuffix(text, "\r\n"), "\r\n") {
		column := 0
		for i := range len(line) {
			c := line[i]
			plain := c >= ' ' && c < 0x7f && c != '=' || c == '\t'
			if (c == ' ' || c == '\t') && i == len(line)-1 {
				plain = false
			}
			if column > 72 {
				b.WriteString("=\r\n")
				column = 0
			}
			if plain {
				b.WriteByte(c)
				column++
				continue
			}
			b.WriteString("=" + hex[c>>4:c>>4+1] + hex[c&15:c&15+1])
			column += 3
		}
		b.WriteString("\r\n")
	}
	return b.String()
}

func ascii(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}
