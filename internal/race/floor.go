package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sync/errgroup"

	"godwit/internal/dovecot"
	"godwit/internal/wan"
)

// The floors of a first pull are what no synchroniser can do without: the bytes
// have to come over the line, and the files have to be on the disk.
const (
	readingDry = "reading dry"  // the server's mail, read over as many connections and thrown away
	copying    = "cp -r; sync"  // the tree that the last tool wrote, written once more
	reader     = "-read-all-of" // the argument by which this program starts itself to read
	readers    = 4              // godwit's default connections
	share      = 500            // messages that a reader takes at a time
)

// floors prints what the floors cost, on the same line and on the same file
// system.
func floors(t *tool, proxy *wan.Proxy, o options) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	for _, f := range []struct {
		name    string
		command []string
	}{
		{readingDry, append([]string{self, reader, proxy.Addr, t.name, "UID FLAGS INTERNALDATE BODY.PEEK[]"}, names(o.mailboxes)...)},
		{copying, []string{"/bin/sh", "-c", `cp -r "$1" "$2" && sync`, "sh", t.root, filepath.Join(o.work, "copy")}},
	} {
		floor := tool{name: t.name, dir: t.dir, command: f.command}
		c, err := run(&floor, proxy)
		if err != nil {
			return err
		}
		row(os.Stdout, append(append([]string{"pull", f.name}, c.cells()...), strconv.Itoa(c.Exit), "")...)
	}
	return nil
}

// part is some of a mailbox's messages, by their sequence numbers.
type part struct {
	mailbox     string
	first, last int
}

// readAll reads items of a user's mail over several connections and keeps nothing.
func readAll(addr, user, items string, mailboxes []string) error {
	var group errgroup.Group
	parts := make(chan part)
	group.Go(func() error {
		defer close(parts)
		c, err := dialPlain(addr, user)
		if err != nil {
			return err
		}
		defer c.Close()
		for _, name := range mailboxes {
			n, err := c.examine(name)
			if err != nil {
				return err
			}
			for first := 1; first <= n; first += share {
				parts <- part{name, first, min(n, first+share-1)}
			}
		}
		return nil
	})
	for range readers {
		group.Go(func() error {
			c, err := dialPlain(addr, user)
			if err != nil {
				return err
			}
			defer c.Close()
			selected := ""
			for p := range parts {
				if p.mailbox != selected {
					if _, err := c.examine(p.mailbox); err != nil {
						return err
					}
					selected = p.mailbox
				}
				if _, err := c.do("FETCH %d:%d (%s)", p.first, p.last, items); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return group.Wait()
}

// plain is a connection that knows no more of IMAP than where a response ends.
type plain struct {
	net.Conn
	r *bufio.Reader
}

func dialPlain(addr, user string) (*plain, error) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	c := &plain{conn, bufio.NewReaderSize(conn, 1<<16)}
	if _, err = c.r.ReadString('\n'); err == nil {
		_, err = c.do("LOGIN %s %s", user, dovecot.Password)
	}
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return c, nil
}

// examine opens a mailbox and returns how many messages it has.
func (c *plain) examine(name string) (int, error) { return c.do("EXAMINE %s", dovecot.Name(name)) }

// do sends a command and reads to its end. It returns the last EXISTS.
func (c *plain) do(format string, args ...any) (exists int, err error) {
	if _, err := fmt.Fprintf(c, "a "+format+"\r\n", args...); err != nil {
		return 0, err
	}
	for {
		line, err := c.r.ReadSlice('\n')
		if err != nil {
			return 0, err
		}
		text := strings.TrimRight(string(line), "\r\n")
		if at := strings.LastIndexByte(text, '{'); at >= 0 && strings.HasSuffix(text, "}") {
			n, err := strconv.ParseInt(text[at+1:len(text)-1], 10, 64)
			if err != nil {
				return 0, err
			}
			if _, err := io.CopyN(io.Discard, c.r, n); err != nil {
				return 0, err
			}
			continue
		}
		if status, tagged := strings.CutPrefix(text, "a "); tagged {
			if !strings.HasPrefix(status, "OK") {
				return 0, fmt.Errorf("%s: %s", fmt.Sprintf(format, args...), status)
			}
			return exists, nil
		}
		if n, found := strings.CutSuffix(text, " EXISTS"); found {
			exists, err = strconv.Atoi(strings.TrimPrefix(n, "* "))
			if err != nil {
				return 0, err
			}
		}
	}
}
