package wire

import (
	"errors"
	"io"
	"strings"
	"testing"

	"godwit/mail"
)

// What cannot be understood costs the command it belongs to; the other messages
// are delivered, and the connection goes on.
func TestAMalformedResponseFailsItsCommandOnly(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{
		`* 2 FETCH (UID 2 FLAGS (\Seen`,
		`* 2 FETCH (UID 2 FLAGS NIL)`,
		`* 2 FETCH (UID 2 FLAGS () X ")`,
		`* 2 FETCH (UID 2 FLAGS () X (a (b))`,
		`* 2 FETCH (UID 2 FLAGS () X ` + strings.Repeat("(", 100) + strings.Repeat(")", 100) + `)`,
		`* 2 FETCH (UID 2 FLAGS () MODSEQ 5)`,
		`* 2 FETCH (UID 2 FLAGS () MODSEQ (9223372036854775808))`,
		`* 2 FETCH (UID 2 FLAGS () RFC822.SIZE -5)`,
		`* 2 FETCH (UID 2 RFC822.SIZE 99999999999999999999)`,
		`* 2 FETCH (UID 2 FLAGS () INTERNALDATE 17)`,
		`* 2 FETCH (UID 2 FLAGS () X {-5})`,
		`* 2 FETCH (UID 2 FLAGS () X {5} Y 6)`,
		`* 2 FETCH (UID 2 FLAGS () X {3}\r\n"") Y {1}\r\n" Z)) {2}\r\n" )`,
		`* 2 FETCH (UID 2 FLAGS () BODY[HEADER )`,
		`* 2 FETCH (UID 2 FLAGS () BODY[]<5 {1}\r\nx)`,
		`* 2 FETCH (UID 2 FLAGS ()) more`,
		`* 2 FETCH UID 2`,
		`* 2 FETCH (UID 2 )) FLAGS ()`,
		`* 2 FETCH (UID 2 FLAGS () X)`,
	} {
		c := play(t, caps(), `
			C: g1 UID FETCH 1:3 (UID FLAGS)
			S: * 1 FETCH (UID 1 FLAGS ())
			S: `+bad+`
			S: * 3 FETCH (UID 3 FLAGS ())
			S: g1 OK
			C: g2 NOOP
			S: g2 OK
		`)
		var uids mail.UIDSet
		_, err := c.Fetch(t.Context(), FetchOptions{UIDs: mail.UIDSpan(1, 3), Items: ItemFlags}, func(m *Message, _ *Body) error {
			uids.Add(m.UID)
			return nil
		}).Wait()
		var malformed *MalformedError
		if !errors.As(err, &malformed) || uids.String() != "1,3" {
			t.Errorf("%s: got %s, %v", bad, uids, err)
			continue
		}
		if strings.Contains(bad, "(UID 2") && malformed.UID != 2 || !strings.HasPrefix(malformed.Text, "* 2 FETCH") {
			t.Errorf("%s: about UID %d, %q", bad, malformed.UID, malformed.Text)
		}
		stillUsable(t, c)
	}
}

// Where nobody can tell any more where a response begins, nothing that comes may
// be believed.
func TestOutOfStepEndsTheConnection(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{
		`* 2 FETCH (UID 2 BODY[] {3}\r\nabcdef)`, // a literal that is longer than announced
		`* 2 FETCH (UID 2 BODY[] {9}\r\nabc)`,    // shorter
		`* 2 FETCH (UID 2 BODY[] {99999999999999999999}\r\nabc)`,
		`* 2 FETCH (UID 2 BODY[] {9223372036854775807}\r\nabc)`,
		`* 2 FETCH (UID 2 X {9223372036854775808}\r\nabc)`,
		`g7 OK an answer to nothing`,
		`g OK`,
		`g18446744073709551617 OK`,
		`g1 FINE`,
		`g1`,
		`HTTP/1.1 400 Bad Request`,
		`* 2 FETCH (UID 2 FLAGS ` + strings.Repeat("(", 2<<20),
	} {
		c := play(t, caps(), "C: g1 UID FETCH 1:3 (UID BODY.PEEK[])\nS: "+bad+"\nS: g1 OK\nS bye\n")
		var delivered int
		d, err := c.Fetch(t.Context(), FetchOptions{UIDs: mail.UIDSpan(1, 3), Sections: []Section{Whole}}, func(_ *Message, b *Body) error {
			delivered++
			_, err := io.Copy(io.Discard, b)
			return err
		}).Wait()
		var lost *LostError
		if !errors.As(err, &lost) || !lost.Sent || !d.Delivered.IsEmpty() {
			t.Errorf("%.80s: delivered %s, %v", bad, d.Delivered, err)
		}
		<-c.Done()
		if !errors.Is(c.Err(), errOutOfStep) && !errors.Is(c.Err(), io.ErrUnexpectedEOF) {
			t.Errorf("%.80s: ended by %v", bad, c.Err())
		}
	}
}

func TestAMalformedResponseThatNobodyWaitsForIsAnEvent(t *testing.T) {
	t.Parallel()
	events := make(chan Event, 1)
	o := caps()
	o.Handler = func(e Event) { events <- e }
	c := play(t, o, `
		S: * VANISHED 5:
		C: g1 NOOP
		S: g1 OK
	`)
	if e := <-events; e.Kind != EventMalformed || e.Err == nil {
		t.Errorf("event %+v", e)
	}
	stillUsable(t, c)
}

// A deletion that could not be read must not pass: the next resynchronisation
// would start behind it.
func TestAMalformedVanishedFailsTheCommandUnderWay(t *testing.T) {
	t.Parallel()
	for _, bad := range []string{"*", "0", "1:", "4294967296", "1,,2", "", "1 2"} {
		c := play(t, caps("QRESYNC"), `
			C: g1 SELECT "INBOX" (QRESYNC (1 2))
			S: * VANISHED (EARLIER) `+bad+`
			S: g1 OK [READ-WRITE]
			C: g2 NOOP
			S: g2 OK
		`)
		_, err := c.Select(t.Context(), "INBOX", SelectOptions{UIDValidity: 1, ModSeq: 2}).Wait()
		var malformed *MalformedError
		if !errors.As(err, &malformed) {
			t.Errorf("%q: %v", bad, err)
		}
		stillUsable(t, c)
	}
}

func TestKeywordsThatCouldNotBeSentBackAreLeftOut(t *testing.T) {
	t.Parallel()
	var cache flagCache
	for text, want := range map[string]string{
		`\Seen a]b $c`:            `\Seen $c a]b`,
		"\\Seen a\x00b \x1bc \"q": `\Seen`,
		`\* \Recent \Odd x%y`:     `x%y`,
		`\\Seen a\b`:              `a\b`,
	} {
		for range 2 { // the second time from the cache
			if got := cache.parse([]byte(text)).String(); got != want {
				t.Errorf("%q is %q, not %q", text, got, want)
			}
			cache.parse([]byte("other"))
		}
	}
	for i := range 3 * maxFlagLists {
		cache.parse([]byte("k" + mail.UID(i).String()))
		if len(cache.known) > maxFlagLists {
			t.Fatal("the cache has no bound")
		}
	}
}

func TestDates(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]mail.UnixTime{
		"17-Jul-1996 02:44:25 -0700": 837596665,
		" 1-Jan-1970 00:00:00 +0000": 0,
		"1-Jan-1970 01:00:01 +0100":  1,
		"29-FEB-2000 12:00:00 +0000": 951825600,
		"01-Mar-2000 00:00:00 +0000": 951868800,
		"31-Dec-1969 23:59:59 +0000": -1,
		"28-Feb-2100 00:00:00 +0000": 4107456000,
		"01-Mar-2100 00:00:00 +0000": 4107542400,
	} {
		if got, ok := parseDate([]byte(text)); got != want || !ok {
			t.Errorf("%s is %d, %v", text, got, ok)
		}
	}
	for _, text := range []string{
		"", "17-Jul-1996", "00-Jan-2000 00:00:00 +0000", "32-Jan-2000 00:00:00 +0000", "01-Foo-2000 00:00:00 +0000",
		"01-Jan-2000 24:00:00 +0000", "01-Jan-2000 0x:00:00 +0000", "01-Jan-2000 00:00:00  0000", "01-Jan-2000 00:00:00 +00x0",
	} {
		if got, ok := parseDate([]byte(text)); ok || got != 0 {
			t.Errorf("%q is %d", text, got)
		}
	}
}
