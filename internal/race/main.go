// Command race compares what synchronisers cost, side by side: godwit, and mbsync
// and OfflineIMAP where they are installed. Each has an account of its own with the
// same mail on a real Dovecot, behind a network whose round-trip time and rate
// can be set and whose turns and octets are counted (package wan). It prints
// Markdown tables.
//
//	go run ./internal/race -messages 10000 -mailboxes 50 -rtt 40ms
//	go run ./internal/race -scale
//
// The phases:
//
//	pull    the first synchronisation, into an empty Maildir
//	noop    again, when nothing has changed
//	delta   after 10 new messages, 20 flag changes and 5 removals on the server,
//	        and 20 flag changes in the Maildir
//	noop2   again, when nothing has changed
//	flags   after every message of the local INBOX was flagged
//	push    after 300 messages (-push) were put into the local INBOX
//	remark  after every message of the server's INBOX was marked
//
// After each phase both sides are compared: the same messages with the same flags.
// Wall and CPU seconds and memory are the tool's alone, not the server's. A turn
// is a change of direction from the server's bytes to the client's.
//
// With -floors, two rows follow the first pulls that no synchroniser can get below
// by much: reading the same mail over as many connections without keeping it, and
// copying the tree that a tool wrote.
//
// With -scale, godwit alone runs with one mailbox of growing size, and with many
// mailboxes.
//
// With -pairing, godwit alone pairs both sides by content, after its state was lost
// and after the server changed UIDVALIDITY; beside it stands what reading the
// metadata and the headers costs, on each side.
//
// With -max-size, godwit alone pulls the same mail twice, whole and with that
// setting, and then fetches the whole of what is here in part.
//
// Seconds depend on the machine, its load, and the file system: on ext4, making
// files is slow for minutes after many were removed. Give -work a directory on a
// file system that was made for it. Turns and octets are exact.
package main

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// options is the command line.
type options struct {
	messages, mailboxes int
	profile             string
	rtt                 time.Duration
	rate                int64
	compress            bool
	tools, phases       []string
	work, godwit        string
	scale               bool
	sizes               []int
	many                int
	push                int
	floors              bool
	pairing             bool
	maxSize             string
}

func main() {
	if len(os.Args) > 2 && os.Args[1] == launcher {
		if err := launch(os.Args[2:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	if len(os.Args) > 5 && os.Args[1] == reader {
		if err := readAll(os.Args[2], os.Args[3], os.Args[4], os.Args[5:]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	if len(os.Args) > 3 && os.Args[1] == headers {
		if err := readFiles(os.Args[2], os.Args[3]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	o, err := parse()
	if err == nil {
		err = begin(&o)
	}
	if err != nil {
		exiting{}.Fatalf("%v", err)
	}
}

func parse() (o options, err error) {
	var tools, phaseList, sizes string
	flag.IntVar(&o.messages, "messages", 10_000, "messages of each account")
	flag.IntVar(&o.mailboxes, "mailboxes", 20, "mailboxes of each account")
	flag.StringVar(&o.profile, "profile", "small", "small: 1 to 8 KiB a message; real: 40 KiB on average; office: the same, and nearly all of it in attachments")
	flag.DurationVar(&o.rtt, "rtt", 0, "round-trip time of the network")
	flag.Int64Var(&o.rate, "rate", 0, "octets a second, each way and connection; 0: no limit")
	flag.BoolVar(&o.compress, "compress", false, "the server offers COMPRESS=DEFLATE")
	flag.StringVar(&tools, "tools", "mbsync,offlineimap,godwit", "who takes part")
	flag.StringVar(&phaseList, "phases", strings.Join(phases, ","), "what they do")
	flag.StringVar(&o.work, "work", "", "directory for the mail; default: a temporary one")
	flag.StringVar(&o.godwit, "godwit", "", "the program; default: it is built")
	flag.IntVar(&o.push, "push", 300, "messages that the phase push puts into the Maildir")
	flag.BoolVar(&o.floors, "floors", false, "after the first pulls, also read the server dry and copy the last tool's tree with cp -r; sync")
	flag.BoolVar(&o.pairing, "pairing", false, "godwit alone, after its state was lost and after UIDVALIDITY changed")
	flag.StringVar(&o.maxSize, "max-size", "", "godwit alone: larger messages in part (64KB), beside the whole")
	flag.BoolVar(&o.scale, "scale", false, "godwit alone, with one mailbox of growing size")
	flag.StringVar(&sizes, "sizes", "10000,100000,1000000", "with -scale: messages of the mailbox")
	flag.IntVar(&o.many, "many", 2000, "with -scale: mailboxes of the last account; 0: none")
	flag.Parse()
	if flag.NArg() > 0 {
		return o, fmt.Errorf("%q is no flag", flag.Arg(0))
	}
	if o.mailboxes < 2 || o.messages < o.mailboxes {
		return o, fmt.Errorf("at least two mailboxes, and a message in each")
	}
	if _, err := chosen(o.profile, []string{"small", "real", "tiny", "office"}); err != nil {
		return o, err
	}
	if o.tools, err = chosen(tools, []string{"mbsync", "offlineimap", "godwit"}); err != nil {
		return o, err
	}
	if o.phases, err = chosen(phaseList, phases); err != nil {
		return o, err
	}
	for s := range strings.SplitSeq(sizes, ",") {
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 {
			return o, fmt.Errorf("-sizes: %q is no number of messages", s)
		}
		o.sizes = append(o.sizes, n)
	}
	return o, nil
}

// begin prepares the directory and the program, and runs.
func begin(o *options) error {
	dir, err := os.MkdirTemp(o.work, "godwit-race-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	// The server's mail is not root's, and has to get there.
	if err := os.Chmod(dir, 0o755); err != nil {
		return err
	}
	if o.work, err = filepath.Abs(dir); err != nil {
		return err
	}
	if err := os.Setenv("TMPDIR", o.work); err != nil { // of the server
		return err
	}
	if o.godwit == "" {
		o.godwit = filepath.Join(o.work, "bin", "godwit")
		build := exec.Command("go", "build", "-trimpath", "-o", o.godwit, "./cmd/godwit")
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			return fmt.Errorf("building godwit: %w: %s", err, out)
		}
	}
	switch {
	case o.scale:
		return scale(*o)
	case o.pairing:
		return pairing(*o)
	case o.maxSize != "":
		return partially(*o)
	}
	return race(*o)
}

// exiting ends the program where a test would fail. The server ends with it.
type exiting struct{}

func (exiting) Helper() {}

func (exiting) Fatalf(format string, args ...any) {
	fmt.Fprintf(os.Stderr, "race: "+format+"\n", args...)
	os.Exit(1)
}
