package maildir

import (
	"slices"
	"strings"

	"godwit/mail"
)

// Layout says how mailboxes are arranged under the Maildir's root.
type Layout string

// The layouts. The empty Layout is Verbatim.
const (
	// Verbatim nests directories: Work/2024; INBOX is the directory INBOX.
	Verbatim Layout = "verbatim"
	// MaildirPlusPlus is Courier's and Dovecot's: .Work.2024; INBOX is the root.
	MaildirPlusPlus Layout = "maildir++"
	// Flat is one level: Work.2024; INBOX is the directory INBOX.
	Flat Layout = "flat"
)

// unit is one step from a directory to a mailbox below it: the name as escaping
// gives it, which may be several nested directories if it is long; or the
// literal name of a directory that somebody else made and that only looks
// escaped. literal is empty when there can be no such directory.
type unit struct {
	escaped []string
	literal string
}

// units tells where a mailbox with these parts (real names) is. For the root
// itself there are none.
func (l Layout) units(parts []string) []unit {
	if l == MaildirPlusPlus && len(parts) == 1 && parts[0] == string(mail.Inbox) {
		return nil
	}
	if l != Verbatim {
		return []unit{l.unit(parts)}
	}
	units := make([]unit, len(parts))
	for i := range parts {
		units[i] = l.unit(parts[i : i+1])
	}
	return units
}

func (l Layout) unit(parts []string) unit {
	u := unit{escaped: l.escaped(parts)}
	if literal := l.prefix() + strings.Join(parts, l.separator()); literal != u.escaped[0] && l.isLiteral(literal, parts) {
		u.literal = literal
	}
	return u
}

// prefix stands before every directory name, separator between the parts in one.
func (l Layout) prefix() string {
	if l == MaildirPlusPlus {
		return "."
	}
	return ""
}

func (l Layout) separator() string {
	if l == Verbatim {
		return "/"
	}
	return "."
}

// also is what escaping must keep out of a part, besides what is always unsafe.
func (l Layout) also() string {
	if l == Verbatim {
		return ""
	}
	return "."
}

// escaped is the directory name of one unit, cut if it is too long.
func (l Layout) escaped(parts []string) []string {
	out := make([]string, len(parts))
	for i, p := range parts {
		out[i] = escapePart(p, l.also())
	}
	component := l.prefix() + strings.Join(out, l.separator())
	if isReserved(component) {
		component = escapeFirst(component, len(l.prefix()))
	}
	return cutLong(component)
}

// shadowed is the directory name of a unit whose plain name was given to
// another mailbox by the map: every byte of its last part is escaped.
func (l Layout) shadowed(parts []string) []string {
	out := make([]string, len(parts))
	for i, p := range parts {
		out[i] = escapePart(p, l.also())
	}
	if p := parts[len(parts)-1]; p != "" {
		out[len(out)-1] = escapeAll(p)
	}
	return cutLong(l.prefix() + strings.Join(out, l.separator()))
}

// parts is the reverse of unit: the real names that a directory name stands
// for. It is decoded only if escaping gives it back, else taken literally.
func (l Layout) parts(names []string) []string {
	component, ok := joinLong(names)
	if !ok {
		return nil
	}
	split := func(s string) []string {
		if l == Verbatim {
			return []string{s}
		}
		return strings.Split(strings.TrimPrefix(s, l.prefix()), l.separator())
	}
	parts := split(component)
	for i := range parts {
		parts[i] = unescape(parts[i])
	}
	if slices.Equal(l.escaped(parts), names) {
		return parts
	}
	if len(names) > 1 {
		return nil
	}
	return split(names[0])
}

// unshadowed is the reverse of shadowed; nil for any other name.
func (l Layout) unshadowed(names []string) []string {
	component, ok := joinLong(names)
	if !ok {
		return nil
	}
	parts := []string{component}
	if l != Verbatim {
		parts = strings.Split(strings.TrimPrefix(component, l.prefix()), l.separator())
	}
	for i := range parts {
		parts[i] = unescape(parts[i])
	}
	if !slices.Equal(l.shadowed(parts), names) {
		return nil
	}
	return parts
}

// isLiteral tells whether a directory of that name stands for just these parts
// without being their escaped name.
func (l Layout) isLiteral(name string, parts []string) bool {
	if name == l.prefix() || len(name) > maxName || isTaken(name) || strings.ContainsAny(name, "\x00") {
		return false
	}
	if l == Verbatim && strings.Contains(name, "/") || l == Flat && strings.HasPrefix(name, ".") {
		return false
	}
	for _, p := range parts {
		if strings.Contains(p, "/") {
			return false
		}
	}
	return slices.Equal(l.parts([]string{name}), parts)
}
