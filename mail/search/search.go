// Package search is the language in which people say which messages they look
// for, and what it means.
//
// A query is words and terms, all of which have to hold:
//
//	from:anna subject:"the budget" since:2026-11-01 -is:read invoice
//
// A term is a name, a colon and a value; a word without a name is looked for in
// the whole message. "-" or "not" before a term turns it around, "or" stands
// between two of which one is enough and binds less than what stands side by
// side, and parentheses group. A value with blanks or signs is written in
// quotation marks, in which "\" takes the meaning from the sign behind it.
//
// [Parse] makes a [Key] of a query, and the Key's String the query of it again.
// A Key is what SEARCH of IMAP can answer (RFC 9051, 6.4.4), with nothing that
// only one server has; who sends it writes it in the protocol's words.
//
// The package has no I/O and no clock: what "since:7d" means depends on a day that
// [Parse] is told.
package search

import (
	"fmt"
	"strings"
	"time"
)

// Key is a condition that a message fulfils or not. The kinds are those below.
type Key interface {
	// String writes it as a query that [Parse] reads as the same Key.
	String() string
	key()
}

// The kinds of [Key].
type (
	// And holds when all do; there are at least two.
	And []Key
	// Or holds when one of them does; there are at least two.
	Or []Key
	// Not holds when the other does not.
	Not struct{ Key Key }
	// Text holds when a text is found in a place of the message: a substring,
	// whatever the case.
	Text struct {
		In    Place
		Value string
	}
	// Header holds when the header has a field with the name, with the value in it;
	// an empty value is in any.
	Header struct{ Name, Value string }
	// Arrived is about the day of INTERNALDATE, "disregarding time and timezone", as
	// the RFC has it.
	Arrived struct {
		When When
		Day  Day
	}
	// Size is about RFC822.SIZE, in octets.
	Size struct {
		Larger bool // else smaller; neither includes Octets itself
		Octets int64
	}
	// Flag holds when the message has a flag: a system flag such as `\Seen`, or a
	// keyword.
	Flag struct{ Name string }
)

func (And) key()     {}
func (Or) key()      {}
func (Not) key()     {}
func (Text) key()    {}
func (Header) key()  {}
func (Arrived) key() {}
func (Size) key()    {}
func (Flag) key()    {}

// Place is where a text is looked for.
type Place uint8

// The places.
const (
	Anywhere Place = iota // header and body
	Body
	From
	To
	Cc
	Bcc
	Subject
)

var places = [...]string{Anywhere: "text", Body: "body", From: "from", To: "to", Cc: "cc", Bcc: "bcc", Subject: "subject"}

func (p Place) String() string { return places[p] }

// When orders a message's day and another.
type When uint8

// The orders.
const (
	Since  When = iota // on that day or later
	Before             // on an earlier day
	On
)

var whens = [...]string{Since: "since", Before: "before", On: "on"}

func (w When) String() string { return whens[w] }

// Day is a day of the calendar.
type Day struct {
	Year  int
	Month time.Month
	Day   int
}

// DayOf is the day of an instant where the instant's clock is.
func DayOf(t time.Time) Day {
	var d Day
	d.Year, d.Month, d.Day = t.Date()
	return d
}

// ago is so many days earlier.
func (d Day) ago(days int) Day {
	return DayOf(time.Date(d.Year, d.Month, d.Day-days, 0, 0, 0, 0, time.UTC))
}

// exists tells that the calendar has it.
func (d Day) exists() bool { return d.ago(0) == d && d.Year >= 1 && d.Year <= 9999 }

func (d Day) String() string { return fmt.Sprintf("%04d-%02d-%02d", d.Year, d.Month, d.Day) }

func (k And) String() string {
	parts := make([]string, len(k))
	for i, x := range k {
		parts[i] = inner(x)
	}
	return strings.Join(parts, " ")
}

func (k Or) String() string {
	parts := make([]string, len(k))
	for i, x := range k {
		parts[i] = inner(x)
	}
	return strings.Join(parts, " or ")
}

// inner writes a key as a part of another: lists need parentheses there.
func inner(k Key) string {
	switch k.(type) {
	case And, Or:
		return "(" + k.String() + ")"
	}
	return k.String()
}

func (k Not) String() string { return "not " + inner(k.Key) }

func (k Text) String() string    { return k.In.String() + ":" + value(k.Value) }
func (k Arrived) String() string { return k.When.String() + ":" + k.Day.String() }
func (k Size) String() string {
	if k.Larger {
		return fmt.Sprintf("larger:%d", k.Octets)
	}
	return fmt.Sprintf("smaller:%d", k.Octets)
}

func (k Header) String() string {
	if k.Value == "" {
		return "header:" + k.Name
	}
	return "header:" + k.Name + ":" + value(k.Value)
}

func (k Flag) String() string {
	for _, s := range states {
		if s.flag == k.Name && !s.not {
			return "is:" + s.name
		}
	}
	return "keyword:" + value(k.Name)
}

// value writes a value, in quotation marks.
func value(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}

// states are what "is:" may be followed by; the first name of a flag is the one
// that it is written with.
var states = []struct {
	name, flag string
	not        bool
}{
	{"read", `\Seen`, false}, {"seen", `\Seen`, false}, {"unread", `\Seen`, true}, {"unseen", `\Seen`, true},
	{"flagged", `\Flagged`, false}, {"starred", `\Flagged`, false}, {"unflagged", `\Flagged`, true},
	{"answered", `\Answered`, false}, {"replied", `\Answered`, false}, {"unanswered", `\Answered`, true},
	{"draft", `\Draft`, false}, {"deleted", `\Deleted`, false},
	{"forwarded", "$Forwarded", false},
}

// Walk calls do for a key and all that it is made of.
func Walk(k Key, do func(Key)) {
	do(k)
	switch k := k.(type) {
	case And:
		for _, x := range k {
			Walk(x, do)
		}
	case Or:
		for _, x := range k {
			Walk(x, do)
		}
	case Not:
		Walk(k.Key, do)
	}
}
