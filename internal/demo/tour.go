package demo

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"godwit/internal/config"
	"godwit/internal/secret"
)

// Options are what the tour needs from outside.
type Options struct {
	// Dir is where Maildir and state go. It must be empty, or not there; when it
	// is empty itself, a fresh temporary directory is made.
	Dir string
	// Print shows a line.
	Print func(line string)
	// Heading and Dim style a text.
	Heading, Dim func(string) string
	// Sync runs over the account with its state in a directory, and shows its
	// summary; verbose, also what is done.
	Sync func(ctx context.Context, a *config.Account, state string, verbose bool) error
}

// Run leads through the demonstration. The directory stays, to be looked at.
func Run(ctx context.Context, o Options) error {
	t, err := newTour(o)
	if err != nil {
		return err
	}
	defer t.server.Close()
	for _, scene := range []func(context.Context) error{t.open, t.first, t.change, t.second, t.third, t.compare, t.end} {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := scene(ctx); err != nil {
			return err
		}
	}
	return nil
}

type tour struct {
	Options
	server  *Server
	account *config.Account
	root    string // the Maildir
	state   string
	scene   int
}

func newTour(o Options) (*tour, error) {
	if o.Dir == "" {
		dir, err := os.MkdirTemp("", "godwit-demo-")
		if err != nil {
			return nil, fmt.Errorf("demo: %w", err)
		}
		o.Dir = dir
	}
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return nil, fmt.Errorf("demo: %w", err)
	}
	o.Dir = dir
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("demo: %w", err)
	}
	if there, err := os.ReadDir(o.Dir); err != nil || len(there) > 0 {
		return nil, errors.Join(err, fmt.Errorf("demo: %s is not empty", o.Dir))
	}
	server, err := Start()
	if err != nil {
		return nil, err
	}
	t := &tour{Options: o, server: server, root: filepath.Join(o.Dir, "Mail"), state: filepath.Join(o.Dir, "state")}
	t.account = &config.Account{
		Name: "demo", Maildir: t.root, Layout: config.Verbatim, Include: []config.Pattern{"*"}, Trash: "Trash",
		Connections: 2,
		IMAP: config.IMAP{
			Host: server.Host, Port: server.Port, TLS: config.NoTLS, Timeout: 30 * time.Second,
			User: User, Password: secret.Text(Password),
		},
	}
	return t, nil
}

func (t *tour) say(format string, args ...any) { t.Print(fmt.Sprintf(format, args...)) }

func (t *tour) title(text string) {
	t.scene++
	t.Print("")
	t.Print(t.Heading(fmt.Sprintf("%d. %s", t.scene, text)))
}

func (t *tour) open(context.Context) error {
	t.say("An IMAP server with %d mailboxes is listening on %s, port %d.", len(mailboxes), t.server.Host, t.server.Port)
	t.say("The Maildir is %s. It is not there yet.", t.root)
	return nil
}

func (t *tour) first(ctx context.Context) error {
	t.title("The first run fetches everything")
	if err := t.Sync(ctx, t.account, t.state, false); err != nil {
		return err
	}
	t.Print("")
	return t.tree(nil)
}

// change makes changes on both sides, and tells of them.
func (t *tour) change(context.Context) error {
	t.title("Then things happen on both sides")
	phone, err := t.server.phone()
	if err != nil {
		return err
	}
	defer phone.close()
	for _, c := range []struct {
		text string
		do   func() error
	}{
		{"on the phone   starred    " + subjectStar, func() error { return phone.star("INBOX", subjectStar) }},
		{"on the phone   moved      " + subjectMove + " to Archive/2026", func() error { return phone.move("INBOX", subjectMove, "Archive/2026") }},
		{"on the phone   removed    " + subjectRemove, func() error { return phone.remove("INBOX", subjectRemove) }},
		{"new mail       arrived    " + subjectArrived, func() error { return t.server.Deliver(arrived()) }},
		{"in mutt        answered   " + subjectRead, func() error {
			f, err := find(t.root, "INBOX", subjectRead)
			if err != nil {
				return err
			}
			return f.reflag(t.root, "RS")
		}},
		{"in mutt        wrote      " + subjectReply, func() error {
			return deposit(t.root, "Sent", "1778346000.R101.laptop", "S", reply())
		}},
		{"in mutt        moved      " + subjectFile + " to Archive/2026", func() error {
			f, err := find(t.root, "INBOX", subjectFile)
			if err != nil {
				return err
			}
			// A mail reader gives the file a name of its own. The content tells.
			return os.Rename(f.path, filepath.Join(t.root, "Archive/2026/cur", "1778346001.M1.laptop:2,"+f.flags))
		}},
	} {
		if err := c.do(); err != nil {
			return fmt.Errorf("demo: %s: %w", c.text, err)
		}
		t.say("   %s", c.text)
	}
	return nil
}

func (t *tour) second(ctx context.Context) error {
	before, err := files(t.root)
	if err != nil {
		return err
	}
	t.title("The second run carries out what differs, and nothing else")
	if err := t.Sync(ctx, t.account, t.state, true); err != nil {
		return err
	}
	t.Print("")
	return t.tree(before)
}

func (t *tour) third(ctx context.Context) error {
	t.title("The third run finds nothing to do")
	return t.Sync(ctx, t.account, t.state, false)
}

// compare looks at both sides itself, with a client that is not godwit.
func (t *tour) compare(context.Context) error {
	t.title("Both sides, looked at by another client")
	differ, same, err := t.differences()
	if err != nil {
		return err
	}
	for _, d := range differ {
		t.say("   %s", d)
	}
	if len(differ) > 0 {
		return errors.New("demo: the two sides are not the same")
	}
	t.say("   %d messages, byte for byte the same, with the same flags.", same)
	return nil
}

func (t *tour) end(context.Context) error {
	t.Print("")
	t.say("Look around in %s, and remove it when you like.", t.Dir)
	trash := filepath.Join(t.state, "trash")
	if _, err := os.Stat(trash); err == nil {
		t.say("What the phone removed is kept for a while: %s", trash)
	}
	return nil
}

// tree shows the Maildir's messages. What was not among the files before is
// marked; before may be nil.
func (t *tour) tree(before []file) error {
	now, err := files(t.root)
	if err != nil {
		return err
	}
	type place struct{ mailbox, subject, flags string }
	had := map[place]bool{}
	for _, f := range before {
		had[place{f.mailbox, f.subject, f.flags}] = true
	}
	last := ""
	for _, f := range now {
		if f.mailbox != last {
			t.say("   %s", f.mailbox)
			last = f.mailbox
		}
		in := "cur"
		if f.isNew {
			in = "new"
		}
		mark := ""
		if before != nil && !had[place{f.mailbox, f.subject, f.flags}] {
			mark = "  ←"
		}
		t.say("      %s  %-6s %s%s", in, f.flags, f.subject, mark)
	}
	if before == nil {
		t.Print(t.Dim("   (the letters: D draft, F flagged, R answered, S seen, a a keyword)"))
	}
	return nil
}
