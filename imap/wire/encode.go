package wire

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	imap "github.com/emersion/go-imap/v2"

	"godwit/mail"
)

// literalMinusMost is the largest literal that LITERAL- lets a client send
// without waiting (RFC 7888, 5).
const literalMinusMost = 4096

// text is a command being written. Cuts are the places in it where the server
// has to ask for a synchronising literal before the rest may be sent.
type text struct {
	caps imap.CapSet
	buf  []byte
	cuts []int
	err  error
}

func (t *text) raw(s string)       { t.buf = append(t.buf, s...) }
func (t *text) number(n uint64)    { t.buf = strconv.AppendUint(t.buf, n, 10) }
func (t *text) fail(what string)   { t.err = fmt.Errorf("%q %w", what, ErrArgument) }
func (t *text) uids(s mail.UIDSet) { t.raw(s.String()) }

// open ends the line with the announcement of a literal of n octets, and tells
// whether they must wait for the server.
func (t *text) open(n int64) (wait bool) {
	t.raw("{")
	t.buf = strconv.AppendInt(t.buf, n, 10)
	nonSync := t.caps.Has("LITERAL+") || t.caps.Has("LITERAL-") && n <= literalMinusMost
	if nonSync {
		t.raw("+")
	}
	t.raw("}\r\n")
	return !nonSync
}

// str writes a string: quoted, or a literal where a quoted one cannot hold it
// (RFC 9051, 4.3; eight-bit octets need UTF8=ACCEPT).
func (t *text) str(s string) {
	quoted := len(s) <= 1000
	for i := range len(s) {
		switch c := s[i]; {
		case c == 0:
			t.fail(s)
			return
		case c == '\r' || c == '\n' || c >= 0x80:
			quoted = false
		}
	}
	if !quoted {
		if t.open(int64(len(s))) {
			t.cuts = append(t.cuts, len(t.buf))
		}
		t.raw(s)
		return
	}
	t.raw(`"`)
	for i := range len(s) {
		if s[i] == '"' || s[i] == '\\' {
			t.raw(`\`)
		}
		t.buf = append(t.buf, s[i])
	}
	t.raw(`"`)
}

// openUIDs writes a set in which a range up to the highest UID ends with "*",
// whatever that may be. Only for commands that change nothing: "9:*" names the
// last message even when its UID is 5 (RFC 9051, 9, seq-range).
func (t *text) openUIDs(s mail.UIDSet) {
	ranges := s.Ranges()
	last := len(ranges) - 1
	if last < 0 || ranges[last].High != ^mail.UID(0) || ranges[last].Low == ranges[last].High {
		t.uids(s)
		return
	}
	for i, r := range ranges {
		if i > 0 {
			t.raw(",")
		}
		if i < last {
			t.raw(r.String())
			continue
		}
		t.number(uint64(r.Low))
		t.raw(":*")
	}
}

func (t *text) flags(f mail.Flags) {
	t.raw("(")
	for i, name := range f.Names() {
		if !sendable(name) {
			t.fail(name)
			return
		}
		if i > 0 {
			t.raw(" ")
		}
		t.raw(name)
	}
	t.raw(")")
}

func (t *text) date(d mail.UnixTime) {
	t.raw(`"`)
	t.buf = time.Unix(int64(d), 0).UTC().AppendFormat(t.buf, "02-Jan-2006 15:04:05 -0700")
	t.raw(`"`)
}

// section writes BODY.PEEK[…]<…>.
func (t *text) section(s Section) {
	for i := range len(s.Spec) {
		if c := s.Spec[i]; c < ' ' || c >= 0x7f || c == ']' || c == '{' {
			t.fail(s.Spec)
			return
		}
	}
	if s.Offset < 0 || s.Length < 0 || s.Length == 0 && s.Offset != 0 {
		t.fail(fmt.Sprintf("%d octets from %d", s.Length, s.Offset))
		return
	}
	t.raw("BODY.PEEK[" + strings.ToUpper(s.Spec) + "]")
	if s.Length > 0 {
		t.raw("<")
		t.number(uint64(s.Offset))
		t.raw(".")
		t.number(uint64(s.Length))
		t.raw(">")
	}
}
