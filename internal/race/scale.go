package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"godwit/internal/dovecot"
	"godwit/internal/wan"
)

// step is one run at one size.
type step struct {
	name   string
	before func(c *dovecot.Client, t *tool) error // nil: nothing
}

// steps are what godwit goes through with one large mailbox.
var steps = []step{
	{"first pull", nil},
	{"no-op", nil},
	{"one flag, in the Maildir", func(_ *dovecot.Client, t *tool) error { return flagOne(t) }},
	{"no-op after it", nil},
	{"one flag, on the server", func(c *dovecot.Client, _ *tool) error { c.Store("INBOX", "7", "+", `\Answered`); return nil }},
	{"no-op after it", nil},
	{"one message more, on the server", func(c *dovecot.Client, _ *tool) error {
		c.Append("INBOX", nil, time.Time{}, []byte("Subject: one more\r\nMessage-ID: <more@corpus.example.org>\r\n\r\nhello\r\n"))
		return nil
	}},
	{"no-op after it", nil},
}

// scale measures how the cost grows with the size of one mailbox, and with the
// number of mailboxes.
func scale(o options) error {
	server, err := dovecot.Run(dovecot.Options{Extra: asServed})
	if err != nil {
		return err
	}
	defer server.Stop()
	proxy, err := wan.Listen(server.Addr, wan.Network{RTT: o.rtt, Rate: o.rate})
	if err != nil {
		return err
	}
	defer proxy.Close()

	results := make([][]cost, len(steps))
	for _, n := range o.sizes {
		t, err := prepare(server, proxy, o, fmt.Sprintf("one%d", n), mailOf{n, 1, "tiny"})
		if err != nil {
			return err
		}
		c := server.Dial(exiting{}, t.name)
		for i, s := range steps {
			if s.before != nil {
				if err := s.before(c, t); err != nil {
					return err
				}
			}
			got, err := run(t, proxy)
			if err != nil {
				return err
			}
			if got.Exit != 0 {
				return fmt.Errorf("%s with %d messages: godwit exited with %d; see %s", s.name, n, got.Exit, filepath.Join(t.dir, "log"))
			}
			results[i] = append(results[i], got)
			fmt.Fprintf(os.Stderr, "%d messages, %s: %s\n", n, s.name, strings.Join(got.cells(), " "))
		}
		c.Close()
	}
	fmt.Printf("One mailbox, round trip %v; in brackets, the growth from the size before.\n\n", o.rtt)
	head(os.Stdout, 1, append([]string{"run", "messages"}, costs...)...)
	for i, s := range steps {
		for j, n := range o.sizes {
			cells := results[i][j].cells()
			if j > 0 {
				before, now := results[i][j-1], results[i][j]
				cells[0] += growth(before.Wall.Seconds(), now.Wall.Seconds())
				cells[1] += growth(before.CPU.Seconds(), now.CPU.Seconds())
				cells[2] += growth(float64(before.RSS), float64(now.RSS))
			}
			row(os.Stdout, append([]string{s.name, thousands(int64(n))}, cells...)...)
		}
	}
	return many(server, proxy, o)
}

// many measures an account of many mailboxes with a message each.
func many(server *dovecot.Server, proxy *wan.Proxy, o options) error {
	if o.many == 0 {
		return nil
	}
	t, err := prepare(server, proxy, o, "many", mailOf{o.many, o.many, "tiny"})
	if err != nil {
		return err
	}
	fmt.Printf("\n%s mailboxes of one message each\n\n", thousands(int64(o.many)))
	head(os.Stdout, 1, append([]string{"run"}, costs...)...)
	for _, s := range steps[:2] {
		got, err := run(t, proxy)
		if err != nil {
			return err
		}
		row(os.Stdout, append([]string{s.name}, got.cells()...)...)
	}
	return nil
}

// prepare makes an account with its mail on the server.
func prepare(server *dovecot.Server, proxy *wan.Proxy, o options, user string, m mailOf) (*tool, error) {
	t, installed, err := newTool("godwit", user, filepath.Join(o.work, user), proxy.Addr, o.godwit)
	if err == nil && !installed {
		err = fmt.Errorf("no godwit at %s", o.godwit)
	}
	if err != nil {
		return nil, err
	}
	return t, serve(server, user, m)
}

// flagOne marks one message of the local INBOX.
func flagOne(t *tool) error {
	dir := t.cur("INBOX")
	if entries, err := first(dir, 1); err != nil || len(entries) == 0 {
		dir = filepath.Join(filepath.Dir(dir), "new") // unread, all of them
	}
	entries, err := first(dir, 1)
	if err != nil {
		return err
	}
	if len(entries) == 0 {
		return fmt.Errorf("no message in %s", dir)
	}
	return reflag(filepath.Join(dir, entries[0]), 'F')
}

// first returns the names of n entries of a directory, without reading it all.
func first(dir string, n int) ([]string, error) {
	d, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	names, err := d.Readdirnames(n)
	if len(names) > 0 {
		err = nil
	}
	return names, err
}

func growth(before, now float64) string {
	if before <= 0 {
		return ""
	}
	return " (× " + strconv.FormatFloat(now/before, 'f', 1, 64) + ")"
}
