package imap_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"godwit/mail"
)

// byeAt answers FETCHes in order until it comes to a message that it cannot read:
// there it says BYE and ends the connection, as Dovecot does.
func byeAt(t *testing.T, bad func(uid mail.UID, set mail.UIDSet) bool) *scripted {
	return mailboxScript(t, "", []string{"* 5 EXISTS", "* OK [UIDVALIDITY 7] x", "* OK [UIDNEXT 6] x"}, func(p *peer, tag, command string) bool {
		rest, fetch := strings.CutPrefix(command, "UID FETCH ")
		switch {
		case fetch:
			text, items, _ := strings.Cut(rest, " ")
			set := mail.UIDSet{}
			for part := range strings.SplitSeq(text, ",") {
				low, high, span := strings.Cut(part, ":")
				if !span {
					high = low
				}
				set.AddRange(mail.UID(low[0]-'0'), mail.UID(high[0]-'0'))
			}
			for uid := range set.All() {
				switch {
				case !strings.Contains(items, "BODY"):
					p.say("* %d FETCH (UID %d RFC822.SIZE 5)", uid, uid)
				case bad(uid, set):
					p.say("* BYE FETCH failed: \x07internal error")
					p.Close()
					return true
				default:
					p.say("%s", bodyLine(int(uid), 5, "{5}\r\na: b\r"))
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
}

func TestMessageAtWhichTheServerSaysByeDoesNotHoldUpTheRest(t *testing.T) {
	t.Parallel()
	server := byeAt(t, func(uid mail.UID, _ mail.UIDSet) bool { return uid == 2 || uid == 4 })
	var got collect
	a := open(t, cleartext(server.Addr, "me"))
	counted, err := a.Fetch(patient(t), "INBOX", 7, mail.UIDSpan(1, 5), got.take)
	if err != nil || counted.String() != "1,3,5" {
		t.Fatalf("%v count, %v; %q", counted, err, server.sent())
	}
	for uid := range mail.UIDSpan(1, 5).All() {
		why := a.Refusal("INBOX", 7, uid)
		if refused := why != nil; refused != (uid == 2 || uid == 4) || errors.Is(why, mail.ErrOffline) {
			t.Errorf("UID %d was refused because %v", uid, why)
		}
		if why != nil && strings.ContainsRune(why.Error(), '\x07') {
			t.Errorf("UID %d: %q", uid, why)
		}
	}
	bodies := slices.DeleteFunc(server.sent(), func(c string) bool { return !strings.Contains(c, "BODY") })
	if len(bodies) != 5 { // all, 2, the rest, 4, 5
		t.Errorf("asked for bodies %d times: %q", len(bodies), bodies)
	}
}

// TestByeThatIsNotTheMessagesFaultRefusesNothing: the server ends the connection
// once, at some message, and gives it when it is asked for again.
func TestByeThatIsNotTheMessagesFaultRefusesNothing(t *testing.T) {
	t.Parallel()
	server := byeAt(t, func(uid mail.UID, set mail.UIDSet) bool { return uid == 3 && set.Len() == 5 })
	var got collect
	a := open(t, cleartext(server.Addr, "me"))
	counted, err := a.Fetch(patient(t), "INBOX", 7, mail.UIDSpan(1, 5), got.take)
	if err != nil || counted.String() != "1:5" || a.Refusal("INBOX", 7, 3) != nil {
		t.Errorf("%v count, %v; %v; %q", counted, err, a.Refusal("INBOX", 7, 3), server.sent())
	}
}
