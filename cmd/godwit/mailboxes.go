package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"godwit/internal/config"
	"godwit/internal/ui"
	"godwit/mail"
)

func mailboxesCommand() *cli.Command {
	return command(&cli.Command{
		Name:      "mailboxes",
		Usage:     "list the mailboxes of both sides, and what chooses or excludes them",
		ArgsUsage: "[ACCOUNT…]",
		Description: "Lists the mailboxes of both sides with their numbers of messages and their roles, and says for those\n" +
			"that are left out by which setting.",
		Flags:        []cli.Flag{jsonFlag},
		Action:       overAccounts(wholeAccounts, runMailboxes),
		BashComplete: completeAccounts,
	})
}

// mailboxLine is a mailbox as both sides have it.
type mailboxLine struct {
	V        int    `json:"v"`
	Account  string `json:"account"`
	Mailbox  string `json:"mailbox"`
	Role     string `json:"role,omitempty"`
	Server   *int   `json:"server"` // messages; null: not there, or a name that holds none
	Local    *int   `json:"local"`  // the same
	Selected bool   `json:"selected"`
	Rule     string `json:"rule"`
}

func runMailboxes(ctx context.Context, c *invocation) error {
	var codes []int
	for _, t := range c.targets {
		lines, err := mailboxesOf(ctx, c.p, t.account)
		if err != nil {
			codes = append(codes, report(c.p, t.account.Name, because(ctx, err)))
			continue
		}
		if c.p.JSON() {
			for _, l := range lines {
				c.p.JSONLine(l)
			}
			continue
		}
		showMailboxes(c.p, t.account.Name, lines)
	}
	return ended(worst(codes...))
}

func mailboxesOf(ctx context.Context, p *ui.Printer, c *config.Account) (_ []mailboxLine, err error) {
	show := p.Account(c.Name)
	state, err := config.StateDir(c.Name)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errConfig, err)
	}
	local, err := openMaildir(c, state)
	if err != nil {
		return nil, err
	}
	server, err := openServer(c, opening{printer: p, notice: show.Notice})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, server.Close()) }()
	remote, err := server.Mailboxes(ctx, func(mail.Mailbox, mail.Role) bool { return true })
	if err != nil {
		return nil, err
	}
	found := map[mail.Mailbox]*mailboxLine{}
	line := func(m mail.Mailbox, role mail.Role) *mailboxLine {
		l := found[m]
		if l == nil {
			l = &mailboxLine{V: ui.SchemaVersion, Account: c.Name, Mailbox: p.Clean(string(m)), Role: string(role)}
			l.Selected, l.Rule = c.Rule(m, role)
			found[m] = l
		}
		return l
	}
	for _, m := range remote {
		l := line(m.Name, m.Role)
		if m.Status != nil {
			n := int(m.Status.Messages)
			l.Server = &n
		}
	}
	root, err := local.Root(ctx)
	if err != nil {
		return nil, err
	}
	if root.Exists {
		here, err := local.Mailboxes(ctx)
		if err != nil {
			return nil, err
		}
		for _, m := range here {
			listing, err := local.Scan(ctx, m.Name)
			if err != nil {
				return nil, err
			}
			n := listing.Len()
			line(m.Name, "").Local = &n
		}
	}
	out := make([]mailboxLine, 0, len(found))
	for _, l := range found {
		out = append(out, *l)
	}
	slices.SortFunc(out, func(a, b mailboxLine) int {
		inbox := string(mail.Inbox)
		if (a.Mailbox == inbox) != (b.Mailbox == inbox) {
			if a.Mailbox == inbox {
				return -1
			}
			return 1
		}
		return strings.Compare(a.Mailbox, b.Mailbox)
	})
	return out, nil
}

// showMailboxes prints a table.
func showMailboxes(p *ui.Printer, account string, lines []mailboxLine) {
	s := p.Style()
	width, number := len("mailbox"), len("server")
	count := func(n *int) string {
		if n == nil {
			return "–"
		}
		return ui.Count(*n)
	}
	for _, l := range lines {
		width = max(width, ui.Width(l.Mailbox))
		number = max(number, ui.Width(count(l.Server)), ui.Width(count(l.Local)))
	}
	right := func(text string) string { return strings.Repeat(" ", max(0, number-ui.Width(text))) + text }
	p.Print(s.Bold(account))
	p.Print(s.Dim("  " + ui.Pad("mailbox", width) + "  " + right("server") + "  " + right("local") + "  role"))
	for _, l := range lines {
		row := "  " + ui.Pad(l.Mailbox, width) + "  " + right(count(l.Server)) + "  " + right(count(l.Local)) + "  " + ui.Pad(l.Role, len(mail.RoleArchive))
		if l.Selected {
			p.Print(strings.TrimRight(row, " "))
		} else {
			p.Print(s.Dim(row + "  left out: " + p.Clean(l.Rule)))
		}
	}
}
