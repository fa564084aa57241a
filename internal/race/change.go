package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"godwit/internal/dovecot"
)

// onServer is what another client does before the phase "delta": ten messages
// come, twenty change, five go.
func onServer(c *dovecot.Client) {
	for i := range 10 {
		c.Append("INBOX", nil, time.Time{}, fmt.Appendf(nil,
			"From: a@example.org\r\nSubject: new %d\r\nMessage-ID: <new.%[1]d@corpus.example.org>\r\n\r\nhello %[1]d\r\n", i))
	}
	for _, name := range []string{"INBOX", "Archive"} {
		if c.Select(name).Exists > 25 {
			c.Store(name, "6:15", "+", `\Flagged`)
		}
	}
	c.Expunge("Archive", "21:25")
}

// inMaildir is what the user does before that phase: twenty messages are answered.
func inMaildir(t *tool) error {
	files, err := filesOf(t, "Archive")
	if err != nil {
		return err
	}
	from := min(100, len(files)/2)
	for _, path := range files[from:min(from+20, len(files))] {
		if err := reflag(path, 'R'); err != nil {
			return err
		}
	}
	return nil
}

// flagInbox marks every message of the local INBOX.
func flagInbox(t *tool) error {
	files, err := filesOf(t, "INBOX")
	if err != nil {
		return err
	}
	for _, path := range files {
		if err := reflag(path, 'F'); err != nil {
			return err
		}
	}
	return nil
}

// writeMail puts messages into the local INBOX.
func writeMail(t *tool, n int) error {
	tmp := filepath.Join(t.root, t.box("INBOX"), "tmp")
	for i := range n {
		name := fmt.Sprintf("%d.M%dP9.push", 1_750_000_000+i, i)
		text := fmt.Sprintf("From: me@example.net\nSubject: pushed %d\nMessage-ID: <push.%[1]d@corpus.example.org>\n\n%s", i, strings.Repeat("pushed body line\n", 100))
		if err := os.WriteFile(filepath.Join(tmp, name), []byte(text), 0o600); err != nil {
			return err
		}
		if err := os.Rename(filepath.Join(tmp, name), filepath.Join(t.cur("INBOX"), name+":2,S")); err != nil {
			return err
		}
	}
	return nil
}

// answerInbox marks every message of the server's INBOX.
func answerInbox(c *dovecot.Client) { c.Store("INBOX", "1:*", "+", `\Answered`) }

// filesOf lists a mailbox's messages, by name.
func filesOf(t *tool, mailbox string) ([]string, error) {
	var files []string
	for _, sub := range []string{"new", "cur"} {
		dir := filepath.Join(t.root, t.box(mailbox), sub)
		entries, err := os.ReadDir(dir)
		if err != nil {
			return nil, err
		}
		for _, e := range entries {
			files = append(files, filepath.Join(dir, e.Name()))
		}
	}
	return files, nil
}

// reflag adds a flag to a file's name, as a mail reader does: what was in new/
// comes to cur/.
func reflag(path string, flag byte) error {
	dir, name := filepath.Split(path)
	key, info, _ := strings.Cut(name, ":2,")
	flags := append([]byte(info), flag)
	slices.Sort(flags)
	flags = slices.Compact(flags)
	return os.Rename(path, filepath.Join(filepath.Dir(filepath.Clean(dir)), "cur", key+":2,"+string(flags)))
}
