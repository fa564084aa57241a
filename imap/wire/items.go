package wire

import (
	"bytes"
	"strings"

	"godwit/mail"
)

// maxFlagLists bounds the cache of flag lists. A mailbox has few distinct ones;
// a server that makes them up shall not fill the memory.
const maxFlagLists = 1024

// flagCache remembers what flag lists mean: most messages of a mailbox have one
// of a handful, and taking one apart costs as much as the rest of the response.
type flagCache struct {
	known    map[string]mail.Flags
	lastText []byte
	last     mail.Flags
}

// parse reads a flag list without its parentheses. Names that could never be
// sent back are left out; everything else is kept, Gmail's "]" included.
func (f *flagCache) parse(text []byte) mail.Flags {
	if len(text) == 0 {
		return mail.Flags{}
	}
	if bytes.Equal(text, f.lastText) {
		return f.last
	}
	flags, found := f.known[string(text)]
	if !found {
		var names []string
		for _, name := range strings.Fields(string(text)) {
			if sendable(name) {
				names = append(names, name)
			}
		}
		flags = mail.ParseFlags(names...)
		if f.known == nil || len(f.known) >= maxFlagLists {
			f.known = make(map[string]mail.Flags)
		}
		if len(text) <= 1024 {
			f.known[string(text)] = flags
		}
	}
	f.lastText, f.last = append(f.lastText[:0], text...), flags
	return flags
}

// sendable tells whether a flag name can stand in a command without ending its
// list or line. It is less strict than the grammar, since servers are.
func sendable(name string) bool {
	for i := range len(name) {
		if c := name[i]; c <= ' ' || c == 0x7f || c == '(' || c == ')' || c == '{' || c == '"' {
			return false
		}
	}
	return name != ""
}

// flagList reads a parenthesised flag list, whole and in place.
func (p *parser) flagList() []byte {
	p.expect('(', "no list of flags")
	end := bytes.IndexByte(p.line, ')')
	if end < 0 {
		p.fail("list of flags without end")
		return nil
	}
	text := p.line[:end]
	p.line = p.line[end+1:]
	return text
}

// date reads an INTERNALDATE: "17-Jul-1996 02:44:25 -0700", the day with a space
// or without where it has one digit. What is no date is zero: a message is not
// lost for the server's clock.
func (p *parser) date() mail.UnixTime {
	if p.nilNext() {
		return 0
	}
	if p.peek() != '"' {
		p.fail("no date")
		return 0
	}
	end := bytes.IndexByte(p.line[1:], '"')
	if end < 0 {
		p.fail("date without end")
		return 0
	}
	text := p.line[1 : end+1]
	p.line = p.line[end+2:]
	t, _ := parseDate(text)
	return t
}

const months = "janfebmaraprmayjunjulaugsepoctnovdec"

// cumulative is how many days of a common year are before each month.
var cumulative = [12]int64{0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334}

func parseDate(b []byte) (mail.UnixTime, bool) {
	b = bytes.TrimLeft(b, " ")
	if len(b) > 1 && b[1] == '-' {
		b = append([]byte{'0'}, b...)
	}
	// 01-Jan-2006 15:04:05 -0700
	if len(b) != 26 || b[2] != '-' || b[6] != '-' || b[11] != ' ' || b[14] != ':' || b[17] != ':' || b[20] != ' ' ||
		b[21] != '+' && b[21] != '-' {
		return 0, false
	}
	digits := func(from, to int) int64 {
		var n int64
		for _, c := range b[from:to] {
			if c < '0' || c > '9' {
				return -1 << 30
			}
			n = n*10 + int64(c-'0')
		}
		return n
	}
	month := int64(-1)
	for m := range int64(12) {
		if b[3]|0x20 == months[3*m] && b[4]|0x20 == months[3*m+1] && b[5]|0x20 == months[3*m+2] {
			month = m
		}
	}
	day, year := digits(0, 2), digits(7, 11)
	hour, minute, second := digits(12, 14), digits(15, 17), digits(18, 20)
	zone := digits(22, 24)*60 + digits(24, 26)
	if month < 0 || day < 1 || day > 31 || year < 1 || hour < 0 || hour > 23 || minute < 0 || minute > 59 ||
		second < 0 || second > 60 || zone < 0 {
		return 0, false
	}
	before := year - 1
	days := before*365 + before/4 - before/100 + before/400 + cumulative[month] + day - 1
	if month > 1 && year%4 == 0 && (year%100 != 0 || year%400 == 0) {
		days++
	}
	const epoch = 719162 // days from 1 January of year 1 to 1970
	if b[21] == '-' {
		zone = -zone
	}
	return mail.UnixTime((days-epoch)*86400 + hour*3600 + minute*60 + second - zone*60), true
}

// sectionName reads the "[…]" behind BODY, with the "<origin>" that may follow;
// origin is -1 where there is none.
func (p *parser) sectionName() (spec []byte, origin int64) {
	p.expect('[', "no section")
	inQuotes := false
	for i, c := range p.line {
		switch {
		case c == '"':
			inQuotes = !inQuotes
		case c == ']' && !inQuotes:
			spec = p.line[:i]
			p.line = p.line[i+1:]
			if !p.take('<') {
				return spec, -1
			}
			origin = int64(p.number(1<<63 - 1))
			p.expect('>', "origin without end")
			return spec, origin
		}
	}
	p.fail("section without end")
	return nil, -1
}
