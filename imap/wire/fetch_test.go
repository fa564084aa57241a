package wire

import (
	"testing"

	"godwit/mail"
)

func TestFetchGivesResultsOfTheAskedUIDsOnly(t *testing.T) {
	t.Parallel()
	var events []string
	o := caps()
	o.Handler = func(e Event) {
		if e.Kind == EventFetch {
			events = append(events, e.Message.UID.String()+" "+e.Message.Flags.String())
		}
	}
	c := play(t, o, `
		C: g1 UID FETCH 2:3,7:* (UID FLAGS MODSEQ)
		S: * 1 FETCH (UID 2 FLAGS (\Seen) MODSEQ (12))
		S: * 9 FETCH (UID 6 FLAGS (\Deleted) MODSEQ (12))
		S: * 5 FETCH (FLAGS (\Answered))
		S: * 2 FETCH (flags (a]b $Label1 \Recent) uid 3)
		S: * 3 FETCH (UID 3 MODSEQ (5))
		S: * 4 FETCH (MODSEQ (9223372036854775807) UID 4294967295 X-NEW (("a \")" {3}
		s: )))
		S: ) ~odd) FLAGS ())
		S: g1 OK done
		C: g2 NOOP
		S: g2 OK
	`)
	var got transcript
	set := mail.UIDs(2, 3)
	set.AddRange(7, ^mail.UID(0))
	wait(t, c.Fetch(t.Context(), FetchOptions{UIDs: set, Items: ItemFlags | ItemModSeq}, got.sink))
	got.check(t,
		`uid=2 flags=(\Seen) modseq=12 date=0 size=0 email=""`,
		`uid=3 flags=($Label1 a]b) modseq=0 date=0 size=0 email=""`,
		`uid=4294967295 flags=() modseq=9223372036854775807 date=0 size=0 email=""`)
	if len(events) != 3 || events[0] != `6 \Deleted` || events[1] != `0 \Answered` || events[2] != `3 ` {
		t.Errorf("events %q", events)
	}
	stillUsable(t, c)
}
