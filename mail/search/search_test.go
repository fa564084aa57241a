package search

import (
	"errors"
	"reflect"
	"strings"
	"testing"
)

var today = Day{2026, 11, 21}

func text(v string) Text { return Text{Anywhere, v} }

// queries are what people write, and what it means.
var queries = map[string]Key{
	"invoice":                           text("invoice"),
	"from:anna":                         Text{From, "anna"},
	"FROM:Anna":                         Text{From, "Anna"},
	"to:a cc:b bcc:c":                   And{Text{To, "a"}, Text{Cc, "b"}, Text{Bcc, "c"}},
	`subject:"the  budget"`:             Text{Subject, "the budget"},
	`body:"a \"word\" and \\"`:          Text{Body, `a "word" and \`},
	`"or"`:                              text("or"),
	"größe":                             text("größe"),
	"a and b":                           And{text("a"), text("b")},
	"a or b c":                          Or{text("a"), And{text("b"), text("c")}},
	"(a or b) c":                        And{Or{text("a"), text("b")}, text("c")},
	"a or b or c":                       Or{text("a"), text("b"), text("c")},
	"-a":                                Not{text("a")},
	"not a":                             Not{text("a")},
	"not not a":                         text("a"),
	"-(a b)":                            Not{And{text("a"), text("b")}},
	"e-mail - x":                        And{text("e-mail"), text("-"), text("x")},
	"since:2026-11-01":                  Arrived{Since, Day{2026, 11, 1}},
	"since:2026-02":                     Arrived{Since, Day{2026, 2, 1}},
	"before:2026":                       Arrived{Before, Day{2026, 1, 1}},
	"since:7d":                          Arrived{Since, Day{2026, 11, 14}},
	"since:3w":                          Arrived{Since, Day{2026, 10, 31}},
	"since:1y":                          Arrived{Since, Day{2025, 11, 21}},
	"on:today":                          Arrived{On, today},
	"on:Yesterday":                      Arrived{On, Day{2026, 11, 20}},
	"larger:2MB":                        Size{true, 2_000_000},
	"smaller:64kib":                     Size{false, 65536},
	"is:unread":                         Not{Flag{`\Seen`}},
	"-is:unread":                        Flag{`\Seen`},
	"is:Flagged is:answered is:deleted": And{Flag{`\Flagged`}, Flag{`\Answered`}, Flag{`\Deleted`}},
	"keyword:$Label1":                   Flag{"$Label1"},
	"keyword:$forwarded":                Flag{"$Forwarded"},
	"header:List-Id":                    Header{Name: "List-Id"},
	"header:List-Id:golang":             Header{"List-Id", "golang"},
	`header:X-Thing:"a b"`:              Header{"X-Thing", "a b"},
	"message-id:<a@b>":                  Header{"Message-ID", "<a@b>"},
	"( a )":                             text("a"),
	"a AND NOT b":                       And{text("a"), Not{text("b")}},
}

func TestAQueryMeansWhatItSays(t *testing.T) {
	t.Parallel()
	for query, want := range queries {
		got, err := Parse(query, today)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s is %#v (%v), want %#v", query, got, err, want)
		}
	}
}

func TestAnErrorPointsAtThePlace(t *testing.T) {
	t.Parallel()
	for query, want := range map[string]struct {
		at          int
		place, hint string
	}{
		"":                            {1, "", ""},
		"   ":                         {4, "", ""},
		"anna form:bob":               {6, "form:bob", `"form:bob"`},
		"größe in:Work":               {7, "in:Work", "--mailbox"},
		"after:2026-11-01":            {1, "after:2026-11-01", "since:"},
		"a since:soon":                {3, "since:soon", "7d"},
		"since:2026-02-30":            {1, "since:2026-02-30", "2026-11-21"},
		"since:99999d":                {1, "since:99999d", ""},
		"on:2026-11":                  {1, "on:2026-11", ""},
		"a larger:big":                {3, "larger:big", "2MB"},
		"larger:5GB":                  {1, "larger:5GB", ""},
		"is:new":                      {1, "is:new", "unread"},
		`keyword:\Seen`:               {1, `keyword:\Seen`, "is:"},
		"from:":                       {1, "from:", ""},
		"from: anna":                  {1, "from:", ""},
		`from:""`:                     {1, `from:""`, ""},
		`a "b`:                        {3, `"b`, ""},
		`a"b"`:                        {1, `a"`, "quotation"},
		`"a"b`:                        {4, "b", "blank"},
		"(a b":                        {1, "(", ""},
		"a) b":                        {2, ")", `")"`},
		"()":                          {2, ")", ""},
		"or a":                        {1, "or", `"or"`},
		"a or":                        {5, "", ""},
		"a not":                       {6, "", ""},
		"a and and b":                 {7, "a", ""},
		"header:":                     {1, "header:", "header:NAME"},
		"a\x00b":                      {2, "\x00", ""},
		"a\xffb":                      {2, "?", ""},
		"http://x.org/":               {1, "http://x.org/", `"http://x.org/"`},
		strings.Repeat("(", 40) + "a": {31, "(", ""},
		strings.Repeat("a ", 300):     {401, "a", ""},
		strings.Repeat("a", 5000):     {1, strings.Repeat("a", 40) + "…", ""},
	} {
		_, err := Parse(query, today)
		var wrong *Error
		if !errors.As(err, &wrong) {
			t.Errorf("%q: %v", query, err)
			continue
		}
		if wrong.At != want.at || wrong.Place != want.place || !strings.Contains(wrong.Hint, want.hint) || wrong.Text == "" {
			t.Errorf("%q: %v (at %d %q, hint %q), want at %d %q", query, err, wrong.At, wrong.Place, wrong.Hint, want.at, want.place)
		}
	}
}

// FuzzParse: what is understood is written so that it is understood alike, and
// nothing ends in a panic.
func FuzzParse(f *testing.F) {
	if len(queries) < 30 {
		f.Fatal("no seeds")
	}
	for query := range queries {
		f.Add(query)
	}
	f.Add(`((a or -"b c") header:X:y`)
	f.Fuzz(func(t *testing.T, query string) {
		k, err := Parse(query, today)
		if err != nil {
			var wrong *Error
			if !errors.As(err, &wrong) || wrong.At < 1 || wrong.At > len(query)+1 {
				t.Fatalf("%q: %v", query, err)
			}
			return
		}
		written := k.String()
		again, err := Parse(written, Day{1999, 1, 1})
		if len(written) > MaxLength {
			return
		}
		if err != nil || !reflect.DeepEqual(k, again) {
			t.Fatalf("%q is written %q, which is %#v (%v), not %#v", query, written, again, err, k)
		}
		terms := 0
		Walk(k, func(x Key) {
			switch x := x.(type) {
			case And, Or, Not:
				return
			case Text:
				if x.Value == "" || strings.ContainsAny(x.Value, "\r\n\x00") {
					t.Errorf("%q looks for %q", query, x.Value)
				}
			}
			terms++
		})
		if terms == 0 || terms > maxTerms {
			t.Errorf("%q has %d terms", query, terms)
		}
	})
}
