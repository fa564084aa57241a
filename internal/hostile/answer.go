package hostile

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

func (c *Conn) say(format string, args ...any) { fmt.Fprintf(&c.out, format+"\r\n", args...) }

// answer writes the ordinary answer to c.out. The server's lock is held.
func (c *Conn) answer(cmd *Command) {
	status := "OK done"
	switch verb := cmd.Verb; {
	case verb == "CAPABILITY":
		c.say("* CAPABILITY %s", c.capabilities())
	case verb == "LOGOUT":
		c.say("* BYE see you")
	case verb == "NOOP":
		c.news()
	case verb == "STARTTLS":
		if c.Server.TLS == nil || c.tls {
			status = "BAD no TLS here"
		}
	case !c.user:
		status = c.login(cmd)
	case verb == "NAMESPACE":
		c.say(`* NAMESPACE (("" "/")) NIL NIL`)
	case verb == "ID":
		c.say(`* ID ("name" "hostile" "version" "1")`)
	case verb == "ENABLE":
		c.qresync = c.can("QRESYNC")
		c.condense = c.qresync
		c.say("* ENABLED QRESYNC")
	case verb == "COMPRESS":
		if !c.can("COMPRESS=DEFLATE") {
			status = "BAD unknown"
		}
	case verb == "LIST", verb == "LSUB":
		c.list(cmd)
	case verb == "STATUS":
		if b := c.Server.Mailbox(cmd.arg(0).text); b != nil {
			c.status(b, cmd.arg(1).texts())
		} else {
			status = "NO [NONEXISTENT] no such mailbox"
		}
	case verb == "CREATE":
		if c.Server.Mailbox(cmd.arg(0).text) != nil {
			status = "NO [ALREADYEXISTS] it exists"
		} else {
			c.Server.Add(cmd.arg(0).text)
		}
	case verb == "SUBSCRIBE":
	case verb == "SELECT", verb == "EXAMINE":
		status = c.open(cmd)
	case verb == "APPEND":
		status = c.append(cmd)
	case c.selected == nil:
		status = "BAD no mailbox is selected"
	case verb == "UID FETCH":
		c.fetch(cmd)
	case verb == "UID SEARCH":
		c.search(cmd)
	case verb == "UID STORE":
		status = c.store(cmd)
	case verb == "UID COPY", verb == "UID MOVE":
		status = c.transfer(cmd)
	case verb == "UID EXPUNGE", verb == "EXPUNGE":
		c.expunge(cmd)
	default:
		status = "BAD unknown command"
	}
	c.say("%s %s", cmd.Tag, status)
}

func (c *Conn) login(cmd *Command) string {
	user, password := "", ""
	switch cmd.Verb {
	case "LOGIN":
		user, password = cmd.arg(0).text, cmd.arg(1).text
	case "AUTHENTICATE":
		octets, _ := base64.StdEncoding.DecodeString(cmd.arg(1).text)
		if parts := strings.Split(string(octets), "\x00"); len(parts) == 3 {
			user, password = parts[1], parts[2]
		}
	default:
		return "BAD not logged in"
	}
	if user != User || password != Password {
		return "NO [AUTHENTICATIONFAILED] wrong"
	}
	c.user = true
	return "OK [CAPABILITY " + c.capabilities() + "] in"
}

// Quote writes a raw mailbox name: quoted, or as a literal where it must be.
func Quote(name string) string {
	if strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r > '~' }) {
		return fmt.Sprintf("{%d}\r\n%s", len(name), name)
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(name) + `"`
}

func (c *Conn) list(cmd *Command) {
	var items []string
	for i, a := range cmd.args {
		if strings.EqualFold(a.text, "RETURN") {
			options := cmd.arg(i + 1).list
			for j, o := range options {
				if strings.EqualFold(o.text, "STATUS") && j+1 < len(options) {
					items = options[j+1].texts()
				}
			}
		}
	}
	for _, b := range c.Server.Mailboxes {
		c.say(`* %s (%s) "/" %s`, cmd.Verb, b.Attributes, Quote(b.Name))
		if items != nil && !strings.Contains(b.Attributes, `\Noselect`) {
			c.status(b, items)
		}
	}
}

func (c *Conn) status(b *Mailbox, items []string) {
	var parts []string
	for _, item := range items {
		switch strings.ToUpper(item) {
		case "MESSAGES":
			parts = append(parts, fmt.Sprintf("MESSAGES %d", len(c.shown(b))))
		case "UIDNEXT":
			parts = append(parts, fmt.Sprintf("UIDNEXT %d", b.UIDNext))
		case "UIDVALIDITY":
			parts = append(parts, fmt.Sprintf("UIDVALIDITY %d", b.UIDValidity))
		case "HIGHESTMODSEQ":
			parts = append(parts, fmt.Sprintf("HIGHESTMODSEQ %d", b.highest()))
		}
	}
	c.say("* STATUS %s (%s)", Quote(b.Name), strings.Join(parts, " "))
}

func (c *Conn) open(cmd *Command) string {
	c.selected = c.Server.Mailbox(cmd.arg(0).text)
	b := c.selected
	if b == nil {
		return "NO [NONEXISTENT] no such mailbox"
	}
	c.view = c.shown(b)
	options := cmd.arg(1).list
	if len(options) > 0 {
		c.condense = true
	}
	c.say("* %d EXISTS", len(c.view))
	c.say(`* FLAGS (\Answered \Flagged \Deleted \Seen \Draft)`)
	c.say(`* OK [PERMANENTFLAGS (\Answered \Flagged \Deleted \Seen \Draft \*)] ok`)
	c.say("* OK [UIDVALIDITY %d] ok", b.UIDValidity)
	c.say("* OK [UIDNEXT %d] ok", b.UIDNext)
	if c.can("CONDSTORE") || c.can("QRESYNC") {
		c.say("* OK [HIGHESTMODSEQ %d] ok", b.highest())
	}
	if len(options) > 1 && strings.EqualFold(options[0].text, "QRESYNC") {
		known := options[1].texts()
		if validity, _ := strconv.ParseUint(known[0], 10, 32); uint32(validity) == b.UIDValidity && len(known) > 1 {
			since, _ := strconv.ParseUint(known[1], 10, 64)
			c.changes(b, since)
		}
	}
	return "OK [READ-WRITE] opened"
}

// changes answers QRESYNC (RFC 7162, 3.2.5).
func (c *Conn) changes(b *Mailbox, since uint64) {
	var gone []string
	for _, e := range b.expunged {
		if e.modSeq > since {
			gone = append(gone, strconv.FormatUint(uint64(e.uid), 10))
		}
	}
	if hidden := len(b.Messages) - len(c.shown(b)); hidden > 0 { // as if they were gone
		for _, m := range b.Messages[:hidden] {
			gone = append(gone, strconv.FormatUint(uint64(m.UID), 10))
		}
	}
	if len(gone) > 0 {
		c.say("* VANISHED (EARLIER) %s", strings.Join(gone, ","))
	}
	for i, uid := range c.view {
		if m := b.find(uid); m.ModSeq > since {
			c.say("* %d FETCH (UID %d FLAGS (%s) MODSEQ (%d))", i+1, m.UID, strings.Join(m.Flags, " "), m.ModSeq)
		}
	}
}

// news tells what happened in the selected mailbox.
func (c *Conn) news() {
	b := c.selected
	if b == nil {
		return
	}
	for i := len(c.view) - 1; i >= 0; i-- {
		if uid := c.view[i]; b.find(uid) == nil {
			c.view = slices.Delete(c.view, i, i+1)
			if c.qresync {
				c.say("* VANISHED %d", uid)
			} else {
				c.say("* %d EXPUNGE", i+1)
			}
		}
	}
	if view := c.shown(b); len(c.view) != len(view) {
		c.view = view
		c.say("* %d EXISTS", len(c.view))
	}
}

// shown are the UIDs of a mailbox that a session sees.
func (c *Conn) shown(b *Mailbox) (view []uint32) {
	messages := b.Messages
	if n := c.Server.Shown; n > 0 && len(messages) > n {
		messages = messages[len(messages)-n:]
	}
	for _, m := range messages {
		view = append(view, m.UID)
	}
	return view
}

// those are the messages that a set names, with their sequence numbers.
func (c *Conn) those(set string, f func(seq int, m *Message)) {
	named := parseUIDs(set, c.highest())
	for i, uid := range c.view {
		if m := c.selected.find(uid); m != nil && named.has(uid) {
			f(i+1, m)
		}
	}
}

func (c *Conn) highest() uint32 {
	if len(c.view) == 0 {
		return 0
	}
	return c.view[len(c.view)-1]
}

func (c *Conn) fetch(cmd *Command) {
	var since uint64
	if modifiers := cmd.arg(2).list; len(modifiers) > 1 {
		since, _ = strconv.ParseUint(modifiers[1].text, 10, 64)
	}
	items := cmd.arg(1).texts()
	c.those(cmd.arg(0).text, func(seq int, m *Message) {
		if since > 0 && m.ModSeq <= since {
			return
		}
		c.say("* %d FETCH (%s)", seq, strings.Join(m.items(items, c.condense), " "))
	})
	c.news()
}

// items are the message's data as FETCH has them.
func (m *Message) items(asked []string, condense bool) []string {
	out := []string{fmt.Sprintf("UID %d", m.UID)}
	for _, item := range asked {
		switch item = strings.ToUpper(item); {
		case item == "FLAGS":
			out = append(out, "FLAGS ("+strings.Join(m.Flags, " ")+")")
			if condense && !slices.Contains(asked, "MODSEQ") {
				out = append(out, fmt.Sprintf("MODSEQ (%d)", m.ModSeq))
			}
		case item == "MODSEQ":
			out = append(out, fmt.Sprintf("MODSEQ (%d)", m.ModSeq))
		case item == "INTERNALDATE":
			out = append(out, m.Date.Format(`INTERNALDATE "02-Jan-2006 15:04:05 -0700"`))
		case item == "RFC822.SIZE":
			out = append(out, fmt.Sprintf("RFC822.SIZE %d", len(m.Body)))
		case item == "X-GM-MSGID":
			out = append(out, fmt.Sprintf("X-GM-MSGID %d", m.ID))
		case strings.HasPrefix(item, "BODY.PEEK["):
			out = append(out, m.body(item))
		case item == "BODYSTRUCTURE":
			out = append(out, "BODYSTRUCTURE "+dissect(m.Body).structure())
		}
	}
	return out
}

func (c *Conn) search(cmd *Command) {
	args := cmd.args
	extended := len(args) > 1 && strings.EqualFold(args[0].text, "RETURN")
	if extended {
		args = args[2:]
	}
	set, deleted, text, larger := "1:*", false, "", -1
	for i := 0; i < len(args); i++ {
		switch strings.ToUpper(args[i].text) {
		case "UID":
			set, i = args[i+1].text, i+1
		case "DELETED":
			deleted = true
		case "HEADER":
			text, i = args[i+2].text, i+2
		case "LARGER":
			larger, _ = strconv.Atoi(args[i+1].text)
			i++
		}
	}
	var found []string
	c.those(set, func(_ int, m *Message) {
		if (!deleted || slices.Contains(m.Flags, `\Deleted`)) && len(m.Body) > larger && strings.Contains(string(m.Body), text) {
			found = append(found, strconv.FormatUint(uint64(m.UID), 10))
		}
	})
	switch {
	case !extended:
		c.say("* SEARCH %s", strings.Join(found, " "))
	case len(found) == 0:
		c.say(`* ESEARCH (TAG "%s") UID`, cmd.Tag)
	default:
		c.say(`* ESEARCH (TAG "%s") UID ALL %s`, cmd.Tag, strings.Join(found, ","))
	}
	c.news()
}

func (c *Conn) store(cmd *Command) string {
	args := cmd.args[1:]
	since := uint64(0)
	if len(args) > 2 && args[0].is == list {
		since, _ = strconv.ParseUint(args[0].list[1].text, 10, 64)
		args = args[1:]
	}
	how, flags := strings.ToUpper(args[0].text), args[1].texts()
	var modified []string
	c.those(cmd.arg(0).text, func(seq int, m *Message) {
		if since > 0 && m.ModSeq > since {
			modified = append(modified, strconv.FormatUint(uint64(m.UID), 10))
			return
		}
		switch how[0] {
		case '+':
			c.Server.set(m, with(m.Flags, flags))
		case '-':
			c.Server.set(m, without(m.Flags, flags))
		default:
			c.Server.set(m, flags)
		}
		if !strings.HasSuffix(how, ".SILENT") {
			c.say("* %d FETCH (UID %d FLAGS (%s))", seq, m.UID, strings.Join(m.Flags, " "))
		} else if c.condense {
			c.say("* %d FETCH (UID %d MODSEQ (%d))", seq, m.UID, m.ModSeq)
		}
	})
	c.news()
	if len(modified) > 0 {
		return "OK [MODIFIED " + strings.Join(modified, ",") + "] some were left alone"
	}
	return "OK done"
}

func (c *Conn) append(cmd *Command) string {
	b := c.Server.Mailbox(cmd.arg(0).text)
	if b == nil {
		return "NO [TRYCREATE] no such mailbox"
	}
	var flags []string
	date := time.Now()
	var added []string
	for _, a := range cmd.args[1:] {
		switch a.is {
		case list:
			flags = a.texts()
		case quoted:
			if d, err := time.Parse("_2-Jan-2006 15:04:05 -0700", a.text); err == nil {
				date = d
			}
		case literal:
			m := c.Server.Deliver(b, []byte(a.text), flags...)
			m.Date = date
			if c.Server.labels {
				c.Server.everywhere(m, func(_ *Mailbox, has *Message) { has.Date = date })
			}
			added = append(added, strconv.FormatUint(uint64(m.UID), 10))
			flags, date = nil, time.Now()
		}
	}
	c.news()
	if !c.can("UIDPLUS") {
		return "OK added"
	}
	return fmt.Sprintf("OK [APPENDUID %d %s] added", b.UIDValidity, strings.Join(added, ","))
}

func (c *Conn) transfer(cmd *Command) string {
	to := c.Server.Mailbox(cmd.arg(1).text)
	if to == nil {
		return "NO [TRYCREATE] no such mailbox"
	}
	var from, copies []string
	var taken []uint32
	c.those(cmd.arg(0).text, func(_ int, m *Message) {
		var copied *Message
		if c.Server.labels {
			copied = c.Server.relabel(c.selected, to, m, cmd.Verb == "UID MOVE")
		} else {
			copied = c.Server.Deliver(to, m.Body, m.Flags...)
			copied.Date = m.Date
		}
		from = append(from, strconv.FormatUint(uint64(m.UID), 10))
		copies = append(copies, strconv.FormatUint(uint64(copied.UID), 10))
		taken = append(taken, m.UID)
	})
	if len(from) == 0 {
		return "OK nothing to do"
	}
	code := fmt.Sprintf("[COPYUID %d %s %s]", to.UIDValidity, strings.Join(from, ","), strings.Join(copies, ","))
	if cmd.Verb == "UID COPY" {
		return "OK " + code + " copied"
	}
	c.say("* OK %s moved", code)
	for _, uid := range taken {
		if !c.Server.labels || c.selected.Name != AllMail || to.Name == Trash || to.Name == Spam {
			c.Server.Remove(c.selected, uid)
		}
	}
	c.news()
	return "OK done"
}

func (c *Conn) expunge(cmd *Command) {
	set := "1:*"
	if cmd.Verb == "UID EXPUNGE" {
		set = cmd.arg(0).text
	}
	var gone []uint32
	c.those(set, func(_ int, m *Message) {
		if slices.Contains(m.Flags, `\Deleted`) {
			gone = append(gone, m.UID)
		}
	})
	for _, uid := range gone {
		c.Server.Remove(c.selected, uid)
	}
	c.news()
}
