package wire

import (
	"errors"
	"testing"

	imap "github.com/emersion/go-imap/v2"

	"godwit/mail"
)

func TestSelectReadsAllThatTheServerTells(t *testing.T) {
	t.Parallel()
	c := play(t, caps(), `
		C: g1 SELECT "a \"b\\" (CONDSTORE)
		S: * 172 EXISTS
		S: * 1 RECENT
		S: * OK [UNSEEN 12] Message 12 is first unseen
		S: * OK [UIDVALIDITY 3857529045] UIDs valid
		S: * OK [UIDNEXT 4392] Predicted next UID
		S: * FLAGS (\Answered \Flagged \Deleted \Seen \Draft $Label1)
		S: * OK [PERMANENTFLAGS (\Deleted \Seen a]b \*)] Limited
		S: * OK [HIGHESTMODSEQ 715194045007]
		S: * OK [MAILBOXID (F2212ea87-6097-4256-9d51-71338625)] Ok
		S: g1 OK [READ-WRITE] SELECT completed
		C: g2 EXAMINE "INBOX"
		S: * OK [CLOSED] Previous mailbox closed.
		S: * 0 EXISTS
		S: * OK [NOMODSEQ] Sorry
		S: * NO [UIDNOTSTICKY] Non-persistent UIDs
		S: g2 OK [READ-ONLY] done
		C: g3 SELECT "gone"
		S: g3 NO [NONEXISTENT] no such mailbox
		C: g4 NOOP
		S: g4 OK
	`)
	d := wait(t, c.Select(t.Context(), `a "b\`, SelectOptions{CondStore: true}))
	if d.Exists != 172 || d.UIDValidity != 3857529045 || d.UIDNext != 4392 || d.HighestModSeq != 715194045007 ||
		d.MailboxID != "F2212ea87-6097-4256-9d51-71338625" || d.ReadOnly || d.NoModSeq {
		t.Errorf("got %+v", d)
	}
	if got := d.Flags.String(); got != `\Draft \Flagged \Answered \Seen \Deleted $Label1` {
		t.Errorf("flags %s", got)
	}
	if got := d.Permanent.String(); got != `\Seen \Deleted a]b` || !d.NewKeywords || !d.PermanentGiven {
		t.Errorf("permanent flags %s, new keywords %v", got, d.NewKeywords)
	}
	d = wait(t, c.Select(t.Context(), "INBOX", SelectOptions{ReadOnly: true}))
	if !d.ReadOnly || !d.NoModSeq || !d.NotSticky || d.PermanentGiven || d.UIDValidity != 0 {
		t.Errorf("got %+v", d)
	}
	_, err := c.Select(t.Context(), "gone", SelectOptions{}).Wait()
	var refusal *imap.Error
	if !errors.As(err, &refusal) || refusal.Code != imap.ResponseCodeNonExistent {
		t.Errorf("error %v", err)
	}
	stillUsable(t, c)
}

func TestSelectWithQResyncTellsChangesOfTheNewMailboxOnly(t *testing.T) {
	t.Parallel()
	vanished := 0
	o := caps("QRESYNC")
	o.Handler = func(e Event) {
		if e.Kind == EventVanished {
			vanished++
		}
	}
	c := play(t, o, `
		C: g1 SELECT "INBOX" (QRESYNC (67890007 20050715194045000 41,43:211))
		C: g2 UID FETCH 42:* (UID FLAGS)
		S: * 3 EXISTS
		S: * VANISHED (EARLIER) 99
		S: * 1 FETCH (UID 98 FLAGS (\Seen))
		S: * OK [CLOSED]
		S: * 314 EXISTS
		S: * OK [UIDVALIDITY 67890007] UIDVALIDITY
		S: * OK [UIDNEXT 567] Predicted next UID
		S: * OK [HIGHESTMODSEQ 90060128194045007]
		S: * VANISHED (EARLIER) 41,43:116,118,120:211
		S: * VANISHED 300
		S: * 49 FETCH (UID 117 FLAGS (\Seen \Answered) MODSEQ (90060115194045001))
		S: * 50 FETCH (UID 119 FLAGS (\Draft $MDNSent) MODSEQ (90060115194045308))
		S: g1 OK [READ-WRITE] mailbox selected
		S: * 51 FETCH (UID 119 FLAGS ())
		S: g2 OK
		C: g3 NOOP
		S: g3 OK
	`)
	known := mail.UIDs(41)
	known.AddRange(43, 211)
	selected := c.Select(t.Context(), "INBOX", SelectOptions{UIDValidity: 67890007, ModSeq: 20050715194045000, Known: known})
	var got transcript
	fetched := c.Fetch(t.Context(), FetchOptions{UIDs: mail.UIDSpan(42, ^mail.UID(0)), Items: ItemFlags}, got.sink)
	d := wait(t, selected)
	wait(t, fetched)
	if d.Exists != 314 || d.Vanished.String() != "41,43:116,118,120:211" || len(d.Changed) != 2 {
		t.Fatalf("got %+v", d)
	}
	if m := d.Changed[0]; m.UID != 117 || m.ModSeq != 90060115194045001 || m.Flags.String() != `\Answered \Seen` {
		t.Errorf("first change %+v", m)
	}
	if vanished != 1 {
		t.Errorf("%d VANISHED events", vanished)
	}
	got.check(t, `uid=119 flags=() modseq=0 date=0 size=0 email=""`)
	stillUsable(t, c)
}

// A change without UID would be missed for ever: the next resynchronisation
// starts behind it.
func TestSelectWithQResyncFailsOnAChangeWithoutUID(t *testing.T) {
	t.Parallel()
	c := play(t, caps("QRESYNC"), `
		C: g1 SELECT "INBOX" (QRESYNC (1 2))
		S: * 49 FETCH (FLAGS (\Seen) MODSEQ (3))
		S: g1 OK [READ-WRITE] mailbox selected
		C: g2 NOOP
		S: g2 OK
	`)
	_, err := c.Select(t.Context(), "INBOX", SelectOptions{UIDValidity: 1, ModSeq: 2}).Wait()
	var bad *MalformedError
	if !errors.As(err, &bad) {
		t.Errorf("error %v", err)
	}
	stillUsable(t, c)
}
