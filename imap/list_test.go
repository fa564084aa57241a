package imap_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"godwit/imap"
	"godwit/internal/dovecot"
	"godwit/internal/wan"
	"godwit/mail"
)

func TestMailboxesAreListedByEveryKindOfServer(t *testing.T) {
	eachProfile(t, func(t *testing.T, p profile, a *imap.Account, other *dovecot.Client) {
		other.Create("Work.2024")
		other.Create("Entwürfe & Q")
		other.Create("Sent")
		other.Fill("Work.2024", 3, message)
		list := must(a.Mailboxes(patient(t), func(m mail.Mailbox, _ mail.Role) bool { return m != "Entwürfe & Q" }))(t)
		got := map[mail.Mailbox]mail.ServerMailbox{}
		for _, m := range list {
			got[m.Name] = m
		}
		if m := got["Work/2024"]; m.Status == nil || m.Status.Messages != 3 || m.Status.UIDNext != 4 || m.Status.UIDValidity == 0 || !m.Subscribed || m.NoSelect {
			t.Errorf("Work/2024: %+v, status %+v", m, m.Status)
		}
		if m, ok := got["Entwürfe & Q"]; !ok || m.Status != nil || !m.Subscribed {
			t.Errorf("Entwürfe & Q, not wanted: %+v", m)
		}
		if m, ok := got["INBOX"]; !ok || m.Status == nil || m.Status.Messages != 0 {
			t.Errorf("INBOX: %+v", m)
		}
		if m, ok := got["Work"]; ok && !m.NoSelect {
			t.Errorf("Work: %+v", m)
		}
		if strings.Contains(p.options.Capability, "SPECIAL-USE") || p.options.Capability == "" {
			if m := got["Sent"]; m.Role != mail.RoleSent {
				t.Errorf("Sent: %+v", m)
			}
		}
		if condstore := p.name == "qresync" || p.name == "condstore"; condstore != (got["Work/2024"].Status.ModSeq != 0) && p.name != "memory" {
			t.Errorf("status %+v", got["Work/2024"].Status)
		}
	})
}

func TestPersonalNamespaceIsNotShown(t *testing.T) {
	t.Parallel()
	server := dovecot.Shared(t, dovecot.Options{Prefix: "INBOX."})
	user := dovecot.NewUser()
	other := server.Dial(t, user)
	defer other.Close()
	other.Create("INBOX.Work.a%20b")
	a := open(t, cleartext(server.Addr, user))
	var names []mail.Mailbox
	for _, m := range must(a.Mailboxes(patient(t), everything))(t) {
		if !m.NoSelect {
			names = append(names, m.Name)
		}
	}
	slices.Sort(names)
	if want := []mail.Mailbox{"INBOX", "Work/a%2520b"}; !slices.Equal(names, want) {
		t.Errorf("%q, want %q", names, want)
	}
	if err := a.Create(patient(t), "Privé/2024"); err != nil {
		t.Fatal(err)
	}
	if got := other.Mailboxes(); !slices.Contains(got, "INBOX.Privé.2024") {
		t.Errorf("the server has %q", got)
	}
	if _, err := a.List(patient(t), "Privé/2024"); err != nil {
		t.Error(err)
	}
	if err := a.Create(patient(t), "a.b"); err == nil {
		t.Error("a name that the server cannot hold is taken")
	}
}

// TestListSurvivesWhatImapclientWouldNot: each of these ends imapclient's
// connection.
func TestListSurvivesWhatImapclientWouldNot(t *testing.T) {
	t.Parallel()
	server := script(t, ready, func(p *peer, tag, command string) bool {
		switch {
		case strings.HasPrefix(command, "LIST"):
			p.say("* VANISHED 1:5")
			p.say("* FLAGS (\\Seen [Gmail]/x ]odd)")
			p.say("* OK [PERMANENTFLAGS (\\Seen $a]b \\*)] flags")
			p.say("* 5 FETCH (X-GM-MSGID 17 FLAGS ())")
			p.say("* 3 EXPUNGED")
			p.say("* XYZZY {3}\r\na\r\n")
			p.say("* OK [BADCHARSET ({3}")
			p.say("* OK look at this {5}")
			p.say("* STATUS nowhere (UIDVALIDITY")
			p.say(`* LIST (\HasNoChildren) "/" INBOX`)
			p.say(`* LIST (\Weird]Attr \Sent) "/" "foo&bar"`)
			p.say("* LIST () \"/\" {6}\r\nq\"uo\\e")
			p.say(`* LIST () "/" "M` + "\xfc" + `ll"`)
			p.say(`* LIST (\NonExistent) NIL "flat/name"`)
			p.say(`* LIST () "/" plain]bracket ("CHILDINFO" ("SUBSCRIBED"))`)
			p.say("* LIST garbage")
			p.say("* NO")
			p.say("%s OK", tag)
			return true
		case strings.HasPrefix(command, "STATUS"):
			p.say("%s NO not that one", tag)
			return true
		}
		return false
	})
	a := open(t, cleartext(server.Addr, "me"))
	var got []string
	for _, m := range must(a.Mailboxes(patient(t), everything))(t) {
		got = append(got, string(m.Name)+" "+string(m.Role))
		if m.Status != nil {
			t.Errorf("%s has the status %+v, which was refused", m.Name, m.Status)
		}
		if (m.Name == "flat%2Fname") != m.NoSelect {
			t.Errorf("%+v", m)
		}
	}
	slices.Sort(got)
	want := []string{"INBOX ", "M%FCll ", "flat%2Fname ", "foo%26bar \\Sent", "plain]bracket ", "q\"uo\\e "}
	if !slices.Equal(got, want) {
		t.Errorf("listed: %q, want %q", got, want)
	}
}

func TestMailboxIDComesWithTheStatus(t *testing.T) {
	t.Parallel()
	server := script(t, ready, func(p *peer, tag, command string) bool {
		switch {
		case strings.HasPrefix(command, "AUTHENTICATE"):
			p.say("%s OK [CAPABILITY IMAP4rev1 LIST-EXTENDED LIST-STATUS OBJECTID CONDSTORE SPECIAL-USE] in", tag)
		case command == `LIST "" "*" RETURN (SUBSCRIBED SPECIAL-USE STATUS (MESSAGES UIDNEXT UIDVALIDITY MAILBOXID HIGHESTMODSEQ))`:
			p.say(`* LIST (\Subscribed \Trash) "/" Bin`)
			p.say(`* STATUS Bin (MESSAGES 2 UIDNEXT 9 UIDVALIDITY 5 MAILBOXID (F2212ea8) HIGHESTMODSEQ 5000000000 X-NEW (a (b)))`)
			p.say("%s OK done", tag)
		default:
			return false
		}
		return true
	})
	a := open(t, cleartext(server.Addr, "me"))
	list := must(a.Mailboxes(patient(t), everything))(t)
	want := mail.Status{UIDValidity: 5, UIDNext: 9, Messages: 2, ModSeq: 5_000_000_000, MailboxID: "F2212ea8"}
	if len(list) != 1 || list[0].Role != mail.RoleTrash || !list[0].Subscribed || list[0].Status == nil || *list[0].Status != want {
		t.Errorf("%+v in %q", list, server.sent())
	}
	if a.Traffic().Turns != 3 {
		t.Errorf("%d turns", a.Traffic().Turns)
	}
}

func TestRefusedExtendedListIsAskedPlainly(t *testing.T) {
	t.Parallel()
	server := script(t, ready, func(p *peer, tag, command string) bool {
		switch {
		case strings.HasPrefix(command, "AUTHENTICATE"):
			p.say("%s OK [CAPABILITY IMAP4rev1 LIST-EXTENDED LIST-STATUS] in", tag)
			return true
		case strings.Contains(command, "RETURN"):
			p.say("%s BAD no such thing", tag)
			return true
		}
		return false
	})
	list := must(open(t, cleartext(server.Addr, "me")).Mailboxes(patient(t), everything))(t)
	if len(list) != 1 || list[0].Status == nil || list[0].Status.UIDValidity != 7 {
		t.Errorf("%+v", list)
	}
}

func TestRefusedListIsAnErrorNotAnEmptyAccount(t *testing.T) {
	t.Parallel()
	server := script(t, ready, func(p *peer, tag, command string) bool {
		if strings.HasPrefix(command, "LIST") {
			p.say("%s NO [SERVERBUG] internal error", tag)
			return true
		}
		return false
	})
	if list, err := open(t, cleartext(server.Addr, "me")).Mailboxes(patient(t), everything); err == nil {
		t.Errorf("%+v is listed", list)
	}
}

func TestListGoesOnAfterALostConnection(t *testing.T) {
	t.Parallel()
	server := dovecot.Shared(t, dovecot.Options{})
	proxy := wan.Start(t, server.Addr, wan.Network{})
	a := open(t, cleartext(proxy.Addr, dovecot.NewUser()))
	proxy.Fail(func(n int) wan.Fault {
		if n == 0 {
			return wan.Fault{AfterDown: 700} // within the answer to the login, or LIST
		}
		return wan.Fault{}
	})
	if _, err := a.Mailboxes(patient(t), everything); err != nil && !errors.Is(err, mail.ErrOffline) {
		t.Fatal(err)
	}
	must(a.Mailboxes(patient(t), everything))(t)
	proxy.Break()
	must(a.List(patient(t), "INBOX"))(t)
	// A second list, as a long-lived run makes it.
	must(a.Mailboxes(patient(t), everything))(t)
}

func TestCreateMakesParentsAndMindsNoExistingOne(t *testing.T) {
	t.Parallel()
	server := dovecot.Shared(t, dovecot.Options{})
	user := dovecot.NewUser()
	other := server.Dial(t, user)
	defer other.Close()
	a := open(t, cleartext(server.Addr, user))
	for range 2 {
		if err := a.Create(patient(t), "a/b/c"); err != nil {
			t.Fatal(err)
		}
	}
	if err := a.Create(patient(t), "INBOX"); err != nil {
		t.Error(err)
	}
	if got := other.Mailboxes(); !slices.Contains(got, "a.b.c") {
		t.Errorf("the server has %q", got)
	}
	// A server that makes no parents.
	made := map[string]bool{}
	strict := script(t, ready, func(p *peer, tag, command string) bool {
		verb, name, _ := strings.Cut(command, " ")
		name = strings.Trim(strings.Split(name, " ")[0], `"`)
		switch verb {
		case "CREATE":
			parent, _, nested := strings.Cut(name, "/")
			if i := strings.LastIndex(name, "/"); i >= 0 {
				parent = name[:i]
			}
			if made[name] || nested && !made[parent] {
				p.say("%s NO no", tag)
			} else {
				made[name] = true
				p.say("%s OK done", tag)
			}
			return true
		case "STATUS":
			if !made[name] {
				p.say("%s NO no such mailbox", tag)
			} else {
				p.say("* STATUS %s (MESSAGES 0 UIDNEXT 1 UIDVALIDITY 3)\r\n%s OK done", name, tag)
			}
			return true
		}
		return false
	})
	if err := open(t, cleartext(strict.Addr, "me")).Create(patient(t), "x/y/z"); err != nil {
		t.Errorf("%v after %q", err, strict.sent())
	}
}
