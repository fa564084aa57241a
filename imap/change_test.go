package imap_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"godwit/imap"
	"godwit/internal/dovecot"
	"godwit/internal/wan"
	"godwit/mail"
)

func store(uids mail.UIDSet, add, remove string) mail.FlagStore {
	return mail.FlagStore{UIDs: uids, Delta: mail.FlagDelta{Add: mail.ParseFlags(strings.Fields(add)...), Remove: mail.ParseFlags(strings.Fields(remove)...)}}
}

// flagsOf returns the flags the server has, by UID.
func flagsOf(other *dovecot.Client, mailbox string) map[mail.UID]string {
	all := map[mail.UID]string{}
	for _, m := range other.Messages(mailbox) {
		all[mail.UID(m.UID)] = mail.ParseFlags(m.Flags...).String()
	}
	return all
}

func TestFlagsAreStored(t *testing.T) {
	eachProfile(t, func(t *testing.T, p profile, a *imap.Account, other *dovecot.Client) {
		other.Fill("INBOX", 6, message)
		other.Store("INBOX", "1:3", "+", `\Flagged`)
		other.Expunge("INBOX", "5")
		o := must(a.Observe(patient(t), "INBOX", mail.Since{}))(t)
		modified := must(a.Store(patient(t), "INBOX", o.UIDValidity, []mail.FlagStore{
			store(mail.UIDs(1, 2, 5, 99), `\Seen $Work`, `\Flagged`), // both at once; 5 and 99 are not there
			store(mail.UIDs(3), "", `\Flagged`),
			store(mail.UIDs(4), `\Answered`, ""),
			store(mail.UIDs(6), "", ""),
			store(mail.UIDs(4, 6), "$Later", ""), // 4 again
		}, o.ModSeq))(t)
		if !modified.Equal(mail.UIDs(5, 99)) {
			t.Errorf("%v are told as left alone, want those that are not there", modified)
		}
		want := map[mail.UID]string{1: `\Seen $Work`, 2: `\Seen $Work`, 3: "", 4: `\Answered $Later`, 6: "$Later"}
		if got := flagsOf(other, "INBOX"); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%v, want %v", got, want)
		}
	})
}

func TestMessagesThatChangedMeanwhileAreLeftAloneAndTold(t *testing.T) {
	t.Parallel()
	for _, p := range profiles[:2] { // those with CONDSTORE
		server := dovecot.Shared(t, p.options)
		user := dovecot.NewUser()
		other := server.Dial(t, user)
		defer other.Close()
		other.Fill("INBOX", 4, message)
		a := open(t, cleartext(server.Addr, user))
		o := must(a.Observe(patient(t), "INBOX", mail.Since{}))(t)
		other.Store("INBOX", "2", "+", `\Flagged`)
		modified := must(a.Store(patient(t), "INBOX", o.UIDValidity, []mail.FlagStore{
			store(mail.UIDs(1, 2), `\Seen`, `\Answered`), store(mail.UIDs(3), `\Seen`, ""),
		}, o.ModSeq))(t)
		if modified.String() != "2" {
			t.Errorf("%s: %v are told as modified", p.name, modified)
		}
		want := map[mail.UID]string{1: `\Seen`, 2: `\Flagged`, 3: `\Seen`, 4: ""}
		if got := flagsOf(other, "INBOX"); fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: %v, want %v", p.name, got, want)
		}
	}
}

func TestManyFlagsTakeFewTurns(t *testing.T) {
	t.Parallel()
	server := dovecot.Shared(t, dovecot.Options{})
	user := dovecot.NewUser()
	other := server.Dial(t, user)
	defer other.Close()
	const n = 1500
	other.Fill("INBOX", n, func(i int) []byte { return fmt.Appendf(nil, "Subject: %d\r\n\r\n", i) })
	proxy := wan.Start(t, server.Addr, wan.Network{})
	a := open(t, cleartext(proxy.Addr, user))
	o := must(a.List(patient(t), "INBOX"))(t)
	var even, third mail.UIDSet
	for u := mail.UID(1); u <= n; u++ {
		if u%2 == 0 {
			even.Add(u)
		} else if u%3 == 0 {
			third.Add(u)
		}
	}
	before := a.Traffic().Turns
	must(a.Store(patient(t), "INBOX", o.UIDValidity, []mail.FlagStore{store(even, `\Seen`, ""), store(third, "$Work", `\Flagged`)}, 0))(t)
	if turns := a.Traffic().Turns - before; turns > 4 {
		t.Errorf("%d turns", turns)
	}
	for u, f := range flagsOf(other, "INBOX") {
		want := ""
		if even.Contains(u) {
			want = `\Seen`
		} else if third.Contains(u) {
			want = "$Work"
		}
		if f != want {
			t.Fatalf("UID %d has %q, want %q", u, f, want)
		}
	}
}

func TestMessagesAreCopiedAndMoved(t *testing.T) {
	eachProfile(t, func(t *testing.T, p profile, a *imap.Account, other *dovecot.Client) {
		other.Fill("INBOX", 8, message)
		other.Create("box")
		other.Expunge("INBOX", "3")
		must(a.Mailboxes(patient(t), everything))(t)
		v := must(a.List(patient(t), "INBOX"))(t).UIDValidity
		check := func(what string, pairs []mail.Copied, want ...mail.UID) {
			t.Helper()
			there := map[mail.UID]string{}
			for _, m := range other.Messages("box") {
				there[mail.UID(m.UID)] = string(m.Body)
			}
			var from []mail.UID
			for _, pair := range pairs {
				from = append(from, pair.From)
				if there[pair.To] != string(message(int(pair.From)-1)) {
					t.Errorf("%s: UID %d is not UID %d", what, pair.To, pair.From)
				}
			}
			slices.Sort(from)
			if !slices.Equal(from, want) {
				t.Errorf("%s: %v, want %v", what, from, want)
			}
		}
		check("copy", must(a.Copy(patient(t), "INBOX", v, mail.UIDs(1, 2, 3, 99), "box"))(t), 1, 2)
		if got := flagsOf(other, "INBOX"); len(got) != 7 {
			t.Errorf("after the copy: %v", got)
		}
		check("move", must(a.Move(patient(t), "INBOX", v, mail.UIDs(8, 3, 5, 99), "box"))(t), 5, 8)
		if got := slices.Sorted(keys(flagsOf(other, "INBOX"))); !slices.Equal(got, []mail.UID{1, 2, 4, 6, 7}) {
			t.Errorf("after the move: %v", got)
		}
		if got := other.Messages("box"); len(got) != 4 {
			t.Errorf("%d messages arrived", len(got))
		}
		for _, m := range other.Messages("box") {
			if slices.Contains(m.Flags, `\Deleted`) {
				t.Errorf("UID %d arrived with %v", m.UID, m.Flags)
			}
		}
	})
}

func keys[V any](m map[mail.UID]V) func(func(mail.UID) bool) {
	return func(yield func(mail.UID) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

func TestExactlyTheNamedMessagesAreRemoved(t *testing.T) {
	eachProfile(t, func(t *testing.T, p profile, a *imap.Account, other *dovecot.Client) {
		other.Fill("INBOX", 8, message)
		v := must(a.List(patient(t), "INBOX"))(t).UIDValidity
		if kept := must(a.Remove(patient(t), "INBOX", v, mail.UIDs(2, 3)))(t); !kept.IsEmpty() {
			t.Errorf("%v are kept", kept)
		}
		other.Store("INBOX", "5", "+", `\Deleted`) // by another program, and not ours to expunge
		kept := must(a.Remove(patient(t), "INBOX", v, mail.UIDs(2, 7, 99)))(t)
		want := []mail.UID{1, 4, 5, 6, 8}
		if p.name == "plain" {
			want = []mail.UID{1, 4, 5, 6, 7, 8}
			if kept.String() != "7" {
				t.Errorf("%v are kept", kept)
			}
		} else if !kept.IsEmpty() {
			t.Errorf("%v are kept", kept)
		}
		if got := slices.Sorted(keys(flagsOf(other, "INBOX"))); !slices.Equal(got, want) {
			t.Errorf("left: %v, want %v", got, want)
		}
	})
}

func TestMoveThatCannotExpungeDoesNothing(t *testing.T) {
	t.Parallel()
	server := dovecot.Shared(t, dovecot.Options{Capability: dovecot.CapabilityPlain})
	user := dovecot.NewUser()
	other := server.Dial(t, user)
	defer other.Close()
	other.Fill("INBOX", 3, message)
	other.Create("box")
	other.Store("INBOX", "3", "+", `\Deleted`)
	a := open(t, cleartext(server.Addr, user))
	v := must(a.List(patient(t), "INBOX"))(t).UIDValidity
	if _, err := a.Move(patient(t), "INBOX", v, mail.UIDs(1), "box"); err == nil || errors.Is(err, mail.ErrUncertain) {
		t.Errorf("the error is %v", err)
	}
	if n := len(other.Messages("box")); n != 0 {
		t.Errorf("%d messages were copied", n)
	}
	if got := flagsOf(other, "INBOX"); got[1] != "" || len(got) != 3 {
		t.Errorf("left: %v", got)
	}
}

// TestServerThatTakesTheLastMessageForAnotherIsNeverAsked: a UID that is not
// there must not be named, for GNU's imapd would act on the last message.
func TestServerThatTakesTheLastMessageForAnotherIsNeverAsked(t *testing.T) {
	t.Parallel()
	server := mailboxScript(t, "UIDPLUS MOVE", []string{"* 2 EXISTS", "* OK [UIDVALIDITY 7] x", "* OK [UIDNEXT 6] x"}, func(p *peer, tag, command string) bool {
		if strings.HasPrefix(command, "UID SEARCH") {
			p.say("* SEARCH 1 5\r\n%s OK done", tag)
			return true
		}
		return false
	})
	a := open(t, cleartext(server.Addr, "me"))
	gone := mail.UIDs(3, 9)
	if got := must(a.Store(patient(t), "INBOX", 7, []mail.FlagStore{store(gone, `\Seen`, "")}, 0))(t); !got.Equal(gone) {
		t.Errorf("left alone: %v, want %v", got, gone)
	}
	must(a.Remove(patient(t), "INBOX", 7, gone))(t)
	if got := must(a.Move(patient(t), "INBOX", 7, gone, "INBOX"))(t); len(got) != 0 {
		t.Errorf("moved: %v", got)
	}
	must(a.Copy(patient(t), "INBOX", 7, gone, "INBOX"))(t)
	for _, verb := range []string{"UID STORE", "UID EXPUNGE", "UID MOVE", "UID COPY", "EXPUNGE"} {
		if n := server.count(verb); n > 0 {
			t.Errorf("%s was sent: %q", verb, server.sent())
		}
	}
	must(a.Store(patient(t), "INBOX", 7, []mail.FlagStore{store(mail.UIDs(3, 5, 9), `\Seen`, "")}, 0))(t)
	if n := server.count("UID STORE 5 "); n != 1 {
		t.Errorf("sent: %q", server.sent())
	}
}

// TestMoveIsNeverDoneTwice cuts the connection at many places of a move.
func TestMoveIsNeverDoneTwice(t *testing.T) {
	t.Parallel()
	for _, p := range []profile{profiles[0], profiles[5]} { // MOVE; COPY, STORE and EXPUNGE
		for after := int64(60); after < 420; after += 45 {
			t.Run(fmt.Sprint(p.name, after), func(t *testing.T) {
				t.Parallel()
				server := dovecot.Shared(t, p.options)
				user := dovecot.NewUser()
				other := server.Dial(t, user)
				defer other.Close()
				other.Fill("INBOX", 5, message)
				other.Create("box")
				proxy := wan.Start(t, server.Addr, wan.Network{})
				a := open(t, cleartext(proxy.Addr, user))
				v := must(a.List(patient(t), "INBOX"))(t).UIDValidity
				proxy.Break()
				proxy.Fail(func(connection int) wan.Fault {
					if connection == 0 {
						return wan.Fault{AfterUp: after}
					}
					return wan.Fault{}
				})
				_, err := a.Move(patient(t), "INBOX", v, mail.UIDSpan(2, 4), "box")
				if err != nil && !errors.Is(err, mail.ErrUncertain) {
					t.Fatal(err)
				}
				copies := map[string]int{}
				for _, m := range slices.Concat(other.Messages("INBOX"), other.Messages("box")) {
					copies[string(m.Body)]++
				}
				for i := range 5 {
					times := copies[string(message(i))]
					if times == 0 || times > 2 || err == nil && times != 1 {
						t.Errorf("message %d is there %d times; %v", i, times, err)
					}
				}
				if n := len(other.Messages("box")); n > 3 || err == nil && n != 3 {
					t.Errorf("%d messages arrived; %v", n, err)
				}
			})
		}
	}
}

func TestCopyWithoutCopyUIDSaysThatItDoesNotKnow(t *testing.T) {
	t.Parallel()
	for answer, want := range map[string]string{
		"OK done":                        "[{1 0} {5 0}]",
		"OK [COPYUID 7 1,5 11:12] done":  "[{1 11} {5 12}]",
		"OK [COPYUID 7 5,1 11:12] done":  "[{5 11} {1 12}]", // in its order
		"OK [COPYUID 7 5 11] done":       "[{5 11}]",        // 1 was gone
		"OK [COPYUID 99 1,5 11:12] done": "[{1 0} {5 0}]",   // of another life
		"OK [COPYUID 7 1,5 11:13] done":  "[{1 0} {5 0}]",   // does not add up
	} {
		server := mailboxScript(t, "UIDPLUS", []string{"* 2 EXISTS", "* OK [UIDVALIDITY 7] x", "* OK [UIDNEXT 6] x"}, func(p *peer, tag, command string) bool {
			switch {
			case strings.HasPrefix(command, "UID SEARCH"):
				p.say("* SEARCH 1 5\r\n%s OK done", tag)
			case strings.HasPrefix(command, "UID COPY"):
				p.say("%s %s", tag, answer)
			default:
				return false
			}
			return true
		})
		got := must(open(t, cleartext(server.Addr, "me")).Copy(patient(t), "INBOX", 7, mail.UIDs(1, 5), "INBOX"))(t)
		if fmt.Sprint(got) != want {
			t.Errorf("%s: %v, want %v", answer, got, want)
		}
	}
}
