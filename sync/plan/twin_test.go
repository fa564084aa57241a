package plan_test

import (
	"slices"
	"testing"

	"godwit/conflict"
	"godwit/mail"
	"godwit/sync/plan"
)

// known is the one message that base knows in these tests.
var known = mail.Row{
	ID: 1, Mailbox: mail.Inbox, UID: 1, Key: "x", Date: 1000, Inode: 9,
	Content: mail.Content{Hash: mail.Hash{1}, Head: mail.Head{2}, Size: 100},
}

// arriving is a message that is new on the server, as its metadata tell.
func arriving(u mail.UID, emailID string, size int64, date mail.UnixTime, flags ...string) plan.Item {
	return plan.Item{ServerState: conflict.Here, Server: &mail.ServerMessage{
		UID: u, Flags: mail.ParseFlags(flags...), Date: date, Content: mail.Content{Size: size, EmailID: emailID},
	}}
}

func accountOf(alike []mail.Row, boxes map[mail.Mailbox][]plan.Item) plan.Input {
	in := plan.Input{Alike: alike}
	open := mail.KeywordRoom{Open: true}
	for name, items := range boxes {
		in.Mailboxes = append(in.Mailboxes, plan.Mailbox{
			Name: name, Server: plan.There, Local: plan.There, BaseServer: true, BaseLocal: true,
			LocalRoom: open, ServerRoom: open, Items: items,
		})
	}
	return in
}

// answer has the server tell headers, as the engine does, until nothing is asked.
func answer(t *testing.T, in plan.Input, head func(mail.Mailbox, mail.UID) mail.Content) (asked int) {
	t.Helper()
	for range 3 {
		needs := plan.Needs(in)
		if needs.IsEmpty() {
			return asked
		}
		if len(needs.Hashes) > 0 {
			t.Errorf("whole messages are asked for: %v", needs.Hashes)
		}
		for i := range in.Mailboxes {
			for j := range in.Mailboxes[i].Items {
				s := in.Mailboxes[i].Items[j].Server
				if s != nil && needs.Heads[in.Mailboxes[i].Name].Contains(s.UID) {
					asked++
					c := head(in.Mailboxes[i].Name, s.UID)
					c.EmailID = s.Content.EmailID
					s.Content = c
				}
			}
		}
	}
	return asked
}

func fetches(p plan.Plan) []plan.Fetch {
	var all []plan.Fetch
	for _, op := range p.Operations {
		if f, is := op.(plan.Fetch); is {
			all = append(all, f)
		}
	}
	return all
}

func twinOf(t *testing.T, p plan.Plan, m mail.Mailbox) *plan.Twin {
	t.Helper()
	all := fetches(p)
	i := slices.IndexFunc(all, func(f plan.Fetch) bool { return f.Mailbox == m })
	if i < 0 {
		t.Fatalf("nothing is brought to %s", m)
	}
	return all[i].Twin
}

func TestACopyOnTheServerIsMadeOfTheFile(t *testing.T) {
	t.Parallel()
	same := func(mail.Mailbox, mail.UID) mail.Content { return mail.Content{Head: mail.Head{2}, Size: 100} }
	other := func(mail.Mailbox, mail.UID) mail.Content { return mail.Content{Head: mail.Head{3}, Size: 100} }
	weak := func(mail.Mailbox, mail.UID) mail.Content {
		return mail.Content{Head: mail.Head{2}, Size: 100, Weak: true}
	}
	named := known
	named.Content.EmailID = "M1"
	draft := known
	draft.Flags = mail.ParseFlags(`\Draft`)
	unread := known
	unread.Content.Hash = mail.Hash{}
	for name, c := range map[string]struct {
		row   mail.Row
		msg   plan.Item
		head  func(mail.Mailbox, mail.UID) mail.Content
		asked int
		twin  bool
	}{
		"the same header":             {known, arriving(7, "", 100, 1000), same, 1, true},
		"another header":              {known, arriving(7, "", 100, 1000), other, 1, false},
		"a header that proves little": {known, arriving(7, "", 100, 1000), weak, 1, false},
		"another date":                {known, arriving(7, "", 100, 1001), same, 0, false},
		"another size":                {known, arriving(7, "", 101, 1000), same, 0, false},
		"the same name":               {named, arriving(7, "M1", 100, 1000), same, 0, true},
		"another name":                {named, arriving(7, "M2", 100, 1000), same, 0, false},
		"the same name, a draft":      {named, arriving(7, "M1", 100, 1000, `\Draft`), same, 0, true},
		"a draft here":                {draft, arriving(7, "", 100, 1000), same, 0, false},
		"a draft there":               {known, arriving(7, "", 100, 1000, `\Draft`), same, 0, false},
		"a file that was never read":  {unread, arriving(7, "", 100, 1000), same, 0, false},
		"named now, not then":         {known, arriving(7, "M1", 100, 1000), same, 1, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := accountOf([]mail.Row{c.row}, map[mail.Mailbox][]plan.Item{mail.Inbox: nil, "A": {c.msg}})
			if asked := answer(t, in, c.head); asked != c.asked {
				t.Errorf("%d headers are asked for, want %d", asked, c.asked)
			}
			twin := twinOf(t, plan.Make(in), "A")
			if twin != nil != c.twin {
				t.Fatalf("twin %+v, want one: %t", twin, c.twin)
			}
			if twin != nil && (twin.Mailbox != mail.Inbox || twin.Key != "x" || twin.Content.Hash != known.Content.Hash) {
				t.Errorf("the twin is %+v", twin)
			}
		})
	}
}

// The file is linked where it will be when the message is brought there.
func TestATwinIsWhereItsFileWillBe(t *testing.T) {
	t.Parallel()
	row := known
	row.Content.EmailID = "M1"
	gone := plan.Item{Base: &row, LocalState: conflict.Same, ServerState: conflict.Gone}
	file := plan.Item{Local: &mail.LocalMessage{Key: "y"}, LocalState: conflict.Here,
		LocalContent: mail.LocalContent{Content: row.Content, Date: 1000}}
	lost := plan.Item{Base: &row, LocalState: conflict.Gone, ServerState: conflict.Same}
	edited := plan.Item{Base: &row, LocalState: conflict.Edited, ServerState: conflict.Same, Local: &mail.LocalMessage{Key: "x"},
		LocalContent: mail.LocalContent{Content: mail.Content{Hash: mail.Hash{5}, Size: 3}}}
	for name, c := range map[string]struct {
		boxes map[mail.Mailbox][]plan.Item
		want  *plan.Twin
	}{
		"moved on the server and copied": {
			map[mail.Mailbox][]plan.Item{mail.Inbox: {gone}, "A": {arriving(7, "M1", 100, 1000)}, "B": {arriving(8, "M1", 100, 1000)}},
			&plan.Twin{Mailbox: "A", UID: 7},
		},
		"moved here and copied there": {
			map[mail.Mailbox][]plan.Item{mail.Inbox: {lost}, "A": {file}, "B": {arriving(8, "M1", 100, 1000)}},
			&plan.Twin{Mailbox: "A", Key: "y", Content: row.Content},
		},
		"removed here": {
			map[mail.Mailbox][]plan.Item{mail.Inbox: {lost}, "B": {arriving(8, "M1", 100, 1000)}}, nil,
		},
		"edited here": {
			map[mail.Mailbox][]plan.Item{mail.Inbox: {edited}, "B": {arriving(8, "M1", 100, 1000)}}, nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			twin := twinOf(t, plan.Make(accountOf([]mail.Row{row}, c.boxes)), "B")
			switch {
			case twin == nil || c.want == nil:
				if twin != c.want {
					t.Errorf("the twin is %+v, want %+v", twin, c.want)
				}
			case *twin != *c.want:
				t.Errorf("the twin is %+v, want %+v", *twin, *c.want)
			}
		})
	}
}

// A message that the server shows in five mailboxes is fetched once.
func TestAMessageInSeveralMailboxesIsFetchedOnce(t *testing.T) {
	t.Parallel()
	for name, emailID := range map[string]string{"named": "M1", "by header": ""} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			boxes := map[mail.Mailbox][]plan.Item{}
			for i, m := range []mail.Mailbox{mail.Inbox, "[Gmail]/All Mail", "a", "b", "c"} {
				boxes[m] = []plan.Item{arriving(mail.UID(10+i), emailID, 100, 1000), arriving(mail.UID(20+i), "", int64(500+i), 1000)}
			}
			in := accountOf(nil, boxes)
			answer(t, in, func(mail.Mailbox, mail.UID) mail.Content { return mail.Content{Head: mail.Head{2}, Size: 100} })
			whole := 0
			for _, f := range fetches(plan.Make(in)) {
				switch {
				case f.Message.Content.Size != 100:
					if f.Twin != nil {
						t.Errorf("%s %d has the twin %+v", f.Mailbox, f.Message.UID, f.Twin)
					}
				case f.Twin == nil:
					whole++
				case f.Twin.Mailbox != mail.Inbox || f.Twin.UID != 10:
					t.Errorf("%s %d has the twin %+v", f.Mailbox, f.Message.UID, f.Twin)
				}
			}
			if whole != 1 {
				t.Errorf("it is fetched %d times", whole)
			}
		})
	}
}
