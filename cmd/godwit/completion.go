package main

import (
	_ "embed"
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"

	"godwit/internal/config"
)

// The scripts ask godwit itself what may stand at the cursor, so that they need
// not change with it.
var (
	//go:embed completion/godwit.bash
	bashScript string
	//go:embed completion/_godwit
	zshScript string
	//go:embed completion/godwit.fish
	fishScript string
)

func completionCommand() *cli.Command {
	return command(&cli.Command{
		Name:      "completion",
		Usage:     "print the script that completes command lines in a shell",
		ArgsUsage: "bash|zsh|fish",
		Description: "Prints a script for the shell:\n\n" +
			"  bash   godwit completion bash >~/.local/share/bash-completion/completions/godwit\n" +
			"  zsh    godwit completion zsh >~/.zfunc/_godwit      # a directory of $fpath\n" +
			"  fish   godwit completion fish >~/.config/fish/completions/godwit.fish",
		Action: func(c *cli.Context) error {
			scripts := map[string]string{"bash": bashScript, "zsh": zshScript, "fish": fishScript}
			script, known := scripts[c.Args().First()]
			if !known || c.NArg() != 1 {
				return usagef("completion takes the name of a shell: bash, zsh or fish")
			}
			_, err := fmt.Fprint(c.App.Writer, script)
			return err
		},
		BashComplete: func(c *cli.Context) { fmt.Fprintln(c.App.Writer, "bash\nzsh\nfish") },
	})
}

// completeFlags offers a command's flags.
func completeFlags(c *cli.Context) {
	for _, f := range c.Command.VisibleFlags() {
		if name := f.Names()[0]; name != "help" {
			fmt.Fprintln(c.App.Writer, "--"+name)
		}
	}
}

// completeAccounts offers the accounts of the configuration as well, when it can
// be read.
func completeAccounts(c *cli.Context) {
	completeFlags(c)
	path := c.String("config")
	if path == "" {
		path, _ = config.DefaultPath()
	}
	conf, err := config.Load(path)
	if err != nil {
		return
	}
	taken := c.Args().Slice()
	for _, name := range conf.Names() {
		if !strings.Contains(" "+strings.Join(taken, " ")+" ", " "+name+" ") {
			fmt.Fprintln(c.App.Writer, name)
		}
	}
}
