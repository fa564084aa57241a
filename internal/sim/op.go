package sim

import (
	"fmt"
	"strings"

	"godwit/internal/fake"
	"godwit/mail"
)

// ops are what others do: a name, how often, and how. They return what they did,
// for the trace; nothing, where there was nothing to do it to.
var ops = []struct {
	name   string
	weight int
	do     func(w *world, o Op) string
}{
	{"server.deliver", 10, (*world).deliver},
	{"server.flag", 10, (*world).flagServer},
	{"server.expunge", 6, (*world).expunge},
	{"server.move", 6, (*world).moveServer},
	{"server.copy", 4, (*world).copyServer},
	{"server.create", 1, (*world).createServer},
	{"server.delete", 1, (*world).deleteServer},
	{"server.reset", 1, (*world).reset},
	{"server.mute", 1, (*world).mute},
	{"server.cut", 1, (*world).cut},
	{"server.refuse", 1, (*world).refuse},
	{"server.readonly", 1, (*world).readOnly},
	{"local.add", 8, (*world).add},
	{"local.flag", 10, (*world).flagLocal},
	{"local.rename", 3, (*world).rename},
	{"local.move", 6, (*world).moveLocal},
	{"local.copy", 3, (*world).copyLocal},
	{"local.delete", 6, (*world).delete},
	{"local.edit", 4, (*world).edit},
	{"local.rewrite", 1, (*world).rewrite},
	{"local.create", 1, (*world).createLocal},
	{"local.remove", 1, (*world).removeLocal},
	{"local.unsettle", 1, (*world).unsettle},
	{"local.write", 0, (*world).write}, // in cases that say so: no ordinary run sees it
	{"server.rename-mailbox", 2, (*world).renameServer},
	{"local.rename-mailbox", 2, (*world).renameLocal},
}

// do carries an op out.
func (w *world) do(o Op) {
	for _, known := range ops {
		if known.name == o.Do {
			if strings.HasPrefix(o.Do, "local.") && w.local.Busy() {
				return // a reader would wait
			}
			if what := known.do(w, o); what != "" {
				w.say("* %s: %s", o.Do, what)
			}
			if strings.HasPrefix(o.Do, "server.") {
				w.oracle.takenAgain(w.server.Names())
			}
			return
		}
	}
	w.broke("unknown op %q", o.Do)
}

// mailbox is a mailbox's name.
func mailbox(n int) mail.Mailbox { return names[n%len(names)] }

// pickServer picks a message of the server.
func (w *world) pickServer(n int) (m mail.Mailbox, msg fake.Message, c content, ok bool) {
	var boxes []mail.Mailbox
	var all []fake.Message
	for _, m := range w.server.Names() {
		for _, msg := range w.server.Messages(m) {
			boxes, all = append(boxes, m), append(all, msg)
		}
	}
	if len(all) == 0 {
		return m, msg, c, false
	}
	i := n % len(all)
	c, ok = w.contentOf(all[i].Raw)
	return boxes[i], all[i], c, ok
}

// pickLocal picks a file.
func (w *world) pickLocal(n int) (m mail.Mailbox, f fake.File, c content, ok bool) {
	var boxes []mail.Mailbox
	var all []fake.File
	for _, m := range w.local.Names() {
		for _, f := range w.local.Files(m) {
			boxes, all = append(boxes, m), append(all, f)
		}
	}
	if len(all) == 0 {
		return m, f, c, false
	}
	i := n % len(all)
	c, ok = w.contentOf(all[i].Raw)
	return boxes[i], all[i], c, ok
}

// choose is a new content, or with some luck one that there is.
func (w *world) choose(o Op) content {
	if o.C%5 == 0 && w.made > 0 {
		c := content(o.B) % w.made
		if _, ok := w.contentOf(c.raw()); ok {
			return c
		}
	}
	return w.newContent(o.B)
}

// first are the flags of a new message.
func (w *world) first(c content, n int) mail.Flags {
	f := c.always()
	if n%3 == 0 {
		g := flags[n/3%4]
		f = f.Union(g.Flags)
	}
	return f
}

func (w *world) deliver(o Op) string {
	m, c := mailbox(o.A), w.choose(o)
	f := w.first(c, o.C)
	w.oracle.added(onServer, c, m, f)
	u := w.server.Deliver(m, c.raw(), f)
	return fmt.Sprintf("content %d to %s UID %d (%s)", c, m, u, f)
}

// toggle sets a flag, or clears it where it is set.
func (w *world) toggle(now mail.Flags, n int) (flag, bool, mail.Flags, bool) {
	g := flags[n%len(flags)]
	if g.System == mail.Deleted && !w.profile.UIDPlus || w.profile.Closed && !w.profile.Known.Has(string(g.Keywords)) && g.Keywords != "" {
		return g, false, now, false
	}
	if g.in(now) {
		return g, false, now.Minus(g.Flags), true
	}
	return g, true, now.Union(g.Flags), true
}

func (w *world) flagServer(o Op) string {
	m, msg, c, ok := w.pickServer(o.A)
	if !ok {
		return ""
	}
	g, set, f, ok := w.toggle(msg.Flags, o.B)
	if !ok {
		return ""
	}
	w.oracle.flagged(onServer, c, g, set)
	w.server.SetFlags(m, msg.UID, f)
	return fmt.Sprintf("content %d in %s UID %d (%s)", c, m, msg.UID, f)
}

func (w *world) expunge(o Op) string {
	m, msg, c, ok := w.pickServer(o.A)
	if !ok {
		return ""
	}
	w.oracle.took(onServer, c, m)
	w.server.Expunge(m, msg.UID)
	return fmt.Sprintf("content %d from %s UID %d", c, m, msg.UID)
}

func (w *world) moveServer(o Op) string {
	m, msg, c, ok := w.pickServer(o.A)
	to := mailbox(o.B)
	if !ok || to == m {
		return ""
	}
	w.oracle.moved(onServer, c, m, to)
	u := w.server.MoveTo(m, msg.UID, to)
	return fmt.Sprintf("content %d from %s UID %d to %s UID %d", c, m, msg.UID, to, u)
}

func (w *world) copyServer(o Op) string {
	m, msg, c, ok := w.pickServer(o.A)
	if !ok {
		return ""
	}
	to := mailbox(o.B)
	w.oracle.added(onServer, c, to, msg.Flags)
	u := w.server.CopyTo(m, msg.UID, to)
	return fmt.Sprintf("content %d from %s UID %d to %s UID %d", c, m, msg.UID, to, u)
}

func (w *world) hasServer(m mail.Mailbox) bool {
	for _, n := range w.server.Names() {
		if n == m {
			return true
		}
	}
	return false
}

// createServer makes a mailbox, or makes one again that is there.
func (w *world) createServer(o Op) string {
	m := mailbox(o.A)
	if m == trashName && w.c.Trash || w.oracle.closed[m] {
		return ""
	}
	if w.hasServer(m) {
		w.dropServer(m)
		w.oracle.dropped(onServer, m)
	}
	w.oracle.touch(m)
	w.server.CreateMailbox(m, "")
	return string(m)
}

func (w *world) dropServer(m mail.Mailbox) {
	if !w.hasServer(m) {
		return
	}
	w.oracle.removed(onServer, m, len(w.server.Messages(m)))
	for _, msg := range w.server.Messages(m) {
		if c, ok := w.contentOf(msg.Raw); ok {
			w.oracle.took(onServer, c, m)
		}
	}
}

func (w *world) deleteServer(o Op) string {
	m := mailbox(o.A)
	if m == mail.Inbox || m == trashName && w.c.Trash || !w.hasServer(m) || w.oracle.closed[m] {
		return ""
	}
	w.dropServer(m)
	w.server.DeleteMailbox(m)
	w.oracle.asRenamed(m)
	return string(m)
}

func (w *world) reset(o Op) string {
	m := mailbox(o.A)
	if !w.hasServer(m) || w.oracle.closed[m] {
		return ""
	}
	w.oracle.reset[m] = true
	w.server.ResetUIDValidity(m)
	return string(m)
}

func (w *world) mute(o Op) string {
	m, msg, c, ok := w.pickServer(o.A)
	if !ok {
		return ""
	}
	w.server.Mute(m, msg.UID, true)
	w.muted = append(w.muted, muted{m, msg.UID})
	return fmt.Sprintf("content %d in %s UID %d", c, m, msg.UID)
}

func (w *world) cut(o Op) string {
	m, msg, c, ok := w.pickServer(o.A)
	if !ok {
		return ""
	}
	w.server.CutBody(m, msg.UID, o.B%len(msg.Raw))
	return fmt.Sprintf("content %d in %s UID %d", c, m, msg.UID)
}

func (w *world) refuse(o Op) string {
	_, _, c, ok := w.pickLocal(o.A)
	if !ok {
		return ""
	}
	w.refused[c] = true
	return fmt.Sprintf("content %d", c)
}

func (w *world) readOnly(o Op) string {
	m := mailbox(o.A)
	if w.oracle.reset[m] || w.oracle.lost[m] {
		return "" // what is lost there could not wait
	}
	w.oracle.closed[m] = true
	w.server.SetReadOnly(m, true)
	return string(m)
}

func (w *world) add(o Op) string {
	m, c := mailbox(o.A), w.choose(o)
	if w.outside(m, c) {
		return ""
	}
	f := w.first(c, o.C)
	w.oracle.added(onLocal, c, m, f)
	k := w.local.Add(m, c.raw(), f)
	return fmt.Sprintf("content %d to %s as %s (%s)", c, m, k, f)
}

func (w *world) flagLocal(o Op) string {
	m, file, c, ok := w.pickLocal(o.A)
	if !ok {
		return ""
	}
	g, set, f, ok := w.toggle(file.Flags, o.B)
	if !ok {
		return ""
	}
	w.oracle.flagged(onLocal, c, g, set)
	w.unlooked[m] = append(w.unlooked[m], c)
	w.local.Reflag(m, file.Key, f)
	return fmt.Sprintf("content %d in %s as %s (%s)", c, m, file.Key, f)
}

// key is the file's own, where it is free, or another.
func (w *world) key(to mail.Mailbox, k mail.Key, keep bool) mail.Key {
	if keep {
		taken := false
		for _, f := range w.local.Files(to) {
			taken = taken || f.Key == k
		}
		if !taken {
			return k
		}
	}
	w.keys++
	return mail.Key(fmt.Sprintf("17200%05d.S.sim", w.keys))
}

func (w *world) rename(o Op) string {
	m, f, c, ok := w.pickLocal(o.A)
	if !ok {
		return ""
	}
	w.oracle.touched(onLocal, c)
	k := w.key(m, f.Key, false)
	w.local.Move(m, f.Key, m, k)
	return fmt.Sprintf("content %d in %s from %s to %s", c, m, f.Key, k)
}

func (w *world) moveLocal(o Op) string {
	m, f, c, ok := w.pickLocal(o.A)
	to := mailbox(o.B)
	if !ok || to == m || w.outside(to, c) {
		return ""
	}
	w.oracle.moved(onLocal, c, m, to)
	w.oracle.foreign[c] = w.oracle.foreign[c] || f.Letters != ""
	k := w.key(to, f.Key, o.C%2 == 0)
	w.local.Move(m, f.Key, to, k)
	return fmt.Sprintf("content %d from %s as %s to %s as %s", c, m, f.Key, to, k)
}

func (w *world) copyLocal(o Op) string {
	m, f, c, ok := w.pickLocal(o.A)
	if !ok {
		return ""
	}
	to := mailbox(o.B)
	if w.outside(to, c) {
		return ""
	}
	w.oracle.added(onLocal, c, to, f.Flags)
	w.oracle.foreign[c] = w.oracle.foreign[c] || f.Letters != ""
	k := w.key(to, f.Key, o.C%2 == 0)
	w.local.Copy(m, f.Key, to, k)
	return fmt.Sprintf("content %d from %s as %s to %s as %s", c, m, f.Key, to, k)
}

func (w *world) delete(o Op) string {
	m, f, c, ok := w.pickLocal(o.A)
	if !ok {
		return ""
	}
	w.oracle.took(onLocal, c, m)
	if w.now != nil {
		w.removed[m] = append(w.removed[m], c)
	}
	w.local.Delete(m, f.Key)
	return fmt.Sprintf("content %d from %s as %s", c, m, f.Key)
}

func (w *world) edit(o Op) string { return w.become(o, w.local.Edit) }

// write is an edit that leaves the file's name and number as they are.
func (w *world) write(o Op) string { return w.become(o, w.local.EditInPlace) }

func (w *world) become(o Op, edit func(mail.Mailbox, mail.Key, []byte)) string {
	m, f, c, ok := w.pickLocal(o.A)
	if !ok {
		return ""
	}
	if string(f.Raw) == string(c.part()) {
		return ""
	}
	d := w.newContent(c.kind())
	w.oracle.edited(c, d, m, f.Flags)
	edit(m, f.Key, d.raw())
	return fmt.Sprintf("content %d in %s as %s is now %d", c, m, f.Key, d)
}

func (w *world) rewrite(o Op) string {
	m, f, c, ok := w.pickLocal(o.A)
	if !ok {
		return ""
	}
	w.oracle.touched(onLocal, c)
	w.local.Edit(m, f.Key, f.Raw)
	return fmt.Sprintf("content %d in %s as %s", c, m, f.Key)
}

func (w *world) createLocal(o Op) string {
	m := mailbox(o.A)
	w.oracle.touch(m)
	w.local.MakeMailbox(m)
	return string(m)
}

func (w *world) hasLocal(m mail.Mailbox) bool {
	for _, n := range w.local.Names() {
		if n == m {
			return true
		}
	}
	return false
}

func (w *world) removeLocal(o Op) string {
	m := mailbox(o.A)
	if !w.hasLocal(m) {
		return ""
	}
	w.oracle.removed(onLocal, m, len(w.local.Files(m)))
	for _, f := range w.local.Files(m) {
		if c, ok := w.contentOf(f.Raw); ok {
			w.oracle.took(onLocal, c, m)
		}
	}
	w.local.RemoveMailbox(m)
	return string(m)
}

func (w *world) unsettle(o Op) string {
	m, f, c, ok := w.pickLocal(o.A)
	if !ok {
		return ""
	}
	w.local.Unsettle(m, 1+o.B%2, f.Key)
	return fmt.Sprintf("content %d in %s as %s is missed", c, m, f.Key)
}
