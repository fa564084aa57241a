package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"godwit/internal/config"
	"godwit/internal/ui"
)

// run is the whole program: from the command line to the exit code.
func run(args []string) int {
	options, err := ui.Detect(os.Stdout, os.Stderr, "", os.Getenv)
	p := ui.New(options)
	if err == nil {
		err = newApp().RunContext(context.Background(), flagsFirst(args))
	}
	return report(p, "", err)
}

func newApp() *cli.App {
	cli.VersionFlag = &cli.BoolFlag{Name: "version", Usage: "print the version", DisableDefaultText: true}
	cli.VersionPrinter = func(c *cli.Context) { fmt.Fprintln(c.App.Writer, versionLine()) }
	cli.HelpFlag = &cli.BoolFlag{Name: "help", Aliases: []string{"h"}, Usage: "show help", DisableDefaultText: true}
	return &cli.App{
		Name:                 "godwit",
		Usage:                "keep a Maildir and an IMAP account the same",
		Version:              version(),
		EnableBashCompletion: true,
		HideHelpCommand:      true,
		Flags: []cli.Flag{
			&cli.StringFlag{
				Name: "config", Usage: "read the configuration from `FILE`",
				DefaultText: "$XDG_CONFIG_HOME/godwit/config.toml",
			},
			cli.HelpFlag, // the library adds it only with a help command of its own
		},
		Commands: []*cli.Command{
			syncCommand(), searchCommand(), fetchCommand(), statusCommand(), logCommand(), undoCommand(), gcCommand(), verifyCommand(), checkCommand(), mailboxesCommand(),
			demoCommand(), completionCommand(), versionCommand(), helpCommand(),
		},
		CustomAppHelpTemplate: appHelp,
		Action: func(c *cli.Context) error {
			if name := c.Args().First(); name != "" {
				return unknownCommand(c.App, name)
			}
			if c.Bool("help") {
				return cli.ShowAppHelp(c)
			}
			_ = cli.ShowAppHelp(c)
			return usagef("no command is given")
		},
		OnUsageError:   usageError,
		ExitErrHandler: func(*cli.Context, error) {}, // report does it
	}
}

const appHelp = `godwit keeps a local Maildir and an IMAP account the same, in both directions.

usage: godwit [--config FILE] COMMAND [FLAG…] [ACCOUNT[:MAILBOX]…]

{{range .VisibleCommands}}  {{printf "%-12s" .Name}}{{.Usage}}
{{end}}
  --config FILE   read the configuration from FILE, not from
                  $XDG_CONFIG_HOME/godwit/config.toml
  --version       print the version

"godwit help COMMAND" tells more about one. Without an account named, all of
them are meant. "godwit demo" shows everything at work, without an account.
`

// commandHelp is the page of one command.
const commandHelp = `usage: {{.HelpName}}{{if .VisibleFlags}} [FLAG…]{{end}}{{if .ArgsUsage}} {{.ArgsUsage}}{{end}}

{{if .Description}}{{.Description}}{{else}}{{.Usage}}{{end}}
{{if .VisibleFlags}}
{{range .VisibleFlags}}  {{.}}
{{end}}{{end}}`

// command completes what all commands have.
func command(c *cli.Command) *cli.Command {
	c.CustomHelpTemplate = commandHelp
	c.OnUsageError = usageError
	if c.BashComplete == nil {
		c.BashComplete = completeFlags
	}
	return c
}

// usage is a mistake on the command line.
type usage struct{ text, hint string }

func (u *usage) Error() string { return u.text }

func usagef(format string, args ...any) error { return &usage{text: fmt.Sprintf(format, args...)} }

// usageError makes the flag package's complaints ours.
func usageError(c *cli.Context, err error, _ bool) error {
	text := strings.ReplaceAll(err.Error(), "provided but not defined: -", "not known: --")
	u := &usage{text: strings.ReplaceAll(text, "---", "--"), hint: "godwit help"}
	if c.Command != nil && c.Command.Name != "" && c.Command.Name != "godwit" {
		u.hint = "godwit help " + c.Command.Name
		if strings.HasSuffix(u.text, "not known: --config") {
			u.hint = "--config stands before the command: godwit --config FILE " + c.Command.Name
		}
	}
	return u
}

func unknownCommand(app *cli.App, name string) error {
	u := &usage{text: fmt.Sprintf("no such command: %q", name), hint: "godwit help lists the commands"}
	var names []string
	for _, c := range app.VisibleCommands() {
		names = append(names, c.Name)
	}
	if like, found := config.Nearest(name, names); found {
		u.hint = fmt.Sprintf("did you mean %q?", like)
	}
	return u
}

// flagsFirst moves a command's flags before its other arguments: the flag
// package would take those behind an account's name for accounts. "--" ends the
// flags as ever.
func flagsFirst(args []string) []string {
	if len(args) > 0 && args[len(args)-1] == "--generate-bash-completion" {
		return args // it has to stay the last
	}
	app := newApp()
	verb := 1
	for verb < len(args) && strings.HasPrefix(args[verb], "-") {
		if takesValue(app.Flags, args[verb]) {
			verb++
		}
		verb++
	}
	if verb >= len(args) {
		return args
	}
	i := slices.IndexFunc(app.Commands, func(c *cli.Command) bool { return c.HasName(args[verb]) })
	if i < 0 {
		return args
	}
	verbOf := app.Commands[i]
	var flags, rest []string
	for j := verb + 1; j < len(args); j++ {
		switch a := args[j]; {
		case a == "--":
			rest = append(rest, args[j:]...)
			j = len(args)
		case verbOf.Name == "search" && len(a) > 1 && a[0] == '-' && a[1] != '-' && !isFlag(verbOf.Flags, a):
			rest = append(rest, a) // a term turned around
		case len(a) > 1 && a[0] == '-':
			flags = append(flags, a)
			if takesValue(verbOf.Flags, a) && j+1 < len(args) {
				j++
				flags = append(flags, args[j])
			}
		default:
			rest = append(rest, a)
		}
	}
	if verbOf.Name == "search" && !slices.Contains(rest, "--") {
		rest = slices.Insert(rest, 0, "--")
	}
	return slices.Concat(args[:verb+1], flags, rest)
}

// isFlag tells whether an argument is one of the flags, or asks for help.
func isFlag(flags []cli.Flag, argument string) bool {
	name, _, _ := strings.Cut(strings.TrimLeft(argument, "-"), "=")
	return name == "h" || name == "help" || slices.ContainsFunc(flags, func(f cli.Flag) bool { return slices.Contains(f.Names(), name) })
}

// takesValue tells whether an argument is a flag whose value is the next one.
func takesValue(flags []cli.Flag, argument string) bool {
	name := strings.TrimLeft(argument, "-")
	for _, f := range flags {
		if slices.Contains(f.Names(), name) {
			d, is := f.(cli.DocGenerationFlag)
			return is && d.TakesValue()
		}
	}
	return false
}
