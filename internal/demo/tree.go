package demo

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// file is a message in the Maildir.
type file struct {
	mailbox string
	path    string
	key     string
	flags   string // the letters behind ":2,"
	isNew   bool
	subject string
}

// files finds all messages below a Maildir of the layout verbatim.
func files(root string) ([]file, error) {
	var out []file
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		directory := filepath.Dir(path)
		kind := filepath.Base(directory)
		if kind != "cur" && kind != "new" {
			return nil
		}
		mailbox, err := filepath.Rel(root, filepath.Dir(directory))
		if err != nil {
			return err
		}
		key, flags, _ := strings.Cut(d.Name(), ":2,")
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		out = append(out, file{
			mailbox: filepath.ToSlash(mailbox), path: path, key: key, flags: flags, isNew: kind == "new",
			subject: subjectOf(text),
		})
		return nil
	})
	slices.SortFunc(out, func(a, b file) int {
		if a.mailbox != b.mailbox {
			return strings.Compare(a.mailbox, b.mailbox)
		}
		return strings.Compare(a.subject, b.subject)
	})
	return out, err
}

// find returns the one file of a mailbox with that subject.
func find(root, mailbox, subject string) (file, error) {
	all, err := files(root)
	if err != nil {
		return file{}, err
	}
	for _, f := range all {
		if f.mailbox == mailbox && f.subject == subject {
			return f, nil
		}
	}
	return file{}, fmt.Errorf("demo: no file with the subject %q in %s", subject, mailbox)
}

// subjectOf reads a message's Subject.
func subjectOf(text []byte) string {
	lines := bufio.NewScanner(bytes.NewReader(text))
	for lines.Scan() && lines.Text() != "" {
		if value, is := strings.CutPrefix(lines.Text(), "Subject: "); is {
			return decode(strings.TrimSpace(value))
		}
	}
	return ""
}

// reflag gives a file other flags, as a mail reader does.
func (f file) reflag(root, flags string) error {
	to := filepath.Join(root, f.mailbox, "cur", f.key+":2,"+flags)
	return os.Rename(f.path, to)
}

// deposit puts a message into a mailbox, as a mail reader does: whole, in tmp/
// first.
func deposit(root, mailbox, key, flags string, text []byte) error {
	first := filepath.Join(root, mailbox, "tmp", key)
	to := filepath.Join(root, mailbox, "cur", key+":2,"+flags)
	if err := os.WriteFile(first, text, 0o600); err != nil {
		return err
	}
	if _, err := os.Lstat(to); !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("demo: %s is there already", to)
	}
	return os.Rename(first, to)
}
