package imap_test

import (
	"bytes"
	"context"
	"crypto/sha256"
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

func TestBodiesComeByteForByte(t *testing.T) {
	eachProfile(t, func(t *testing.T, p profile, a *imap.Account, other *dovecot.Client) {
		const n = 300 // more than one batch
		other.Fill("INBOX", n, corpus.Message)
		other.Store("INBOX", "7", "+", `\Seen`, "$Work")
		other.Expunge("INBOX", "9")
		o := must(a.List(patient(t), "INBOX"))(t)
		var got collect
		counted := must(a.Fetch(patient(t), "INBOX", o.UIDValidity, mail.UIDSpan(1, n+50), got.take))(t)
		if counted.String() != "1:8,10:300" || got.calls != n-1 {
			t.Errorf("%v count, after %d calls", counted, got.calls)
		}
		for u, body := range got.bodies {
			if !bytes.Equal(body, corpus.Message(int(u)-1)) {
				t.Fatalf("UID %d came changed", u)
			}
		}
		if f := got.flags[7]; !f.Equal(mail.ParseFlags(`\Seen`, "$Work")) {
			t.Errorf("flags %v", f)
		}
		if got := must(a.Fetch(patient(t), "INBOX", o.UIDValidity, mail.UIDs(9, 400), got.take))(t); !got.IsEmpty() {
			t.Errorf("%v count, which are not there", got)
		}
	})
}

func TestHeadersAndWholeMessagesAreIdentified(t *testing.T) {
	eachProfile(t, func(t *testing.T, p profile, a *imap.Account, other *dovecot.Client) {
		other.Fill("INBOX", 5, corpus.Message)
		o := must(a.List(patient(t), "INBOX"))(t)
		for _, whole := range []bool{false, true} {
			got := must(a.Identify(patient(t), "INBOX", o.UIDValidity, mail.UIDSpan(2, 9), whole))(t)
			if len(got) != 4 {
				t.Errorf("%d are identified", len(got))
			}
			for u, is := range got {
				body := corpus.Message(int(u) - 1)
				want := mail.NewContentReader()
				want.Write(body)
				if is.Compare(want.Content()) != mail.Same || is.MessageID != "<"+corpus.ID(int(u)-1)+">" || is.Size != int64(len(body)) {
					t.Errorf("UID %d is %+v", u, is)
				}
				if whole != (is.Hash == mail.Hash(sha256.Sum256(body))) {
					t.Errorf("UID %d: hash %x", u, is.Hash)
				}
			}
		}
	})
}

// TestMessageExpungedDuringTheFetchDoesNotCount expunges, from another session,
// while bodies stream.
func TestMessageExpungedDuringTheFetchDoesNotCount(t *testing.T) {
	// No buffer holds the last but one: the server is still at work on it when the
	// first ones are read.
	large := corpus.Sized(598, 16<<20)
	message := func(i int) []byte {
		if i == 598 {
			return large
		}
		return message(i)
	}
	eachProfile(t, func(t *testing.T, p profile, a *imap.Account, other *dovecot.Client) {
		const n = 600
		other.Fill("INBOX", n, message)
		o := must(a.Observe(patient(t), "INBOX", mail.Since{}))(t)
		calls := 0
		counted := must(a.Fetch(patient(t), "INBOX", o.UIDValidity, mail.UIDSpan(1, n), func(m mail.ServerMessage, body io.Reader) error {
			if calls++; calls == 10 {
				other.Expunge("INBOX", "5,200:210,590:600")
			}
			octets, err := io.ReadAll(body)
			if err == nil && !bytes.Equal(octets, message(int(m.UID)-1)) {
				return fmt.Errorf("UID %d came changed", m.UID)
			}
			return err
		}))(t)
		for _, u := range []mail.UID{600} { // 205 may have been on its way already
			if counted.Contains(u) {
				t.Errorf("UID %d counts", u)
			}
		}
		if !counted.Contains(1) || !counted.Contains(500) || counted.Len() < n-23 {
			t.Errorf("%v count", counted)
		}
		// What is gone is not stored to, and the rest is.
		change := []mail.FlagStore{{UIDs: mail.UIDSpan(1, n), Delta: mail.FlagDelta{Add: mail.Flags{System: mail.Seen}}}}
		must(a.Store(patient(t), "INBOX", o.UIDValidity, change, 0))(t)
		for _, m := range other.Messages("INBOX") {
			if !slices.Contains(m.Flags, `\Seen`) {
				t.Fatalf("UID %d is not marked", m.UID)
			}
		}
	})
}

func TestFetchGoesOnAfterEveryCut(t *testing.T) {
	t.Parallel()
	server := dovecot.Shared(t, dovecot.Options{})
	user := dovecot.NewUser()
	other := server.Dial(t, user)
	defer other.Close()
	const n = 40
	other.Fill("INBOX", n, corpus.Message)
	for _, after := range []int64{1000, 3000, 5000, 12_345, 40_000, 70_001} {
		t.Run(fmt.Sprint(after), func(t *testing.T) {
			t.Parallel()
			proxy := wan.Start(t, server.Addr, wan.Network{})
			a := open(t, cleartext(proxy.Addr, user))
			o := must(a.List(patient(t), "INBOX"))(t)
			proxy.Break()
			proxy.Fail(func(connection int) wan.Fault {
				if connection < 2 {
					return wan.Fault{AfterDown: after}
				}
				return wan.Fault{}
			})
			whole := map[mail.UID]int{}
			counted, err := a.Fetch(patient(t), "INBOX", o.UIDValidity, mail.UIDSpan(1, n), func(m mail.ServerMessage, body io.Reader) error {
				octets, err := io.ReadAll(body)
				if err != nil {
					return err
				}
				if !bytes.Equal(octets, corpus.Message(int(m.UID)-1)) {
					t.Errorf("UID %d came changed", m.UID)
				}
				whole[m.UID]++
				return nil
			})
			if err != nil || counted.Len() != n {
				t.Errorf("%d of %d count: %v", counted.Len(), n, err)
			}
			for u, times := range whole {
				if times != 1 {
					t.Errorf("UID %d was given %d times", u, times)
				}
			}
		})
	}
}

func TestServerThatStaysAwayIsOffline(t *testing.T) {
	t.Parallel()
	server := dovecot.Shared(t, dovecot.Options{})
	proxy := wan.Start(t, server.Addr, wan.Network{})
	a := open(t, cleartext(proxy.Addr, dovecot.NewUser()))
	o := must(a.List(patient(t), "INBOX"))(t)
	proxy.Fail(func(int) wan.Fault { return wan.Fault{Refuse: true} })
	proxy.Break()
	if _, err := a.Fetch(patient(t), "INBOX", o.UIDValidity, mail.UIDs(1), new(collect).take); !errors.Is(err, mail.ErrOffline) {
		t.Errorf("the error is %v", err)
	}
	// And back again.
	proxy.Fail(nil)
	must(a.List(patient(t), "INBOX"))(t)
}

func TestSinkErrorStopsTheFetch(t *testing.T) {
	t.Parallel()
	server := dovecot.Shared(t, dovecot.Options{})
	user := dovecot.NewUser()
	other := server.Dial(t, user)
	defer other.Close()
	other.Fill("INBOX", 20, corpus.Message)
	a := open(t, cleartext(server.Addr, user))
	o := must(a.List(patient(t), "INBOX"))(t)
	full := errors.New("disk full")
	calls := 0
	counted, err := a.Fetch(patient(t), "INBOX", o.UIDValidity, mail.UIDSpan(1, 20), func(_ mail.ServerMessage, body io.Reader) error {
		if calls++; calls == 5 {
			return full
		}
		_, err := io.Copy(io.Discard, body)
		return err
	})
	if !errors.Is(err, full) || calls != 5 || counted.Len() > 4 {
		t.Errorf("%v after %d calls, %v count", err, calls, counted)
	}
	must(a.List(patient(t), "INBOX"))(t) // the account goes on
}

func TestCancelledFetchEndsSoon(t *testing.T) {
	t.Parallel()
	server := dovecot.Shared(t, dovecot.Options{})
	user := dovecot.NewUser()
	other := server.Dial(t, user)
	defer other.Close()
	other.Append("INBOX", nil, time.Time{}, corpus.Sized(1, 4<<20))
	proxy := wan.Start(t, server.Addr, wan.Network{Rate: 100_000})
	a := open(t, cleartext(proxy.Addr, user))
	o := must(a.List(patient(t), "INBOX"))(t)
	ctx, cancel := context.WithCancel(context.Background())
	begin := time.Now()
	_, err := a.Fetch(ctx, "INBOX", o.UIDValidity, mail.UIDs(1), func(_ mail.ServerMessage, body io.Reader) error {
		cancel()
		_, err := io.Copy(io.Discard, body)
		return err
	})
	if !errors.Is(err, context.Canceled) || time.Since(begin) > 2*time.Second {
		t.Errorf("%v after %v", err, time.Since(begin))
	}
}

// bodyScript is a mailbox of five messages at UID 1 to 5; body gives what FETCH answers for one,
// listed what SEARCH finds. An empty body says nothing.
func bodyScript(t *testing.T, body func(uid int) string, listed string) *scripted {
	return mailboxScript(t, "", []string{"* 5 EXISTS", "* OK [UIDVALIDITY 7] x", "* OK [UIDNEXT 6] x"}, func(p *peer, tag, command string) bool {
		switch {
		case strings.HasPrefix(command, "UID FETCH"):
			set, _, _ := strings.Cut(strings.TrimPrefix(command, "UID FETCH "), " ")
			for uid := 1; uid <= 5; uid++ {
				low, high := 0, 0
				for part := range strings.SplitSeq(set, ",") {
					if k, _ := fmt.Sscanf(part, "%d:%d", &low, &high); k < 2 {
						high = low
					}
					if low <= uid && uid <= high {
						if line := body(uid); line != "" {
							p.say("%s", line)
						}
					}
				}
			}
		case strings.HasPrefix(command, "UID SEARCH"):
			p.say("* SEARCH %s", listed)
		default:
			return false
		}
		p.say("%s OK done", tag)
		return true
	})
}

func bodyLine(uid, size int, body string) string {
	return fmt.Sprintf("* %d FETCH (UID %d FLAGS () INTERNALDATE \"17-Jul-1996 02:44:25 -0700\" RFC822.SIZE %d BODY[] %s)", uid, uid, size, body)
}

func TestOnlyRealBodiesCount(t *testing.T) {
	t.Parallel()
	good := func(uid int) string { return bodyLine(uid, 5, "{5}\r\na: b\r") }
	for _, test := range []struct {
		name   string
		body   func(uid int) string
		listed string
		want   string
		given  int // bodies that the sink may see
	}{
		{"all", good, "1 2 3 4 5", "1:5", 5},
		{"NIL", func(uid int) string {
			if uid == 2 {
				return bodyLine(2, 5, "NIL")
			}
			return good(uid)
		}, "1 2 3 4 5", "1,3:5", 4},
		{"empty", func(uid int) string {
			if uid == 2 {
				return bodyLine(2, 5, `""`)
			} else if uid == 3 {
				return bodyLine(3, 5, "{0}\r\n")
			}
			return good(uid)
		}, "1 2 3 4 5", "1,4:5", 3},
		{"empty and said to be", func(uid int) string { return bodyLine(uid, 0, "{0}\r\n") }, "1 2 3 4 5", "1:5", 5},
		{"fabricated for one that is gone", good, "1 2 4 5", "1:2,4:5", 5},
		{"not answered", func(uid int) string {
			if uid == 4 {
				return ""
			}
			return good(uid)
		}, "1 2 3 4 5", "1:3,5", 4},
		{"malformed", func(uid int) string {
			if uid == 3 {
				return "* 3 FETCH (UID 3 FLAGS (( BODY[] NIL"
			}
			return good(uid)
		}, "1 2 3 4 5", "1:2,4:5", 4},
		{"another message", func(uid int) string {
			if uid == 5 {
				return bodyLine(9, 5, "{5}\r\na: b\r")
			}
			return good(uid)
		}, "1 2 3 4 5 9", "1:4", 4},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			server := bodyScript(t, test.body, test.listed)
			var got collect
			counted := must(open(t, cleartext(server.Addr, "me")).Fetch(patient(t), "INBOX", 7, mail.UIDSpan(1, 5), got.take))(t)
			if counted.String() != test.want || got.calls != test.given {
				t.Errorf("%v count, want %v; %d bodies were given, want %d; %q", counted, test.want, got.calls, test.given, server.sent())
			}
		})
	}
}

// TestOneRefusedMessageDoesNotHoldUpTheRest: the server refuses any command that
// names UID 3.
func TestOneRefusedMessageDoesNotHoldUpTheRest(t *testing.T) {
	t.Parallel()
	server := mailboxScript(t, "", []string{"* 5 EXISTS", "* OK [UIDVALIDITY 7] x", "* OK [UIDNEXT 6] x"}, func(p *peer, tag, command string) bool {
		switch {
		case strings.HasPrefix(command, "UID FETCH 1:5 "), strings.HasPrefix(command, "UID FETCH 1:3 "), strings.HasPrefix(command, "UID FETCH 3 "):
			p.say("%s NO [SERVERBUG] cannot read it", tag)
		case strings.HasPrefix(command, "UID FETCH"):
			for uid := 1; uid <= 5; uid++ {
				if uid != 3 {
					p.say("%s", bodyLine(uid, 5, "{5}\r\na: b\r"))
				}
			}
			p.say("%s OK done", tag)
		case strings.HasPrefix(command, "UID SEARCH"):
			p.say("* SEARCH 1 2 3 4 5\r\n%s OK done", tag)
		default:
			return false
		}
		return true
	})
	var told []string
	o := cleartext(server.Addr, "me")
	o.Notify = func(text string) { told = append(told, text) }
	o.Remark = o.Notify
	var got collect
	a := open(t, o)
	counted, err := a.Fetch(patient(t), "INBOX", 7, mail.UIDSpan(1, 5), got.take)
	if err != nil || counted.String() != "1:2,4:5" || len(told) != 0 {
		t.Errorf("%v count, %v; told %q; %q", counted, err, told, server.sent())
	}
	why := a.Refusal("INBOX", 7, 3)
	if why == nil || !strings.Contains(why.Error(), "cannot read it") || errors.Is(why, mail.ErrNotNow) {
		t.Errorf("UID 3 was refused because %v", why)
	}
	if why := a.Refusal("INBOX", 7, 2); why != nil {
		t.Errorf("UID 2 was refused because %v", why)
	}
}
