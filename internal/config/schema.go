package config

import (
	"strings"
	"time"

	"godwit/conflict"
	"godwit/internal/secret"
	"godwit/mail"
)

// The defaults.
const (
	defaultConnections = 4
	defaultTimeout     = time.Minute
	defaultKeep        = 30 * 24 * time.Hour
	day                = 24 * time.Hour
)

var (
	sideWords = []string{"both", "local", "server", "none"}
	sides     = []conflict.Sides{conflict.Both, conflict.LocalOnly, conflict.ServerOnly, conflict.None}
	removals  = []conflict.Removal{conflict.RemoveBoth, conflict.RemoveLocal, conflict.RemoveServer, conflict.RemoveNone}
)

// policyKeys may stand in an account's table and in one for some of its
// mailboxes.
var policyKeys = map[string]setter[conflict.Policy]{
	"mode": func(_ *reader, p *conflict.Policy, v any) (err error) {
		p.Mode, err = choice(v, []string{"two-way", "pull", "push", "archive"},
			[]conflict.Mode{conflict.TwoWay, conflict.Pull, conflict.Push, conflict.Archive})
		return err
	},
	"expunge": func(_ *reader, p *conflict.Policy, v any) (err error) {
		p.Expunge, err = choice(v, sideWords, sides)
		return err
	},
	"expunge_flagged": func(_ *reader, p *conflict.Policy, v any) (err error) {
		p.ExpungeFlagged, err = boolean(v)
		return err
	},
	"create": func(_ *reader, p *conflict.Policy, v any) (err error) {
		p.Create, err = choice(v, sideWords, sides)
		return err
	},
	"remove": func(_ *reader, p *conflict.Policy, v any) (err error) {
		p.Remove, err = choice(v, sideWords, removals)
		return err
	},
	"max_delete": func(_ *reader, p *conflict.Policy, v any) (err error) {
		p.MaxDeletePercent, err = percent(v)
		return err
	},
}

var accountKeys = map[string]setter[Account]{
	"maildir": func(r *reader, a *Account, v any) (err error) {
		a.Maildir, err = r.file(v)
		if err == nil && a.Maildir == "/" {
			err = faultf("", "the root directory cannot be a Maildir")
		}
		return err
	},
	"provider": func(*reader, *Account, any) error { return nil }, // read before the others
	"layout": func(_ *reader, a *Account, v any) (err error) {
		a.Layout, err = choice(v, []string{"verbatim", "maildir++", "flat"}, []Layout{Verbatim, MaildirPP, Flat})
		return err
	},
	"include": func(_ *reader, a *Account, v any) (err error) {
		a.Include, err = patterns(v)
		if err == nil && len(a.Include) == 0 {
			err = faultf(`leave it out to have them all`, "an empty list chooses no mailbox")
		}
		return err
	},
	"exclude": func(_ *reader, a *Account, v any) (err error) {
		a.Exclude, err = patterns(v)
		return err
	},
	"trash": func(_ *reader, a *Account, v any) (err error) {
		a.Trash, err = word(v)
		return err
	},
	"keep_deleted": func(_ *reader, a *Account, v any) (err error) {
		if v == "forever" {
			a.KeepDeleted = 0
			return nil
		}
		// Less would be no trash at all: nobody notices a loss within the hour.
		a.KeepDeleted, err = duration(v, day, 36500*day, "30d")
		return err
	},
	"trash_copy": func(_ *reader, a *Account, v any) (err error) {
		a.TrashCopy, err = boolean(v)
		return err
	},
	"connections": func(_ *reader, a *Account, v any) (err error) {
		a.Connections, err = number(v, 1, 32)
		return err
	},
	"subscribed_only": func(_ *reader, a *Account, v any) (err error) {
		a.SubscribedOnly, err = boolean(v)
		return err
	},
	"link": func(_ *reader, a *Account, v any) (err error) {
		a.Link, err = boolean(v)
		return err
	},
}

var imapKeys = map[string]setter[IMAP]{
	"host": func(_ *reader, i *IMAP, v any) (err error) {
		i.Host, err = word(v)
		switch {
		case err != nil:
		case strings.Contains(i.Host, "://"):
			err = faultf("write the host's name alone; port and tls are keys of their own", "%q is a URL", i.Host)
		case strings.ContainsAny(i.Host, " /\\@"):
			err = faultf("", "%q is no host name", i.Host)
		case strings.Count(i.Host, ":") == 1:
			err = faultf("write the port as port = …", "%q holds a port", i.Host)
		}
		i.Host = strings.Trim(i.Host, "[]") // an IPv6 address
		return err
	},
	"port": func(_ *reader, i *IMAP, v any) (err error) {
		i.Port, err = number(v, 1, 65535)
		return err
	},
	"tls": func(_ *reader, i *IMAP, v any) (err error) {
		i.TLS, err = choice(v, []string{"implicit", "starttls", "none"}, []TLS{Implicit, StartTLS, NoTLS})
		return err
	},
	"tls_ca": func(r *reader, i *IMAP, v any) (err error) {
		i.CA, err = r.file(v)
		return err
	},
	"tls_fingerprint": func(_ *reader, i *IMAP, v any) (err error) {
		i.Fingerprint, err = fingerprint(v)
		return err
	},
	"allow_cleartext": func(_ *reader, i *IMAP, v any) (err error) {
		i.AllowCleartext, err = boolean(v)
		return err
	},
	"timeout": func(_ *reader, i *IMAP, v any) (err error) {
		i.Timeout, err = duration(v, time.Second, time.Hour, "60s")
		return err
	},
	"compress": func(_ *reader, i *IMAP, v any) (err error) {
		i.Compress, err = boolean(v)
		return err
	},
	"user": func(_ *reader, i *IMAP, v any) (err error) {
		i.User, err = word(v)
		return err
	},
	"password": func(_ *reader, i *IMAP, v any) error {
		s, ok := v.(string) // its text must not be in a message
		switch {
		case !ok:
			return faultf("write it in quotes", "want text")
		case s == "":
			return faultf("", "is empty")
		case strings.ContainsAny(s, "\x00\r\n"):
			return faultf("", "holds a line end or a NUL")
		}
		i.Password = secret.Text(s)
		return nil
	},
	"password_command": func(_ *reader, i *IMAP, v any) error {
		if s, ok := v.(string); ok {
			return faultf(`write ["`+strings.Join(strings.Fields(s), `", "`)+`"]; no shell reads it`, "want a list of texts, got %s", kind(v))
		}
		argv, err := command(v)
		i.Password = secret.Command(argv, secret.CommandTimeout)
		return err
	},
	"keyring": func(_ *reader, _ *IMAP, v any) error {
		if on, err := boolean(v); err != nil || !on {
			return err
		}
		return faultf("use password_command", "the key ring is not supported yet")
	},
	"oauth2": func(_ *reader, _ *IMAP, _ any) error {
		return faultf("use an application password with password_command", "OAuth 2 is not supported yet")
	},
	"command": func(_ *reader, i *IMAP, v any) (err error) {
		i.Command, err = command(v)
		return err
	},
}

func command(value any) ([]string, error) {
	argv, err := texts(value)
	if err == nil && (len(argv) == 0 || argv[0] == "") {
		err = faultf(`write ["program", "argument"]`, "names no program")
	}
	return argv, err
}

func patterns(value any) ([]Pattern, error) {
	list, err := texts(value)
	if err != nil {
		return nil, err
	}
	out := make([]Pattern, len(list))
	for i, s := range list {
		if s == "" {
			return nil, faultf("", "item %d is empty", i+1)
		}
		out[i] = Pattern(s)
		if err := out[i].check(); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// override is a table for some mailboxes of an account.
type override struct {
	pattern Pattern
	apply   []func(*conflict.Policy)
	parts   []func(*Parts)
	window  []func(*Window)
}

// PolicyFor is the policy for one mailbox: the account's, bent by every mailbox
// table whose pattern chooses it, in the order of the file.
func (a *Account) PolicyFor(m mail.Mailbox, role mail.Role) conflict.Policy {
	p := a.Policy
	for _, o := range a.overrides {
		if o.pattern.Matches(m, role) {
			for _, apply := range o.apply {
				apply(&p)
			}
		}
	}
	return p
}
