package maildir

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"godwit/mail"
)

// names maps mailboxes to places under the root, and back. A place is a list of
// steps, one for each unit of the layout; a step is a directory name, or
// several nested ones where one would be too long.
type names struct {
	layout  Layout
	toLocal map[mail.Mailbox]mail.Mailbox // server name to local name
	toName  map[mail.Mailbox]mail.Mailbox // and back
}

func newNames(l Layout, m map[mail.Mailbox]mail.Mailbox) (*names, error) {
	switch l {
	case "":
		l = Verbatim
	case Verbatim, MaildirPlusPlus, Flat:
	default:
		return nil, fmt.Errorf("maildir: unknown layout %q; there are %q, %q and %q", l, Verbatim, MaildirPlusPlus, Flat)
	}
	n := &names{l, map[mail.Mailbox]mail.Mailbox{}, map[mail.Mailbox]mail.Mailbox{}}
	for _, given := range slices.Sorted(maps.Keys(m)) {
		server, local := canonical(given), canonical(m[given])
		if strings.EqualFold(string(server), string(mail.Inbox)) {
			server = mail.Inbox // RFC 9051, 5.1
		}
		if server == "" || local == "" {
			return nil, fmt.Errorf("maildir: the map of %q to %q has an empty name", server, local)
		}
		if other, taken := n.toName[local]; taken {
			return nil, fmt.Errorf("maildir: %w: the map gives %q to both %q and %q", ErrCollision, local, other, server)
		}
		if other, taken := n.toLocal[server]; taken {
			return nil, fmt.Errorf("maildir: %w: the map has %q twice, as %q and %q", ErrCollision, server, other, local)
		}
		n.toLocal[server], n.toName[local] = local, server
	}
	if server, taken := n.toName[mail.Inbox]; taken && n.toLocal[mail.Inbox] == "" {
		return nil, fmt.Errorf("maildir: %w: the map gives the local name of %q to %q", ErrCollision, mail.Inbox, server)
	}
	for local, server := range n.toName {
		if units := n.layout.units(split(local)); len(units) > 0 && slices.Equal(units[len(units)-1].escaped, n.shadow(split(local))) {
			return nil, fmt.Errorf("maildir: %w: the map gives %q to %q, and a mailbox %q could not be told from it", ErrCollision, local, server, local)
		}
	}
	return n, nil
}

// canonical spells a name as package mail does.
func canonical(m mail.Mailbox) mail.Mailbox {
	if !strings.Contains(string(m), "%") {
		return m
	}
	return join(split(m))
}

// split gives the real names of a mailbox's parts; join is its reverse.
func split(m mail.Mailbox) []string {
	parts := strings.Split(string(m), "/")
	for i := range parts {
		parts[i] = unescapeName(parts[i])
	}
	return parts
}

func join(parts []string) mail.Mailbox {
	out := make([]string, len(parts))
	for i := range parts {
		out[i] = escapeName(parts[i])
	}
	return mail.Mailbox(strings.Join(out, "/"))
}

// units tells where a mailbox is, from the root on.
func (n *names) units(m mail.Mailbox) []unit {
	m = canonical(m)
	if local, mapped := n.toLocal[m]; mapped {
		return n.plain(split(local))
	}
	parts := split(m)
	if _, given := n.toName[m]; !given {
		return n.plain(parts)
	}
	// The map gave its plain name to another mailbox.
	shadow := unit{escaped: n.shadow(parts)}
	units := n.layout.units(parts)
	if len(units) == 0 {
		return []unit{shadow}
	}
	units[len(units)-1] = shadow
	return units
}

// plain gives the layout's units, without a literal name that is a shadow's.
func (n *names) plain(parts []string) []unit {
	units := n.layout.units(parts)
	if len(units) > 0 {
		if last := &units[len(units)-1]; last.literal != "" {
			if _, is := n.shadowOf(parts[:len(units)-1], []string{last.literal}); is {
				last.literal = ""
			}
		}
	}
	return units
}

// shadow is the last step to a mailbox with these parts whose plain name was
// given away.
func (n *names) shadow(parts []string) []string {
	if n.layout == Verbatim {
		parts = parts[len(parts)-1:]
	}
	return n.layout.shadowed(parts)
}

// shadowOf tells which mailbox's shadow the last step is, if it is one's. above
// are the parts of the steps before it.
func (n *names) shadowOf(above, last []string) (mail.Mailbox, bool) {
	tail := n.layout.unshadowed(last)
	if tail == nil {
		return "", false
	}
	m := join(append(slices.Clone(above), tail...))
	_, given := n.toName[m]
	_, moved := n.toLocal[m]
	return m, given && !moved
}

// mailbox tells which mailbox is at a place; ok is false when the place can be
// no mailbox's. It is an error when the place would be that of a mailbox that
// is somewhere else.
func (n *names) mailbox(steps [][]string) (m mail.Mailbox, ok bool, err error) {
	if len(steps) == 0 {
		if n.layout != MaildirPlusPlus {
			return "", false, nil
		}
		if server, given := n.toName[mail.Inbox]; given {
			return server, true, nil
		}
		return mail.Inbox, true, nil
	}
	last := len(steps) - 1
	var parts []string
	for i, s := range steps {
		if i == last {
			if m, is := n.shadowOf(parts, s); is {
				return m, true, nil
			}
		}
		p := n.layout.parts(s)
		if p == nil {
			return "", false, nil
		}
		parts = append(parts, p...)
	}
	local := join(parts)
	m, given := n.toName[local]
	if !given {
		m = local
	}
	if matches(n.units(m), steps) {
		return m, true, nil
	}
	if elsewhere, moved := n.toLocal[local]; moved && !given {
		return "", false, fmt.Errorf("maildir: %w: the map puts %q into %q, and there is a local mailbox %q too; rename or remove that",
			ErrCollision, local, elsewhere, local)
	}
	return "", false, fmt.Errorf("maildir: %w: the directory %q would be the mailbox %q, which is elsewhere; rename or remove it",
		ErrCollision, place(steps), local)
}

// matches tells whether the steps lead where the units say.
func matches(units []unit, steps [][]string) bool {
	return slices.EqualFunc(units, steps, func(u unit, step []string) bool {
		return slices.Equal(u.escaped, step) || u.literal != "" && len(step) == 1 && u.literal == step[0]
	})
}

// place writes steps as a path.
func place(steps [][]string) string {
	var all []string
	for _, s := range steps {
		all = append(all, s...)
	}
	return strings.Join(all, "/")
}
