package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"godwit/internal/dovecot"
	"godwit/internal/wan"
)

// phases are what each tool goes through, in this order.
var phases = []string{"pull", "noop", "delta", "noop2", "flags", "push", "remark"}

// settling is longer than the grain of the coarsest time stamps that a tool goes
// by: without it, what a phase changes could look old to the next run.
const settling = 1100 * time.Millisecond

// asServed is how an administrator serves Maildirs that only Dovecot changes: it
// need not look for other programs' changes each time.
const asServed = "maildir_very_dirty_syncs = yes"

// race runs the tools through the phases, phase by phase, each with the same mail
// in an account of its own.
func race(o options) error {
	server, err := dovecot.Run(dovecot.Options{
		Compress: o.compress,
		Extra:    asServed,
	})
	if err != nil {
		return err
	}
	defer server.Stop()
	proxy, err := wan.Listen(server.Addr, wan.Network{RTT: o.rtt, Rate: o.rate})
	if err != nil {
		return err
	}
	defer proxy.Close()

	var tools []*tool
	for _, name := range o.tools {
		t, installed, err := newTool(name, name, filepath.Join(o.work, name), proxy.Addr, o.godwit)
		if err != nil {
			return err
		}
		if !installed {
			fmt.Fprintf(os.Stderr, "%s is not installed: left out\n", name)
			continue
		}
		tools = append(tools, t)
		if err := serve(server, name, mailOf{o.messages, o.mailboxes, o.profile}); err != nil {
			return fmt.Errorf("the mail of %s: %w", name, err)
		}
	}
	fmt.Printf("%s messages (%s) in %d mailboxes, round trip %v%s\n\n", thousands(int64(o.messages)), o.profile, o.mailboxes, o.rtt, line(o))
	head(os.Stdout, 2, append(append([]string{"phase", "tool"}, costs...), "exit", "both sides the same")...)
	for _, phase := range o.phases {
		for _, t := range tools {
			if err := change(server, t, phase, o); err != nil {
				return fmt.Errorf("before %s of %s: %w", phase, t.name, err)
			}
			c, err := run(t, proxy)
			if err != nil {
				return err
			}
			same, err := compare(server, t, o)
			if err != nil {
				return err
			}
			row(os.Stdout, append(append([]string{phase, t.name}, c.cells()...), strconv.Itoa(c.Exit), same)...)
		}
		if phase == "pull" && o.floors && len(tools) > 0 {
			if err := floors(tools[len(tools)-1], proxy, o); err != nil {
				return err
			}
		}
	}
	return nil
}

// serve writes a user's mail and has the server index it before anyone is timed.
func serve(server *dovecot.Server, user string, m mailOf) error {
	root := server.MailDir(user)
	if err := fill(root, m); err != nil {
		return err
	}
	// The mail belongs to whoever owns the directory that it is in.
	if err := adopt(root); err != nil {
		return err
	}
	_, err := server.Adm("fetch", "-u", user, "size.physical size.virtual date.received", "mailbox", "*")
	return err
}

// adopt gives a tree to the owner of its parent.
func adopt(root string) error {
	uid, gid, err := ownerOf(filepath.Dir(root))
	if err != nil || uid == os.Geteuid() {
		return err
	}
	return filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, uid, gid)
	})
}

// change does what a phase shall find.
func change(server *dovecot.Server, t *tool, phase string, o options) error {
	c := server.Dial(exiting{}, t.name)
	defer c.Close()
	switch phase {
	case "delta":
		onServer(c)
		return inMaildir(t)
	case "flags":
		return flagInbox(t)
	case "push":
		return writeMail(t, o.push)
	case "remark":
		answerInbox(c)
	}
	return nil
}

// run runs a tool once.
func run(t *tool, proxy *wan.Proxy) (cost, error) {
	time.Sleep(settling)
	unix.Sync() // what others left to write is not this one's cost
	proxy.Reset()
	u, err := measure(t.command, t.env, filepath.Join(t.dir, "log"))
	return cost{u, proxy.Counts()}, err
}

func compare(server *dovecot.Server, t *tool, o options) (string, error) {
	c := server.Dial(exiting{}, t.name)
	defer c.Close()
	boxes := names(o.mailboxes)
	local, err := near(t, boxes)
	if err != nil {
		return "", err
	}
	return difference(far(c, boxes), local), nil
}

// chosen checks a list of names against those there are.
func chosen(list string, all []string) ([]string, error) {
	var got []string
	for name := range strings.SplitSeq(list, ",") {
		if !slices.Contains(all, name) {
			return nil, fmt.Errorf("no %q: there are %s", name, strings.Join(all, ", "))
		}
		got = append(got, name)
	}
	return got, nil
}

// line tells what else there is about the network.
func line(o options) (text string) {
	if o.rate > 0 {
		text = ", " + thousands(o.rate) + " octets a second each way"
	}
	if o.compress {
		text += ", COMPRESS offered"
	}
	return text
}
