package main

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"godwit/internal/dovecot"
	"godwit/internal/wan"
)

// Pairing is what a run does that finds the same mail on both sides and knows no
// more which message is which: the state database was lost, or the server numbers
// its messages anew. The bound is one pass over the server's metadata and the
// reading of the local headers; each of that is measured by itself as well.
const (
	headers  = "-read-headers-of" // the argument by which this program starts itself to read files
	metadata = "UID FLAGS INTERNALDATE RFC822.SIZE"
)

// pairing measures, one after another, what pairs a whole account.
func pairing(o options) error {
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
	t, err := prepare(server, proxy, o, "pairing", mailOf{o.messages, o.mailboxes, o.profile})
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	over := func(items string) []string {
		return append([]string{self, reader, proxy.Addr, t.name, items}, names(o.mailboxes)...)
	}
	lose := func() error { return os.RemoveAll(filepath.Join(t.dir, "state")) }
	anew := func() error {
		c := server.Dial(exiting{}, t.name)
		defer c.Close()
		for _, name := range names(o.mailboxes) {
			v := c.Select(name).UIDValidity
			if _, err := server.Adm("mailbox", "update", "-u", t.name, "--uid-validity", strconv.Itoa(int(v)+1000), name); err != nil {
				return err
			}
		}
		return nil
	}
	fmt.Printf("%s messages (%s) in %d mailboxes, round trip %v%s\n\n", thousands(int64(o.messages)), o.profile, o.mailboxes, o.rtt, line(o))
	head(os.Stdout, 1, append(append([]string{"run"}, costs...), "exit", "both sides the same")...)
	for _, step := range []struct {
		name    string
		before  func() error
		command []string // nil: godwit
	}{
		{"first pull", nil, nil},
		{"the server's metadata, read and thrown away", nil, over(metadata)},
		{"the server's metadata and headers", nil, over(metadata + " BODY.PEEK[HEADER]")},
		{"the headers of the files", nil, []string{self, headers, t.root, "header"}},
		{"the files, and their SHA-256", nil, []string{self, headers, t.root, "whole"}},
		{"the state database was lost", lose, nil},
		{"no-op after it", nil, nil},
		{"UIDVALIDITY changed, in all mailboxes", anew, nil},
		{"no-op after it", nil, nil},
	} {
		if step.before != nil {
			if err := step.before(); err != nil {
				return fmt.Errorf("before %q: %w", step.name, err)
			}
		}
		who := t
		if step.command != nil {
			who = &tool{name: t.name, dir: t.dir, command: step.command}
		}
		c, err := run(who, proxy)
		if err != nil {
			return err
		}
		same := ""
		if step.command == nil {
			if same, err = compare(server, t, o); err != nil {
				return err
			}
		}
		row(os.Stdout, append(append([]string{step.name}, c.cells()...), strconv.Itoa(c.Exit), same)...)
	}
	return nil
}

// readFiles reads the headers of all messages of a Maildir, or the whole of them.
func readFiles(root, what string) error {
	buffer := make([]byte, 1<<16)
	return filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.Contains("cur new", filepath.Base(filepath.Dir(path))) {
			return err
		}
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		hash := sha256.New()
		for {
			n, err := f.Read(buffer)
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return err
			}
			if what == "whole" {
				hash.Write(buffer[:n])
			} else if bytes.Contains(buffer[:n], []byte("\n\n")) {
				break
			}
		}
		hash.Sum(nil)
		return nil
	})
}
