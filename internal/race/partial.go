package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"godwit/internal/config"
	"godwit/internal/dovecot"
	"godwit/internal/wan"
)

// partially pulls the same mail whole and with max_size, and then brings the whole
// of what is here in part.
func partially(o options) error {
	limit, err := config.Octets(o.maxSize)
	if err != nil {
		return fmt.Errorf("-max-size: %w", err)
	}
	server, err := dovecot.Run(dovecot.Options{Compress: o.compress, Extra: asServed})
	if err != nil {
		return err
	}
	defer server.Stop()
	proxy, err := wan.Listen(server.Addr, wan.Network{RTT: o.rtt, Rate: o.rate})
	if err != nil {
		return err
	}
	defer proxy.Close()
	mail := mailOf{o.messages, o.mailboxes, o.profile}
	prepare := func(user string, settings string) (*tool, error) {
		t, installed, err := newTool("godwit", user, filepath.Join(o.work, user), proxy.Addr, o.godwit)
		if err != nil || !installed {
			return nil, fmt.Errorf("godwit cannot be run: %w", err)
		}
		file := filepath.Join(t.dir, "config.toml")
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		text = []byte(strings.Replace(string(text), "layout = \"verbatim\"\n", "layout = \"verbatim\"\n"+settings, 1))
		if err := os.WriteFile(file, text, 0o600); err != nil {
			return nil, err
		}
		return t, serve(server, user, mail)
	}
	whole, err := prepare("whole", "")
	if err != nil {
		return err
	}
	part, err := prepare("part", fmt.Sprintf("max_size = %q\n", o.maxSize))
	if err != nil {
		return err
	}
	fmt.Printf("%s messages (%s) in %d mailboxes, round trip %v%s; max_size = %q\n\n", thousands(int64(o.messages)), o.profile, o.mailboxes, o.rtt, line(o), o.maxSize)
	head(os.Stdout, 2, append(append([]string{"phase", "of messages beyond max_size"}, costs...), "exit", "both sides the same")...)
	phase := func(name, how string, t *tool, args ...string) (cost, error) {
		once := *t
		if len(args) > 0 {
			at := slices.Index(t.command, "sync")
			once.command = slices.Concat(t.command[:at], args)
		}
		c, err := run(&once, proxy)
		if err != nil {
			return c, err
		}
		same, err := compare(server, t, o)
		if err != nil {
			return c, err
		}
		if how != "all" {
			same = inPart(same)
		}
		row(os.Stdout, append(append([]string{name, how}, c.cells()...), strconv.Itoa(c.Exit), same)...)
		return c, nil
	}
	full, err := phase("pull", "all", whole)
	if err != nil {
		return err
	}
	some, err := phase("pull", "header and text", part)
	if err != nil {
		return err
	}
	if _, err := phase("noop", "header and text", part); err != nil {
		return err
	}
	if _, err := phase("fetch --all", "all", part, "fetch", "--all", "--quiet"); err != nil {
		return err
	}
	small, large, octets := divided(mail, limit)
	fmt.Printf("\nIn part it is %s of the octets down and %s of the time. Messages up to the limit, which come whole, are %s of all octets; %s are larger.\n",
		share100(some.Down, full.Down), share100(int64(some.Wall), int64(full.Wall)), share100(small, octets), thousands(int64(large)))
	return nil
}

// inPart reads a difference: as many are on one side only as on the other, since
// they are here in part.
func inPart(difference string) string {
	var far, near, flags int
	n, err := fmt.Sscanf(difference, "NO: %d only on the server, %d only in the Maildir, %d with", &far, &near, &flags)
	if err != nil || n < 3 || far != near || flags != 0 {
		return difference
	}
	return fmt.Sprintf("yes, but for %d in part", far)
}

func share100(a, b int64) string {
	return strconv.FormatFloat(100*float64(a)/float64(max(b, 1)), 'f', 1, 64) + " %"
}

// divided tells how many octets are in messages up to a limit, how many messages are
// larger, and how many octets there are in all.
func divided(m mailOf, limit int64) (small int64, large int, octets int64) {
	for i := range m.messages {
		n := int64(len(body(m.profile, i)))
		octets += n
		if n <= limit {
			small += n
		} else {
			large++
		}
	}
	return small, large, octets
}
