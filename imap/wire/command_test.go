package wire

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	imap "github.com/emersion/go-imap/v2"

	"godwit/mail"
)

func TestSearchUnderstandsBothKindsOfAnswer(t *testing.T) {
	t.Parallel()
	c := play(t, caps("ESEARCH"), `
		C: g1 UID SEARCH RETURN (ALL) ALL
		C: g2 UID SEARCH RETURN (ALL) UID 5:* DELETED
		C: g3 UID SEARCH RETURN (ALL) HEADER "Message-ID" "<a\"@b>"
		S: * ESEARCH (TAG "g2") UID COUNT 3 ALL 3,9,8 MODSEQ 17
		S: * ESEARCH (TAG "g1") UID MIN 1 ALL 17,900:901,21 X-NEW (a (b))
		S: * ESEARCH (TAG "g9") UID ALL 1000
		S: g1 OK
		S: g2 OK
		S: * ESEARCH (TAG "g3") UID
		S: g3 OK
		C: g4 UID SEARCH RETURN (ALL) ALL
		S: * SEARCH 4 2 3 84 (MODSEQ 917162500)
		S: * SEARCH
		S: g4 OK
		C: g5 UID SEARCH RETURN (ALL) ALL
		S: g5 OK but nothing said
		C: g6 UID SEARCH RETURN (ALL) ALL
		S: * ESEARCH (TAG "g6") ALL 1:3
		S: g6 OK those were sequence numbers
		C: g7 UID SEARCH RETURN (ALL) ALL
		S: * ESEARCH (TAG "g7") UID COUNT 3
		S: g7 OK but not all of them
		C: g8 NOOP
		S: g8 OK
	`)
	all := c.Search(t.Context(), SearchCriteria{})
	deleted := c.Search(t.Context(), SearchCriteria{UIDs: mail.UIDSpan(5, ^mail.UID(0)), Deleted: true})
	field := c.Search(t.Context(), SearchCriteria{Field: "Message-ID", Value: `<a"@b>`})
	if got := wait(t, all).String(); got != "17,21,900:901" {
		t.Errorf("all %s", got)
	}
	if got := wait(t, deleted).String(); got != "8:9" {
		t.Errorf("deleted %s", got)
	}
	if got := wait(t, field); !got.IsEmpty() {
		t.Errorf("field %s", got)
	}
	if got := wait(t, c.Search(t.Context(), SearchCriteria{})).String(); got != "2:4,84" {
		t.Errorf("plain %s", got)
	}
	if got, err := c.Search(t.Context(), SearchCriteria{}).Wait(); !errors.Is(err, ErrNoAnswer) {
		t.Errorf("no answer is %s, %v", got, err)
	}
	for _, what := range []string{"sequence numbers", "a count"} {
		var bad *MalformedError
		if got, err := c.Search(t.Context(), SearchCriteria{}).Wait(); !errors.As(err, &bad) {
			t.Errorf("%s are %s, %v", what, got, err)
		}
	}
	stillUsable(t, c)
}

// A mailbox of a million messages on a server without ESEARCH.
func TestSearchMayBeLongerThanALine(t *testing.T) {
	t.Parallel()
	c, s := connect(t, caps())
	var answer strings.Builder
	answer.WriteString("* SEARCH")
	want := 0
	for u := 2_000_000; u > 1_500_000; u -= 2 { // the worst order, and no two beside each other
		fmt.Fprintf(&answer, " %d", u)
		want++
	}
	go func() {
		s.expect("g1 UID SEARCH ALL")
		s.send(answer.String() + "\r\ng1 OK\r\n")
	}()
	if got := wait(t, c.Search(t.Context(), SearchCriteria{})); got.Len() != want {
		t.Errorf("%d of %d UIDs", got.Len(), want)
	}
}

func TestStoreTellsWhatWasModified(t *testing.T) {
	t.Parallel()
	c := play(t, caps("CONDSTORE"), `
		C: g1 UID STORE 1:9 (UNCHANGEDSINCE 320162338) +FLAGS.SILENT (\Deleted a]b)
		C: g2 UID STORE 12 -FLAGS.SILENT (\Seen)
		C: g3 UID STORE 12 FLAGS.SILENT ()
		S: * 5 FETCH (UID 5 MODSEQ (320162350))
		S: g1 OK [MODIFIED 7,9,20] Conditional STORE failed
		S: g2 NO [MODIFIED 12] gone
		S: g3 OK
		C: g4 UID STORE 1 (UNCHANGEDSINCE 1) +FLAGS.SILENT (\Deleted)
		S: g4 OK [MODIFIED some] but which
		C: g5 NOOP
		S: g5 OK
	`)
	one := c.Store(t.Context(), mail.UIDSpan(1, 9), StoreAdd, mail.ParseFlags(`\Deleted`, "a]b"), 320162338)
	two := c.Store(t.Context(), mail.UIDs(12), StoreRemove, mail.ParseFlags(`\Seen`), 0)
	three := c.Store(t.Context(), mail.UIDs(12), StoreReplace, mail.Flags{}, 0)
	if d := wait(t, one); d.Modified.String() != "7,9" {
		t.Errorf("modified %s", d.Modified)
	}
	var refusal *imap.Error
	if d, err := two.Wait(); !errors.As(err, &refusal) || d.Modified.String() != "12" {
		t.Errorf("modified %s, %v", d.Modified, err)
	}
	wait(t, three)
	if _, err := c.Store(t.Context(), mail.UIDs(1), StoreAdd, mail.ParseFlags(`\Deleted`), 1).Wait(); err == nil {
		t.Error("an unreadable MODIFIED passes for success")
	}
	stillUsable(t, c)
}

func TestLongSetsAreSplitAndPipelined(t *testing.T) {
	t.Parallel()
	var uids mail.UIDSet
	for u := mail.UID(100001); u < 106001; u += 2 {
		uids.Add(u)
	}
	chunks := uids.Chunks(0, MaxSetOctets)
	if len(chunks) < 3 {
		t.Fatalf("%d chunks", len(chunks))
	}
	var text strings.Builder
	for i, chunk := range chunks {
		if n := len(chunk.String()); n > 8000 {
			t.Errorf("a set of %d octets", n)
		}
		fmt.Fprintf(&text, "C: g%d UID STORE %s +FLAGS.SILENT (\\Seen)\n", i+1, chunk)
	}
	for i := range chunks {
		fmt.Fprintf(&text, "S: g%d OK [MODIFIED %s] not those\n", i+1, chunks[i].Max())
	}
	c := play(t, caps(), text.String())
	d := wait(t, c.Store(t.Context(), uids, StoreAdd, mail.ParseFlags(`\Seen`), 0))
	if d.Modified.Len() != len(chunks) {
		t.Errorf("modified %s", d.Modified)
	}
}

func TestNothingIsSentForAnEmptySet(t *testing.T) {
	t.Parallel()
	c := play(t, caps("MOVE", "UIDPLUS"), `
		C: g1 NOOP
		S: g1 OK
	`)
	var none mail.UIDSet
	wait(t, c.Fetch(t.Context(), FetchOptions{}, nil))
	wait(t, c.Store(t.Context(), none, StoreAdd, mail.Flags{}, 0))
	wait(t, c.Move(t.Context(), none, "a"))
	wait(t, c.UIDExpunge(t.Context(), none))
	wait(t, c.Append(t.Context(), "a"))
	stillUsable(t, c)
}

func TestCopyUIDKeepsItsOrder(t *testing.T) {
	t.Parallel()
	c := play(t, caps("MOVE", "UIDPLUS"), `
		C: g1 UID COPY 304,319:320 "b"
		S: g1 OK [COPYUID 38505 319:320,304 3956:3957,3955] Done
		C: g2 UID MOVE 1:4 "b"
		S: * OK [COPYUID 432432 4:3 7,9] moved
		S: * 1 EXPUNGE
		S: * OK [COPYUID 432432 1 8] moved
		S: g2 OK [COPYUID 432432 1,3:4 8,7,9] Done
		C: g3 UID COPY 1:2 "b"
		S: g3 OK [COPYUID 5 1:2 7] does not add up
		C: g4 UID COPY 1:2 "b"
		S: g4 OK [COPYUID 5 1:4294967295 1:4294967295] nor does this
		C: g5 UID EXPUNGE 1:2
		S: * VANISHED 1:2
		S: g5 OK
		C: g6 EXPUNGE
		S: g6 OK
	`)
	set := mail.UIDs(304, 319, 320)
	if d := wait(t, c.Copy(t.Context(), set, "b")); d.UIDValidity != 38505 ||
		!slices.Equal(d.Copied, []mail.Copied{{From: 319, To: 3956}, {From: 320, To: 3957}, {From: 304, To: 3955}}) {
		t.Errorf("copied %v", d)
	}
	if d := wait(t, c.Move(t.Context(), mail.UIDSpan(1, 4), "b")); d.UIDValidity != 432432 ||
		!slices.Equal(d.Copied, []mail.Copied{{From: 3, To: 7}, {From: 4, To: 9}, {From: 1, To: 8}}) {
		t.Errorf("moved %v", d)
	}
	for range 2 {
		if d := wait(t, c.Copy(t.Context(), mail.UIDSpan(1, 2), "b")); d.UIDValidity != 0 || d.Copied != nil {
			t.Errorf("copied %v", d)
		}
	}
	wait(t, c.UIDExpunge(t.Context(), mail.UIDSpan(1, 2)))
	wait(t, c.Expunge(t.Context()))
}

func TestStatusOfSeveralMailboxesIsPipelined(t *testing.T) {
	t.Parallel()
	var told []string
	o := caps("CONDSTORE", "OBJECTID", "ENABLE")
	o.Handler = func(e Event) {
		if e.Kind == EventStatus {
			told = append(told, e.Mailbox)
		}
	}
	c := play(t, o, `
		C: g1 STATUS "a b" (MESSAGES UIDNEXT UIDVALIDITY HIGHESTMODSEQ MAILBOXID)
		C: g2 STATUS "Inbox" (MESSAGES UIDNEXT UIDVALIDITY HIGHESTMODSEQ MAILBOXID)
		C: g3 STATUS "none" (MESSAGES UIDNEXT UIDVALIDITY HIGHESTMODSEQ MAILBOXID)
		S: * STATUS {3}
		S: a b (MESSAGES 231 UIDNEXT 44292 UIDVALIDITY 7 X-NEW (1 2) HIGHESTMODSEQ 9 MAILBOXID (F1))
		S: g1 OK
		S: * STATUS "other" (MESSAGES 1)
		S: * STATUS INBOX (MESSAGES 2)
		S: g2 OK
		S: g3 OK
		C: g4 ENABLE QRESYNC CONDSTORE
		S: * ENABLED QRESYNC
		S: g4 OK
	`)
	one, two, three := c.Status(t.Context(), "a b"), c.Status(t.Context(), "Inbox"), c.Status(t.Context(), "none")
	if s := wait(t, one); s != (mail.Status{UIDValidity: 7, UIDNext: 44292, Messages: 231, ModSeq: 9, MailboxID: "F1"}) {
		t.Errorf("got %+v", s)
	}
	if s := wait(t, two); s.Messages != 2 {
		t.Errorf("got %+v", s)
	}
	if _, err := three.Wait(); !errors.Is(err, ErrNoAnswer) {
		t.Errorf("error %v", err)
	}
	if len(told) != 1 || told[0] != "other" {
		t.Errorf("events %q", told)
	}
	if got := wait(t, c.Enable(t.Context(), "QRESYNC", "CONDSTORE")); !slices.Equal(got, []imap.Cap{"QRESYNC"}) {
		t.Errorf("enabled %v", got)
	}
}

// Dovecot, given several MOVEs at once, tells where all of their messages went
// before it answers the first.
func TestEachMoveIsToldItsOwnPairs(t *testing.T) {
	t.Parallel()
	c := play(t, caps("MOVE", "UIDPLUS"), `
		C: g1 UID MOVE 1:2 "a"
		C: g2 UID MOVE 3:4 "a"
		C: g3 UID MOVE 5:6 "a"
		S: * OK [COPYUID 7 1:2 11:12] Moved UIDs.
		S: * OK [COPYUID 7 3:4 13:14] Moved UIDs.
		S: * OK [COPYUID 7 5:6 15:16] Moved UIDs.
		S: * 1 EXPUNGE
		S: g1 OK
		S: g2 OK
		S: g3 OK
	`)
	for i, move := range []*Command[CopyData]{
		c.Move(t.Context(), mail.UIDs(1, 2), "a"), c.Move(t.Context(), mail.UIDs(3, 4), "a"), c.Move(t.Context(), mail.UIDs(5, 6), "a"),
	} {
		low := mail.UID(2*i + 1)
		want := []mail.Copied{{From: low, To: low + 10}, {From: low + 1, To: low + 11}}
		if got := wait(t, move); !slices.Equal(got.Copied, want) {
			t.Errorf("move %d: %v, want %v", i+1, got.Copied, want)
		}
	}
}

func TestNothingIsUsedThatWasNotAnnounced(t *testing.T) {
	t.Parallel()
	c := play(t, caps(), `
		C: g1 NOOP
		S: g1 OK
	`)
	_, idle := c.Idle(t.Context())
	_, move := c.Move(t.Context(), mail.UIDs(1), "a").Wait()
	_, expunge := c.UIDExpunge(t.Context(), mail.UIDs(1)).Wait()
	_, several := c.Append(t.Context(), "a", upload("a"), upload("b")).Wait()
	_, unselect := c.Unselect(t.Context()).Wait()
	_, enable := c.Enable(t.Context(), "QRESYNC").Wait()
	_, notify := c.Notify(t.Context(), "NONE").Wait()
	for _, err := range []error{idle, move, expunge, several, unselect, enable, notify, c.Compress(t.Context())} {
		if !errors.Is(err, ErrNotAnnounced) {
			t.Errorf("error %v", err)
		}
	}
	stillUsable(t, c)
}

func TestMailboxNamesThatNoQuotedStringHolds(t *testing.T) {
	t.Parallel()
	c := play(t, caps(), `
		C: g1 CREATE {3}
		S: + go on
		C: hé
		S: g1 OK
		C: g2 SUBSCRIBE {3}
		S: g2 NO no such names
	`)
	wait(t, c.Create(t.Context(), "hé"))
	if _, err := c.Subscribe(t.Context(), "hé").Wait(); err == nil {
		t.Error("no error")
	}
	if _, err := c.Create(t.Context(), "a\x00b").Wait(); !errors.Is(err, ErrArgument) {
		t.Errorf("NUL in a name: %v", err)
	}
}

func TestChangesSinceAModSeqComeWithWhatVanished(t *testing.T) {
	t.Parallel()
	c := play(t, caps("QRESYNC"), `
		C: g1 UID FETCH 300:500 (UID FLAGS MODSEQ) (CHANGEDSINCE 12345 VANISHED)
		S: * VANISHED (EARLIER) 300:310,405,411
		S: * 1 FETCH (UID 404 MODSEQ (65402) FLAGS (\Seen))
		S: g1 OK
	`)
	var got transcript
	d := wait(t, c.Fetch(t.Context(), FetchOptions{
		UIDs: mail.UIDSpan(300, 500), Items: ItemFlags | ItemModSeq, ChangedSince: 12345, Vanished: true,
	}, got.sink))
	got.check(t, `uid=404 flags=(\Seen) modseq=65402 date=0 size=0 email=""`)
	if d.Vanished.String() != "300:310,405,411" {
		t.Errorf("vanished %s", d.Vanished)
	}
}

func TestNamesOfContentComeWithTheMetadata(t *testing.T) {
	t.Parallel()
	c := play(t, caps(), `
		C: g1 UID FETCH 1:3 (UID RFC822.SIZE EMAILID X-GM-MSGID)
		S: * 1 FETCH (UID 1 EMAILID (M6d99ac3275bb4e) THREADID (T64b478a75b7ea9) RFC822.SIZE 9)
		S: * 2 FETCH (X-GM-LABELS ("\\Inbox" "a\"b)" {2}
		S: x)) UID 2 X-GM-MSGID 1278455344230334865 RFC822.SIZE 8 BODYSTRUCTURE ((("a" NIL) "b"))  )
		S: * 3 FETCH (UID 3 RFC822.SIZE 4294967296 EMAILID NIL BODY[TEXT]<0> {2}
		S: zz BINARY.SIZE[1] 5 BINARY[1.2]<0> ~{1}
		S: ))
		S: g1 OK
	`)
	var got transcript
	wait(t, c.Fetch(t.Context(), FetchOptions{UIDs: mail.UIDSpan(1, 3), Items: ItemSize | ItemEmailID | ItemGmailID}, got.sink))
	got.check(t,
		`uid=1 flags=() modseq=0 date=0 size=9 email="M6d99ac3275bb4e"`,
		`uid=2 flags=() modseq=0 date=0 size=8 email="1278455344230334865"`,
		`uid=3 flags=() modseq=0 date=0 size=4294967296 email=""`)
}
