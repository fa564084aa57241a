package contract

import (
	"errors"
	"fmt"
	"io"
	"strings"
	gosync "sync"
	"testing"

	"godwit/mail"
)

func serverBytes(t *testing.T, a Account) {
	want := []string{
		message("plain"),
		"A: b\r\n\r\nlast line",
		"A: b\r\n\r\n" + strings.Repeat("x", 10_000) + "\r\n\xff\xfe\r\n",
		"A: b\r\n\r\n)\r\n* 1 FETCH (FLAGS ())\r\n{5}\r\n\"\\\r\n", // what means something in IMAP
		"A: b\r\n\r\n" + strings.Repeat(strings.Repeat("z", 70)+"\r\n", 5000),
	}
	for _, raw := range want {
		put(t, a.Server, mail.Inbox, upload(raw))
	}
	o := observe(t, a.Server, mail.Inbox, mail.Since{})
	got := bodies(t, a.Server, mail.Inbox, o.UIDValidity, allOf(o))
	for i, m := range o.Messages {
		if got[m.UID] != want[i] {
			t.Errorf("%.60q became %.60q", want[i], got[m.UID])
		}
		same(t, "size as observed", m.Content.Size, int64(len(want[i])))
	}
}

func serverAppendOrder(t *testing.T, a Account) {
	const n = 150
	var uploads []mail.Upload
	for i := range n {
		uploads = append(uploads, upload(message(fmt.Sprint("m", i))))
	}
	results := put(t, a.Server, mail.Inbox, uploads...)
	o := observe(t, a.Other, mail.Inbox, mail.Since{})
	got := bodies(t, a.Other, mail.Inbox, o.UIDValidity, allOf(o))
	same(t, "messages", len(got), n)
	for i, r := range results {
		switch {
		case !a.UIDPlus && r.UID == 0: // the server did not say
		case got[r.UID] != message(fmt.Sprint("m", i)):
			t.Fatalf("message %d was said to be UID %s, which is %.40q", i, r.UID, got[r.UID])
		}
	}
	same(t, "result of nothing", len(put(t, a.Server, mail.Inbox)), 0)
}

func serverAppendFlags(t *testing.T, a Account) {
	u := upload(message("x"), `\Seen`, `\Draft`, "$Forwarded", "work")
	put(t, a.Server, mail.Inbox, u, upload(message("y")))
	o := observe(t, a.Other, mail.Inbox, mail.Since{})
	same(t, "flags", o.Messages[0].Flags.String(), u.Flags.String())
	same(t, "date", o.Messages[0].Date, u.Date)
	same(t, "no flags", o.Messages[1].Flags.String(), "")

	u = upload(message("now"))
	u.Date = 0
	put(t, a.Server, mail.Inbox, u)
	if got := observe(t, a.Other, mail.Inbox, mail.Since{}).Messages[2].Date; got < 1_650_000_000 {
		t.Errorf("a message without a date is of %d, not of the server's now", got)
	}
}

// The file became shorter while it was read.
func serverShortUpload(t *testing.T, a Account) {
	short := upload(message("short"))
	short.Size++
	results, err := a.Server.Append(t.Context(), mail.Inbox, []mail.Upload{short})
	if err == nil && (len(results) != 1 || results[0].Err == nil) {
		t.Errorf("an upload that ended early gave %+v", results)
	}
	put(t, a.Server, mail.Inbox, upload(message("next"))) // the server goes on working
	same(t, "messages", texts(t, a.Other, mail.Inbox), []string{message("next")})
}

func serverFetch(t *testing.T, a Account) {
	o := fillServer(t, a.Other, mail.Inbox, 30, `\Seen`, "work")
	var busy gosync.Mutex
	seen := map[mail.UID]int{}
	delivered, err := a.Server.Fetch(t.Context(), mail.Inbox, o.UIDValidity, allOf(o), func(msg mail.ServerMessage, body io.Reader) error {
		if !busy.TryLock() {
			t.Error("the sink is called twice at a time")
			return nil
		}
		defer busy.Unlock()
		seen[msg.UID]++
		same(t, "flags", msg.Flags.String(), `\Seen work`)
		same(t, "date", msg.Date, mail.UnixTime(1_600_000_000))
		n, err := io.Copy(io.Discard, body)
		same(t, "size", msg.Content.Size, n)
		return err
	})
	ok(t, "fetch", err)
	same(t, "delivered", delivered.String(), allOf(o).String())
	for u, n := range seen {
		if n != 1 {
			t.Errorf("UID %s came %d times", u, n)
		}
	}
	none, err := a.Server.Fetch(t.Context(), mail.Inbox, o.UIDValidity, mail.UIDSet{}, nil)
	ok(t, "fetch nothing", err)
	same(t, "of nothing", none.Len(), 0)
}

func serverSinkFails(t *testing.T, a Account) {
	o := fillServer(t, a.Other, mail.Inbox, 20)
	full := errors.New("disk full")
	calls := 0
	delivered, err := a.Server.Fetch(t.Context(), mail.Inbox, o.UIDValidity, allOf(o), func(_ mail.ServerMessage, body io.Reader) error {
		if calls++; calls == 3 {
			return full // with the body unread
		}
		_, err := io.Copy(io.Discard, body)
		return err
	})
	fails(t, "fetch", err, full)
	same(t, "calls", calls, 3)
	if delivered.Len() > 2 {
		t.Errorf("%s were delivered, and the third failed", delivered)
	}
	same(t, "a later fetch", len(bodies(t, a.Server, mail.Inbox, o.UIDValidity, allOf(o))), 20)
}
