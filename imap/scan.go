package imap

import (
	"bytes"
	"errors"
	"strconv"
	"strings"

	"godwit/mail"
)

// listed is a LIST or LSUB response.
type listed struct {
	raw        rawName
	attributes []string
}

var errSyntax = errors.New("not in IMAP's syntax")

// scanner reads the parts of one response, whose literals are in it. After an
// error it gives empty values.
type scanner struct {
	rest []byte
	err  error
}

// response starts a scanner behind "* KIND ".
func scanResponse(response []byte) *scanner {
	_, _, rest := splitResponse(response)
	return &scanner{rest: rest}
}

func (s *scanner) fail() {
	s.err = errSyntax
	s.rest = nil
}

// take skips spaces, then c, if it is next.
func (s *scanner) take(c byte) bool {
	s.rest = bytes.TrimLeft(s.rest, " ")
	if len(s.rest) == 0 || s.rest[0] != c {
		return false
	}
	s.rest = s.rest[1:]
	return true
}

// text reads an atom, a quoted string or a literal. nilAtom tells that it was
// the atom NIL.
func (s *scanner) text() (value string, nilAtom bool) {
	s.rest = bytes.TrimLeft(s.rest, " ")
	switch {
	case len(s.rest) == 0:
		s.fail()
		return "", false
	case s.rest[0] == '"':
		return s.quoted(), false
	case s.rest[0] == '{':
		return s.literal(), false
	}
	// An unquoted name may hold anything that does not end it; servers write "]"
	// and more.
	end := bytes.IndexAny(s.rest, " ()\r\n")
	if end < 0 {
		end = len(s.rest)
	}
	if end == 0 {
		s.fail()
		return "", false
	}
	value = string(s.rest[:end])
	s.rest = s.rest[end:]
	return value, strings.EqualFold(value, "NIL")
}

func (s *scanner) quoted() string {
	if end := bytes.IndexAny(s.rest[1:], `"\`); end >= 0 && s.rest[1+end] == '"' {
		value := string(s.rest[1 : 1+end])
		s.rest = s.rest[end+2:]
		return value
	}
	var b strings.Builder
	for i := 1; i < len(s.rest); i++ {
		switch c := s.rest[i]; {
		case c == '"':
			s.rest = s.rest[i+1:]
			return b.String()
		case c == '\\' && i+1 < len(s.rest):
			i++
			b.WriteByte(s.rest[i])
		default:
			b.WriteByte(c)
		}
	}
	s.fail()
	return ""
}

func (s *scanner) literal() string {
	line, after, found := bytes.Cut(s.rest, []byte("\n"))
	size, ok := literalSize(bytes.TrimRight(line, "\r"))
	if !found || !ok || line[0] != '{' || size > int64(len(after)) {
		s.fail()
		return ""
	}
	value := string(after[:size])
	s.rest = after[size:]
	return value
}

// list reads a parenthesized list of texts; what is in lists inside it is
// joined by spaces.
func (s *scanner) list() []string {
	if !s.take('(') {
		s.fail()
		return nil
	}
	var out []string
	for s.err == nil && !s.take(')') {
		if len(s.rest) > 0 && s.rest[0] == '(' {
			out = append(out, strings.Join(s.list(), " "))
			continue
		}
		value, _ := s.text()
		out = append(out, value)
	}
	return out
}

// scanList reads "* LIST (attributes) delimiter name" (RFC 9051, 7.3.1).
func scanList(response []byte) (listed, error) {
	s := scanResponse(response)
	var l listed
	l.attributes = s.list()
	delim, none := s.text()
	if !none {
		l.raw.delim = delim
	}
	l.raw.name, _ = s.text()
	return l, s.err
}

// scanStatus reads "* STATUS name (item value ...)" (RFC 9051, 7.3.4). Items
// that are missing or unknown are zero.
func scanStatus(response []byte) (name string, status mail.Status, err error) {
	s := scanResponse(response)
	name, _ = s.text()
	items := s.list()
	for i := 0; i+1 < len(items); i += 2 {
		number, _ := strconv.ParseUint(items[i+1], 10, 64)
		small := uint32(number)
		if number != uint64(small) {
			small = 0
		}
		switch strings.ToUpper(items[i]) {
		case "MESSAGES":
			status.Messages = small
		case "UIDNEXT":
			status.UIDNext = mail.UID(small)
		case "UIDVALIDITY":
			status.UIDValidity = mail.UIDValidity(small)
		case "HIGHESTMODSEQ":
			status.ModSeq = mail.ModSeq(number)
		case "MAILBOXID":
			status.MailboxID = items[i+1]
		}
	}
	return name, status, s.err
}

// scanID reads "* ID (field value ...)" (RFC 2971, 3.2).
func scanID(response []byte) map[string]string {
	s := scanResponse(response)
	items := s.list()
	if s.err != nil {
		return nil
	}
	id := make(map[string]string, len(items)/2)
	for i := 0; i+1 < len(items); i += 2 {
		if !strings.EqualFold(items[i+1], "NIL") {
			id[strings.ToLower(items[i])] = items[i+1]
		}
	}
	return id
}
