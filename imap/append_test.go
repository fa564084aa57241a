package imap_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"godwit/imap"
	"godwit/internal/corpus"
	"godwit/internal/dovecot"
	"godwit/internal/wan"
	"godwit/mail"
)

func TestUploadsArriveInOrderByteForByte(t *testing.T) {
	eachProfile(t, func(t *testing.T, p profile, a *imap.Account, other *dovecot.Client) {
		const n = 130 // more than one group
		var uploads []mail.Upload
		for i := range n {
			flags := []string{`\Seen`, "$Work"}
			if i%2 == 0 {
				flags = nil
			}
			uploads = append(uploads, upload(message(i), flags...))
		}
		results := must(a.Append(patient(t), "INBOX", uploads))(t)
		has := other.Messages("INBOX")
		if len(has) != n || len(results) != n {
			t.Fatalf("%d results, the server has %d messages", len(results), len(has))
		}
		for i, r := range results {
			if r.Err != nil || r.UID != mail.UID(has[i].UID) || r.UIDValidity == 0 {
				t.Errorf("result %d: %+v", i, r)
			}
			if !bytes.Equal(has[i].Body, message(i)) || has[i].Date.Unix() != 1_700_000_000 {
				t.Errorf("message %d came as %q of %v", i, has[i].Body, has[i].Date)
			}
			if f := mail.ParseFlags(has[i].Flags...); !f.Equal(uploads[i].Flags) {
				t.Errorf("message %d has flags %v", i, f)
			}
		}
		if got := must(a.Append(patient(t), "INBOX", nil))(t); len(got) != 0 {
			t.Errorf("nothing gives %v", got)
		}
	})
}

func TestManyUploadsTakeFewTurns(t *testing.T) {
	t.Parallel()
	for _, p := range []profile{profiles[0], profiles[1]} { // MULTIAPPEND; pipelined LITERAL+
		server := dovecot.Shared(t, p.options)
		proxy := wan.Start(t, server.Addr, wan.Network{RTT: 20 * time.Millisecond})
		a := open(t, cleartext(proxy.Addr, dovecot.NewUser()))
		must(a.Mailboxes(patient(t), everything))(t)
		var uploads []mail.Upload
		for i := range 300 {
			uploads = append(uploads, upload(message(i)))
		}
		proxy.Reset()
		must(a.Append(patient(t), "INBOX", uploads))(t)
		if turns := proxy.Counts().Turns; turns > 15 {
			t.Errorf("%s: %d turns", p.name, turns)
		}
	}
}

func TestOneBadUploadDoesNotHoldUpTheRest(t *testing.T) {
	eachProfile(t, func(t *testing.T, p profile, a *imap.Account, other *dovecot.Client) {
		unreadable := errors.New("unreadable")
		broken := upload(message(2))
		broken.Open = func() (mail.Body, error) { return nil, unreadable }
		cut := upload(message(4))
		cut.Open = func() (mail.Body, error) {
			return io.NopCloser(io.MultiReader(bytes.NewReader(message(4)[:20]), failing{unreadable})), nil
		}
		short := upload(message(6))
		short.Size += 5
		uploads := []mail.Upload{upload(message(1)), broken, upload(message(3)), cut, upload(message(5)), short, upload(message(7))}
		results, err := a.Append(patient(t), "INBOX", uploads)
		if err != nil && !errors.Is(err, mail.ErrUncertain) {
			t.Fatal(err)
		}
		for i, want := range []error{nil, unreadable, nil, unreadable, nil, nil, nil} {
			if want != nil && err == nil && !errors.Is(results[i].Err, want) {
				t.Errorf("result %d: %+v", i, results[i])
			}
		}
		// Whatever became of it, nothing came twice, and nothing half.
		seen := map[string]int{}
		for _, m := range other.Messages("INBOX") {
			seen[string(m.Body)]++
		}
		for i := 1; i <= 7; i++ {
			times := seen[string(message(i))]
			delete(seen, string(message(i)))
			if times > 1 || i%2 == 0 && times > 0 || err == nil && i%2 == 1 && times != 1 {
				t.Errorf("message %d is there %d times; %v", i, times, err)
			}
		}
		if len(seen) > 0 {
			t.Errorf("there is %v besides", seen)
		}
	})
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

func TestMailboxThatIsNotThereTakesNothing(t *testing.T) {
	eachProfile(t, func(t *testing.T, p profile, a *imap.Account, other *dovecot.Client) {
		other.Fill("INBOX", 2, message)
		o := must(a.List(patient(t), "INBOX"))(t)
		_, appendErr := a.Append(patient(t), "no/such", []mail.Upload{upload(message(1)), upload(message(2))})
		_, copyErr := a.Copy(patient(t), "INBOX", o.UIDValidity, mail.UIDSpan(1, 2), "no/such")
		_, moveErr := a.Move(patient(t), "INBOX", o.UIDValidity, mail.UIDSpan(1, 2), "no/such")
		for _, err := range []error{appendErr, copyErr, moveErr} {
			if !errors.Is(err, mail.ErrNoMailbox) {
				t.Errorf("the error is %v", err)
			}
		}
		if n := len(other.Messages("INBOX")); n != 2 {
			t.Errorf("%d messages are left", n)
		}
	})
}

func TestOverQuotaIsToldForEachMessage(t *testing.T) {
	t.Parallel()
	for _, capability := range []string{"", "IMAP4rev1 SASL-IR LITERAL+ UIDPLUS"} {
		server := dovecot.Shared(t, dovecot.Options{MaxMessages: 4, Capability: capability})
		user := dovecot.NewUser()
		a := open(t, cleartext(server.Addr, user))
		var uploads []mail.Upload
		for i := range 20 {
			uploads = append(uploads, upload(message(i)))
		}
		results := must(a.Append(patient(t), "INBOX", uploads))(t)
		taken := 0
		for i, r := range results {
			if r.Err == nil {
				taken++
			} else if !errors.Is(r.Err, mail.ErrOverQuota) {
				t.Errorf("result %d: %+v", i, r)
			}
		}
		if taken != 4 {
			t.Errorf("%d were taken", taken)
		}
	}
}

// TestUnansweredUploadIsUncertain cuts the connection at many places of an
// upload; it must never be sent twice, nor told as done when it is not.
func TestUnansweredUploadIsUncertain(t *testing.T) {
	t.Parallel()
	server := dovecot.Shared(t, dovecot.Options{})
	for _, after := range []int64{120, 200, 900, 3000, 6000, 9000, 20_000} {
		t.Run(fmt.Sprint(after), func(t *testing.T) {
			t.Parallel()
			user := dovecot.NewUser()
			other := server.Dial(t, user)
			defer other.Close()
			proxy := wan.Start(t, server.Addr, wan.Network{})
			a := open(t, cleartext(proxy.Addr, user))
			must(a.Mailboxes(patient(t), everything))(t)
			proxy.Break()
			proxy.Fail(func(connection int) wan.Fault {
				if connection == 0 {
					return wan.Fault{AfterUp: after}
				}
				return wan.Fault{}
			})
			var uploads []mail.Upload
			for i := range 8 {
				uploads = append(uploads, upload(corpus.Message(i)))
			}
			results, err := a.Append(patient(t), "INBOX", uploads)
			if err != nil && !errors.Is(err, mail.ErrUncertain) {
				t.Fatalf("the error is %v", err)
			}
			seen := map[string]int{}
			for _, m := range other.Messages("INBOX") {
				seen[string(m.Body)]++
			}
			for i, r := range results {
				times := seen[string(corpus.Message(i))]
				if times > 1 || (err == nil || r.UID != 0) && times != 1 {
					t.Errorf("message %d is there %d times, result %+v, %v", i, times, r, err)
				}
			}
		})
	}
}

func TestTooLargeUploadIsNotSent(t *testing.T) {
	t.Parallel()
	server := script(t, ready, func(p *peer, tag, command string) bool {
		if strings.HasPrefix(command, "AUTHENTICATE") {
			p.say("%s OK [CAPABILITY IMAP4rev1 LITERAL+ APPENDLIMIT=500] in", tag)
			return true
		}
		return false
	})
	results := must(open(t, cleartext(server.Addr, "me")).Append(patient(t), "INBOX",
		[]mail.Upload{upload(corpus.Sized(1, 501)), upload(corpus.Sized(2, 500))}))(t)
	if results[0].Err == nil || results[1].Err != nil || server.count("APPEND") != 1 {
		t.Errorf("%+v; %q", results, server.sent())
	}
}

// TestRefusedMultiAppendFindsItsCulprit: all or none are taken, so the rest is
// tried alone.
func TestRefusedMultiAppendFindsItsCulprit(t *testing.T) {
	t.Parallel()
	taken := 0
	server := script(t, ready, func(p *peer, tag, command string) bool {
		switch {
		case strings.HasPrefix(command, "AUTHENTICATE"):
			p.say("%s OK [CAPABILITY IMAP4rev1 LITERAL+ UIDPLUS MULTIAPPEND] in", tag)
		case strings.HasPrefix(command, "APPEND") && strings.Contains(command, "$Bad"):
			p.say("%s NO [CANNOT] bad header", tag)
		case strings.HasPrefix(command, "APPEND"):
			taken++
			p.say("%s OK [APPENDUID 7 %d] done", tag, 10*taken)
		default:
			return false
		}
		return true
	})
	results := must(open(t, cleartext(server.Addr, "me")).Append(patient(t), "INBOX",
		[]mail.Upload{upload(message(1)), upload(message(2), "$Bad"), upload(message(3))}))(t)
	uids := []mail.UID{results[0].UID, results[1].UID, results[2].UID}
	if !slices.Equal(uids, []mail.UID{10, 0, 20}) || results[1].Err == nil || results[0].UIDValidity != 7 {
		t.Errorf("%+v; %q", results, server.sent())
	}
}
