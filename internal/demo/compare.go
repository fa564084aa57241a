package demo

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"godwit/mail"
)

// differences compares every message on the server with the files, and returns
// what differs and how many messages do not.
func (t *tour) differences() (differ []string, same int, err error) {
	phone, err := t.server.phone()
	if err != nil {
		return nil, 0, err
	}
	defer phone.close()
	local, err := files(t.root)
	if err != nil {
		return nil, 0, err
	}
	type leaf struct {
		mailbox string
		content [sha256.Size]byte
		flags   string
	}
	count := map[leaf]int{}
	subjects := map[leaf]string{}
	for _, m := range mailboxes {
		messages, err := phone.messages(m)
		if err != nil {
			return nil, 0, err
		}
		for _, message := range messages {
			l := leaf{m, sha256.Sum256(message.text), strings.ToLower(message.parsed().String())}
			count[l]++
			subjects[l] = message.subject
		}
	}
	for _, f := range local {
		l := leaf{mailbox: f.mailbox}
		text, err := os.ReadFile(f.path)
		if err != nil {
			return nil, 0, err
		}
		l.content = sha256.Sum256(wire(text))
		flags, err := f.parsed(t.root)
		if err != nil {
			return nil, 0, err
		}
		l.flags = strings.ToLower(flags.String())
		if count[l] == 0 {
			differ = append(differ, fmt.Sprintf("only here: %q in %s (%s)", f.subject, f.mailbox, l.flags))
			continue
		}
		count[l]--
		same++
	}
	for l, n := range count {
		if n > 0 {
			differ = append(differ, fmt.Sprintf("only on the server: %q in %s (%s)", subjects[l], l.mailbox, l.flags))
		}
	}
	return differ, same, nil
}

// wire gives a file the line ends that it has on the server.
func wire(text []byte) []byte {
	if bytes.Contains(text, []byte("\r\n")) {
		return text
	}
	return bytes.ReplaceAll(text, []byte("\n"), []byte("\r\n"))
}

// parsed is a message's flags.
func (m onServer) parsed() mail.Flags {
	names := make([]string, len(m.flags))
	for i, f := range m.flags {
		names[i] = string(f)
	}
	return mail.ParseFlags(names...)
}

// parsed reads a file's flags from its name and the mailbox's table of keywords.
func (f file) parsed(root string) (mail.Flags, error) {
	var names []string
	table := make(mail.KeywordTable, mail.MaxLetters)
	lines, err := os.ReadFile(filepath.Join(root, f.mailbox, "dovecot-keywords"))
	if err != nil && !os.IsNotExist(err) {
		return mail.Flags{}, err
	}
	for _, line := range strings.Split(strings.TrimSpace(string(lines)), "\n") {
		n, name := 0, ""
		if _, err := fmt.Sscanf(line, "%d %s", &n, &name); err == nil && n >= 0 && n < len(table) {
			table[n] = name
		}
	}
	lower := ""
	for _, c := range f.flags {
		switch c {
		case 'D':
			names = append(names, `\Draft`)
		case 'F':
			names = append(names, `\Flagged`)
		case 'P':
			names = append(names, "$Forwarded")
		case 'R':
			names = append(names, `\Answered`)
		case 'S':
			names = append(names, `\Seen`)
		case 'T':
			names = append(names, `\Deleted`)
		default:
			lower += string(c)
		}
	}
	return mail.ParseFlags(append(names, table.Decode(lower).List()...)...), nil
}
