package imap_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"godwit/imap"
	"godwit/internal/dovecot"
	"godwit/mail"
)

// known is what a client that only hears observations knows of a mailbox.
type known struct {
	since mail.Since
	flags map[mail.UID]mail.Flags
}

// hear applies an observation, as the engine does.
func (k *known) hear(t *testing.T, o *mail.Observation) {
	t.Helper()
	if k.flags == nil || k.since.UIDValidity != o.UIDValidity {
		if !o.Complete {
			t.Fatalf("the first listing is not complete: %+v", o)
		}
		k.flags = map[mail.UID]mail.Flags{}
	}
	for u := range k.flags {
		if o.Removed(u) {
			delete(k.flags, u)
		}
	}
	last := mail.UID(0)
	for _, m := range o.Messages {
		if m.UID <= last {
			t.Fatalf("UID %d comes after %d", m.UID, last)
		}
		last = m.UID
		if _, old := k.flags[m.UID]; !old && (m.Content.Size <= 0 || m.Date == 0) {
			t.Errorf("UID %d is new and comes without date or size: %+v", m.UID, m)
		}
		k.flags[m.UID] = m.Flags
	}
	k.since = mail.Since{UIDValidity: o.UIDValidity, UIDNext: o.UIDNext, ModSeq: o.ModSeq}
	for u := range k.flags {
		if u < o.UIDNext {
			k.since.Messages++
		}
	}
}

// agree compares with what the server has.
func (k *known) agree(t *testing.T, other *dovecot.Client, mailbox string) {
	t.Helper()
	has := other.Messages(mailbox)
	if len(has) != len(k.flags) {
		t.Errorf("%d messages are known, the server has %d", len(k.flags), len(has))
	}
	for _, m := range has {
		f, ok := k.flags[mail.UID(m.UID)]
		if want := mail.ParseFlags(m.Flags...); !ok || !f.Equal(want) {
			t.Errorf("UID %d: known %v with flags %v, the server has %v", m.UID, ok, f, want)
		}
	}
}

func TestObservationsAddUpToWhatTheServerHas(t *testing.T) {
	eachProfile(t, func(t *testing.T, p profile, a *imap.Account, other *dovecot.Client) {
		random := rand.New(rand.NewPCG(1, uint64(len(p.name))))
		var k known
		next := 1
		observe := func() *mail.Observation {
			t.Helper()
			o := must(a.Observe(patient(t), "INBOX", k.since))(t)
			k.hear(t, o)
			k.agree(t, other, "INBOX")
			return o
		}
		observe() // empty
		for round := range 12 {
			for range random.IntN(6) {
				uids := slices.Sorted(func(yield func(mail.UID) bool) {
					for u := range k.flags {
						if !yield(u) {
							return
						}
					}
				})
				change := random.IntN(4)
				if len(uids) == 0 {
					change = 0
				}
				one := func() string { return uids[random.IntN(len(uids))].String() }
				switch change {
				case 0:
					n := 1 + random.IntN(5)
					other.Fill("INBOX", n, func(int) []byte { next++; return message(next) })
				case 1:
					other.Store("INBOX", one(), "+", []string{`\Seen`, `\Flagged`, "$Label1"}[random.IntN(3)])
				case 2:
					other.Store("INBOX", one(), "-", `\Seen`, "$Label1")
				case 3:
					other.Expunge("INBOX", one())
				}
			}
			observe()
			if t.Failed() {
				t.Fatalf("in round %d", round)
			}
		}
		// The highest goes: nothing is at n:* but the last of the old ones.
		other.Fill("INBOX", 2, func(i int) []byte { return message(1000 + i) })
		observe()
		other.Expunge("INBOX", fmt.Sprint(k.since.UIDNext-1))
		o := observe()
		for _, m := range o.Messages {
			if m.UID >= k.since.UIDNext {
				t.Errorf("UID %d is told as new", m.UID)
			}
		}
		if o.ReadOnly || !o.Keywords.Open {
			t.Errorf("read-only %v, keywords %+v", o.ReadOnly, o.Keywords)
		}
		other.Expunge("INBOX", "1:*")
		observe()
	})
}

func TestQuietMailboxCostsOneTurn(t *testing.T) {
	eachProfile(t, func(t *testing.T, p profile, a *imap.Account, other *dovecot.Client) {
		other.Fill("INBOX", 30, message)
		first := must(a.Observe(patient(t), "INBOX", mail.Since{}))(t)
		if !first.Complete || len(first.Messages) != 30 || first.Exists != 30 || first.UIDNext != 31 {
			t.Fatalf("%+v", first)
		}
		if modSeq := p.name == "qresync" || p.name == "condstore"; modSeq != (first.ModSeq != 0) {
			t.Errorf("HIGHESTMODSEQ %d", first.ModSeq)
		}
		before := a.Traffic()
		o := must(a.Observe(patient(t), "INBOX", first.Next()))(t)
		if turns := a.Traffic().Turns - before.Turns; turns != 1 {
			t.Errorf("%d turns", turns)
		}
		// "31:*" is the last message, 30.
		if first.ModSeq != 0 && (len(o.Messages) > 1 || !o.Gone.IsEmpty() || o.Present != nil) {
			t.Errorf("%d messages, gone %v, present %v", len(o.Messages), o.Gone, o.Present)
		}
		if first.ModSeq == 0 && !o.Complete {
			t.Errorf("not complete: %d messages", len(o.Messages))
		}
	})
}

func TestAnotherUIDValidityListsEverything(t *testing.T) {
	eachProfile(t, func(t *testing.T, p profile, a *imap.Account, other *dovecot.Client) {
		other.Create("box")
		other.Fill("box", 3, message)
		must(a.Mailboxes(patient(t), everything))(t)
		first := must(a.Observe(patient(t), "box", mail.Since{}))(t)
		other.Delete("box")
		other.Create("box")
		other.Fill("box", 2, func(i int) []byte { return message(10 + i) })
		second := must(a.Observe(patient(t), "box", first.Next()))(t)
		if second.UIDValidity == first.UIDValidity {
			t.Skip("the server gave the same UIDVALIDITY again")
		}
		if !second.Complete || len(second.Messages) != 2 || second.Messages[0].Content.Size <= 0 {
			t.Errorf("%+v", second)
		}
		if _, err := a.Fetch(patient(t), "box", first.UIDValidity, mail.UIDs(1), new(collect).take); !errors.Is(err, mail.ErrUIDValidity) {
			t.Errorf("Fetch with the old UIDVALIDITY: %v", err)
		}
		if _, err := a.Remove(patient(t), "box", first.UIDValidity, mail.UIDs(1)); !errors.Is(err, mail.ErrUIDValidity) {
			t.Errorf("Remove with the old UIDVALIDITY: %v", err)
		}
		if n := len(other.Messages("box")); n != 2 {
			t.Errorf("%d messages are left", n)
		}
	})
}

func TestListGivesTheUIDs(t *testing.T) {
	eachProfile(t, func(t *testing.T, p profile, a *imap.Account, other *dovecot.Client) {
		if o := must(a.List(patient(t), "INBOX"))(t); o.Present == nil || !o.Present.IsEmpty() || o.UIDNext != 1 {
			t.Errorf("empty: %+v", o)
		}
		other.Fill("INBOX", 9, message)
		other.Expunge("INBOX", "2,5:6")
		before := a.Traffic()
		o := must(a.List(patient(t), "INBOX"))(t)
		if o.Present == nil || o.Present.String() != "1,3:4,7:9" || o.Exists != 6 || len(o.Messages) != 0 || o.UIDNext != 10 || o.UIDValidity == 0 {
			t.Errorf("%+v, present %v", o, o.Present)
		}
		if turns := a.Traffic().Turns - before.Turns; turns != 1 {
			t.Errorf("%d turns", turns)
		}
		if _, err := a.List(patient(t), "no/such"); !errors.Is(err, mail.ErrNoMailbox) {
			t.Errorf("a mailbox that is not there: %v", err)
		}
		if _, err := a.Observe(patient(t), "no/such", mail.Since{}); !errors.Is(err, mail.ErrNoMailbox) {
			t.Errorf("a mailbox that is not there: %v", err)
		}
	})
}

func TestDeletedMailboxIsNoMailboxEvenWhileSelected(t *testing.T) {
	t.Parallel()
	server := dovecot.Shared(t, dovecot.Options{})
	user := dovecot.NewUser()
	other := server.Dial(t, user)
	defer other.Close()
	other.Create("box")
	other.Fill("box", 3, message)
	a := open(t, cleartext(server.Addr, user))
	o := must(a.Observe(patient(t), "box", mail.Since{}))(t)
	other.Delete("box") // Dovecot ends our connection with BYE
	if _, err := a.Observe(patient(t), "box", o.Next()); !errors.Is(err, mail.ErrNoMailbox) {
		t.Errorf("the error is %v", err)
	}
}

// mailboxScript answers as a server with one mailbox; handle gets the commands
// besides SELECT first.
func mailboxScript(t *testing.T, caps string, selected []string, handle func(p *peer, tag, command string) bool) *scripted {
	return script(t, ready, func(p *peer, tag, command string) bool {
		switch {
		case strings.HasPrefix(command, "AUTHENTICATE"):
			p.say("%s OK [CAPABILITY IMAP4rev1 LITERAL+ %s] in", tag, caps)
		case strings.HasPrefix(command, "SELECT"):
			if handle(p, tag, command) {
				return true
			}
			for _, line := range selected {
				p.say("%s", line)
			}
			p.say("%s OK [READ-WRITE] done", tag)
		default:
			return handle(p, tag, command)
		}
		return true
	})
}

func TestWhatIsNotProvedIsNotRemoved(t *testing.T) {
	t.Parallel()
	three := []string{"* 3 EXISTS", "* OK [UIDVALIDITY 7] x", "* OK [UIDNEXT 4] x", "* OK [HIGHESTMODSEQ 20] x"}
	since := mail.Since{UIDValidity: 7, UIDNext: 4, ModSeq: 10, Messages: 3}
	for _, test := range []struct {
		name, caps string
		since      mail.Since
		selected   []string
		answers    map[string]string // by the command's beginning
		gone       []mail.UID        // that may be taken for removed
	}{
		{"a listing that is one short, always", "", mail.Since{}, three,
			map[string]string{"UID FETCH": `* 1 FETCH (UID 1 FLAGS () INTERNALDATE "17-Jul-1996 02:44:25 -0700" RFC822.SIZE 5)`, "UID SEARCH": "* SEARCH 1 2"}, nil},
		{"a listing that is one short, and a search that is not", "", mail.Since{UIDValidity: 7, UIDNext: 9, Messages: 8}, three,
			map[string]string{"UID FETCH": `* 1 FETCH (UID 1 FLAGS ())`, "UID SEARCH": "* SEARCH 1 2 3"}, []mail.UID{4, 5, 6, 7, 8}},
		{"CONDSTORE, the count agrees", "CONDSTORE", since, three,
			map[string]string{"UID FETCH": "", "UID SEARCH": "* SEARCH"}, nil},
		{"CONDSTORE, one fewer, the search in vain", "CONDSTORE", mail.Since{UIDValidity: 7, UIDNext: 5, ModSeq: 10, Messages: 4}, three,
			map[string]string{"UID FETCH": "", "UID SEARCH": "* SEARCH 1"}, nil},
		{"CONDSTORE, one fewer", "CONDSTORE", mail.Since{UIDValidity: 7, UIDNext: 5, ModSeq: 10, Messages: 4}, three,
			map[string]string{"UID FETCH": "", "UID SEARCH": "* SEARCH 1 3 4"}, []mail.UID{2}},
		{"CONDSTORE, modification sequences went back", "CONDSTORE", mail.Since{UIDValidity: 7, UIDNext: 4, ModSeq: 99, Messages: 3}, three,
			map[string]string{"UID FETCH": `* 1 FETCH (UID 1 FLAGS ())`, "UID SEARCH": "* SEARCH"}, nil},
		{"QRESYNC that keeps a removal back", "QRESYNC", mail.Since{UIDValidity: 7, UIDNext: 5, ModSeq: 10, Messages: 4}, three,
			map[string]string{"ENABLE": "* ENABLED QRESYNC", "UID FETCH": "", "UID SEARCH": "* SEARCH 1 3 4"}, []mail.UID{2}},
		{"QRESYNC that is announced and not enabled", "QRESYNC", since, three,
			map[string]string{"ENABLE": "* ENABLED", "UID FETCH": "", "UID SEARCH": "* SEARCH"}, nil},
		{"QRESYNC", "QRESYNC", since, append([]string{"* VANISHED (EARLIER) 2", "* 2 EXISTS"}, three[1:]...),
			map[string]string{"ENABLE": "* ENABLED QRESYNC", "UID FETCH": "", "UID SEARCH": ""}, []mail.UID{2}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			server := mailboxScript(t, test.caps, test.selected, func(p *peer, tag, command string) bool {
				for begin, answer := range test.answers {
					if strings.HasPrefix(command, begin) {
						if answer != "" {
							p.say("%s", answer)
						}
						p.say("%s OK done", tag)
						return true
					}
				}
				return false
			})
			o := must(open(t, cleartext(server.Addr, "me")).Observe(patient(t), "INBOX", test.since))(t)
			for u := mail.UID(1); u < test.since.UIDNext; u++ {
				if o.Removed(u) != slices.Contains(test.gone, u) {
					t.Errorf("UID %d is taken for removed: %v; %+v after %q", u, o.Removed(u), o, server.sent())
				}
			}
			if test.since.UIDNext == 0 && (o.Complete || o.Present != nil) {
				t.Errorf("it is taken for complete: %+v", o)
			}
		})
	}
}

func TestHighestModSeqIsTrustedOnlyFromSelect(t *testing.T) {
	t.Parallel()
	for _, line := range []string{"* OK [NOMODSEQ] x", "* OK nothing"} {
		server := mailboxScript(t, "CONDSTORE", []string{"* 0 EXISTS", "* OK [UIDVALIDITY 7] x", "* OK [UIDNEXT 4] x", line},
			func(p *peer, tag, command string) bool { return false })
		if o := must(open(t, cleartext(server.Addr, "me")).Observe(patient(t), "INBOX", mail.Since{}))(t); o.ModSeq != 0 || !o.Complete {
			t.Errorf("%s: %+v", line, o)
		}
	}
}

func TestServerWithoutUIDNextGetsAFloor(t *testing.T) {
	t.Parallel()
	server := mailboxScript(t, "", []string{"* 1 EXISTS", "* OK [UIDVALIDITY 7] x"}, func(p *peer, tag, command string) bool {
		if strings.HasPrefix(command, "UID FETCH") {
			p.say(`* 1 FETCH (UID 41 FLAGS (\Seen) INTERNALDATE "17-Jul-1996 02:44:25 -0700" RFC822.SIZE 5)`)
		} else if strings.HasPrefix(command, "UID SEARCH") {
			p.say("* SEARCH 41")
		} else {
			return false
		}
		p.say("%s OK done", tag)
		return true
	})
	a := open(t, cleartext(server.Addr, "me"))
	if o := must(a.Observe(patient(t), "INBOX", mail.Since{}))(t); o.UIDNext != 42 || o.Keywords.Open || o.Messages[0].Date != mail.UnixTime(time.Date(1996, 7, 17, 9, 44, 25, 0, time.UTC).Unix()) {
		t.Errorf("%+v", o)
	}
	if o := must(a.List(patient(t), "INBOX"))(t); o.UIDNext != 42 {
		t.Errorf("%+v", o)
	}
}

func TestOneUnreadableAnswerHidesOnlyItsMessage(t *testing.T) {
	t.Parallel()
	server := mailboxScript(t, "", []string{"* 3 EXISTS", "* OK [UIDVALIDITY 7] x", "* OK [UIDNEXT 4] x"}, func(p *peer, tag, command string) bool {
		switch {
		case strings.HasPrefix(command, "UID FETCH"):
			p.say(`* 1 FETCH (UID 1 FLAGS () INTERNALDATE "17-Jul-1996 02:44:25 -0700" RFC822.SIZE 5)`)
			p.say(`* 2 FETCH (UID 2 FLAGS (( INTERNALDATE`)
			p.say(`* 3 FETCH (UID 3 FLAGS () INTERNALDATE "17-Jul-1996 02:44:25 -0700" RFC822.SIZE 5)`)
		case strings.HasPrefix(command, "UID SEARCH"):
			p.say("* SEARCH 1 2 3")
		default:
			return false
		}
		p.say("%s OK done", tag)
		return true
	})
	o := must(open(t, cleartext(server.Addr, "me")).Observe(patient(t), "INBOX", mail.Since{}))(t)
	if o.Complete || o.Present == nil || o.Present.Len() != 3 || len(o.Messages) != 2 {
		t.Errorf("%+v", o)
	}
}

func TestReadOnlyMailboxIsToldAndNotTouched(t *testing.T) {
	t.Parallel()
	server := mailboxScript(t, "", nil, func(p *peer, tag, command string) bool {
		switch {
		case strings.HasPrefix(command, "SELECT"):
			p.say("* 1 EXISTS\r\n* OK [UIDVALIDITY 7] x\r\n* OK [UIDNEXT 2] x\r\n* OK [PERMANENTFLAGS ()] x\r\n%s OK [READ-ONLY] done", tag)
		case strings.HasPrefix(command, "UID FETCH"):
			p.say("* 1 FETCH (UID 1 FLAGS () INTERNALDATE \"17-Jul-1996 02:44:25 -0700\" RFC822.SIZE 5)\r\n%s OK done", tag)
		case strings.HasPrefix(command, "UID SEARCH"):
			p.say("* SEARCH 1\r\n%s OK done", tag)
		default:
			return false
		}
		return true
	})
	a := open(t, cleartext(server.Addr, "me"))
	o := must(a.Observe(patient(t), "INBOX", mail.Since{}))(t)
	if !o.ReadOnly || !o.Complete || o.Keywords.Open {
		t.Errorf("%+v", o)
	}
	_, storeErr := a.Store(patient(t), "INBOX", 7, []mail.FlagStore{{UIDs: mail.UIDs(1), Delta: mail.FlagDelta{Add: mail.Flags{System: mail.Seen}}}}, 0)
	_, removeErr := a.Remove(patient(t), "INBOX", 7, mail.UIDs(1))
	_, moveErr := a.Move(patient(t), "INBOX", 7, mail.UIDs(1), "INBOX")
	for _, err := range []error{storeErr, removeErr, moveErr} {
		if !errors.Is(err, mail.ErrReadOnly) {
			t.Errorf("the error is %v", err)
		}
	}
	if server.count("UID STORE")+server.count("EXPUNGE") > 0 {
		t.Errorf("sent: %q", server.sent())
	}
}
