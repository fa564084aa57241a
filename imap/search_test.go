package imap_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	gosync "sync"
	"testing"
	"time"

	"godwit/imap"
	"godwit/internal/dovecot"
	"godwit/internal/hostile"
	"godwit/mail"
	"godwit/mail/search"
)

func query(t testing.TB, text string) search.Key {
	t.Helper()
	k, err := search.Parse(text, search.Day{Year: 2026, Month: 11, Day: 21})
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// found is what a search found, as "INBOX 1,3 | Work 2".
func found(all []imap.Found) string {
	var parts []string
	for _, f := range all {
		switch {
		case f.Err != nil:
			parts = append(parts, string(f.Mailbox)+" "+f.Err.Error())
		case !f.UIDs.IsEmpty():
			parts = append(parts, string(f.Mailbox)+" "+f.UIDs.String())
		}
	}
	return strings.Join(parts, " | ")
}

func TestSearchFindsInManyMailboxesAndChangesNothing(t *testing.T) {
	eachProfile(t, func(t *testing.T, _ profile, a *imap.Account, other *dovecot.Client) {
		ctx := patient(t)
		letter := func(from, subject, body string) []byte {
			return fmt.Appendf(nil, "From: %s\r\nTo: me@example.org\r\nDate: Sat, 21 Nov 2026 10:00:00 +0000\r\nMessage-ID: <%x@x>\r\nSubject: %s\r\n\r\n%s\r\n", from, subject, subject, body)
		}
		boxes := []mail.Mailbox{"INBOX"}
		for i := range 20 { // more than one flight
			name := fmt.Sprintf("Box%02d", i)
			other.Create(name)
			boxes = append(boxes, mail.Mailbox(name))
		}
		other.Append("INBOX", nil, time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC), letter("=?utf-8?q?Andr=C3=A9?= <andre@example.org>", "=?utf-8?q?Gr=C3=B6=C3=9Fe?= one", "albatross"))
		other.Append("INBOX", []string{`\Seen`, "todo"}, time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC), letter("bob@example.org", "two", strings.Repeat("long ", 2000)))
		other.Append("Box03", []string{`\Flagged`}, time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC), letter("bob@example.org", "three", "ALBATROSS"))
		other.Append("Box19", nil, time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC), letter("carol@example.org", "four", "größe"))
		for text, want := range map[string]string{
			"albatross":                       "INBOX 1 | Box03 1",
			"from:bob":                        "INBOX 2 | Box03 1",
			"from:bob -is:flagged":            "INBOX 2",
			"subject:größe":                   "INBOX 1",
			"größe subject:four":              "Box19 1",
			"is:unread":                       "INBOX 1 | Box03 1 | Box19 1",
			"keyword:todo or is:flagged":      "INBOX 2 | Box03 1",
			"since:2026-11-01 -subject:three": "INBOX 1 | Box19 1",
			"larger:5KB":                      "INBOX 2",
			"from:andré":                      "INBOX 1",
			"nothing":                         "",
		} {
			all, err := a.Search(ctx, boxes, query(t, text))
			if got := found(all); err != nil || got != want {
				t.Errorf("%s finds %q (%v), want %q", text, got, err, want)
			}
		}
		all, err := a.Search(ctx, []mail.Mailbox{"Box03", "None", "INBOX"}, query(t, "from:bob"))
		if err != nil || len(all) != 3 || all[1].Err == nil || all[0].UIDs.Len() != 1 || all[2].UIDs.Len() != 1 {
			t.Errorf("with one that is not there: %q, %v", found(all), err)
		}
		seen, err := a.Glance(ctx, "INBOX", all[2].UIDValidity, mail.UIDSpan(1, 99), []string{"FROM", "SUBJECT"})
		if err != nil || len(seen) != 2 {
			t.Fatalf("%v %v", seen, err)
		}
		one := seen[1]
		if one.Fields.Sender() != "André" || search.Decode(one.Fields.Get("subject")) != "Größe one" || len(one.Fields) != 2 ||
			time.Unix(int64(one.Date), 0).UTC().Format("2006-01-02") != "2026-11-20" || one.Content.Size < 100 {
			t.Errorf("%+v", one)
		}
		if _, err := a.Glance(ctx, "INBOX", all[2].UIDValidity+1, mail.UIDSpan(1, 99), nil); !errors.Is(err, mail.ErrUIDValidity) {
			t.Errorf("under another UIDVALIDITY: %v", err)
		}
		// RECENT would be gone had anybody opened it by SELECT.
		status, err := other.Do(`STATUS Box19 (RECENT UNSEEN)`)
		if err != nil || !strings.Contains(fmt.Sprint(status), "RECENT 1 UNSEEN 1") {
			t.Errorf("after searching: %v %v", status, err)
		}
	})
}

// bent is an account on a server that a test bends.
func bent(t *testing.T, caps string) (*hostile.Server, *imap.Account) {
	t.Helper()
	s, err := hostile.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	s.Do(func() { s.Capabilities = caps })
	o := cleartext(fmt.Sprintf("%s:%d", s.Host, s.Port), hostile.User)
	o.Password = func(context.Context) (string, error) { return hostile.Password, nil }
	return s, open(t, o)
}

func TestAServerThatSearchesOnlyForASCIIIsHelped(t *testing.T) {
	t.Parallel()
	s, a := bent(t, hostile.Plain)
	s.Do(func() {
		for _, subject := range []string{"=?utf-8?q?Gr=C3=B6=C3=9Fe?=", "small", "=?iso-8859-1?q?GR=D6=DFE?= again"} {
			s.Deliver(s.Mailbox("INBOX"), hostile.Text(subject))
		}
		s.Before = func(c *hostile.Conn, cmd *hostile.Command) bool {
			if cmd.Verb == "UID SEARCH" && strings.Contains(cmd.Line, "CHARSET") {
				c.Say("%s NO [BADCHARSET (US-ASCII)] ASCII only", cmd.Tag)
				return true
			}
			return false
		}
	})
	all, err := a.Search(patient(t), []mail.Mailbox{"INBOX"}, query(t, "subject:größe from:a@example.org"))
	if got := found(all); err != nil || got != "INBOX 1,3" {
		t.Errorf("found %q, %v", got, err)
	}
	all, err = a.Search(patient(t), []mail.Mailbox{"INBOX"}, query(t, "größe"))
	if err != nil || !errors.Is(all[0].Err, imap.ErrCharset) {
		t.Errorf("in the body: %q, %v", found(all), err)
	}
	if i := slices.IndexFunc(s.Heard(), func(line string) bool { return strings.HasPrefix(line, "SELECT") }); i >= 0 {
		t.Errorf("a search says %q", s.Heard()[i])
	}
}

func TestAMailboxThatEndsTheConnectionLeavesTheOthers(t *testing.T) {
	t.Parallel()
	s, a := bent(t, hostile.Full)
	var opened gosync.Map // by connection, the command
	s.Do(func() {
		for _, name := range []string{"Bad", "Good"} {
			s.Add(name, hostile.Text("one"))
		}
		s.Before = func(c *hostile.Conn, cmd *hostile.Command) bool {
			if cmd.Verb == "EXAMINE" {
				opened.Store(c, cmd.Line)
			}
			if line, _ := opened.Load(c); cmd.Verb == "UID SEARCH" && strings.Contains(fmt.Sprint(line), "Bad") {
				c.Cut()
				return true
			}
			return false
		}
	})
	all, err := a.Search(patient(t), []mail.Mailbox{"INBOX", "Bad", "Good"}, query(t, "from:a"))
	if err != nil || all[0].Err != nil || all[1].Err == nil || all[2].Err != nil || all[2].UIDs.String() != "1" {
		t.Errorf("%q %v", found(all), err)
	}
}
