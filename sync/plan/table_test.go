package plan_test

import (
	"strings"
	"testing"

	"godwit/conflict"
	"godwit/mail"
	"godwit/sync/plan"
)

// The table tests tell each case in a few words and compare the plan in a few
// words. A case is made of events on a message x (content 42) that is in INBOX
// with no flags, UID 1 and key "x"; other mailboxes are A and B, both empty.

// scene makes the world of a case.
func scene(policy conflict.Policy, base string) *world {
	w := &world{serial: 100}
	for _, name := range []mail.Mailbox{mail.Inbox, "A", "B"} {
		w.boxes = append(w.boxes, &mbox{
			name: name, onServer: true, onLocal: true, baseServer: true, baseLocal: true,
			policy: policy, localOpen: true, serverOpen: true, table: mail.KeywordTable{"k"},
		})
	}
	if base != "none" {
		w.put(mail.Inbox, "x", 42, base)
	}
	return w
}

// put adds a message that both sides have.
func (w *world) put(m mail.Mailbox, key mail.Key, c int, flags string) {
	b := w.box(m)
	f := mail.ParseFlags(strings.Fields(flags)...)
	u := b.appendMsg(c, f)
	file := lfile{key: key, c: c, inode: w.newInode()}
	b.encode(&file, f)
	b.files = append(b.files, file)
	w.putRow(mail.Row{Mailbox: m, UID: u, Key: key, Flags: f, Content: contentOf(c), Inode: file.inode})
}

// act carries out events, written "side what [where or flags]".
func (w *world) act(t *testing.T, events ...string) {
	t.Helper()
	in := w.box(mail.Inbox)
	for _, e := range events {
		word := strings.Fields(e)
		rest := word[2:]
		flags := mail.ParseFlags(rest...)
		switch word[0] + " " + word[1] {
		case "server flags":
			in.msg(1).flags = flags
		case "local flags":
			in.encode(in.file("x"), flags)
		case "server removes":
			in.dropMsg(1)
		case "local removes":
			in.dropFile("x")
		case "server moves":
			w.box(mail.Mailbox(rest[0])).appendMsg(42, in.msg(1).flags)
			in.dropMsg(1)
		case "local moves":
			f := *in.file("x")
			in.dropFile("x")
			to := w.box(mail.Mailbox(rest[0]))
			to.files = append(to.files, f)
		case "local copies":
			f := *in.file("x")
			f.key, f.inode = "copy", w.newInode()
			to := w.box(mail.Mailbox(rest[0]))
			to.files = append(to.files, f)
		case "local renames":
			in.file("x").key = "y"
		case "local edits":
			in.file("x").c, in.file("x").inode = 48, w.newInode()
		case "local rewrites":
			in.file("x").inode = w.newInode()
		case "server renumbers":
			in.appendMsg(42, in.msg(1).flags)
			in.dropMsg(1)
		case "server gets":
			in.appendMsg(48, mail.ParseFlags(rest...))
		case "local gets":
			f := lfile{key: "n", c: 48, inode: w.newInode()}
			in.encode(&f, flags)
			in.files = append(in.files, f)
		default:
			t.Fatalf("what is %q?", e)
		}
	}
}

// short says an operation in a few words.
func short(op plan.Operation) string {
	at := func(what string, flags mail.Flags) string {
		return strings.TrimSpace(what + " " + string(op.In()) + " " + flags.String())
	}
	delta := func(d mail.FlagDelta, what string) string {
		if d.IsZero() {
			return ""
		}
		return " " + what + " " + d.String()
	}
	switch op := op.(type) {
	case plan.Renumber:
		return at("renumber", mail.Flags{})
	case plan.CreateServer:
		return at("create on server", mail.Flags{})
	case plan.CreateLocal:
		return at("create local", mail.Flags{})
	case plan.FetchAll:
		return at("fetch all", mail.Flags{})
	case plan.Fetch:
		return at("fetch", op.Flags)
	case plan.Upload:
		what := "upload"
		if op.Replace != 0 {
			what = "replace"
		}
		if op.Found != 0 {
			what += " found"
		}
		return at(what, op.Flags) + delta(op.Store, "store") + delta(op.Mark, "mark")
	case plan.CopyServer:
		return at("copy", op.Flags) + delta(op.Store, "store")
	case plan.MoveServer:
		return at("move on server", op.Flags) + delta(op.Store, "store") + delta(op.Mark, "mark")
	case plan.MoveLocal:
		return at("move local", op.Flags) + delta(op.Store, "store")
	case plan.StoreServer:
		return at("store", mail.Flags{}) + " " + op.Delta.String()
	case plan.FlagLocal:
		return at("mark", mail.Flags{}) + " " + op.Delta.String()
	case plan.Record:
		what := "record"
		switch {
		case op.Row.Key == "":
			what = "record server only"
		case op.Row.UID == 0:
			what = "record local only"
		}
		return at(what, op.Row.Flags)
	case plan.Forget:
		return at("forget", mail.Flags{})
	case plan.RemoveServer:
		return at("remove on server", mail.Flags{})
	case plan.RemoveLocal:
		return at("remove local", mail.Flags{})
	case plan.ForgetMailbox:
		return at("forget mailbox", mail.Flags{})
	case plan.RemoveMailbox:
		return at("remove mailbox "+op.On.String(), mail.Flags{})
	}
	return "unknown"
}

func shorts(ops []plan.Operation) string {
	var s []string
	for _, op := range ops {
		s = append(s, short(op))
	}
	return strings.Join(s, "; ")
}

// decide makes the plan of a world.
func decide(t *testing.T, w *world, change func(*plan.Input)) plan.Plan {
	t.Helper()
	in := w.observe(nil)
	if change != nil {
		change(&in)
	}
	if _, err := w.identify(&in); err != nil {
		t.Fatal(err)
	}
	return plan.Make(in)
}

// TestTheConflictTable: every row, in each mode. A mode that is not named does
// as the one before it does.
func TestTheConflictTable(t *testing.T) {
	t.Parallel()
	type wants struct{ twoWay, pull, archive, push string }
	same := func(s string) wants { return wants{s, s, s, s} }
	for _, c := range []struct {
		name, base string
		events     []string
		want       wants
	}{
		{"nothing happened", "", nil, same("")},
		{"new in the Maildir", "none", []string{`local gets \Seen`}, wants{`upload INBOX \Seen`, "", "", `upload INBOX \Seen`}},
		{"copied in the Maildir", `\Seen`, []string{"local copies A"}, wants{`copy A \Seen`, "", "", `copy A \Seen`}},
		{"new on the server", "none", []string{`server gets \Seen`}, wants{`fetch INBOX \Seen`, `fetch INBOX \Seen`, `fetch INBOX \Seen`, ""}},
		{"new on both sides", "none", []string{`local gets \Seen`, `server gets \Flagged`}, wants{
			`store INBOX +\Seen; mark INBOX +\Flagged`, `mark INBOX +\Flagged`, `mark INBOX +\Flagged`, `store INBOX +\Seen`}},
		{"new on both sides, same flags", "none", []string{`local gets k`, `server gets k`}, same("record INBOX k")},

		{"flag set in the Maildir", "", []string{`local flags \Seen`}, wants{`store INBOX +\Seen`, "", "", `store INBOX +\Seen`}},
		{"flag set on the server", "", []string{`server flags k`}, wants{`mark INBOX +k`, `mark INBOX +k`, `mark INBOX +k`, ""}},
		{"other flags set on each side", "", []string{`local flags \Seen`, `server flags \Flagged`}, wants{
			`store INBOX +\Seen; mark INBOX +\Flagged`, `mark INBOX +\Flagged`, `mark INBOX +\Flagged`, `store INBOX +\Seen`}},
		{"set here, taken off there", `\Flagged`, []string{`local flags \Flagged \Seen`, `server flags`}, wants{
			`store INBOX +\Seen; mark INBOX -\Flagged`, `mark INBOX -\Flagged`, `mark INBOX -\Flagged`, `store INBOX +\Seen`}},
		{"the same on both sides", "", []string{`local flags \Seen`, `server flags \Seen`}, same(`record INBOX \Seen`)},
		{"marked for removal in the Maildir", "", []string{`local flags \Deleted`}, wants{`store INBOX +\Deleted`, "", "", `store INBOX +\Deleted`}},
		{"renamed", "", []string{"local renames"}, same("record INBOX")},
		{"written again", "", []string{"local rewrites"}, same("record INBOX")},
		{"another UID", `\Seen`, []string{"server renumbers"}, same(`record INBOX \Seen`)},

		{"removed from the Maildir", "", []string{"local removes"}, wants{
			"remove on server INBOX", "record server only INBOX", "record server only INBOX", "remove on server INBOX"}},
		{"removed from the Maildir, seen on the server", "", []string{"local removes", `server flags \Seen`}, wants{
			"remove on server INBOX", `record server only INBOX \Seen`, `record server only INBOX \Seen`, "remove on server INBOX"}},
		{"removed from the Maildir, flag taken off on the server", `\Flagged`, []string{"local removes", `server flags`}, wants{
			"remove on server INBOX", "record server only INBOX", "record server only INBOX", "remove on server INBOX"}},
		{"removed from the Maildir, flagged on the server", "", []string{"local removes", `server flags \Flagged`}, wants{
			`fetch INBOX \Flagged`, `record server only INBOX \Flagged`, `record server only INBOX \Flagged`, `record server only INBOX \Flagged`}},
		{"removed from the Maildir, answered on the server", "", []string{"local removes", `server flags \Answered`}, wants{
			`fetch INBOX \Answered`, `record server only INBOX \Answered`, `record server only INBOX \Answered`, `record server only INBOX \Answered`}},
		{"removed from the Maildir, keyword on the server", "", []string{"local removes", `server flags k`}, wants{
			`fetch INBOX k`, `record server only INBOX k`, `record server only INBOX k`, `record server only INBOX k`}},
		{"removed from the Maildir, wanted back on the server", `\Deleted`, []string{"local removes", `server flags`}, wants{
			`fetch INBOX`, `record server only INBOX`, `record server only INBOX`, `record server only INBOX`}},

		{"removed from the server", "", []string{"server removes"}, wants{
			"remove local INBOX", "remove local INBOX", "record local only INBOX", "record local only INBOX"}},
		{"removed from the server, seen in the Maildir", "", []string{"server removes", `local flags \Seen`}, wants{
			"remove local INBOX", "remove local INBOX", `record local only INBOX \Seen`, `record local only INBOX \Seen`}},
		{"removed from the server, marked in the Maildir", "", []string{"server removes", `local flags \Deleted`}, wants{
			"remove local INBOX", "remove local INBOX", `record local only INBOX \Deleted`, `record local only INBOX \Deleted`}},
		{"removed from the server, flagged in the Maildir", "", []string{"server removes", `local flags \Flagged \Seen`}, wants{
			`upload INBOX \Flagged \Seen`, `record local only INBOX \Flagged \Seen`, `record local only INBOX \Flagged \Seen`, `record local only INBOX \Flagged \Seen`}},
		{"removed from the server, answered in the Maildir", "", []string{"server removes", `local flags \Answered`}, wants{
			`upload INBOX \Answered`, `record local only INBOX \Answered`, `record local only INBOX \Answered`, `record local only INBOX \Answered`}},
		{"removed from the server, forwarded in the Maildir", "", []string{"server removes", `local flags $Forwarded`}, wants{
			`upload INBOX $Forwarded`, `record local only INBOX $Forwarded`, `record local only INBOX $Forwarded`, `record local only INBOX $Forwarded`}},
		{"removed from the server, draft in the Maildir", "", []string{"server removes", `local flags \Draft`}, wants{
			`upload INBOX \Draft`, `record local only INBOX \Draft`, `record local only INBOX \Draft`, `record local only INBOX \Draft`}},
		{"removed from the server, keyword in the Maildir", "", []string{"server removes", `local flags k`}, wants{
			`upload INBOX k`, `record local only INBOX k`, `record local only INBOX k`, `record local only INBOX k`}},
		{"removed from the server, wanted back in the Maildir", `\Deleted`, []string{"server removes", `local flags`}, wants{
			`upload INBOX`, `record local only INBOX`, `record local only INBOX`, `record local only INBOX`}},
		{"removed from the Maildir, put on the server again", "", []string{"local removes", "server renumbers"}, wants{
			"fetch INBOX", "record server only INBOX", "record server only INBOX", "record server only INBOX"}},
		{"removed from both", "", []string{"server removes", "local removes"}, same("forget INBOX")},

		{"moved in the Maildir", "", []string{"local moves A"}, wants{
			"move on server A", "record server only INBOX", "record server only INBOX", "move on server A"}},
		{"moved and flagged in the Maildir, seen on the server", "", []string{`local flags \Flagged`, "local moves A", `server flags \Seen`}, wants{
			`move on server A \Flagged \Seen store +\Flagged mark +\Seen`, `record server only INBOX \Seen`, `record server only INBOX \Seen`,
			`move on server A \Flagged store +\Flagged`}},
		{"moved on the server", "", []string{"server moves A"}, wants{
			"move local A", "move local A", "move local A", "record local only INBOX"}},
		{"moved on the server, flagged in the Maildir", "", []string{`server flags \Seen`, "server moves A", `local flags \Flagged`}, wants{
			`move local A \Flagged \Seen store +\Flagged`, `move local A \Seen`, `move local A \Seen`, `record local only INBOX \Flagged`}},
		{"moved to the same mailbox", "", []string{"local moves A", "server moves A"}, same("record A")},
		{"moved to the same mailbox, other flags", "", []string{`local flags \Seen`, "local moves A", `server flags \Flagged`, "server moves A"}, wants{
			`store A +\Seen; mark A +\Flagged`, `mark A +\Flagged`, `mark A +\Flagged`, `store A +\Seen`}},
		{"moved to different mailboxes", "", []string{"local moves A", "server moves B"}, wants{
			"move local B", "move local B", "move local B", "move on server A"}},
		{"moved in the Maildir, removed from the server", "", []string{"local moves A", "server removes"}, wants{
			"upload A", "record local only A", "record local only A", "record local only A"}},
		{"moved on the server, removed from the Maildir", "", []string{"local removes", "server moves A"}, wants{
			"fetch A", "record server only A", "record server only A", "record server only A"}},

		{"edited", `\Seen`, []string{"local edits"}, wants{
			`replace INBOX \Seen`, `record server only INBOX \Seen`, `record server only INBOX \Seen`, `replace INBOX \Seen`}},
		{"edited, flagged on the server", "", []string{"local edits", `server flags \Flagged`}, wants{
			`replace INBOX \Flagged mark +\Flagged`, `record server only INBOX \Flagged`, `record server only INBOX \Flagged`, `replace INBOX`}},
		{"edited, and the edit is on the server", "", []string{"local edits", `server gets`}, wants{
			`replace found INBOX`, `record server only INBOX; record INBOX`, `record server only INBOX; record INBOX`, `replace found INBOX`}},
		{"edited and flagged, and the edit is on the server", `\Seen`, []string{`local flags \Flagged`, "local edits", `server gets \Answered`}, wants{
			`replace found INBOX \Flagged \Answered store +\Flagged mark +\Answered`,
			`mark INBOX +\Answered; record server only INBOX \Seen`, `mark INBOX +\Answered; record server only INBOX \Seen`,
			`replace found INBOX \Flagged store +\Flagged`}},
		{"edited, removed from the server", "", []string{"local edits", "server removes"}, wants{
			"upload INBOX", "forget INBOX", "forget INBOX", "upload INBOX"}},
		{"edited, moved on the server", "", []string{"local edits", "server moves A"}, wants{
			"move local A", "move local A", "move local A", "upload INBOX"}},
	} {
		for mode, want := range map[conflict.Mode]string{
			conflict.TwoWay: c.want.twoWay, conflict.Pull: c.want.pull, conflict.Archive: c.want.archive, conflict.Push: c.want.push,
		} {
			w := scene(conflict.Policy{Mode: mode}, c.base)
			w.act(t, c.events...)
			p := decide(t, w, nil)
			if got := shorts(p.Operations); got != want {
				t.Errorf("%s, mode %d: %q, not %q", c.name, mode, got, want)
			}
			if len(p.Holds) > 0 {
				t.Errorf("%s, mode %d: held: %v", c.name, mode, p.Holds)
			}
		}
	}
}

// TestAnEditThatMovesIsSeenAgain: the row must not take the file for known, and
// its mailbox not for finished.
func TestAnEditThatMovesIsSeenAgain(t *testing.T) {
	t.Parallel()
	w := scene(conflict.Policy{}, "")
	w.act(t, "local edits", "server moves A")
	w.rows[0].Inode = w.box(mail.Inbox).file("x").inode // edited in place
	p := decide(t, w, func(in *plan.Input) {
		f := w.box(mail.Inbox).file("x")
		it := &in.Mailboxes[0].Items[0]
		it.LocalState, it.Local, it.LocalContent = conflict.Edited, f.observed(), f.content()
	})
	op, ok := p.Operations[0].(plan.MoveLocal)
	if !ok || op.Row.Inode != 0 || op.Row.Content.Hash != contentOf(42).Hash || p.Unfinished["A"] != conflict.EditedAndMoved {
		t.Fatal(describe(p))
	}
	if err := w.apply(p, 1, true); err != nil {
		t.Fatal(err)
	}
	if got := shorts(decide(t, w, nil).Operations); got != "replace A" {
		t.Errorf("the next run: %q", got)
	}
}

// TestAnEditThatNobodyMayCarryIsNotTakenForSettled.
func TestAnEditThatNobodyMayCarryIsNotTakenForSettled(t *testing.T) {
	t.Parallel()
	w := scene(conflict.Policy{Mode: conflict.Push}, "")
	w.box(mail.Inbox).readOnly = true
	w.act(t, "local edits", "server moves A")
	if got := shorts(decide(t, w, nil).Operations); got != "" {
		t.Errorf("%q", got)
	}
}

// TestWhatWaitsHoldsEveryMailboxItIsIn: where base has it, and where each side
// may have it now.
func TestWhatWaitsHoldsEveryMailboxItIsIn(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		event string
		local bool // the side that is not known
	}{{"server moves A", true}, {"local moves A", false}} {
		w := scene(conflict.Policy{}, "")
		w.act(t, c.event)
		in := w.observe(func(_ mail.Row, local bool) bool { return local == c.local })
		if _, err := w.identify(&in); err != nil {
			t.Fatal(err)
		}
		p := plan.Make(in)
		if len(p.Operations) != 0 || p.Unfinished[mail.Inbox] != conflict.NotProved || p.Unfinished["A"] != conflict.NotProved {
			t.Errorf("%s: %s", c.event, describe(p))
		}
	}
	// A file that is where an unproved one may have gone waits with it.
	w := scene(conflict.Policy{}, "")
	w.act(t, "local moves A")
	in := w.observe(func(_ mail.Row, local bool) bool { return local })
	if p := plan.Make(in); len(p.Operations) != 0 || len(p.Unfinished) != 2 {
		t.Errorf("the same key in another mailbox: %s", describe(p))
	}
}

// TestARestoredFileTakesNoOthersKey.
func TestARestoredFileTakesNoOthersKey(t *testing.T) {
	t.Parallel()
	w := scene(conflict.Policy{}, "")
	w.put("A", "x", 40, "")
	w.act(t, "local removes", "server moves A")
	p := decide(t, w, nil)
	if got := shorts(p.Operations); got != "fetch A" {
		t.Fatalf("%q", got)
	}
	if err := w.apply(p, 1, true); err != nil {
		t.Error(err)
	}
}

// TestOldRowsGiveTheirFileUpBeforeItIsTaken: between the two records, no cut
// may leave the server's old message without a row.
func TestOldRowsGiveTheirFileUpBeforeItIsTaken(t *testing.T) {
	t.Parallel()
	w := scene(conflict.Policy{Mode: conflict.Pull}, "none")
	in := w.box(mail.Inbox)
	in.appendMsg(48, mail.Flags{})
	w.put(mail.Inbox, "x", 42, "")
	in.reset = true
	in.file("x").c, in.file("x").inode = 48, w.newInode()
	if got, want := shorts(decide(t, w, nil).Operations), "renumber INBOX; record server only INBOX; record INBOX"; got != want {
		t.Errorf("%q, not %q", got, want)
	}
}

// TestExpungeOnOneSide: what is not carried out is remembered, not undone.
func TestExpungeOnOneSide(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		expunge conflict.Sides
		event   string
		want    string
	}{
		{conflict.Both, "local removes", "remove on server INBOX"},
		{conflict.Both, "server removes", "remove local INBOX"},
		{conflict.LocalOnly, "local removes", "record server only INBOX"},
		{conflict.LocalOnly, "server removes", "remove local INBOX"},
		{conflict.ServerOnly, "local removes", "remove on server INBOX"},
		{conflict.ServerOnly, "server removes", "record local only INBOX"},
		{conflict.None, "local removes", "record server only INBOX"},
		{conflict.None, "server removes", "record local only INBOX"},
	} {
		w := scene(conflict.Policy{Expunge: c.expunge}, "")
		w.act(t, c.event)
		p := decide(t, w, nil)
		if got := shorts(p.Operations); got != c.want {
			t.Errorf("expunge %d, %s: %q, not %q", c.expunge, c.event, got, c.want)
		}
		if err := w.apply(p, len(p.Operations), true); err != nil {
			t.Fatal(err)
		}
		if p := decide(t, w, nil); len(p.Operations) > 0 {
			t.Errorf("expunge %d, %s: then %q", c.expunge, c.event, shorts(p.Operations))
		}
	}
}

// TestWhatWasRememberedFollows the side that still has the message.
func TestWhatWasRememberedFollows(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		gone   string
		events []string
		want   string
	}{
		{"local", nil, ""},
		{"local", []string{`server flags \Flagged`}, `record server only INBOX \Flagged`},
		{"local", []string{"server moves A"}, "record server only A"},
		{"local", []string{"server removes"}, "forget INBOX"},
		{"local", []string{"server renumbers"}, "record server only INBOX"},
		{"server", nil, ""},
		{"server", []string{`local flags \Flagged`}, `record local only INBOX \Flagged`},
		{"server", []string{"local moves A"}, "record local only A"},
		{"server", []string{"local removes"}, "forget INBOX"},
		{"server", []string{"local renames"}, "record local only INBOX"},
		{"server", []string{"local edits"}, "upload INBOX"},
	} {
		w := scene(conflict.Policy{Expunge: conflict.None}, "")
		r := w.rows[0]
		if c.gone == "local" {
			w.box(mail.Inbox).dropFile("x")
			r.Key, r.Inode = "", 0
		} else {
			w.act(t, "server removes")
			r.UID = 0
		}
		w.putRow(r)
		w.act(t, c.events...)
		if got := shorts(decide(t, w, nil).Operations); got != c.want {
			t.Errorf("%s gave it up, then %v: %q, not %q", c.gone, c.events, got, c.want)
		}
	}
}

// TestWhatIsPutBackIsKnownAgain on either side.
func TestWhatIsPutBackIsKnownAgain(t *testing.T) {
	t.Parallel()
	w := scene(conflict.Policy{Mode: conflict.Pull}, `\Seen`)
	r := w.rows[0]
	r.Key, r.Inode = "", 0
	w.putRow(r)
	w.act(t, "local renames")
	if got, want := shorts(decide(t, w, nil).Operations), `record INBOX \Seen`; got != want {
		t.Errorf("the file came back: %q, not %q", got, want)
	}
	w = scene(conflict.Policy{Mode: conflict.Archive}, "")
	r = w.rows[0]
	r.UID = 0
	w.putRow(r)
	w.act(t, "server renumbers")
	if got, want := shorts(decide(t, w, nil).Operations), `record INBOX`; got != want {
		t.Errorf("the message came back: %q, not %q", got, want)
	}
}

// TestExpungeFlagged: marked on both sides, a message goes from both; without
// the setting, never.
func TestExpungeFlagged(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		policy conflict.Policy
		events []string
		want   string
	}{
		{conflict.Policy{ExpungeFlagged: true}, []string{`local flags \Deleted`},
			`store INBOX +\Deleted; remove on server INBOX; remove local INBOX`},
		{conflict.Policy{ExpungeFlagged: true}, []string{`server flags \Deleted`},
			`mark INBOX +\Deleted; remove on server INBOX; remove local INBOX`},
		{conflict.Policy{ExpungeFlagged: true}, []string{`local flags \Deleted`, `server flags \Deleted`},
			`record INBOX \Deleted; remove on server INBOX; remove local INBOX`},
		{conflict.Policy{}, []string{`local flags \Deleted`, `server flags \Deleted`}, `record INBOX \Deleted`},
		{conflict.Policy{ExpungeFlagged: true, Mode: conflict.Pull}, []string{`server flags \Deleted`}, `mark INBOX +\Deleted`},
		{conflict.Policy{ExpungeFlagged: true, Expunge: conflict.LocalOnly}, []string{`server flags \Deleted`}, `mark INBOX +\Deleted`},
		{conflict.Policy{ExpungeFlagged: true, Expunge: conflict.ServerOnly}, []string{`server flags \Deleted`},
			`mark INBOX +\Deleted; remove on server INBOX`},
	} {
		w := scene(c.policy, "")
		w.act(t, c.events...)
		p := decide(t, w, nil)
		if got := shorts(p.Operations); got != c.want {
			t.Errorf("%+v, %v: %q, not %q", c.policy, c.events, got, c.want)
		}
		// The row stands until the last of both sides is gone.
		for _, op := range p.Operations {
			r, ok := op.(plan.RemoveServer)
			if !ok {
				continue
			}
			if r.Then == nil || (r.Then.UID == 0) != !c.policy.Expunge.OnLocal() {
				t.Errorf("%+v: after the server's half the row is %+v", c.policy, r.Then)
			}
		}
	}
}

// TestReadOnlyMailboxesAreOnlyRead.
func TestReadOnlyMailboxesAreOnlyRead(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		events []string
		where  mail.Mailbox
		want   string
		waits  bool
	}{
		{[]string{`local flags \Seen`}, mail.Inbox, "", false},
		{[]string{`local gets`}, mail.Inbox, "", false},
		{[]string{`local edits`}, mail.Inbox, "", true},
		{[]string{`server flags \Seen`}, mail.Inbox, `mark INBOX +\Seen`, false},
		{[]string{`server removes`}, mail.Inbox, "remove local INBOX", false},
		{[]string{`local removes`}, mail.Inbox, "", true},
		{[]string{`server moves A`}, mail.Inbox, "move local A", false},
		{[]string{`server removes`, `local flags \Flagged`}, mail.Inbox, "", true},
		{[]string{`local moves A`}, "A", "", true},
		{[]string{`local moves A`}, mail.Inbox, "", true},
		{[]string{`local moves A`, `server moves A`}, "A", "record A", false},
	} {
		w := scene(conflict.Policy{}, "")
		w.box(c.where).readOnly = true
		w.act(t, c.events...)
		p := decide(t, w, nil)
		if got := shorts(p.Operations); got != c.want {
			t.Errorf("%s read-only, %v: %q, not %q", c.where, c.events, got, c.want)
		}
		if why, waits := p.Unfinished[c.where]; waits != c.waits || waits && why != conflict.MailboxReadOnly {
			t.Errorf("%s read-only, %v: unfinished %v", c.where, c.events, p.Unfinished)
		}
	}
}

// TestLettersOfAMovedFileAreReadWhereTheyWereWritten, and written anew.
func TestLettersOfAMovedFileAreReadWhereTheyWereWritten(t *testing.T) {
	t.Parallel()
	w := scene(conflict.Policy{}, "k")
	w.box("A").table = mail.KeywordTable{"other", "k"}
	w.act(t, "local moves A") // with letter a: k in INBOX, other in A
	if got, want := shorts(decide(t, w, nil).Operations), "move on server A k mark +k -other"; got != want {
		t.Errorf("%q, not %q", got, want)
	}
}

// TestAKeywordThatASideCannotHoldIsNotTakenOff there.
func TestAKeywordThatASideCannotHoldIsNotTakenOff(t *testing.T) {
	t.Parallel()
	w := scene(conflict.Policy{}, "k $Forwarded")
	in := w.box(mail.Inbox)
	in.serverOpen = false
	in.msg(1).flags = mail.ParseFlags(`\Seen`)
	if got, want := shorts(decide(t, w, nil).Operations), `mark INBOX +\Seen`; got != want {
		t.Errorf("a server without keywords: %q, not %q", got, want)
	}
	in.serverOpen = true
	if got, want := shorts(decide(t, w, nil).Operations), `mark INBOX +\Seen -$Forwarded -k`; got != want {
		t.Errorf("a server with keywords: %q, not %q", got, want)
	}
	w = scene(conflict.Policy{}, "k l")
	in = w.box(mail.Inbox)
	in.localOpen, in.table = false, mail.KeywordTable{"k"}
	in.file("x").letters = ""
	in.file("x").system = mail.Seen
	if got, want := shorts(decide(t, w, nil).Operations), `store INBOX +\Seen -k`; got != want {
		t.Errorf("a Maildir without a letter for l: %q, not %q", got, want)
	}
}

// TestTrueDuplicatesStayAsManyAsTheyAre: of k files and n messages of one
// content, min(k, n) are paired, and the rest travels: by a copy of what the server
// has, if it has any.
func TestTrueDuplicatesStayAsManyAsTheyAre(t *testing.T) {
	t.Parallel()
	for files := range 4 {
		for msgs := range 4 {
			w := scene(conflict.Policy{}, "none")
			in := w.box(mail.Inbox)
			for range files {
				in.files = append(in.files, lfile{key: w.newKey(), c: 40, inode: w.newInode()})
			}
			for range msgs {
				in.appendMsg(40, mail.Flags{})
			}
			p := decide(t, w, nil)
			kinds := map[string]int{}
			for _, op := range p.Operations {
				kinds[short(op)]++
			}
			send := "copy INBOX"
			if msgs == 0 {
				send = "upload INBOX"
			}
			if kinds["record INBOX"] != min(files, msgs) || kinds[send] != max(0, files-msgs) || kinds["fetch INBOX"] != max(0, msgs-files) {
				t.Errorf("%d files, %d messages: %v", files, msgs, kinds)
			}
		}
	}
}

// TestACopyNeedsASourceThatStays.
func TestACopyNeedsASourceThatStays(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		events []string
		want   string
	}{
		{[]string{"local copies A"}, "copy A"},
		{[]string{"local copies A", `server flags \Seen`}, `copy A store -\Seen; mark INBOX +\Seen`},
		{[]string{"local copies A", "server removes"}, "upload A; remove local INBOX"},
		{[]string{"local copies A", "local edits"}, "replace INBOX; upload A"},
		{[]string{"local copies A", "local moves B"}, "upload A; move on server B"},
	} {
		w := scene(conflict.Policy{}, "")
		w.act(t, c.events...)
		if got := shorts(decide(t, w, nil).Operations); got != c.want {
			t.Errorf("%v: %q, not %q", c.events, got, c.want)
		}
	}
	// A source in a mailbox where nothing moved.
	w := scene(conflict.Policy{}, "")
	w.act(t, "local copies A")
	p := decide(t, w, func(in *plan.Input) { in.Mailboxes = in.Mailboxes[1:2] })
	if got := shorts(p.Operations); got != "copy A" {
		t.Errorf("from a mailbox where nothing moved: %q", got)
	}
	w.box(mail.Inbox).reset = true
	p = decide(t, w, func(in *plan.Input) { in.Mailboxes[0].Items = nil })
	if got := shorts(p.Operations); got != "upload A" {
		t.Errorf("from a mailbox whose UIDs are of another life: %q", got)
	}
}
