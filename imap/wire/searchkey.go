package wire

import (
	"strings"

	"godwit/mail/search"
)

// eightBit tells that a key has a text that US-ASCII cannot hold, for which a
// CHARSET has to be named (RFC 9051, 6.4.4).
func eightBit(k search.Key) bool {
	found := false
	search.Walk(k, func(k search.Key) {
		switch k := k.(type) {
		case search.Text:
			found = found || !ascii(k.Value)
		case search.Header:
			found = found || !ascii(k.Value)
		}
	})
	return found
}

func ascii(s string) bool { return !strings.ContainsFunc(s, func(r rune) bool { return r >= 0x80 }) }

// key writes a search key (RFC 9051, 6.4.4).
func (t *text) key(k search.Key) {
	switch k := k.(type) {
	case search.And:
		t.raw("(")
		t.keys(k)
		t.raw(")")
	case search.Or: // OR takes two: the second is the rest
		for _, x := range k[:len(k)-1] {
			t.raw("OR ")
			t.key(x)
			t.raw(" ")
		}
		t.key(k[len(k)-1])
	case search.Not:
		if f, is := k.Key.(search.Flag); is {
			t.raw("UN")
			t.flagKey(f.Name)
			return
		}
		t.raw("NOT ")
		t.key(k.Key)
	case search.Text:
		t.raw(strings.ToUpper(k.In.String()) + " ")
		t.str(k.Value)
	case search.Header:
		t.raw("HEADER ")
		t.str(k.Name)
		t.raw(" ")
		t.str(k.Value)
	case search.Arrived:
		t.raw(strings.ToUpper(k.When.String()) + " ")
		t.number(uint64(k.Day.Day))
		t.raw("-" + k.Day.Month.String()[:3] + "-" + k.Day.String()[:4]) // RFC 9051, 9, date-text
	case search.Size:
		name := "SMALLER "
		if k.Larger {
			name = "LARGER "
		}
		t.raw(name)
		t.number(uint64(k.Octets))
	case search.Flag:
		t.flagKey(k.Name)
	}
}

func (t *text) keys(list []search.Key) {
	for i, k := range list {
		if i > 0 {
			t.raw(" ")
		}
		t.key(k)
	}
}

// flagKey writes SEEN for \Seen, KEYWORD todo for todo; both can have "UN" before
// them.
func (t *text) flagKey(name string) {
	if system, is := strings.CutPrefix(name, `\`); is {
		t.raw(strings.ToUpper(system))
		return
	}
	if !sendable(name) {
		t.fail(name)
		return
	}
	t.raw("KEYWORD " + name)
}
