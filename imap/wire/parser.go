package wire

import (
	"errors"
	"fmt"

	"godwit/mail"
)

// maxDepth is how deep parentheses may be nested in a value that is skipped.
const maxDepth = 64

// excerptSize is how much of a malformed response is kept for the error.
const excerptSize = 200

var errOutOfStep = errors.New("out of step with the server")

// parser reads one response. A response is a line; where a literal stands in it,
// several segments of a line with the literals between them. Two things can go
// wrong: bad is a response that cannot be understood, after which the next one
// can be found; err is the end of the connection. Both are sticky, and every
// method returns zero values from then on.
type parser struct {
	rd         *reader
	maxLine    int
	maxLiteral int64

	segment []byte // the current segment, whole
	line    []byte // what is left of it
	bad     string
	err     error
	about   mail.UID // the message that the response is about, once it is known

	first    bool // segment is the response's first
	segments int  // how many were read
	excerpt  []byte
}

// begin reads the next response's first segment.
func (p *parser) begin() {
	p.bad, p.first, p.about, p.excerpt = "", true, 0, p.excerpt[:0]
	p.read()
}

// next reads the segment behind a literal.
func (p *parser) next() {
	if p.first {
		p.keepExcerpt()
	}
	p.first = false
	p.read()
}

func (p *parser) read() {
	if p.err != nil {
		return
	}
	line, err := p.rd.line(p.limit)
	if err == errLineTooLong {
		p.segment = p.rd.buf[p.rd.r:p.rd.w]
		p.outOfStep(err.Error())
		return
	}
	if err != nil {
		p.fatal(err)
		return
	}
	p.segment, p.line = line, line
	p.segments++
}

// limit is how long a line that begins like this may be. Those that list UIDs
// grow with the mailbox: a plain SEARCH of a million messages has 8 MB.
func (p *parser) limit(begin []byte) int {
	for _, name := range [...]string{"* SEARCH", "* ESEARCH", "* VANISHED", "[COPYUID", "[MODIFIED", "[APPENDUID"} {
		if containsFold(begin, name) {
			return 32 * p.maxLine
		}
	}
	return p.maxLine
}

func (p *parser) keepExcerpt() {
	p.excerpt = append(p.excerpt[:0], p.segment[:min(len(p.segment), excerptSize)]...)
}

// ok tells that nothing went wrong so far.
func (p *parser) ok() bool { return p.bad == "" && p.err == nil }

// fail gives the response up.
func (p *parser) fail(reason string) {
	if p.ok() {
		p.bad = reason
		if p.first {
			p.keepExcerpt()
		}
	}
	p.line = nil
}

// fatal gives the connection up.
func (p *parser) fatal(err error) {
	if p.err == nil {
		p.err = err
	}
	p.segment, p.line = nil, nil
}

// outOfStep gives the connection up because what comes now cannot be the
// beginning of a response.
func (p *parser) outOfStep(reason string) {
	p.fail(reason)
	p.fatal(fmt.Errorf("%w: %w", errOutOfStep, p.malformed()))
}

// malformed is the error of a response that was given up.
func (p *parser) malformed() *MalformedError {
	return &MalformedError{UID: p.about, Reason: p.bad, Text: string(p.excerpt)}
}

// resync goes to the end of a response that was given up or is of no interest.
// Only a literal makes a response go on behind its line, and it stands at the
// line's end; what stands before need not be understood.
func (p *parser) resync() {
	for p.err == nil {
		p.line = p.segment
		n, at := trailingLiteral(p.segment)
		if at < 0 {
			return
		}
		p.skipLiteral(n)
	}
}

// trailingLiteral finds a literal's announcement at the end of a segment: its
// size, -1 where it is not acceptable, and where it begins (the "{"), -1 when
// there is none.
func trailingLiteral(segment []byte) (size int64, at int) {
	end := len(segment) - 1
	if end < 2 || segment[end] != '}' {
		return 0, -1
	}
	i := end - 1
	if segment[i] == '+' {
		i--
	}
	last := i
	for i >= 0 && segment[i] >= '0' && segment[i] <= '9' {
		i--
	}
	if i < 0 || i == last || segment[i] != '{' {
		return 0, -1
	}
	n, ok := number(segment[i+1:last+1], 1<<63-1)
	if !ok {
		return -1, i
	}
	return int64(n), i
}

// skipLiteral passes over the octets of a literal just announced.
func (p *parser) skipLiteral(n int64) {
	if p.err != nil {
		return
	}
	if n < 0 || n > min(p.maxLiteral, mostSkipped) {
		p.outOfStep("literal too large")
		return
	}
	if p.first {
		p.keepExcerpt()
	}
	if err := p.rd.discard(n); err != nil {
		p.fatal(unexpected(err))
		return
	}
	p.next()
}

// number reads b as a decimal number of at most most.
func number(b []byte, most uint64) (uint64, bool) {
	if len(b) == 0 || len(b) > 20 {
		return 0, false
	}
	var n uint64
	for _, c := range b {
		if c < '0' || c > '9' {
			return 0, false
		}
		d := uint64(c - '0')
		if n > (most-d)/10 {
			return 0, false
		}
		n = n*10 + d
	}
	return n, true
}

// peek is the next octet, zero at the end of the segment.
func (p *parser) peek() byte {
	if len(p.line) == 0 {
		return 0
	}
	return p.line[0]
}

// take passes over c, if it is next.
func (p *parser) take(c byte) bool {
	if len(p.line) > 0 && p.line[0] == c {
		p.line = p.line[1:]
		return true
	}
	return false
}

// expect passes over c.
func (p *parser) expect(c byte, reason string) {
	if !p.take(c) {
		p.fail(reason)
	}
}

// spaces passes over any number of spaces, for servers that write two or one
// before a parenthesis.
func (p *parser) spaces() {
	for p.take(' ') {
	}
}

// end demands that nothing more comes.
func (p *parser) end() {
	p.spaces()
	if len(p.line) > 0 {
		p.fail("something behind the end")
	}
}

// number reads a decimal number of at most most.
func (p *parser) number(most uint64) uint64 {
	i := 0
	for i < len(p.line) && p.line[i] >= '0' && p.line[i] <= '9' {
		i++
	}
	n, ok := number(p.line[:i], most)
	if !ok {
		p.fail("no number, or too large")
		return 0
	}
	p.line = p.line[i:]
	return n
}

// uid reads a UID, which is never zero.
func (p *parser) uid() mail.UID {
	u := mail.UID(p.number(1<<32 - 1))
	if u == 0 {
		p.fail("UID zero")
	}
	return u
}

// modSeq reads a mod-sequence-value (RFC 7162, 7: 63 bits).
func (p *parser) modSeq() mail.ModSeq { return mail.ModSeq(p.number(1<<63 - 1)) }

// word reads up to a space, a parenthesis or the end, in place. It may be empty.
func (p *parser) word() []byte {
	i := 0
	for i < len(p.line) && p.line[i] != ' ' && p.line[i] != '(' && p.line[i] != ')' {
		i++
	}
	w := p.line[:i]
	p.line = p.line[i:]
	return w
}

// quoted reads a quoted string, whose opening quote is next, and appends it,
// unescaped, to b.
func (p *parser) quoted(b []byte) []byte {
	p.expect('"', "no quoted string")
	for i := 0; i < len(p.line); i++ {
		switch p.line[i] {
		case '"':
			p.line = p.line[i+1:]
			return b
		case '\\':
			i++
			if i == len(p.line) {
				continue
			}
		}
		b = append(b, p.line[i])
	}
	p.fail("quoted string without end")
	return b
}

// nilNext passes over NIL, if it is next.
func (p *parser) nilNext() bool {
	if len(p.line) >= 3 && equalFold(p.line[:3], "NIL") &&
		(len(p.line) == 3 || p.line[3] == ' ' || p.line[3] == ')') {
		p.line = p.line[3:]
		return true
	}
	return false
}

// literalNext tells whether a literal or literal8 (RFC 9051, 9) is next, passes
// over its announcement and returns its size. Its octets are next in rd.
func (p *parser) literalNext() (int64, bool) {
	rest := p.line
	if len(rest) > 0 && rest[0] == '~' {
		rest = rest[1:]
	}
	if len(rest) == 0 || rest[0] != '{' {
		return 0, false
	}
	n, at := trailingLiteral(rest)
	if at != 0 {
		p.fail("no size of a literal")
		return 0, false
	}
	if n < 0 || n > p.maxLiteral {
		p.outOfStep("literal too large")
		return 0, false
	}
	p.line = nil
	return n, true
}

// str reads an astring or nstring (RFC 9051, 9) that is small enough to hold;
// an atom goes to the next space or parenthesis.
func (p *parser) str() string {
	switch {
	case p.peek() == '"':
		return string(p.quoted(nil))
	case p.peek() == '{' || p.peek() == '~':
		n, ok := p.literalNext()
		if !ok {
			return ""
		}
		if n > int64(p.maxLine) {
			p.fail("literal too large for a name")
			p.skipLiteral(n)
			return ""
		}
		b := make([]byte, 0, min(n, readerSize))
		for n > 0 {
			piece, err := p.rd.some(n)
			if err != nil {
				p.fatal(unexpected(err))
				return ""
			}
			b = append(b, piece...)
			n -= int64(len(piece))
		}
		p.next()
		return string(b)
	}
	w := p.word()
	if len(w) == 0 {
		p.fail("no string")
	}
	return string(w)
}

// skipValue passes over one value of any kind, holding nothing of it.
func (p *parser) skipValue() {
	depth := 0
	for p.ok() {
		p.spaces()
		switch c := p.peek(); c {
		case '(':
			p.line = p.line[1:]
			if depth++; depth > maxDepth {
				p.fail("nested too deep")
				return
			}
			continue
		case ')':
			if depth == 0 {
				p.fail("no value")
				return
			}
			p.line = p.line[1:]
			depth--
		case '"':
			p.skipQuoted()
		case '{', '~':
			if n, ok := p.literalNext(); ok {
				p.skipLiteral(n)
			} else if p.ok() { // an atom that begins with "~"
				p.word()
			}
		case 0:
			if len(p.line) == 0 {
				p.fail("value without end")
				return
			}
			p.line = p.line[1:]
		default:
			p.word()
		}
		if depth == 0 {
			return
		}
	}
}

func (p *parser) skipQuoted() {
	for i := 1; i < len(p.line); i++ {
		switch p.line[i] {
		case '\\':
			i++
		case '"':
			p.line = p.line[i+1:]
			return
		}
	}
	p.fail("quoted string without end")
}

// equalFold compares with an upper-case ASCII word, without regard to case.
func equalFold(b []byte, upper string) bool {
	if len(b) != len(upper) {
		return false
	}
	for i := range b {
		c := b[i]
		if c >= 'a' && c <= 'z' {
			c -= 'a' - 'A'
		}
		if c != upper[i] {
			return false
		}
	}
	return true
}

func containsFold(b []byte, upper string) bool {
	for i := 0; i+len(upper) <= len(b); i++ {
		if equalFold(b[i:i+len(upper)], upper) {
			return true
		}
	}
	return false
}
