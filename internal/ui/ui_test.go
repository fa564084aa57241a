package ui

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"godwit/mail"
	"godwit/sync"
	"godwit/sync/plan"
)

// fixed is a clock that stands still.
func fixed() time.Time { return time.Date(2026, time.May, 9, 12, 0, 0, 0, time.UTC) }

type outputs struct{ out, err bytes.Buffer }

func printer(o Options) (*Printer, *outputs) {
	var b outputs
	o.Out, o.Err, o.Now = &b.out, &b.err, fixed
	return New(o), &b
}

// events is one of each kind.
var events = []sync.Event{
	sync.Listed{Total: 200, Moved: 2},
	sync.Looking{Mailbox: "INBOX"},
	sync.Planned{Operations: 3, Messages: 2, Bytes: 5000},
	sync.Expected{Mailbox: "Lists/go", Messages: 10, Bytes: 40960},
	sync.Received{Mailbox: "INBOX", UID: 7, Bytes: 1000, Total: 3000},
	sync.Transferred{Mailbox: "INBOX", Side: sync.OnLocal, UID: 7, Key: "1.a", Bytes: 3000},
	sync.Transferred{Mailbox: "Sent", Side: sync.OnServer, UID: 8, Key: "1.b", Bytes: 2000},
	sync.Changed{Mailbox: "INBOX", Side: sync.OnServer, What: "flags", UID: 9, Detail: `+\Seen`},
	sync.Changed{Mailbox: "New", Side: sync.OnLocal, What: "create"},
	sync.HeldBack{Hold: plan.Hold{Mailbox: "Old", Guard: true, Text: "would lose 30 of 40 messages", Removals: []plan.Operation{plan.RemoveServer{}}}},
	sync.Failed{Failure: sync.Failure{Mailbox: "INBOX", UID: 11, Err: errors.New("not delivered")}},
	sync.Finished{Mailbox: "INBOX"},
}

func show(p *Printer, exit int, res sync.Result) {
	a := p.Account("work")
	for _, e := range events {
		a.Event(e)
	}
	a.Done(Outcome{Result: res, Exit: exit})
	p.Close()
}

var result = sync.Result{
	Pulled: 1204, Pushed: 3, Flagged: 2, Removed: 1, Bytes: 5 << 20, Total: 200, Looked: 2,
	Failures: []sync.Failure{{Mailbox: "INBOX", UID: 11, Err: errors.New("not delivered")}},
}

const complaints = "godwit: work/Old: would lose 30 of 40 messages\ngodwit: work/INBOX: UID 11: not delivered\n"

func TestWithoutATerminalOnlyWhatWentWrongIsShown(t *testing.T) {
	t.Parallel()
	p, b := printer(Options{})
	show(p, 1, result)
	if b.out.String() != "" || b.err.String() != complaints {
		t.Errorf("standard output %q, standard error %q", &b.out, &b.err)
	}
}

func TestSuccessWithoutATerminalIsSilent(t *testing.T) {
	t.Parallel()
	p, b := printer(Options{})
	a := p.Account("work")
	a.Event(sync.Listed{Total: 200})
	a.Event(sync.Transferred{Mailbox: "INBOX", Side: sync.OnLocal, UID: 7})
	a.Done(Outcome{Result: sync.Result{Pulled: 1}})
	p.Close()
	if b.out.Len()+b.err.Len() > 0 {
		t.Errorf("standard output %q, standard error %q", &b.out, &b.err)
	}
}

func TestATerminalGetsASummary(t *testing.T) {
	t.Parallel()
	p, b := printer(Options{OutTerminal: true, ErrTerminal: true, Unicode: true})
	show(p, 1, result)
	want := "! work  1,204 fetched, 3 sent, flags of 2 changed, 1 removed, 1 failed  5.00 MiB in 0.0 s\n"
	if b.out.String() != want || b.err.String() != complaints {
		t.Errorf("standard output %q, standard error %q", &b.out, &b.err)
	}
}

func TestWhatALimitLeftIsTold(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		left  sync.Remaining
		level Level
		want  string
	}{
		{sync.Remaining{Messages: 1, Bytes: 2048}, Normal, "work: 1 message (2.00 KiB) is left to the next run\n"},
		{sync.Remaining{Messages: 1200, Bytes: 7 << 20}, Normal, "work: 1,200 messages (7.00 MiB) are left to the next run\n"},
		{sync.Remaining{Messages: 2}, Quiet, ""},
		{sync.Remaining{}, Normal, ""},
	} {
		p, b := printer(Options{Level: test.level})
		p.Account("work").Done(Outcome{Result: sync.Result{Pulled: 3, Remaining: test.left}})
		if b.out.String() != test.want || b.err.Len() > 0 {
			t.Errorf("%+v: standard output %q, standard error %q", test.left, &b.out, &b.err)
		}
	}
}

func TestQuietKeepsQuietOnATerminal(t *testing.T) {
	t.Parallel()
	p, b := printer(Options{OutTerminal: true, ErrTerminal: true, Level: Quiet})
	show(p, 1, result)
	p.Account("home").Notice("maintenance on Sunday")
	if b.out.String() != "" || b.err.String() != complaints {
		t.Errorf("standard output %q, standard error %q", &b.out, &b.err)
	}
}

func TestVerboseNamesEveryChange(t *testing.T) {
	t.Parallel()
	p, b := printer(Options{Level: Verbose})
	show(p, 0, sync.Result{})
	want := `work: 200 mailboxes, 2 to look into
work/INBOX: fetched UID 7, 2.93 KiB
work/Sent: sent UID 8, 1.95 KiB
work/INBOX: flags of UID 9 on the server (+\Seen)
work/New: created locally
ok   work  nothing to do  in 0.0 s
`
	if d := cmp.Diff(want, b.out.String()); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

// TestJSONHasALineForEveryEvent compares with a golden file, which
// docs/json.md shows the fields of. UPDATE=1 writes it.
func TestJSONHasALineForEveryEvent(t *testing.T) {
	t.Parallel()
	p, b := printer(Options{JSON: true, OutTerminal: true})
	show(p, 5, result)
	p.Account("work").Notice("maintenance on Sunday")
	a := p.Account("home")
	a.Done(Outcome{DryRun: true, Result: sync.Result{Plan: plan.Plan{Operations: operations}}})
	p.Account("thin").Done(Outcome{Result: sync.Result{Pulled: 1, Remaining: sync.Remaining{Messages: 2, Bytes: 7 << 20}}})
	golden := "testdata/events.jsonl"
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile(golden, b.out.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(b.out.String(), "\n")); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	page, err := os.ReadFile("../../docs/json.md")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(b.out.String()) {
		fields := map[string]any{}
		if err := json.Unmarshal([]byte(line), &fields); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		if fields["v"] != 1.0 || fields["event"] == "" || fields["account"] == "" {
			t.Errorf("%s", line)
		}
		for _, name := range append(sortedKeys(fields), fields["event"].(string)) {
			if !strings.Contains(string(page), "`"+name+"`") {
				t.Errorf("docs/json.md does not tell about `%s`", name)
			}
		}
	}
}

func sortedKeys(m map[string]any) []string {
	var names []string
	for name, value := range m {
		names = append(names, name)
		if inner, ok := value.(map[string]any); ok {
			names = append(names, sortedKeys(inner)...)
		}
	}
	return names
}

// operations is one of each kind.
var operations = []plan.Operation{
	plan.RenameMailbox{Step: plan.Step{Mailbox: "A"}, On: plan.OnServer, From: "B"},
	plan.RenameMailbox{Step: plan.Step{Mailbox: "A"}, On: plan.OnLocal, From: "B"},
	plan.CreateServer{Step: plan.Step{Mailbox: "A"}},
	plan.CreateLocal{Step: plan.Step{Mailbox: "A"}},
	plan.FetchAll{Step: plan.Step{Mailbox: "A"}},
	plan.Fetch{Step: plan.Step{Mailbox: "A"}, Message: mail.ServerMessage{UID: 1, Content: mail.Content{Size: 2048}}},
	plan.Upload{Step: plan.Step{Mailbox: "A"}, Local: mail.LocalMessage{Key: "k"}, Replace: 5},
	plan.CopyServer{Step: plan.Step{Mailbox: "A"}, Source: mail.Row{Mailbox: "B", UID: 2}},
	plan.MoveServer{Step: plan.Step{Mailbox: "A"}, Row: mail.Row{Mailbox: "B", UID: 3}},
	plan.MoveLocal{Step: plan.Step{Mailbox: "A"}, Row: mail.Row{Mailbox: "B", Key: "k"}},
	plan.StoreServer{Step: plan.Step{Mailbox: "A"}, Row: mail.Row{UID: 4}, Delta: mail.FlagDelta{Add: mail.Flags{System: mail.Seen}}},
	plan.FlagLocal{Step: plan.Step{Mailbox: "A"}, Row: mail.Row{Key: "k"}, Delta: mail.FlagDelta{Remove: mail.Flags{System: mail.Seen}}},
	plan.Record{Step: plan.Step{Mailbox: "A"}},
	plan.Forget{Step: plan.Step{Mailbox: "A"}},
	plan.ForgetMailbox{Step: plan.Step{Mailbox: "A"}},
	plan.RemoveServer{Step: plan.Step{Mailbox: "A"}, Row: mail.Row{UID: 6}, Trash: "Trash"},
	plan.RemoveLocal{Step: plan.Step{Mailbox: "A"}, Row: mail.Row{Key: "k"}},
	plan.PutAway{Step: plan.Step{Mailbox: "A"}, Row: mail.Row{UID: 7, Key: "k"}},
	plan.RemoveMailbox{Step: plan.Step{Mailbox: "A"}, On: plan.OnServer},
	plan.RemoveMailbox{Step: plan.Step{Mailbox: "A"}, On: plan.OnLocal},
}

func TestDryRunPrintsThePlan(t *testing.T) {
	t.Parallel()
	p, b := printer(Options{})
	p.Account("work").Done(Outcome{DryRun: true, Result: sync.Result{Plan: plan.Plan{Operations: operations}}})
	p.Account("home").Done(Outcome{DryRun: true})
	want := `work/A: rename B to this on the server
work/A: rename B to this in the Maildir
work/A: create the mailbox on the server
work/A: create the mailbox locally
work/A: fetch every message
work/A: fetch UID 1, 2.00 KiB
work/A: send k in place of UID 5
work/A: copy UID 2 of B on the server
work/A: move UID 3 of B here on the server
work/A: move k of B here locally
work/A: on the server, UID 4: +\Seen
work/A: locally, k: -\Seen
work/A: move UID 6 to Trash on the server
work/A: move k to the local trash
work/A: move k to the local trash; the server keeps UID 7
work/A: remove the mailbox on the server
work/A: remove the mailbox in the Maildir
work: 1 whole mailbox to fetch, 1 message to fetch, 1 message to send, 3 messages to move or copy, 2 changes of flags, 2 messages to remove, 1 message to leave the Maildir, 2 mailboxes to create, 2 mailboxes to rename, 2 mailboxes to remove (dry run: nothing was changed)
home: nothing to do (dry run: nothing was changed)
`
	if d := cmp.Diff(want, b.out.String()); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

func TestNothingThatAServerChoseReachesTheTerminal(t *testing.T) {
	t.Parallel()
	for _, o := range []Options{{}, {Level: Verbose}, {JSON: true}, {OutTerminal: true, ErrTerminal: true, Progress: true, Level: Verbose}} {
		p, b := printer(o)
		p.Secrets.Add("me", "correcthorse")
		a := p.Account("work")
		evil := mail.Mailbox("A\x1b]0;owned\x07/\u202ecorrecthorse")
		a.Event(sync.Expected{Mailbox: evil, Messages: 5, Bytes: 5})
		a.Event(sync.Transferred{Mailbox: evil, Key: "\x1b[2Jcorrecthorse", Bytes: 1})
		a.Event(sync.Changed{Mailbox: evil, What: "flags", Detail: "+\x1b[2Jcorrecthorse", UID: 1})
		a.Event(sync.Failed{Failure: sync.Failure{Mailbox: evil, Err: errors.New("LOGIN me correcthorse\x1b[2J\r\nforged")}})
		a.Event(sync.HeldBack{Hold: plan.Hold{Mailbox: evil, Text: "correcthorse\x1b[2J"}})
		a.Notice("correcthorse\x1b[2J")
		a.Done(Outcome{Err: errors.New("correcthorse\x1b[2J")})
		p.Hint("correcthorse\x1b[2J")
		p.Close()
		shown := b.out.String() + b.err.String()
		for _, bad := range []string{"correcthorse", "\x1b[2J", "\x1b]", "\x07", "\u202e", "\nforged"} {
			if strings.Contains(shown, bad) {
				t.Errorf("%+v: %q is shown: %q", o, bad, shown)
			}
		}
	}
}

func TestEachComplaintIsShownOnce(t *testing.T) {
	t.Parallel()
	p, b := printer(Options{ErrTerminal: true, Color: true})
	for range 3 {
		p.Error("work", "over quota")
		p.Hint("remove something")
	}
	p.Error("home", "over quota")
	want := "\x1b[1;31mgodwit:\x1b[0m work: over quota\n\x1b[36mhint:\x1b[0m remove something\n\x1b[1;31mgodwit:\x1b[0m home: over quota\n"
	if b.err.String() != want {
		t.Errorf("%q", &b.err)
	}
}

func TestProgressLeavesTheTerminalClean(t *testing.T) {
	t.Parallel()
	p, b := printer(Options{OutTerminal: true, ErrTerminal: true, Progress: true, Unicode: true})
	show(p, 1, result)
	if !strings.Contains(b.err.String(), complaints[:len("godwit: work/Old: would lose")]) {
		t.Errorf("complaints are lost behind the bars: %q", &b.err)
	}
	if !strings.HasSuffix(b.err.String(), "\n") && !strings.HasSuffix(b.err.String(), "\x1b[J") {
		t.Errorf("the cursor is left within a line: %q", &b.err)
	}
}

func TestNumbersReadWell(t *testing.T) {
	t.Parallel()
	for want, got := range map[string]string{
		"0": Count(0), "999": Count(999), "1,000": Count(1000), "1,234,567": Count(1234567), "-1,000": Count(-1000),
		"1 message": Messages(1), "2,000 messages": Messages(2000),
		"0 B": Bytes(0), "1023 B": Bytes(1023), "1.00 KiB": Bytes(1024), "9.99 KiB": Bytes(10230), "10.0 KiB": Bytes(10239),
		"100 KiB": Bytes(102399), "1.00 MiB": Bytes(1023 * 1024), "5.00 GiB": Bytes(5 << 30),
		"0.3 s": Took(300 * time.Millisecond), "2 min 5 s": Took(125 * time.Second), "1 h 2 min": Took(62 * time.Minute),
		"0:42": left(42 * time.Second), "1:02:03": left(time.Hour + 2*time.Minute + 3*time.Second),
		"just now": Ago(time.Second), "5 minutes ago": Ago(5 * time.Minute), "3 hours ago": Ago(3 * time.Hour), "4 days ago": Ago(100 * time.Hour),
		"Arc…2026": shorten("Archive/2026", 8), "short": shorten("short", 8),
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// TestARunThatOnlyPairedSaysSo: it did something, and a guard that held back no
// removal did, too.
func TestARunThatOnlyPairedSaysSo(t *testing.T) {
	t.Parallel()
	p, b := printer(Options{OutTerminal: true, ErrTerminal: true, Unicode: true})
	p.Account("work").Done(Outcome{Result: sync.Result{Paired: 1200}})
	gone := plan.Hold{Mailbox: "Old", Guard: true, Text: "the mailbox is gone"}
	p.Account("work").Done(Outcome{Result: sync.Result{Deleted: 1, Plan: plan.Plan{Holds: []plan.Hold{gone}}}, Exit: 5})
	want := "✓ work  1,200 paired by content  in 0.0 s\n! work  1 mailbox removed, something was held back  in 0.0 s\n"
	if b.out.String() != want {
		t.Errorf("standard output %q, want %q", &b.out, want)
	}
}
