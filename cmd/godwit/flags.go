package main

import (
	"os"

	"github.com/urfave/cli/v2"

	"godwit/internal/ui"
)

// Flags that several commands have.
var (
	quietFlag   = &cli.BoolFlag{Name: "quiet", Aliases: []string{"q"}, Usage: "say nothing but what went wrong", DisableDefaultText: true}
	verboseFlag = &cli.BoolFlag{Name: "verbose", Aliases: []string{"v"}, Usage: "say each thing that is done", DisableDefaultText: true}
	jsonFlag    = &cli.BoolFlag{Name: "json", Usage: "write JSON, an object a line (docs/json.md)", DisableDefaultText: true}
)

// flag is a switch.
func flag(name, usage string) cli.Flag {
	return &cli.BoolFlag{Name: name, Usage: usage, DisableDefaultText: true}
}

// printerFor makes the printer that a command's flags ask for.
func printerFor(c *cli.Context) (*ui.Printer, error) {
	progress := "never" // a command without the flag has none
	for _, f := range c.Command.Flags {
		if f.Names()[0] == "progress" {
			progress = c.String("progress")
		}
	}
	o, err := ui.Detect(os.Stdout, os.Stderr, progress, os.Getenv)
	if err != nil {
		return nil, usagef("%s", err)
	}
	o.JSON = c.Bool("json")
	switch {
	case c.Bool("quiet") && c.Bool("verbose"):
		return nil, usagef("--quiet and --verbose contradict each other")
	case c.Bool("quiet"):
		o.Level = ui.Quiet
		o.Progress = o.Progress && progress == "always"
	case c.Bool("verbose"):
		o.Level = ui.Verbose
	}
	return ui.New(o), nil
}
