package config

import (
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"godwit/conflict"
	"godwit/mail"
)

// nowhere is the set of keys of a table that has only tables.
var nowhere = map[string]setter[struct{}]{}

// config reads the whole file.
func (r *reader) config(c *Config, raw map[string]any) {
	fill(r, nil, raw, &struct{}{}, nowhere, []string{"accounts"}, func(key string) string {
		_, account := accountKeys[key]
		_, policy := policyKeys[key]
		_, parts := partKeys[key]
		_, window := windowKeys[key]
		if account || policy || parts || window {
			return "it belongs in [accounts.NAME]"
		}
		if _, imap := imapKeys[key]; imap || key == "imap" || key == "map" {
			return "it belongs in [accounts.NAME.imap]"
		}
		return ""
	})
	at := path{"accounts"}
	value, given := raw["accounts"]
	if !given {
		if len(r.problems) == 0 {
			r.problems = append(r.problems, Problem{
				Text: "no account", Hint: "begin one with [accounts.NAME]",
			})
		}
		return
	}
	accounts, ok := r.table(at, value)
	if !ok {
		return
	}
	for _, name := range r.inOrder(at, accounts) {
		if !goodName(name) {
			r.add(at.with(name), faultf("use letters, digits, and inside also . _ -", "%q cannot name an account", name))
			continue
		}
		if table, ok := r.table(at.with(name), accounts[name]); ok {
			c.Accounts = append(c.Accounts, r.account(at.with(name), name, table))
		}
	}
	if len(accounts) == 0 {
		r.add(at, faultf("begin one with [accounts.NAME]", "no account"))
	}
	r.apart(c)
}

// goodName tells whether a text can name an account: it becomes a directory,
// and stands before the colon on the command line.
func goodName(name string) bool {
	return name != "" && len(name) <= 64 && !strings.ContainsAny(name[:1], "._-") &&
		!strings.ContainsFunc(name, func(r rune) bool { return !strings.ContainsRune(bare+".", r) })
}

func (r *reader) account(at path, name string, raw map[string]any) *Account {
	a := &Account{
		Name: name, Layout: Verbatim, Include: []Pattern{"*"}, Parts: Parts{MaxText: defaultMaxText},
		Window: Window{Unread: true, Flagged: true}, Trash: "auto", KeepDeleted: defaultKeep, Link: true,
		Connections: defaultConnections, Map: map[mail.Mailbox]mail.Mailbox{},
		IMAP: IMAP{TLS: Implicit, Timeout: defaultTimeout, Compress: true},
	}
	r.provider(at, a, raw)
	keys := maps.Clone(accountKeys)
	for key, set := range policyKeys {
		keys[key] = func(r *reader, a *Account, v any) error { return set(r, &a.Policy, v) }
	}
	for key, set := range partKeys {
		keys[key] = func(r *reader, a *Account, v any) error { return set(r, &a.Parts, v) }
	}
	for key, set := range windowKeys {
		keys[key] = func(r *reader, a *Account, v any) error { return set(r, &a.Window, v) }
	}
	fill(r, at, raw, a, keys, []string{"imap", "map", "mailbox"}, func(key string) string {
		if _, imap := imapKeys[key]; imap {
			return "it belongs in [" + at.with("imap").String() + "]"
		}
		return ""
	})
	if value, given := raw["map"]; given {
		r.mapping(at.with("map"), value, a)
	}
	if value, given := raw["mailbox"]; given {
		r.mailboxes(at.with("mailbox"), value, a)
	}
	if !r.has(at.with("maildir")) {
		r.add(at, faultf(`write maildir = "~/Mail/`+name+`"`, "maildir is missing"))
	}
	r.contradictions(at, a.Policy)
	if value, given := raw["imap"]; given {
		if table, ok := r.table(at.with("imap"), value); ok {
			fill(r, at.with("imap"), table, &a.IMAP, imapKeys, nil, func(key string) string {
				if _, account := keys[key]; account {
					return "it belongs in [" + at.String() + "]"
				}
				return ""
			})
			r.imap(at.with("imap"), &a.IMAP, table)
		}
	} else {
		r.add(at, faultf("say where the server is in ["+at.with("imap").String()+"]", "imap is missing"))
	}
	return a
}

// mapping reads the table of other names.
func (r *reader) mapping(at path, value any, a *Account) {
	table, ok := r.table(at, value)
	if !ok {
		return
	}
	taken := map[string]string{}
	for _, server := range r.inOrder(at, table) {
		local, err := word(table[server])
		switch {
		case err != nil:
		case server == "":
			err = faultf("", "a mailbox name is empty")
		case taken[local] != "":
			err = faultf("", "%q is the local name of %q already", local, taken[local])
		case strings.EqualFold(server, string(mail.Inbox)) || strings.EqualFold(local, string(mail.Inbox)):
			if !strings.EqualFold(server, local) {
				err = faultf("", "INBOX keeps its name on both sides")
			}
		}
		if err != nil {
			r.add(at.with(server), err)
			continue
		}
		taken[local] = server
		a.Map[mail.Mailbox(normal(server))] = mail.Mailbox(normal(local))
	}
}

// mailboxes reads the tables for some of an account's mailboxes.
func (r *reader) mailboxes(at path, value any, a *Account) {
	tables, ok := r.table(at, value)
	if !ok {
		return
	}
	for _, name := range r.inOrder(at, tables) {
		table, ok := r.table(at.with(name), tables[name])
		if !ok {
			continue
		}
		o := override{pattern: Pattern(name)}
		if err := o.pattern.check(); err != nil {
			r.add(at.with(name), err)
		}
		keys := map[string]setter[override]{}
		for key, set := range policyKeys {
			keys[key] = func(r *reader, o *override, v any) error {
				var p conflict.Policy
				if err := set(r, &p, v); err != nil {
					return err
				}
				o.apply = append(o.apply, func(p *conflict.Policy) { _ = set(r, p, v) })
				return nil
			}
		}
		for key, set := range partKeys {
			keys[key] = func(r *reader, o *override, v any) error {
				var p Parts
				if err := set(r, &p, v); err != nil {
					return err
				}
				o.parts = append(o.parts, func(p *Parts) { _ = set(r, p, v) })
				return nil
			}
		}
		for key, set := range windowKeys {
			keys[key] = func(r *reader, o *override, v any) error {
				var w Window
				if err := set(r, &w, v); err != nil {
					return err
				}
				o.window = append(o.window, func(w *Window) { _ = set(r, w, v) })
				return nil
			}
		}
		fill(r, at.with(name), table, &o, keys, nil, func(key string) string {
			if _, account := accountKeys[key]; account {
				return "it can be set for the whole account only"
			}
			return ""
		})
		a.overrides = append(a.overrides, o)
		bent := a.Policy
		for _, apply := range o.apply {
			apply(&bent)
		}
		r.contradictions(at.with(name), bent)
	}
}

// apart sees to it that no two accounts have one Maildir: each would take the
// other's mail for new local mail, and upload it.
func (r *reader) apart(c *Config) {
	for i, a := range c.Accounts {
		for _, b := range c.Accounts[:i] {
			if a.Maildir == "" || b.Maildir == "" {
				continue
			}
			if within(a.Maildir, b.Maildir) || within(b.Maildir, a.Maildir) {
				r.add(path{"accounts", a.Name, "maildir"}, faultf("give each account a directory of its own",
					"lies in the same directory as that of account %q", b.Name))
			}
		}
	}
}

func within(file, directory string) bool {
	relative, err := filepath.Rel(directory, file)
	return err == nil && relative != ".." && !strings.HasPrefix(relative, "../")
}

// exposed refuses passwords in a file that others can read.
func (r *reader) exposed() {
	for _, place := range slices.Sorted(maps.Keys(r.lines)) {
		keys := path(strings.Split(place, "\x00"))
		if len(keys) == 4 && keys[0] == "accounts" && keys[2] == "imap" && keys[3] == "password" {
			r.add(keys, faultf("run chmod 600 on the file", "others can read this file"))
		}
	}
}
