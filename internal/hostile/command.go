package hostile

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// Command is a command as it came.
type Command struct {
	Tag  string
	Verb string // in upper case; "UID FETCH" is one
	Line string // all behind the tag; literals are {n} in it
	Nth  int    // how many commands with this verb there were before it, since the last Honest

	args []value
}

// value is an argument: a text, or a list.
type value struct {
	text string
	list []value
	is   kind
}

type kind uint8

const (
	atom kind = iota
	quoted
	literal
	list
)

func (v value) String() string {
	if v.is != list {
		return v.text
	}
	parts := make([]string, len(v.list))
	for i, x := range v.list {
		parts[i] = x.String()
	}
	return "(" + strings.Join(parts, " ") + ")"
}

// texts are the texts of a list.
func (v value) texts() []string {
	out := make([]string, len(v.list))
	for i, x := range v.list {
		out[i] = x.text
	}
	return out
}

// arg is the nth argument, empty where there is none.
func (c *Command) arg(n int) value {
	if n >= len(c.args) {
		return value{}
	}
	return c.args[n]
}

// reader reads commands.
type reader struct {
	*bufio.Reader
	ask func() // that a synchronising literal be sent
}

// command reads one command. Its error is the connection's, or tells that it is
// none.
func (r *reader) command() (*Command, error) {
	p := &parser{r: r}
	if err := p.line(); err != nil {
		return nil, err
	}
	tag := p.word()
	c := &Command{Tag: tag, Line: p.rest}
	for p.err == nil && p.skipSpace() {
		c.args = append(c.args, p.value())
	}
	if p.err != nil {
		return c, p.err
	}
	if len(c.args) == 0 {
		return c, fmt.Errorf("no command: %q", c.Line)
	}
	c.Verb, c.args = strings.ToUpper(c.args[0].text), c.args[1:]
	if c.Verb == "UID" && len(c.args) > 0 {
		c.Verb, c.args = "UID "+strings.ToUpper(c.args[0].text), c.args[1:]
	}
	return c, nil
}

type parser struct {
	r    *reader
	rest string
	err  error
}

// line reads a line.
func (p *parser) line() error {
	text, err := p.r.ReadString('\n')
	p.rest = strings.TrimRight(text, "\r\n")
	p.err = err
	return err
}

func (p *parser) skipSpace() bool {
	p.rest = strings.TrimLeft(p.rest, " ")
	return p.rest != ""
}

func (p *parser) word() string {
	word, rest, _ := strings.Cut(p.rest, " ")
	p.rest = rest
	return word
}

func (p *parser) value() value {
	switch p.rest[0] {
	case '(':
		v := value{is: list}
		for p.rest = p.rest[1:]; p.err == nil && p.skipSpace() && p.rest[0] != ')'; {
			v.list = append(v.list, p.value())
		}
		p.rest = strings.TrimPrefix(p.rest, ")")
		return v
	case '"':
		var b strings.Builder
		i := 1
		for ; i < len(p.rest) && p.rest[i] != '"'; i++ {
			if p.rest[i] == '\\' && i+1 < len(p.rest) {
				i++
			}
			b.WriteByte(p.rest[i])
		}
		p.rest = p.rest[min(i+1, len(p.rest)):]
		return value{text: b.String(), is: quoted}
	case '{':
		return p.literal()
	}
	depth, i := 0, 0
	for ; i < len(p.rest); i++ { // BODY.PEEK[HEADER.FIELDS (A B)] is one
		switch c := p.rest[i]; {
		case c == '[':
			depth++
		case c == ']':
			depth--
		case depth <= 0 && i > 0 && (c == ' ' || c == '(' || c == ')'):
			v := value{text: p.rest[:i]}
			p.rest = p.rest[i:]
			return v
		}
	}
	v := value{text: p.rest}
	p.rest = ""
	return v
}

// literal reads the octets behind the line, and the line behind those.
func (p *parser) literal() value {
	size := strings.TrimSuffix(p.rest[1:], "}")
	digits, waits := size, true
	if cut, is := strings.CutSuffix(size, "+"); is {
		digits, waits = cut, false
	}
	n, err := strconv.ParseInt(digits, 10, 32)
	if err != nil {
		p.err = fmt.Errorf("no literal: %q", p.rest)
		return value{}
	}
	if waits {
		p.r.ask()
	}
	octets := make([]byte, n)
	if _, p.err = io.ReadFull(p.r, octets); p.err != nil {
		return value{}
	}
	if p.line() != nil {
		return value{}
	}
	return value{text: string(octets), is: literal}
}

// uids is a sequence-set of UIDs; highest stands for "*".
type uids []span

type span struct{ low, high uint32 }

func parseUIDs(text string, highest uint32) uids {
	var out uids
	for part := range strings.SplitSeq(text, ",") {
		low, high, isRange := strings.Cut(part, ":")
		number := func(s string) uint32 {
			if s == "*" {
				return highest
			}
			n, _ := strconv.ParseUint(s, 10, 32)
			return uint32(n)
		}
		s := span{low: number(low)}
		s.high = s.low
		if isRange {
			s.high = number(high)
		}
		out = append(out, span{min(s.low, s.high), max(s.low, s.high)})
	}
	return out
}

func (u uids) has(uid uint32) bool {
	for _, s := range u {
		if s.low <= uid && uid <= s.high {
			return true
		}
	}
	return false
}
