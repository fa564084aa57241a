package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"godwit/imap"
	"godwit/internal/config"
	"godwit/internal/ui"
	"godwit/mail"
)

func checkCommand() *cli.Command {
	return command(&cli.Command{
		Name:      "check",
		Usage:     "try the configuration and the servers, and say what they offer",
		ArgsUsage: "[ACCOUNT…]",
		Description: "Reads the configuration, connects and logs in, and says what each server offers and what that means\n" +
			"for speed and safety. It changes nothing.",
		Flags: []cli.Flag{
			jsonFlag,
			&cli.BoolFlag{Name: "verbose", Aliases: []string{"v"}, Usage: "show what is said to the server and by it, without login and mail", DisableDefaultText: true},
		},
		Action:       overAccounts(wholeAccounts, runCheck),
		BashComplete: completeAccounts,
	})
}

// finding is one thing that was checked.
type finding struct {
	OK   bool   `json:"ok"`
	What string `json:"what"`
	Text string `json:"text"`
}

type accountCheck struct {
	V            int       `json:"v"`
	Account      string    `json:"account"`
	Findings     []finding `json:"findings"`
	Capabilities []string  `json:"capabilities,omitempty"`
	Exit         int       `json:"exit"`
}

func runCheck(ctx context.Context, c *invocation) error {
	if !c.p.JSON() {
		c.p.Printf("%s %s: %s", c.p.Mark(ui.Good), c.p.Clean(c.conf.Path), ui.Plural(len(c.conf.Accounts), "account", "accounts"))
	}
	var codes []int
	for _, t := range c.targets {
		result := accountCheck{V: ui.SchemaVersion, Account: t.account.Name, Findings: []finding{}}
		tell := func(ok bool, what, format string, args ...any) {
			f := finding{ok, what, c.p.Clean(fmt.Sprintf(format, args...))}
			result.Findings = append(result.Findings, f)
			if c.p.JSON() {
				return
			}
			mark := ui.Good
			if !ok {
				mark = ui.Doubtful
			}
			c.p.Printf("  %s %s %s", c.p.Mark(mark), ui.Pad(what, 12), f.Text)
		}
		if !c.p.JSON() {
			c.p.Print("")
			c.p.Print(c.p.Style().Bold(t.account.Name))
		}
		caps, err := checkAccount(ctx, c.p, t.account, tell)
		result.Capabilities = caps
		result.Exit = report(c.p, t.account.Name, because(ctx, err))
		codes = append(codes, result.Exit)
		if c.p.JSON() {
			c.p.JSONLine(result)
		}
	}
	return ended(worst(codes...))
}

// teller takes one finding.
type teller func(ok bool, what, format string, args ...any)

func checkAccount(ctx context.Context, p *ui.Printer, c *config.Account, tell teller) (caps []string, err error) {
	if err := checkMaildir(ctx, c, tell); err != nil {
		return nil, err
	}
	if c.IMAP.CA != "" {
		if _, err := os.Stat(c.IMAP.CA); err != nil {
			return nil, fmt.Errorf("%w: tls_ca: %w", errConfig, err)
		}
	}
	o := opening{printer: p, notice: p.Account(c.Name).Notice}
	if p.Level() == ui.Verbose && !p.JSON() {
		o.trace = func(line string) { p.Print("    " + p.Style().Dim(p.Clean(line))) }
	}
	server, err := openServer(c, o)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, server.Close()) }()
	began := time.Now()
	info, err := server.Check(ctx)
	if err != nil {
		return nil, err
	}
	checkConnection(c, info, time.Since(began), tell)
	checkCapabilities(c, info.Capabilities, tell)
	boxes, err := server.Mailboxes(ctx, c.Wanted)
	if err != nil {
		return info.Capabilities, err
	}
	checkMailboxes(c, boxes, tell)
	return info.Capabilities, nil
}

func checkMaildir(ctx context.Context, c *config.Account, tell teller) error {
	state, err := config.StateDir(c.Name)
	if err != nil {
		return fmt.Errorf("%w: %w", errConfig, err)
	}
	local, err := openMaildir(c, state)
	if err != nil {
		return err
	}
	root, err := local.Root(ctx)
	switch {
	case err != nil:
		return err
	case !root.Exists:
		tell(true, "Maildir", "%s, which the first run will make", c.Maildir)
	case root.Marker && root.Account != c.Name:
		tell(false, "Maildir", "%s belongs to the account %q", c.Maildir, root.Account)
	case !root.Marker && !root.Empty:
		tell(true, "Maildir", "%s, which holds something already: the first run pairs it with the server's mail", c.Maildir)
	default:
		tell(true, "Maildir", "%s", c.Maildir)
	}
	return nil
}

func checkConnection(c *config.Account, info *imap.Info, took time.Duration, tell teller) {
	where := fmt.Sprintf("%s, port %d", c.IMAP.Host, c.IMAP.Port)
	if c.IMAP.Command != nil {
		where = "through " + c.IMAP.Command[0]
	}
	if name := info.ID["name"]; name != "" {
		where += fmt.Sprintf(" (%s %s)", name, info.ID["version"])
	}
	tell(true, "server", "%s, reached in %d ms", strings.ReplaceAll(where, " )", ")"), took.Milliseconds())
	switch {
	case info.TLS != nil:
		tell(true, "TLS", "%s, certificate %s, %s", info.TLS.Version, info.TLS.Subject, info.TLS.Fingerprint)
		if left := time.Until(info.TLS.NotAfter); left < 14*24*time.Hour {
			tell(false, "TLS", "the certificate ends on %s", info.TLS.NotAfter.Format("2006-01-02"))
		}
	case c.IMAP.Command != nil:
		tell(true, "TLS", "none of ours: the tunnel protects the connection, or does not")
	case c.IMAP.AllowCleartext:
		tell(false, "TLS", "none: everybody on the way to the server can read along")
	default:
		tell(true, "TLS", "none; the connection does not leave this machine")
	}
	tell(true, "login", "%s by %s", c.IMAP.User, info.Login)
}

// meaning is what a capability does for the user, or its absence.
type meaning struct {
	names       []string // any of them
	with        string
	without     string
	recommended bool
}

var meanings = []meaning{
	{[]string{"QRESYNC"}, "changes and removals are told by the server: a run costs what changed", "", false},
	{[]string{"QRESYNC", "CONDSTORE"}, "changes of flags are told by the server", "flags of all messages are read in every run", true},
	{[]string{"LIST-STATUS"}, "one command tells which mailboxes moved", "every mailbox is asked by itself whether it moved", true},
	{[]string{"UIDPLUS"}, "uploads and removals name exactly what they mean", "uploads are looked up again; single messages cannot be expunged while others are marked \\Deleted", true},
	{[]string{"MOVE"}, "a move is one command", "a move is a copy and a removal", true},
	{[]string{"LITERAL+", "LITERAL-"}, "uploads need no waiting", "every upload waits for the server's consent", true},
	{[]string{"MULTIAPPEND"}, "many uploads are one command", "", false},
	{[]string{"ESEARCH"}, "listings are ranges", "listings name every message", true},
	{[]string{"SPECIAL-USE"}, "the server says which mailbox is the trash", "the trash mailbox must be named in the configuration, if removals are to go there", true},
	{[]string{"OBJECTID", "X-GM-EXT-1"}, "a message is recognised in every mailbox without reading it", "", false},
	{[]string{"COMPRESS=DEFLATE"}, "the connection is compressed", "", false},
}

// checkCapabilities says what the server's capabilities mean.
func checkCapabilities(c *config.Account, caps []string, tell teller) {
	for _, m := range meanings {
		at := slices.IndexFunc(m.names, func(name string) bool { return slices.Contains(caps, name) })
		switch {
		case at >= 0 && m.names[at] == "COMPRESS=DEFLATE" && !c.IMAP.Compress:
			tell(true, "DEFLATE", "offered, and not used (compress = false)")
		case at > 0 || at == 0 && len(m.names) == 1 || at == 0 && m.names[0] != "QRESYNC":
			tell(true, strings.TrimPrefix(m.names[at], "COMPRESS="), "%s", m.with)
		case at < 0 && m.recommended:
			tell(false, "no "+m.names[len(m.names)-1], "%s", m.without)
		}
	}
}

func checkMailboxes(c *config.Account, boxes []mail.ServerMailbox, tell teller) {
	wanted, messages, all, trash := 0, 0, mail.Mailbox(""), mail.Mailbox("")
	named := false
	for _, b := range boxes {
		if b.Role == mail.RoleTrash && trash == "" {
			trash = b.Name
		}
		named = named || string(b.Name) == c.Trash
		if b.NoSelect || !c.Wanted(b.Name, b.Role) {
			continue
		}
		wanted++
		if b.Status != nil {
			messages += int(b.Status.Messages)
		}
		if b.Role == mail.RoleAll {
			all = b.Name
		}
	}
	tell(wanted > 0, "mailboxes", "%s of %d chosen, with %s", ui.Count(wanted), len(boxes), ui.Messages(messages))
	if all != "" {
		tell(false, "mailboxes", `%s holds every message once more; exclude = ['\All'] leaves it out`, all)
	}
	switch {
	case c.Trash == "auto" && trash == "":
		tell(true, "trash", "the server names no trash mailbox: what is removed on it is expunged")
	case c.Trash == "auto":
		tell(true, "trash", "what is removed on the server goes to %s", trash)
	case c.Trash == "none":
		tell(true, "trash", "what is removed on the server is expunged")
	case !named:
		tell(false, "trash", "%s is not among the server's mailboxes", c.Trash)
	default:
		tell(true, "trash", "what is removed on the server goes to %s", c.Trash)
	}
}
