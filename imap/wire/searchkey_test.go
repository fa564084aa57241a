package wire

import (
	"strings"
	"testing"

	"godwit/mail/search"
)

// parsed makes a key of a query.
func parsed(t *testing.T, query string) search.Key {
	t.Helper()
	k, err := search.Parse(query, search.Day{Year: 2026, Month: 11, Day: 21})
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestAQueryIsWrittenAsSearchKeys(t *testing.T) {
	t.Parallel()
	for query, want := range map[string]string{
		"invoice":                            `TEXT "invoice"`,
		`from:a to:b cc:c bcc:d subject:"e"`: `FROM "a" TO "b" CC "c" BCC "d" SUBJECT "e"`,
		`body:"say \"hi\""`:                  `BODY "say \"hi\""`,
		"since:2026-11-01 before:2026-12-31": "SINCE 1-Nov-2026 BEFORE 31-Dec-2026",
		"on:2026-02-28":                      "ON 28-Feb-2026",
		"larger:2MB smaller:3MB":             "LARGER 2000000 SMALLER 3000000",
		"is:unread is:flagged -is:answered":  "UNSEEN FLAGGED UNANSWERED",
		"keyword:$Label1 -keyword:todo":      "KEYWORD $Label1 UNKEYWORD todo",
		"is:forwarded":                       "KEYWORD $Forwarded",
		"-from:a":                            `NOT FROM "a"`,
		"-(from:a to:b)":                     `NOT (FROM "a" TO "b")`,
		"from:a or from:b or from:c":         `OR FROM "a" OR FROM "b" FROM "c"`,
		"from:a to:b or (cc:c or cc:d)":      `OR (FROM "a" TO "b") OR CC "c" CC "d"`,
		"header:List-Id header:X-A:b":        `HEADER "List-Id" "" HEADER "X-A" "b"`,
		"(a b) c":                            `(TEXT "a" TEXT "b") TEXT "c"`,
	} {
		c := play(t, caps("ESEARCH"), "C: g1 UID SEARCH RETURN (ALL) "+want+"\nS: * ESEARCH (TAG \"g1\") UID ALL 7\nS: g1 OK\n")
		if got := wait(t, c.Search(t.Context(), SearchCriteria{Key: parsed(t, query)})).String(); got != "7" {
			t.Errorf("%s finds %s", query, got)
		}
	}
}

// What is not ASCII goes as a literal of UTF-8, which is waited for where it has to be.
func TestSearchSaysItsCharset(t *testing.T) {
	t.Parallel()
	c := play(t, caps("LITERAL+"), `
		C: g1 UID SEARCH CHARSET UTF-8 SUBJECT {7+}
		C: größe FROM "a"
		S: * SEARCH 4
		S: g1 OK
	`)
	if got := wait(t, c.Search(t.Context(), SearchCriteria{Key: parsed(t, "subject:größe from:a")})).String(); got != "4" {
		t.Errorf("found %s", got)
	}
	c = play(t, caps(), `
		C: g1 EXAMINE "INBOX"
		C: g2 UID SEARCH CHARSET UTF-8 TEXT {7}
		S: * 3 EXISTS
		S: * OK [UIDVALIDITY 1] .
		S: g1 OK [READ-ONLY] done
		S: + go on
		C: größe
		S: * SEARCH 4
		S: g2 OK
		C: g3 UID SEARCH CHARSET UTF-8 TEXT {7}
		S: g3 NO [BADCHARSET (US-ASCII)] no such thing
		C: g4 NOOP
		S: g4 OK
	`)
	opened := c.Select(t.Context(), "INBOX", SelectOptions{ReadOnly: true})
	found := c.Search(t.Context(), SearchCriteria{Key: parsed(t, "größe")})
	if data := wait(t, opened); data.Exists != 3 || !data.ReadOnly {
		t.Errorf("opened %+v", data)
	}
	if got := wait(t, found).String(); got != "4" {
		t.Errorf("found %s", got)
	}
	if _, err := c.Search(t.Context(), SearchCriteria{Key: parsed(t, "größe")}).Wait(); err == nil || !strings.Contains(err.Error(), "no such thing") {
		t.Errorf("refused: %v", err)
	}
	stillUsable(t, c)
}
