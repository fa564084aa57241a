package main

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"godwit/internal/dovecot"
)

// content is a message by what it holds and where.
type content struct {
	mailbox string
	sum     [sha256.Size]byte
}

// tree is one side: the flags of each message, and of its duplicates.
type tree map[content][]string

// marks are the lines that the other tools add to messages.
var marks = regexp.MustCompile(`(?im)^X-(TUID|OfflineIMAP)[^\n]*\n`)

func sum(body []byte) [sha256.Size]byte {
	return sha256.Sum256(marks.ReplaceAll(bytes.ReplaceAll(body, []byte("\r\n"), []byte("\n")), nil))
}

var letters = map[string]string{`\Seen`: "S", `\Answered`: "R", `\Flagged`: "F", `\Deleted`: "T", `\Draft`: "D"}

// far reads the server's side.
func far(c *dovecot.Client, boxes []string) tree {
	t := tree{}
	for _, name := range boxes {
		for _, m := range c.Messages(name) {
			var flags []string
			for _, f := range m.Flags {
				flags = append(flags, letters[f])
			}
			slices.Sort(flags)
			k := content{name, sum(m.Body)}
			t[k] = append(t[k], strings.Join(flags, ""))
		}
	}
	return t.sorted()
}

// near reads the Maildir.
func near(t *tool, boxes []string) (tree, error) {
	found := tree{}
	for _, name := range boxes {
		for _, sub := range []string{"new", "cur"} {
			dir := filepath.Join(t.root, t.box(name), sub)
			entries, err := os.ReadDir(dir)
			if errors.Is(err, fs.ErrNotExist) {
				continue
			}
			if err != nil {
				return nil, err
			}
			for _, e := range entries {
				body, err := os.ReadFile(filepath.Join(dir, e.Name()))
				if err != nil {
					return nil, err
				}
				_, info, _ := strings.Cut(e.Name(), ":2,")
				flags := []byte(strings.Trim(info, "abcdefghijklmnopqrstuvwxyz"))
				slices.Sort(flags)
				k := content{name, sum(body)}
				found[k] = append(found[k], string(flags))
			}
		}
	}
	return found.sorted(), nil
}

func (t tree) sorted() tree {
	for _, flags := range t {
		slices.Sort(flags)
	}
	return t
}

// difference tells how two sides differ, or "yes" when they are the same.
func difference(far, near tree) string {
	onlyFar, onlyNear, flags := 0, 0, 0
	for k, f := range far {
		switch n, there := near[k]; {
		case !there:
			onlyFar++
		case !slices.Equal(f, n):
			flags++
		}
	}
	for k := range near {
		if _, there := far[k]; !there {
			onlyNear++
		}
	}
	if onlyFar+onlyNear+flags == 0 {
		return "yes"
	}
	return fmt.Sprintf("NO: %d only on the server, %d only in the Maildir, %d with other flags", onlyFar, onlyNear, flags)
}
