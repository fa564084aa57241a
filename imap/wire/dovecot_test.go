package wire

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	imap "github.com/emersion/go-imap/v2"

	"godwit/internal/dovecot"
	"godwit/mail"
)

// logIn opens a connection to a real server and logs in by hand.
func logIn(t *testing.T, s *dovecot.Server, user string, handler Handler) *Conn {
	t.Helper()
	conn, err := net.Dial("tcp", s.Addr)
	if err != nil {
		t.Fatal(err)
	}
	in := bufio.NewReaderSize(conn, 1) // hardly ahead: the rest is the Conn's
	fmt.Fprintf(conn, "a1 LOGIN %s %s\r\n", user, dovecot.Password)
	var answer string
	for !strings.HasPrefix(answer, "a1 ") {
		if answer, err = in.ReadString('\n'); err != nil {
			t.Fatal(err)
		}
	}
	_, list, _ := strings.Cut(answer, "[CAPABILITY ")
	list, _, _ = strings.Cut(list, "]")
	set := imap.CapSet{}
	for name := range strings.FieldsSeq(list) {
		set[imap.Cap(name)] = struct{}{}
	}
	if in.Buffered() > 0 || !set.Has("QRESYNC") || !set.Has("COMPRESS=DEFLATE") {
		t.Fatalf("%d octets behind the login, capabilities %s", in.Buffered(), list)
	}
	c := NewConn(conn, Options{Capabilities: set, Timeout: 30 * time.Second, Handler: handler})
	t.Cleanup(func() { c.Close() })
	return c
}

func TestARealServerUnderstandsEveryCommand(t *testing.T) {
	t.Parallel()
	server := dovecot.Shared(t, dovecot.Options{Compress: true})
	user := dovecot.NewUser()
	c := logIn(t, server, user, nil)
	ctx := t.Context()

	wait(t, c.Enable(ctx, "QRESYNC", "CONDSTORE"))
	if err := c.Compress(ctx); err != nil {
		t.Fatal(err)
	}
	wait(t, c.Create(ctx, "a b"))
	wait(t, c.Subscribe(ctx, "a b"))

	body := func(i int) string {
		return fmt.Sprintf("Message-ID: <%d@test>\r\nDate: Thu, 1 Jan 2026 00:00:00 +0000\r\n\r\n%s\r\n", i, strings.Repeat("text ", i*i))
	}
	many := make([]mail.Upload, 20)
	for i := range many {
		many[i] = upload(body(i), `\Seen`, "$Label1")
		many[i].Date = mail.UnixTime(1_000_000_000 + i)
	}
	appended := wait(t, c.Append(ctx, "a b", many...))
	if len(appended.UIDs) != len(many) {
		t.Fatalf("appended %+v", appended)
	}
	single := c.Append(ctx, "a b", upload(body(20)))
	if last := wait(t, single); len(last.UIDs) != 1 || last.UIDValidity != appended.UIDValidity {
		t.Fatalf("appended %+v", last)
	}
	status := wait(t, c.Status(ctx, "a b"))

	// One flight: SELECT, the listing, the bodies and a search.
	selected := c.Select(ctx, "a b", SelectOptions{CondStore: true})
	var listed mail.UIDSet
	listing := c.Fetch(ctx, FetchOptions{UIDs: mail.UIDSpan(1, ^mail.UID(0)), Items: ItemMetadata | ItemModSeq}, func(m *Message, _ *Body) error {
		i := int(m.UID) - 1
		if i < len(many) && (m.Date != many[i].Date || m.Flags.String() != `\Seen $Label1`) || m.Size != int64(len(body(i))) || m.ModSeq == 0 {
			t.Errorf("listed %+v", *m)
		}
		listed.Add(m.UID)
		return nil
	})
	bodies := c.Fetch(ctx, FetchOptions{UIDs: mail.UIDSpan(1, 21), Items: ItemMetadata, Sections: []Section{Whole}}, func(m *Message, b *Body) error {
		var got bytes.Buffer
		if _, err := b.WriteTo(&got); err != nil {
			return err
		}
		if got.String() != body(int(m.UID)-1) {
			t.Errorf("UID %d: other octets", m.UID)
		}
		return nil
	})
	search := c.Search(ctx, SearchCriteria{Field: "Message-ID", Value: "<7@test>"})
	part := ""
	parts := c.Fetch(ctx, FetchOptions{UIDs: mail.UIDs(3), Sections: []Section{Header, {Spec: "TEXT", Offset: 2, Length: 6}}}, func(_ *Message, b *Body) error {
		text, err := io.ReadAll(b)
		part += b.Section.Spec + ":" + string(text)
		return err
	})
	data := wait(t, selected)
	if data.Exists != 21 || data.UIDValidity != appended.UIDValidity || data.UIDNext != 22 || data.HighestModSeq == 0 ||
		data.HighestModSeq != status.ModSeq || !data.NewKeywords || data.ReadOnly {
		t.Errorf("selected %+v, status %+v", data, status)
	}
	wait(t, listing)
	if listed.String() != "1:21" {
		t.Errorf("listed %s", listed)
	}
	if d := wait(t, bodies); d.Delivered.String() != "1:21" {
		t.Errorf("delivered %s", d.Delivered)
	}
	if got := wait(t, search).String(); got != "8" {
		t.Errorf("found %s", got)
	}
	wait(t, parts)
	if !strings.HasPrefix(part, "HEADER:Message-ID: <2@test>") || !strings.HasSuffix(part, "\r\n\r\nTEXT:xt tex") {
		t.Errorf("parts %q", part)
	}

	// What changed since, with another client's hand in it.
	other := server.Dial(t, user)
	other.Store("a b", "5", "+", `\Flagged`)
	wait(t, c.Noop(ctx)) // Dovecot sees the other session's change only now
	stored := wait(t, c.Store(ctx, mail.UIDSpan(4, 6), StoreAdd, mail.ParseFlags(`\Answered`), data.HighestModSeq))
	if stored.Modified.String() != "5" {
		t.Errorf("modified %s", stored.Modified)
	}
	wait(t, c.Create(ctx, "target"))
	moved := wait(t, c.Move(ctx, mail.UIDSpan(10, 12), "target"))
	if len(moved.Copied) != 3 || moved.Copied[2] != (mail.Copied{From: 12, To: 3}) {
		t.Errorf("moved %+v", moved)
	}
	copied := wait(t, c.Copy(ctx, mail.UIDs(1), "target"))
	if len(copied.Copied) != 1 || copied.Copied[0] != (mail.Copied{From: 1, To: 4}) {
		t.Errorf("copied %+v", copied)
	}
	wait(t, c.Store(ctx, mail.UIDs(20), StoreAdd, mail.ParseFlags(`\Deleted`), 0))
	if got := wait(t, c.Search(ctx, SearchCriteria{UIDs: mail.UIDSpan(15, ^mail.UID(0)), Deleted: true})); got.String() != "20" {
		t.Errorf("marked %s", got)
	}
	wait(t, c.UIDExpunge(ctx, mail.UIDs(20)))
	wait(t, c.Unselect(ctx))

	again := wait(t, c.Select(ctx, "a b", SelectOptions{UIDValidity: data.UIDValidity, ModSeq: data.HighestModSeq}))
	changed := map[mail.UID]string{}
	for _, m := range again.Changed {
		changed[m.UID] = m.Flags.String()
	}
	if again.Vanished.String() != "10:12,20" || again.Exists != 17 || len(changed) != 3 ||
		changed[5] != `\Flagged \Seen $Label1` || changed[4] != `\Answered \Seen $Label1` {
		t.Errorf("since then %+v", again)
	}

	// A refusal leaves the connection as it was.
	if _, err := c.Append(ctx, "none", upload("x\r\n")).Wait(); err == nil {
		t.Error("appended to nowhere")
	}
	wait(t, c.Expunge(ctx))
	wait(t, c.CloseMailbox(ctx))
	if err := c.Logout(ctx); err != nil {
		t.Error(err)
	}
}

func TestARealServerTellsAnIdleClient(t *testing.T) {
	t.Parallel()
	server := dovecot.Shared(t, dovecot.Options{Compress: true})
	user := dovecot.NewUser()
	arrived := make(chan uint32, 8)
	c := logIn(t, server, user, func(e Event) {
		if e.Kind == EventExists && e.Number > 0 {
			arrived <- e.Number
		}
	})
	wait(t, c.Select(t.Context(), "INBOX", SelectOptions{}))
	idle, err := c.Idle(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	server.Dial(t, user).Append("INBOX", nil, time.Now(), []byte("Subject: new\r\n\r\n"))
	select {
	case n := <-arrived:
		if n != 1 {
			t.Errorf("%d messages", n)
		}
	case <-time.After(time.Minute):
		t.Error("nothing was told")
	}
	if err := idle.Done(); err != nil {
		t.Error(err)
	}
	stillUsable(t, c)
}
