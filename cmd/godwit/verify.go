package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/urfave/cli/v2"

	"godwit/internal/config"
	"godwit/internal/ui"
	"godwit/internal/verify"
	"godwit/mail"
	"godwit/statedb"
	"godwit/sync"
)

func verifyCommand() *cli.Command {
	return command(&cli.Command{
		Name:      "verify",
		Usage:     "hold the record against the files and the server, message by message",
		ArgsUsage: "[ACCOUNT[:MAILBOX]…]",
		Description: "Checks the state database, and that what it says both sides agreed on is what they hold: each file\n" +
			"present, with its length and flags; each message on the server, with its size and flags. --deep reads\n" +
			"and hashes every file and every message, and finds bytes that changed in place. Nothing is changed.\n\n" +
			"--repair then brings back what one side lacks, keeps both versions where they differ, and removes\n" +
			"nothing on either side. Sync first: a removal that no run has carried out yet is taken back by it.",
		Flags: []cli.Flag{
			flag("deep", "read and hash every file and every message"),
			flag("offline", "look at the database and the Maildir alone"),
			flag("repair", "bring back what is missing and keep both of what differs; remove nothing"),
			quietFlag, verboseFlag, jsonFlag,
			flag("wait", "wait while another run holds the account"),
		},
		Action:       overAccounts(choose, runVerify),
		BashComplete: completeAccounts,
	})
}

func runVerify(ctx context.Context, c *invocation) error {
	if c.Bool("offline") && c.Bool("repair") {
		return usagef("--repair asks the server for what is missing, and --offline forbids it")
	}
	var codes []int
	for _, t := range c.targets { // one after another: each may keep a disk busy
		v := &verifying{p: c.p, t: t, deep: c.Bool("deep"), offline: c.Bool("offline"), repair: c.Bool("repair")}
		codes = append(codes, v.run(ctx, opening{wait: c.Bool("wait"), printer: c.p}))
	}
	return ended(worst(codes...))
}

// verifying is the verification of one account.
type verifying struct {
	p                     *ui.Printer
	t                     *target
	deep, offline, repair bool

	messages  int
	mailboxes int
	findings  int
	waiting   int
	lines     []string                 // of the mailbox under way, not shown yet
	more      int                      // findings of it that are not among them
	differ    map[mail.Mailbox][]int64 // rows whose two sides do not hold the same bytes
	did       sync.Result              // what a repair did, in all
}

// mostLines is how many differences of a mailbox a person is shown.
const mostLines = 20

func (v *verifying) run(ctx context.Context, o opening) int {
	name := v.t.account.Name
	show := v.p.Account(name)
	o.notice = show.Notice
	never, err := neverRun(name)
	if err != nil || never {
		if err == nil {
			v.say("never run: there is nothing to verify", ui.Neutral)
			v.done(exitDone, "none")
		}
		return report(v.p, name, err)
	}
	a, err := openAccount(ctx, v.t.account, o)
	if errors.Is(err, statedb.ErrCorrupt) {
		return v.damaged(ctx, o, show, err)
	}
	if err != nil {
		return report(v.p, name, because(ctx, err))
	}
	err = a.base.Check(ctx)
	if errors.Is(err, statedb.ErrCorrupt) {
		if err := a.Close(); err != nil {
			return report(v.p, name, err)
		}
		return v.damaged(ctx, o, show, err)
	}
	code := exitDone
	if err == nil {
		code, err = v.with(ctx, a, show)
	}
	err = errors.Join(err, a.Close())
	return worst(code, report(v.p, name, because(ctx, err)))
}

// neverRun tells that there is no record of the account.
func neverRun(name string) (bool, error) {
	state, err := config.StateDir(name)
	if err != nil {
		return false, fmt.Errorf("%w: %w", errConfig, err)
	}
	_, err = os.Stat(databasePath(state))
	if errors.Is(err, fs.ErrNotExist) {
		return true, nil
	}
	return false, err
}

// with verifies an account whose database is sound, and repairs it if asked to.
func (v *verifying) with(ctx context.Context, a *account, show *ui.Account) (int, error) {
	if err := checkMarker(ctx, a); err != nil {
		return exitDone, err
	}
	if err := sameArrangement(ctx, a); err != nil {
		return exitDone, err
	}
	options := verify.Options{
		Local: a.local, Base: a.base, Deep: v.deep, Found: v.found, Done: v.box, Wanted: v.wanted(),
		Mode: func(m mail.Mailbox, role mail.Role) verify.Direction {
			mode := v.t.account.PolicyFor(m, role).Mode
			return verify.Direction{Pulls: mode.Pulls(), Pushes: mode.Pushes()}
		},
	}
	if !v.offline {
		options.Server = a.server
	}
	v.differ = map[mail.Mailbox][]int64{}
	if err := verify.Run(ctx, options); err != nil {
		return exitDone, err
	}
	if missed := v.t.missed(); len(missed) > 0 && v.mailboxes == 0 {
		return exitDone, &usage{
			text: fmt.Sprintf("no mailbox is called %q", missed[0]), hint: "godwit mailboxes " + a.config.Name + " lists them",
		}
	}
	code := exitDone
	if v.findings > 0 {
		code = exitPart
	}
	v.summary()
	if v.repair && v.findings > 0 {
		var err error
		if code, err = v.mend(ctx, a, show); err != nil {
			return code, err
		}
	}
	v.done(code, "ok")
	return code, nil
}

// wanted tells which mailboxes are meant.
func (v *verifying) wanted() func(mail.Mailbox, mail.Role) bool {
	only := v.t.filter()
	return func(m mail.Mailbox, role mail.Role) bool {
		return v.t.account.Wanted(m, role) && (only == nil || only(m))
	}
}

// findingLine is a difference as JSON.
type findingLine struct {
	V       int    `json:"v"`
	Event   string `json:"event"`
	Account string `json:"account"`
	Mailbox string `json:"mailbox"`
	What    string `json:"what"`
	UID     uint32 `json:"uid,omitempty"`
	Key     string `json:"key,omitempty"`
	Waiting bool   `json:"waiting"`
	Text    string `json:"text"`
}

func (v *verifying) found(f verify.Finding) {
	if f.Content() && f.Row != 0 {
		v.differ[f.Mailbox] = append(v.differ[f.Mailbox], f.Row)
	}
	v.findings++
	if f.Waiting {
		v.waiting++
	}
	text := v.p.Clean(f.Text())
	if v.p.JSON() {
		v.p.JSONLine(findingLine{
			V: ui.SchemaVersion, Event: "finding", Account: v.t.account.Name, Mailbox: v.p.Clean(string(f.Mailbox)),
			What: f.Kind.String(), UID: uint32(f.UID), Key: v.p.Clean(string(f.Key)), Waiting: f.Waiting, Text: text,
		})
		return
	}
	if len(v.lines) == mostLines && v.p.Level() != ui.Verbose {
		v.more++
		return
	}
	mark := ui.Bad
	if f.Waiting {
		mark = ui.Neutral
		text += v.p.Style().Dim(" (the next sync sees it)")
	}
	v.lines = append(v.lines, "    "+v.p.Mark(mark)+" "+text)
}

// boxLine is a mailbox as JSON.
type boxLine struct {
	V        int    `json:"v"`
	Event    string `json:"event"`
	Account  string `json:"account"`
	Mailbox  string `json:"mailbox"`
	Record   int    `json:"record"`
	Local    int    `json:"local"`
	Server   *int   `json:"server"`
	Findings int    `json:"findings"`
	Waiting  int    `json:"waiting"`
}

func (v *verifying) box(b verify.Mailbox) {
	v.mailboxes++
	v.messages += b.Rows
	lines, more := v.lines, v.more
	v.lines, v.more = nil, 0
	if v.p.JSON() {
		line := boxLine{
			V: ui.SchemaVersion, Event: "mailbox", Account: v.t.account.Name, Mailbox: v.p.Clean(string(b.Name)),
			Record: b.Rows, Local: b.Files, Findings: b.Findings, Waiting: b.Waiting,
		}
		if b.Messages >= 0 {
			line.Server = &b.Messages
		}
		v.p.JSONLine(line)
		return
	}
	if v.p.Level() == ui.Quiet || b.Findings == 0 && v.p.Level() != ui.Verbose {
		return
	}
	text := fmt.Sprintf("%s in the record, %s in the Maildir", ui.Messages(b.Rows), ui.Count(b.Files))
	if b.Messages >= 0 {
		text += ", " + ui.Count(b.Messages) + " on the server"
	}
	if b.Findings > 0 {
		text += ": " + ui.Plural(b.Findings, "difference", "differences")
	}
	v.p.Print(v.p.Style().Cyan(v.p.Clean(v.t.account.Name+"/"+string(b.Name))) + ": " + text)
	for _, line := range lines {
		v.p.Print(line)
	}
	if more > 0 {
		v.p.Print(fmt.Sprintf("    and %s more (--verbose and --json list them)", ui.Count(more)))
	}
}

// say is the line about the account.
func (v *verifying) say(text string, mark ui.Mark) {
	if v.p.JSON() || v.p.Level() == ui.Quiet {
		return
	}
	v.p.Print(v.p.Mark(mark) + " " + v.p.Style().Bold(v.t.account.Name) + "  " + text)
}

func (v *verifying) summary() {
	with := "the record, the Maildir and the server agree"
	if v.offline {
		with = "the record and the Maildir agree"
	}
	looked := ui.Messages(v.messages) + " in " + ui.Plural(v.mailboxes, "mailbox", "mailboxes")
	if v.findings == 0 {
		v.say(looked+": "+with, ui.Good)
		return
	}
	text := looked + ": " + ui.Plural(v.findings, "difference", "differences")
	if v.waiting > 0 {
		text += ", of which " + ui.Plural(v.waiting, "is", "are") + " for the next sync"
	}
	v.say(text, ui.Doubtful)
	if v.repair || v.p.JSON() {
		return
	}
	name := v.t.account.Name
	if v.waiting > 0 {
		v.p.Hint("godwit sync " + name + " brings what is waiting; what is left after that, no run sees by itself")
	}
	if v.waiting < v.findings {
		v.p.Hint("godwit verify --repair " + name + " brings back what is missing and keeps both versions of what differs; it removes nothing")
	}
}

// verifiedLine is the last line about an account as JSON.
type verifiedLine struct {
	V        int    `json:"v"`
	Event    string `json:"event"`
	Account  string `json:"account"`
	Database string `json:"database"` // "ok", "damaged" or "none"
	Findings int    `json:"findings"`
	Waiting  int    `json:"waiting"`
	Repaired bool   `json:"repaired"`
	Exit     int    `json:"exit"`
}

func (v *verifying) done(code int, database string) {
	if v.p.JSON() {
		v.p.JSONLine(verifiedLine{
			V: ui.SchemaVersion, Event: "verified", Account: v.t.account.Name, Database: database,
			Findings: v.findings, Waiting: v.waiting, Repaired: v.repair && code == exitDone, Exit: code,
		})
	}
}
