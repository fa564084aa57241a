package sim_test

import (
	"strings"
	"testing"

	"godwit/internal/fake"
	"godwit/mail"
	"godwit/sync"
)

// TestKeywordsThatTheServerCannotHoldAreToldOnce, and are kept.
func TestKeywordsThatTheServerCannotHoldAreToldOnce(t *testing.T) {
	t.Parallel()
	server := fake.NewServer(fake.Profile{CondStore: true, QResync: true, UIDPlus: true, Move: true, Closed: true, Known: "$Forwarded work"})
	local, base := fake.NewLocal("me"), fake.NewBase()
	run := func() []string {
		t.Helper()
		res, err := sync.Run(t.Context(), sync.Options{Account: "me", Server: server, Local: local, Base: base})
		if err != nil || len(res.Failures) > 0 {
			t.Fatalf("run: %v, %+v", err, res.Failures)
		}
		if res.Guarded() || res.Incomplete() {
			t.Errorf("a keyword that stays is no failure: %+v", res.Plan.Holds)
		}
		var told []string
		for _, h := range res.Plan.Holds {
			told = append(told, string(h.Mailbox)+": "+h.Text)
		}
		return told
	}
	raw := []byte("Date: Mon, 03 Feb 2020 10:00:00 +0000\r\nMessage-ID: <k@x>\r\n\r\nbody\r\n")
	server.Deliver("INBOX", raw, mail.ParseFlags("work"))
	if told := run(); len(told) > 0 {
		t.Errorf("nothing to tell, and told %q", told)
	}
	key := local.Files("INBOX")[0].Key
	local.Reflag("INBOX", key, mail.ParseFlags("work", "mine", `\Seen`))
	told := run()
	if len(told) != 1 || !strings.HasPrefix(told[0], "INBOX: ") || !strings.HasSuffix(told[0], ": mine") {
		t.Errorf("told %q", told)
	}
	for range 2 {
		if told := run(); len(told) > 0 {
			t.Errorf("told again: %q", told)
		}
	}
	// The server's own changes take nothing off here.
	server.SetFlags("INBOX", server.Messages("INBOX")[0].UID, mail.ParseFlags(`\Seen`, `\Flagged`))
	if told := run(); len(told) > 0 {
		t.Errorf("told again: %q", told)
	}
	if got := local.Files("INBOX")[0].Flags; !got.Equal(mail.ParseFlags("mine", `\Seen`, `\Flagged`)) {
		t.Errorf("the file has %s", got)
	}
	if got := server.Messages("INBOX")[0].Flags; !got.Equal(mail.ParseFlags(`\Seen`, `\Flagged`)) {
		t.Errorf("the server has %s", got)
	}
	if told := run(); len(told) > 0 {
		t.Errorf("told again: %q", told)
	}
}
