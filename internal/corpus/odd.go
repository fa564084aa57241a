package corpus

import (
	"bytes"
	"strings"
)

// Odd is a message that programs tend to break on.
type Odd struct {
	Name string // what is odd about it, as a file name
	Body []byte // wire form, as a server would hold it
	// Refused says that some real servers do not take it by APPEND: a test puts
	// it into their storage instead.
	Refused bool
	// Altered says that some real servers give it back with other line ends than
	// it was sent with (Dovecot: each bare LF as CRLF).
	Altered bool
}

// Odds returns the odd messages, none of them large. Those whose header has no
// Message-ID or no Date can only be told apart by their whole content.
func Odds() []Odd {
	head := func(name string) string {
		return "Date: Mon, 1 Jun 2015 08:00:00 +0000\r\nFrom: a@example.org\r\nSubject: " + name + "\r\nMessage-ID: <" + name + "@odd.example.org>\r\n"
	}
	odds := []Odd{
		{Name: "no-message-id", Body: []byte("Date: Mon, 1 Jun 2015 08:00:00 +0000\r\nFrom: a@example.org\r\nSubject: no id\r\n\r\nbody\r\n")},
		{Name: "no-message-id-other-body", Body: []byte("Date: Mon, 1 Jun 2015 08:00:00 +0000\r\nFrom: a@example.org\r\nSubject: no id\r\n\r\nBODY\r\n")},
		{Name: "no-date", Body: []byte("From: a@example.org\r\nMessage-ID: <no-date@odd.example.org>\r\n\r\nbody\r\n")},
		{Name: "no-header", Body: []byte("\r\nonly a body\r\n")},
		{Name: "no-header-no-empty-line", Body: []byte("this is no header\r\nneither is this\r\n")},
		{Name: "no-body", Body: []byte(head("no-body") + "\r\n")},
		{Name: "no-body-no-empty-line", Body: []byte(head("no-body-no-empty-line"))},
		{Name: "no-final-newline", Body: []byte(head("no-final-newline") + "\r\nthe end")},
		{Name: "one-byte", Body: []byte("x")},
		{Name: "one-newline", Body: []byte("\r\n")},
		{Name: "many-newlines", Body: []byte(head("many-newlines") + "\r\n" + strings.Repeat("\r\n", 500))},
		{Name: "8-bit-body", Body: []byte(head("8-bit-body") + "\r\nGr\xfc\xdfe aus K\xf6ln, und UTF-8: Größe 日本語\r\n")},
		{Name: "8-bit-header", Body: []byte("From: J\xf6rg <j@example.org>\r\nSubject: Größe\r\n" + head("8-bit-header") + "\r\nbody\r\n")},
		{Name: "every-byte-but-nul", Body: append([]byte(head("every-byte-but-nul")+"\r\n"), everyByte()...)},
		{Name: "bare-lf", Body: []byte(head("bare-lf") + "\r\none\ntwo\nthree\r\n"), Altered: true},
		{Name: "bare-lf-only", Body: []byte(strings.ReplaceAll(head("bare-lf-only")+"\r\none\r\ntwo\r\n", "\r\n", "\n")), Altered: true},
		{Name: "bare-cr", Body: []byte(head("bare-cr") + "\r\none\rtwo\rthree\r\n")},
		{Name: "bare-cr-and-lf", Body: []byte(head("bare-cr-and-lf") + "\r\none\rtwo\nthree\n\rfour\r\n"), Altered: true},
		{Name: "bare-cr-at-end", Body: []byte(head("bare-cr-at-end") + "\r\none\r\ntwo\r"), Altered: true},
		{Name: "bare-lf-in-header", Body: []byte("X-Bare: a\nX-Other: b\r\n" + head("bare-lf-in-header") + "\r\nbody\r\n"), Altered: true},
		{Name: "long-line", Body: []byte(head("long-line") + "\r\n" + strings.Repeat("0123456789", 100_000) + "\r\n")},
		{Name: "long-header-line", Body: []byte("X-Long: " + strings.Repeat("y", 100_000) + "\r\n" + head("long-header-line") + "\r\nbody\r\n")},
		{Name: "many-header-lines", Body: []byte(strings.Repeat("X-Line: z\r\n", 5_000) + head("many-header-lines") + "\r\nbody\r\n")},
		{Name: "folded-message-id", Body: []byte("Message-ID:\r\n <folded-message-id\r\n\t@odd.example.org>\r\nDate: Mon, 1 Jun 2015 08:00:00 +0000\r\n\r\nbody\r\n")},
		{Name: "two-message-ids", Body: []byte("Message-ID: <first@odd.example.org>\r\n" + head("two-message-ids") + "\r\nbody\r\n")},
		{Name: "mbox-from-line", Body: []byte("From a@example.org Mon Jun  1 08:00:00 2015\r\n" + head("mbox-from-line") + "\r\n>From here\r\nFrom there\r\n")},
		{Name: "dots-and-imap", Body: []byte(head("dots-and-imap") + "\r\n.\r\n..\r\n* 1 EXISTS\r\n* BYE\r\na1 OK done\r\n{12}\r\n)\r\n")},
		{Name: "broken-mime", Body: []byte("MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=\"x\"\r\n" + head("broken-mime") + "\r\n--x\r\nContent-Type: multipart/mixed; boundary=\"x\"\r\n\r\n--x\r\n")},
		{Name: "deep-mime", Body: []byte(head("deep-mime") + deepMIME(60))},
		{Name: "zero-bytes", Body: []byte{}, Refused: true},
	}
	return odds
}

// everyByte holds each byte but NUL, which servers do not keep, and CR, which
// has messages of its own.
func everyByte() []byte {
	var b []byte
	for c := 1; c < 256; c++ {
		if c != '\r' && c != '\n' {
			b = append(b, byte(c))
		}
	}
	return append(b, "\r\n"...)
}

func deepMIME(depth int) string {
	var b strings.Builder
	b.WriteString("MIME-Version: 1.0\r\n")
	for i := range depth {
		boundary := strings.Repeat("b", i+1)
		b.WriteString("Content-Type: multipart/mixed; boundary=" + boundary + "\r\n\r\n--" + boundary + "\r\n")
	}
	b.WriteString("Content-Type: text/plain\r\n\r\ndeep\r\n")
	return b.String()
}

// LocalForm returns a message as a Maildir file holds it: with LF line ends where
// turning each LF back into CRLF gives the same bytes, else as it is.
func LocalForm(wire []byte) []byte {
	local := bytes.ReplaceAll(wire, []byte("\r\n"), []byte("\n"))
	if bytes.Equal(WireForm(local), wire) {
		return local
	}
	return wire
}

// WireForm returns what a Maildir file stands for: a file that holds any CRLF is
// taken as it is, any other gets CRLF for each LF.
func WireForm(file []byte) []byte {
	if bytes.Contains(file, []byte("\r\n")) {
		return file
	}
	return bytes.ReplaceAll(file, []byte("\n"), []byte("\r\n"))
}
