package search

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"godwit/mail"
)

// What a query may be made of; a server has to read it all.
const (
	MaxLength = 4096 // octets
	maxTerms  = 200
	maxDepth  = 30 // of parentheses and "not"
)

// Error is a query that cannot be understood.
type Error struct {
	At    int    // where, in characters from the first, which is 1
	Place string // what stands there; empty at the end
	Text  string // what is wrong
	Hint  string // how to do it right; empty: no idea
}

func (e *Error) Error() string {
	if e.Place == "" {
		return fmt.Sprintf("the query, at its end: %s", e.Text)
	}
	return fmt.Sprintf("the query, at character %d (%s): %s", e.At, e.Place, e.Text)
}

// Parse reads a query. today is what "7d" in it is counted from. The error is an
// [Error].
func Parse(query string, today Day) (Key, error) {
	p := &parser{query: query, today: today}
	if len(query) > MaxLength {
		return nil, p.wrong(0, len(query), "", "it is longer than %d octets", MaxLength)
	}
	for i, r := range query {
		if r == utf8.RuneError && !strings.HasPrefix(query[i:], "\uFFFD") || unicode.IsControl(r) && !unicode.IsSpace(r) {
			return nil, p.wrong(i, i+1, "", "this is no text")
		}
	}
	k, err := p.any()
	if err != nil {
		return nil, err
	}
	if p.peek() != end { // "any" ends there, or where a group does
		return nil, p.wrong(p.at, p.at+1, `write it in quotation marks if it is to be found: ")"`, "no parenthesis is open")
	}
	return k, nil
}

type parser struct {
	query string
	today Day
	at    int // octet
	terms int
	depth int
}

// wrong is an error about some octets of the query.
func (p *parser) wrong(from, to int, hint, format string, args ...any) error {
	place := strings.ToValidUTF8(strings.TrimSpace(p.query[from:min(to, len(p.query))]), "?")
	if cut := []rune(place); len(cut) > 40 {
		place = string(cut[:40]) + "…"
	}
	return &Error{At: utf8.RuneCountInString(p.query[:from]) + 1, Place: place, Text: fmt.Sprintf(format, args...), Hint: hint}
}

// token is what comes next.
type token uint8

const (
	end   token = iota
	open        // (
	close       // )
	minus       // - before something
	not         // the word
	or
	and
	term
)

// peek skips blanks and tells what comes.
func (p *parser) peek() token {
	for p.at < len(p.query) {
		r, n := utf8.DecodeRuneInString(p.query[p.at:])
		if !unicode.IsSpace(r) {
			break
		}
		p.at += n
	}
	if p.at == len(p.query) {
		return end
	}
	switch p.query[p.at] {
	case '(':
		return open
	case ')':
		return close
	case '-':
		if p.at+1 < len(p.query) && !isBlank(p.query[p.at+1:]) {
			return minus
		}
	}
	switch strings.ToLower(p.bare(p.at)) {
	case "or":
		return or
	case "and":
		return and
	case "not":
		return not
	}
	return term
}

func isBlank(s string) bool {
	r, _ := utf8.DecodeRuneInString(s)
	return unicode.IsSpace(r)
}

// bare is the text from an octet up to a blank, a parenthesis or a quotation
// mark.
func (p *parser) bare(from int) string {
	rest := p.query[from:]
	if i := strings.IndexFunc(rest, func(r rune) bool { return unicode.IsSpace(r) || r == '(' || r == ')' || r == '"' }); i >= 0 {
		rest = rest[:i]
	}
	return rest
}

// any reads what "or" divides.
func (p *parser) any() (Key, error) {
	var keys Or
	for {
		k, err := p.all()
		if err != nil {
			return nil, err
		}
		keys = append(keys, k)
		if p.peek() != or {
			break
		}
		p.at += len("or")
	}
	if len(keys) == 1 {
		return keys[0], nil
	}
	return keys, nil
}

// all reads what stands side by side.
func (p *parser) all() (Key, error) {
	var keys And
	for {
		switch t := p.peek(); t {
		case and:
			if len(keys) == 0 {
				return nil, p.lonely("and")
			}
			p.at += len("and")
			if next := p.peek(); next == end || next == close || next == or || next == and {
				return nil, p.missing(`behind "and"`)
			}
		case end, close, or:
			switch {
			case len(keys) == 0 && t == or:
				return nil, p.lonely("or")
			case len(keys) == 0:
				return nil, p.missing("")
			case len(keys) == 1:
				return keys[0], nil
			}
			return keys, nil
		default:
			k, err := p.one()
			if err != nil {
				return nil, err
			}
			keys = append(keys, k)
		}
	}
}

func (p *parser) missing(where string) error {
	if where != "" {
		where = " " + where
	}
	return p.wrong(p.at, p.at+1, "", "something to look for is missing%s", where)
}

func (p *parser) lonely(word string) error {
	return p.wrong(p.at, p.at+len(word), `write it in quotation marks to look for the word: "`+word+`"`, "there is nothing before %q", word)
}

// one reads a term, a group, or what is turned around.
func (p *parser) one() (Key, error) {
	from := p.at
	p.depth++
	defer func() { p.depth-- }()
	if p.depth > maxDepth {
		return nil, p.wrong(from, from+1, "", "this is in more than %d others", maxDepth)
	}
	switch t := p.peek(); t {
	case open:
		p.at++
		k, err := p.any()
		if err != nil {
			return nil, err
		}
		if p.peek() != close {
			return nil, p.wrong(from, from+1, "", "this parenthesis is not closed")
		}
		p.at++
		return k, nil
	case minus, not:
		p.at++
		if t == not {
			p.at += len("not") - 1
		}
		switch p.peek() {
		case end, close, or, and:
			return nil, p.missing("behind " + strconv.Quote(strings.TrimSpace(p.query[from:p.at])))
		}
		k, err := p.one()
		if err != nil {
			return nil, err
		}
		if n, is := k.(Not); is {
			return n.Key, nil
		}
		return Not{k}, nil
	}
	if p.terms++; p.terms > maxTerms {
		return nil, p.wrong(from, from+1, "", "more than %d terms", maxTerms)
	}
	return p.term()
}

// term reads a word, or a name with a value.
func (p *parser) term() (Key, error) {
	from := p.at
	word := p.bare(from)
	if name, _, has := strings.Cut(word, ":"); has {
		p.at += len(name) + 1
		return p.named(from, strings.ToLower(name))
	}
	v, err := p.value(from)
	return Text{Anywhere, v}, err
}

// value reads what stands in quotation marks, or a word.
func (p *parser) value(from int) (string, error) {
	start := p.at
	if p.at == len(p.query) || p.query[p.at] != '"' {
		v := p.bare(p.at)
		p.at += len(v)
		switch {
		case p.at < len(p.query) && p.query[p.at] == '"':
			return "", p.wrong(from, p.at+1, "put all of it in quotation marks", "there is a quotation mark in the middle of a word")
		case v == "":
			return "", p.wrong(from, p.at+1, "", "a value is missing behind the colon")
		}
		return v, nil
	}
	var b strings.Builder
	for p.at++; p.at < len(p.query); p.at++ {
		switch c := p.query[p.at]; {
		case c == '"':
			p.at++
			if p.at < len(p.query) && !isBlank(p.query[p.at:]) && p.query[p.at] != ')' {
				return "", p.wrong(p.at, p.at+len(p.bare(p.at))+1, "put a blank between them", "something follows the quotation mark")
			}
			v := strings.Join(strings.Fields(b.String()), " ")
			if v == "" {
				return "", p.wrong(from, p.at, "", "there is nothing between the quotation marks")
			}
			return v, nil
		case c == '\\' && p.at+1 < len(p.query):
			p.at++
			b.WriteByte(p.query[p.at])
		default:
			b.WriteByte(c)
		}
	}
	return "", p.wrong(start, len(p.query), "", "the quotation marks are not closed")
}

// named reads the value of a term whose name was read.
func (p *parser) named(from int, name string) (Key, error) {
	for place, called := range places {
		if name == called {
			v, err := p.value(from)
			return Text{Place(place), v}, err
		}
	}
	for when, called := range whens {
		if name == called {
			v, err := p.value(from)
			if err != nil {
				return nil, err
			}
			d, known := day(v, p.today)
			if !known || When(when) == On && strings.Count(v, "-") == 1 {
				return nil, p.wrong(from, p.at, "write 2026-11-21, 7d or 2w (ago), today or yesterday", "%q is no day", v)
			}
			return Arrived{When(when), d}, nil
		}
	}
	switch name {
	case "larger", "smaller":
		v, err := p.value(from)
		if err != nil {
			return nil, err
		}
		n, is := mail.ParseOctets(sizeCase(v))
		if !is || n > 1<<32-1 { // number, RFC 9051, 9; number64 is not for SEARCH everywhere
			return nil, p.wrong(from, p.at, "write it as 2MB, 500KB or 1000", "%q is no size, or too large", v)
		}
		return Size{name == "larger", n}, nil
	case "is":
		v, err := p.value(from)
		if err != nil {
			return nil, err
		}
		for _, s := range states {
			if strings.EqualFold(v, s.name) {
				if s.not {
					return Not{Flag{s.flag}}, nil
				}
				return Flag{s.flag}, nil
			}
		}
		return nil, p.wrong(from, p.at, "there is "+stateNames(), "%q is not what a message can be", v)
	case "keyword":
		v, err := p.value(from)
		if err != nil {
			return nil, err
		}
		if !atom(v) {
			return nil, p.wrong(from, p.at, `keywords are as "$Label1" or "todo"; what begins with "\" is looked for by is:`, "%q is no keyword", v)
		}
		for _, s := range states { // $forwarded is $Forwarded
			if strings.EqualFold(v, s.flag) {
				v = s.flag
			}
		}
		return Flag{v}, nil
	case "message-id", "id":
		v, err := p.value(from)
		return Header{"Message-ID", v}, err
	case "header":
		return p.header(from)
	}
	return nil, p.wrong(from, from+len(p.bare(from)), p.insteadOf(from, name), "there is no %q", name+":")
}

// header reads NAME or NAME:VALUE.
func (p *parser) header(from int) (Key, error) {
	name, _, more := strings.Cut(p.bare(p.at), ":")
	p.at += len(name)
	if !field(name) {
		return nil, p.wrong(from, p.at+1, "write header:NAME or header:NAME:TEXT", "%q is no name of a header field", name)
	}
	if !more {
		if p.at < len(p.query) && p.query[p.at] == '"' {
			return nil, p.wrong(from, p.at+1, "write header:NAME or header:NAME:TEXT", "there is a quotation mark in the name of a header field")
		}
		return Header{Name: name}, nil
	}
	p.at++
	v, err := p.value(from)
	return Header{name, v}, err
}

// field tells that a text is the name of a header field (RFC 5322, 3.6.8).
func field(name string) bool {
	return name != "" && !strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r > '~' || r == ':' })
}

// atom tells that a text can be a keyword (RFC 9051, 9, flag-keyword).
func atom(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune(`(){%*"\]`, r) })
}

// insteadOf says what else could have been meant by a name that there is not.
func (p *parser) insteadOf(from int, name string) string {
	meant := map[string]string{
		"after": "since", "newer": "since", "newer-than": "since", "date": "since", "older": "before", "until": "before", "sender": "from",
		"title": "subject", "tag": "keyword", "label": "keyword", "flag": "is", "has": "is", "size": "larger", "contents": "text",
	}[name]
	if meant != "" {
		return fmt.Sprintf("write %s:", meant)
	}
	switch name {
	case "in", "mailbox", "folder":
		return "mailboxes are chosen by --mailbox"
	case "account":
		return "accounts are chosen by --account"
	}
	return fmt.Sprintf("to look for the text, write it in quotation marks: %s", value(p.bare(from)))
}

func stateNames() string {
	var names []string
	for _, s := range states {
		names = append(names, s.name)
	}
	return strings.Join(names, ", ")
}

// sizeCase writes the unit as [mail.ParseOctets] has it.
func sizeCase(v string) string { return strings.ReplaceAll(strings.ToUpper(v), "I", "i") }

// day reads a day, or how long ago it was.
func day(v string, today Day) (Day, bool) {
	switch v = strings.ToLower(v); v {
	case "today":
		return today, true
	case "yesterday":
		return today.ago(1), true
	}
	for unit, days := range map[string]int{"d": 1, "w": 7, "y": 365} {
		if digits, is := strings.CutSuffix(v, unit); is {
			n, err := strconv.ParseUint(digits, 10, 16)
			d := today.ago(int(n) * days)
			return d, err == nil && d.exists()
		}
	}
	parts := strings.Split(v, "-")
	if len(parts) > 3 || len(parts[0]) != 4 {
		return Day{}, false
	}
	n := [3]int{0, 1, 1} // 2026 and 2026-11 are their first days
	for i, part := range parts {
		u, err := strconv.ParseUint(part, 10, 16)
		if err != nil || len(part) > 4 {
			return Day{}, false
		}
		n[i] = int(u)
	}
	d := Day{n[0], time.Month(n[1]), n[2]}
	return d, d.exists()
}
