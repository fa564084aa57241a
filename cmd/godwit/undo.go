package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"godwit/internal/config"
	"godwit/internal/ui"
	"godwit/internal/undo"
	"godwit/mail"
	"godwit/statedb"
	"godwit/sync"
)

func undoCommand() *cli.Command {
	return command(&cli.Command{
		Name:      "undo",
		Usage:     "bring back what runs removed, moved and flagged",
		ArgsUsage: "[ACCOUNT] [RUN|MESSAGE…]",
		Description: "Without arguments, brings back the messages that the last run which removed any has removed: to both sides,\n" +
			"with their flags. With the number of a RUN (godwit log tells it) its moves and changes of flags are taken\n" +
			"back, too; with a MESSAGE (a Message-ID, a file name without its flags, or the beginning of a content's\n" +
			"SHA-256) that one comes back alone. Where there are several accounts, name one, or write ACCOUNT:RUN.\n\n" +
			"What others have changed since is told and left alone. An undo is a run itself, and can be undone. The server is\n" +
			"brought along by a sync of the mailboxes concerned, which does what else waits in them as well.",
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "dry-run", Aliases: []string{"n"}, Usage: "say what would be done, and do nothing", DisableDefaultText: true},
			flag("offline", "change the Maildir alone; the next sync brings the server along"),
			quietFlag, verboseFlag, jsonFlag,
			flag("wait", "wait while another run holds the account"),
		},
		Action:       runUndo,
		BashComplete: completeAccounts,
	})
}

func runUndo(c *cli.Context) error {
	p, err := printerFor(c)
	if err != nil {
		return err
	}
	defer p.Close()
	conf, err := loadConfig(c)
	if err != nil {
		return err
	}
	account, wish, err := wished(conf, c.Args().Slice())
	if err != nil {
		return err
	}
	ctx, stop := interruptible(c.Context, p)
	defer stop()
	u := &undoing{
		p: p, t: &target{account: account}, wish: wish, dry: c.Bool("dry-run"), offline: c.Bool("offline"),
		command: strings.Join(append([]string{"undo"}, c.Args().Slice()...), " "),
	}
	return ended(u.run(ctx, opening{wait: c.Bool("wait"), printer: p}))
}

// wished reads the arguments.
func wished(conf *config.Config, args []string) (*config.Account, undo.Wish, error) {
	var account *config.Account
	var wish undo.Wish
	choose := func(a *config.Account) error {
		if account != nil && account != a {
			return usagef("undo takes one account at a time")
		}
		account = a
		return nil
	}
	for _, arg := range args {
		if a, known := conf.Account(arg); known {
			if err := choose(a); err != nil {
				return nil, wish, err
			}
			continue
		}
		if name, rest, some := strings.Cut(arg, ":"); some {
			if a, known := conf.Account(name); known && rest != "" {
				if err := choose(a); err != nil {
					return nil, wish, err
				}
				arg = rest
			}
		}
		// The beginning of a hash may be digits alone, but no run has so many.
		if n, err := strconv.ParseInt(arg, 10, 64); err == nil && n > 0 && len(arg) < 10 {
			wish.Runs = append(wish.Runs, n)
			continue
		}
		wish.Messages = append(wish.Messages, arg)
	}
	if account == nil {
		if len(conf.Accounts) != 1 {
			return nil, wish, &usage{text: "there are several accounts, and undo takes one", hint: "name one of " + strings.Join(conf.Names(), ", ")}
		}
		account = conf.Accounts[0]
	}
	return account, wish, nil
}

// undoing is one undo from the command line.
type undoing struct {
	p            *ui.Printer
	t            *target
	wish         undo.Wish
	dry, offline bool
	command      string
	told, untold int // steps
}

// mostSteps is how many steps that were taken are told one by one, unless each is
// asked for.
const mostSteps = 20

func (u *undoing) run(ctx context.Context, o opening) int {
	name := u.t.account.Name
	show := u.p.Account(name)
	o.notice = show.Notice
	a, err := openAccount(ctx, u.t.account, o)
	if err != nil {
		return report(u.p, name, because(ctx, err))
	}
	code, err := u.with(ctx, a, show)
	err = errors.Join(err, a.Close())
	return worst(code, report(u.p, name, because(ctx, err)))
}

func (u *undoing) with(ctx context.Context, a *account, show *ui.Account) (int, error) {
	undoer := &undo.Undo{Base: a.base, Local: a.local, Policy: u.t.account.PolicyFor}
	if !u.offline {
		undoer.Server = a.server
	}
	if err := checkMarker(ctx, a); err != nil {
		return 0, err
	}
	ready, err := a.ready(ctx, false, false)
	if err != nil {
		return 0, err
	}
	if ready.restored {
		return 0, fmt.Errorf("%w: %s", sync.ErrRefused, restoredUndo)
	}
	plan, err := undoer.Plan(ctx, u.wish)
	if errors.Is(err, undo.ErrUnknown) {
		return 0, &usage{text: err.Error(), hint: u.keptHint()}
	}
	if err != nil {
		return 0, err
	}
	code := u.tellLeft(plan.Left)
	if len(plan.Steps) == 0 {
		u.nothing(plan)
		return code, nil
	}
	if u.dry {
		for i := range plan.Steps {
			u.tell(&plan.Steps[i], "would ", undoer.Subject(ctx, &plan.Steps[i]))
		}
		return code, nil
	}
	carrier, err := u.begin(ctx, a, undoer)
	if err != nil {
		return code, err
	}
	left, err := carrier.Carry(ctx, plan)
	if u.untold > 0 {
		u.p.Printf("%s: and %s more (--verbose tells each)", u.t.account.Name, ui.Count(u.untold))
	}
	code = worst(code, u.tellLeft(left))
	if err != nil || u.offline {
		return code, errors.Join(err, u.end(ctx, a.base, carrier, err))
	}
	return u.follow(ctx, a, ready, show, carrier, code)
}

const restoredUndo = "the Maildir and the state directory are not of the same time: one of them was put back from a backup, as it seems, " +
	"and what the state says of past runs is not what happened to these files; godwit sync brings the two together, and nothing was changed now"

// checkMarker refuses a Maildir that is not there: its files would be put
// beside it.
func checkMarker(ctx context.Context, a *account) error {
	root, err := a.local.Root(ctx)
	switch {
	case err != nil:
		return err
	case root.Marker && root.Account == a.config.Name:
		return nil
	}
	return fmt.Errorf("%w: the Maildir, or its marker .godwit, is gone; is its disk mounted? Nothing was changed", sync.ErrRefused)
}

// begin makes the run that the undo is.
func (u *undoing) begin(ctx context.Context, a *account, undoer *undo.Undo) (*undo.Carrier, error) {
	last, err := a.base.LastRuns(ctx, 1)
	if err != nil {
		return nil, err
	}
	after, err := runsInTrash(ctx, a)
	if err != nil {
		return nil, err
	}
	run := mail.RunRecord{ID: after + 1, Started: mail.UnixTime(time.Now().Unix()), Command: u.command}
	for _, r := range last {
		run.ID = r.ID + 1
	}
	return &undo.Carrier{Undo: undoer, Run: run, Step: crashStep, Told: func(s undo.Step, subject string) { u.tell(&s, "", subject) }}, nil
}

// end records the run of an undo that no sync follows.
func (u *undoing) end(ctx context.Context, base *statedb.DB, c *undo.Carrier, err error) error {
	c.Run.Ended = mail.UnixTime(time.Now().Unix())
	if err != nil {
		c.Run.Summary = err.Error()
	}
	return base.Commit(context.WithoutCancel(ctx), mail.PutRun{Run: c.Run})
}

// follow brings the server along: a sync of the mailboxes that were touched, as
// part of the same run.
func (u *undoing) follow(ctx context.Context, a *account, r ready, show *ui.Account, c *undo.Carrier, code int) (int, error) {
	recreate, err := u.listed(ctx, a, c)
	if err != nil {
		return code, errors.Join(err, u.end(ctx, a.base, c, err))
	}
	engine := engineOptions(a, sync.Options{
		Recreate: recreate, Events: show.Event, Begun: &sync.Begun{Run: c.Run, Entries: c.Entries},
		Only: func(m mail.Mailbox) bool { return c.Touched[m] },
	})
	result, err := a.run(ctx, r, engine)
	err = because(ctx, err)
	synced := exitOf(result, err)
	report(u.p, a.config.Name, err)
	for _, hint := range slices.Concat(failureHints(a.config.Name, &result), outcomeHints(a.config.Name, &result, false)) {
		u.p.Hint(hint)
	}
	if u.p.JSON() {
		show.Done(ui.Outcome{Result: result, Err: err, Exit: worst(code, synced)})
	}
	return worst(code, synced), nil
}

// listed asks the server for its mailboxes. It adds the trash mailbox to those to
// be synchronised, where messages will be moved to it, and tells whether one of
// them is missing there.
func (u *undoing) listed(ctx context.Context, a *account, c *undo.Carrier) (missing bool, err error) {
	listed, err := a.server.Mailboxes(ctx, func(mail.Mailbox, mail.Role) bool { return false })
	if err != nil {
		return false, err
	}
	there := map[mail.Mailbox]bool{}
	for _, s := range listed {
		there[s.Name] = true
		if c.Removed && (s.Role == mail.RoleTrash || string(s.Name) == a.config.Trash) {
			c.Touched[s.Name] = true
		}
	}
	for m := range c.Touched {
		missing = missing || !there[m]
	}
	return missing, nil
}

func (u *undoing) keptHint() string {
	keep := "for ever"
	if d := u.t.account.KeepDeleted; d > 0 {
		keep = fmt.Sprintf("for %d days (keep_deleted)", int(d.Hours()/24))
	}
	return "godwit log " + u.t.account.Name + " lists the runs; what they did is kept " + keep
}

// nothing says why there is nothing to do.
func (u *undoing) nothing(p *undo.Plan) {
	if len(p.Left) > 0 || u.p.Level() == ui.Quiet || u.p.JSON() {
		return
	}
	text := "nothing to take back"
	switch {
	case len(p.Before) > 0:
		slices.Sort(p.Before)
		var runs []string
		for _, r := range p.Before {
			runs = append(runs, strconv.FormatInt(r, 10))
		}
		text += ": that was done by run " + strings.Join(runs, ", ")
	case len(u.wish.Runs)+len(u.wish.Messages) == 0:
		text += ": no run that is known has removed a message"
	}
	u.p.Print(u.t.account.Name + ": " + text)
}

// tellLeft names what is not taken back, and returns the exit code for it.
func (u *undoing) tellLeft(left []undo.Left) int {
	code := exitDone
	for _, l := range left {
		text := fmt.Sprintf("%s: not taken back: %s", ui.JournalMessages(&l.Entry), l.Why)
		scope := u.t.account.Name + "/" + string(l.Entry.Mailbox)
		switch {
		case u.p.JSON():
			u.p.JSONLine(undoneLine{
				V: ui.SchemaVersion, Event: "left", Account: u.t.account.Name, Mailbox: u.p.Clean(string(l.Entry.Mailbox)),
				Of: l.Entry.Run, Key: u.p.Clean(string(l.Entry.Key)), UIDs: l.Entry.UIDs.String(), Text: l.Why, DryRun: u.dry,
			})
		case l.Fine && u.p.Level() != ui.Quiet:
			u.p.Print(scope + ": " + u.p.Clean(ui.JournalMessages(&l.Entry)) + ": " + l.Why)
		}
		if !l.Fine {
			u.p.Error(scope, text)
			code = exitPart
		}
	}
	return code
}

// undoneLine is a line of JSON: a step that was or would be taken, or one that
// was not.
type undoneLine struct {
	V       int    `json:"v"`
	Event   string `json:"event"` // "undone", "left"
	Account string `json:"account"`
	Mailbox string `json:"mailbox"`
	What    string `json:"what,omitempty"`
	Of      int64  `json:"of"` // the run
	From    string `json:"from,omitempty"`
	Key     string `json:"key,omitempty"`
	UIDs    string `json:"uids,omitempty"`
	Subject string `json:"subject,omitempty"`
	Text    string `json:"text,omitempty"`
	DryRun  bool   `json:"dry_run,omitempty"`
}

// shortened cuts a subject to what fits on a line.
func shortened(subject string) string {
	const most = 60
	if runes := []rune(subject); len(runes) > most {
		return string(runes[:most-1]) + "…"
	}
	return subject
}

// tell shows a step.
func (u *undoing) tell(s *undo.Step, would, subject string) {
	o := &s.Entries[0]
	what, text := "", ""
	switch s.Kind {
	case undo.Restore:
		what, text = "restore", would+"bring back "+ui.JournalMessages(o)+" from the trash"
	case undo.Copy:
		what, text = "copy", would+"bring back "+ui.JournalMessages(o)+", a copy of what is in "+string(s.From)
	case undo.MoveFile, undo.MoveServer:
		what, text = "move", would+"move "+ui.JournalMessages(o)+" back from "+string(s.From)
	case undo.Flag:
		what, text = "flags", fmt.Sprintf("%schange flags back, %s: %s", would, ui.JournalMessages(o), s.Delta)
	case undo.Remove:
		what, text = "remove", would+"remove again what was brought back, "+ui.JournalMessages(o)
	}
	subject = u.p.Clean(subject)
	if subject != "" {
		text += fmt.Sprintf(" (%q)", shortened(subject))
	}
	switch {
	case u.p.JSON():
		u.p.JSONLine(undoneLine{
			Subject: subject,
			V:       ui.SchemaVersion, Event: "undone", Account: u.t.account.Name, Mailbox: u.p.Clean(string(s.Mailbox)), What: what,
			Of: o.Run, From: u.p.Clean(string(s.From)), Key: u.p.Clean(string(s.Key)), DryRun: u.dry,
		})
	case u.p.Level() == ui.Normal && !u.dry && u.told == mostSteps:
		u.untold++
	case u.p.Level() != ui.Quiet:
		u.told++
		u.p.Print(u.t.account.Name + "/" + u.p.Clean(string(s.Mailbox)) + ": " + u.p.Clean(text))
	}
}
