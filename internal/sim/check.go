package sim

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"godwit/conflict"
	"godwit/internal/fake"
	"godwit/mail"
	"godwit/sync"
)

func isStuck(err error) bool { return errors.Is(err, errStuck) }

// holds tells that both sides can hold the flag.
func (w *world) holds(g flag) bool {
	return g.Keywords == "" || !w.profile.Closed || w.profile.Known.Has(string(g.Keywords))
}

// common is what both sides can hold of f.
func (w *world) common(f mail.Flags) mail.Flags {
	if w.profile.Closed {
		room := mail.KeywordRoom{Known: w.profile.Known}
		f = f.Minus(room.Missing(f))
	}
	return f
}

// seen is a message as the judge sees it.
type seen struct {
	mailbox mail.Mailbox
	content content
	flags   mail.Flags
}

func (s seen) String() string {
	return fmt.Sprintf("content %d in %s (%s)", s.content, s.mailbox, s.flags)
}

func compareSeen(a, b seen) int {
	return cmp.Or(cmp.Compare(a.mailbox, b.mailbox), cmp.Compare(a.content, b.content), cmp.Compare(a.flags.String(), b.flags.String()))
}

// look lists what both sides hold.
func (w *world) look() (server, local []seen) {
	for _, m := range w.server.Names() {
		for _, msg := range w.server.Messages(m) {
			c, ok := w.contentOf(msg.Raw)
			if bytes.Contains(msg.Raw, []byte("godwit-partial:")) {
				w.broke("the server's %s has UID %d that is only part of a message", m, msg.UID)
			}
			if !ok {
				w.broke("the server's %s has UID %d with a content that nobody made: %q", m, msg.UID, msg.Raw)
			}
			server = append(server, seen{m, c, w.common(msg.Flags)})
		}
	}
	for _, m := range w.local.Names() {
		for _, f := range w.local.Files(m) {
			c, ok := w.contentOf(f.Raw)
			if !ok {
				w.broke("the Maildir's %s has %s with a content that nobody made: %q", m, f.Key, f.Raw)
			}
			local = append(local, seen{m, c, w.common(f.Flags)})
		}
	}
	local = append(local, w.lookOutside()...)
	slices.SortFunc(server, compareSeen)
	slices.SortFunc(local, compareSeen)
	return server, local
}

// lookOutside lists what base knows to be outside of a window, and the server has: the
// Maildir has it as well as if it were here.
func (w *world) lookOutside() []seen {
	var all []seen
	if !w.windowed() {
		return nil
	}
	for _, m := range everywhere {
		for row, err := range w.base.OutsideRows(context.Background(), m, 0) {
			if err != nil {
				w.broke("reading base: %v", err)
			}
			for _, msg := range w.server.Messages(m) {
				if c, ok := w.contentOf(msg.Raw); ok && msg.UID == row.UID {
					all = append(all, seen{m, c, w.common(msg.Flags)})
				}
			}
		}
	}
	return all
}

// nothingLost checks, after every run and every crash, that what nobody removed
// is on one side at least.
func (w *world) nothingLost() {
	server, local := w.look()
	there := map[content]bool{}
	for c := range w.excused {
		there[c] = there[c] || w.inTrash(c)
	}
	for _, s := range slices.Concat(server, local) {
		there[s.content] = true
	}
	for _, c := range slices.Sorted(maps.Keys(w.oracle.stories)) {
		s := w.oracle.stories[c]
		if s.start.total()+s.made[onServer]+s.made[onLocal] > 0 && s.gone[onServer]+s.gone[onLocal] == 0 && !there[c] {
			w.broke("content %d is on neither side, and nobody removed it", c)
		}
	}
}

// inTrash tells that a file with the content is in the local trash.
func (w *world) inTrash(c content) bool {
	return slices.ContainsFunc(w.local.Trashed(), func(f fake.File) bool {
		d, ok := w.contentOf(f.Raw)
		return ok && d == c
	})
}

// mostRuns is how many undisturbed runs it may take until nothing changes.
const mostRuns = 4

// quiet lets all disturbances end, runs until nothing changes, and judges.
func (w *world) quiet() {
	for _, m := range w.muted {
		w.server.Mute(m.mailbox, m.uid, false)
	}
	for _, m := range everywhere {
		w.server.SetReadOnly(m, false)
	}
	if w.c.Files == "memory" {
		for _, m := range w.local.Names() {
			for range 2 { // no scan is unsettled more often
				_, _ = w.local.Scan(context.Background(), m)
			}
		}
	}
	w.muted = nil
	clear(w.refused)
	o := w.options()
	o.Recreate = len(w.oracle.lost) > 0
	w.say("quiet")
	if !w.rest(o) {
		return
	}
	if !o.Recreate && w.asked(w.held) {
		if o.Recreate = true; !w.rest(o) {
			return
		}
	}
	var tidied map[content]bool
	if w.mode == conflict.TwoWay {
		// What is left of a message that only was here in part is held and told, by
		// each run, until its user takes it away.
		server, _ := w.look()
		if tidied = w.orphans(server); len(tidied) > 0 && !w.rest(o) {
			return
		}
	}
	day := w.day()
	last := w.clean(w.options())
	if (w.touched != [2]int{} || last.Changed()) && w.day() == day {
		w.broke("a run after a run that did nothing did something: %v writes", w.touched)
	}
	if last.Looked > 0 && w.day() == day && w.mode == conflict.TwoWay && w.profile.CondStore {
		w.broke("a run after a run that did nothing looked into %d of %d mailboxes", last.Looked, last.Total)
	}
	if len(last.Plan.Holds) > 0 && (w.mode == conflict.TwoWay || last.Guarded()) {
		w.broke("something is held back: %s", last.Plan.Holds[0].Text)
	}
	if aside, _ := w.base.Quarantine(context.Background()); len(aside) > 0 {
		w.broke("still set aside: %+v", aside)
	}
	w.inOrder()
	if len(w.broken) == 0 {
		w.verdict(tidied)
	}
}

// rest runs until nothing changes, and tells whether it came to that with all
// promises kept.
func (w *world) rest(o sync.Options) bool {
	most, needed := mostRuns, 1
	if w.windowed() { // what was only noted by one run may leave in the next
		most, needed = mostRuns+2, 2
	}
	still := 0
	for i := range most {
		if i < mostRuns/2 || !w.windowed() { // a window by age moves with the time
			w.later += 48 * time.Hour // nothing is set aside for longer
		}
		result := w.clean(o)
		w.held = result.Plan.Holds
		if len(w.broken) > 0 {
			return false
		}
		if still++; result.Changed() || len(result.Failures) > 0 || w.touched != [2]int{} {
			still = 0
		}
		if still == needed {
			return true
		}
	}
	w.broke("after %d undisturbed runs there was still something to do", most)
	return false
}

// clean is a run that nobody disturbs.
func (w *world) clean(o sync.Options) sync.Result {
	result, err := w.start(o, func(*schedule, string) {})
	if err != nil {
		w.broke("an undisturbed run failed: %v", err)
	}
	if left := w.local.Left(); len(left) > 0 {
		w.broke("a run left open: %v", left)
	}
	w.local.Restart()
	return result
}

// inOrder checks what is neither message nor flag: the record and tmp/.
func (w *world) inOrder() {
	ctx := context.Background()
	if err := w.base.Check(ctx); err != nil {
		w.broke("base: %v", err)
	}
	if intents, _ := w.base.Intents(ctx); len(intents) > 0 {
		w.broke("intents are left: %+v", intents)
	}
	for _, m := range w.local.Names() {
		for _, f := range w.local.Strays(m) {
			w.broke("%s is left in tmp/ of %s", f.Key, m)
		}
	}
	if d, disk := w.local.(*disk); disk {
		for _, name := range d.Kept() {
			w.broke("%s is left of a message that was on its way", name)
		}
	}
	if w.mode != conflict.TwoWay {
		return
	}
	w.noPassing()
	for _, m := range everywhere {
		w.rowsOf(ctx, m)
	}
}

// rowsOf checks that base has exactly what both sides have in a mailbox.
func (w *world) rowsOf(ctx context.Context, m mail.Mailbox) {
	files := map[mail.Key]content{}
	inodes := map[mail.Key]uint64{}
	for _, f := range w.local.Files(m) {
		files[f.Key], _ = w.contentOf(f.Raw)
		inodes[f.Key] = f.Inode
	}
	messages := map[mail.UID]content{}
	for _, msg := range w.server.Messages(m) {
		messages[msg.UID], _ = w.contentOf(msg.Raw)
	}
	uids, keys := len(messages), len(files)
	inside := w.inside(m)
	for row, err := range w.base.RowsByUID(ctx, m) {
		c, there := messages[row.UID]
		d, here := files[row.Key]
		switch {
		case err != nil:
			w.broke("reading base: %v", err)
		case row.Window == mail.Outside && there && row.Key == "":
			if inside(row) {
				w.broke("%s UID %d is inside of the window, and not here", m, row.UID)
			}
		case row.Window == mail.InWindow && there && here && !inside(row):
			w.broke("%s UID %d is outside of the window, and here", m, row.UID)
		case !there || !here || c != d:
			w.broke("base has %s UID %d key %q; on the server: %t, content %d, in the Maildir: %t, content %d", m, row.UID, row.Key, there, c, here, d)
		case row.Inode != 0 && row.Inode != inodes[row.Key]:
			w.broke("base has %s key %q with inode %d, which is %d", m, row.Key, row.Inode, inodes[row.Key])
		}
		uids--
	}
	for range w.base.RowsByKey(ctx, m) {
		keys--
	}
	if uids != 0 || keys != 0 {
		w.broke("base does not know %d messages and %d files of %s", uids, keys, m)
	}
}

// day is that of the runs' clock: a window by age is another one each day.
func (w *world) day() time.Time { return w.options().Now().UTC().Truncate(24 * time.Hour) }

// inside returns a judge of what the mailbox's window has, by what the server has.
func (w *world) inside(m mail.Mailbox) func(mail.Row) bool {
	rule := w.window(false)
	window := mail.Window{Unread: rule.Unread, Flagged: rule.Flagged}
	if rule.MaxAge > 0 {
		window.Since = mail.UnixTime(w.day().Add(-rule.MaxAge).Unix())
	}
	if all := w.server.Messages(m); rule.KeepLast > 0 && len(all) > rule.KeepLast {
		slices.SortFunc(all, func(a, b fake.Message) int { return cmp.Compare(a.UID, b.UID) })
		window.From = all[len(all)-rule.KeepLast].UID
	}
	dates := map[mail.UID]fake.Message{}
	for _, msg := range w.server.Messages(m) {
		dates[msg.UID] = msg
	}
	return func(r mail.Row) bool { return window.Has(r.UID, dates[r.UID].Date, dates[r.UID].Flags) }
}

// verdict judges what both sides hold, and begins anew from it. Of some contents a
// part was tidied up.
func (w *world) verdict(tidied map[content]bool) {
	server, local := w.look()
	if w.mode != conflict.TwoWay {
		w.oneWay(server, local)
		return
	}
	if !slices.EqualFunc(server, local, func(a, b seen) bool { return compareSeen(a, b) == 0 }) {
		w.broke("the sides differ: server %v, Maildir %v", without(server, local), without(local, server))
		return
	}
	where, flags := map[content]places{}, map[content]mail.Flags{}
	for _, s := range server {
		if where[s.content] == nil {
			where[s.content] = places{}
		}
		where[s.content].add(s.mailbox, 1)
		flags[s.content] = s.flags
	}
	for _, c := range slices.Sorted(maps.Keys(w.oracle.stories)) {
		s := w.oracle.stories[c]
		now := where[c]
		if now == nil {
			now = places{}
		}
		if w.excused[c] && w.inTrash(c) || tidied[c] {
			continue
		}
		if wrong := w.oracle.judge(s, now); wrong != "" {
			w.broke("content %d %s", c, wrong)
		} else if wrong := w.oracle.judgeFlags(c, s, now, flags[c]); wrong != "" && !w.excused[c] {
			w.broke("content %d %s", c, wrong)
		}
	}
	w.judgeMailboxes()
	w.oracle.next(where, flags)
	clear(w.excused)
}

// without is what a has and b has not.
func without(a, b []seen) []seen {
	left := slices.Clone(a)
	for _, s := range b {
		if i := slices.IndexFunc(left, func(t seen) bool { return compareSeen(s, t) == 0 }); i >= 0 {
			left = slices.Delete(left, i, i+1)
		}
	}
	return left
}

// oneWay judges an account that is changed on one side only. Contents that the
// changed side's users never touched must be as on the other side; nothing is
// written to that other side; and in archive mode nothing leaves the Maildir.
func (w *world) oneWay(server, local []seen) {
	from, to, changes := server, local, onLocal
	if w.mode == conflict.Push {
		from, to, changes = local, server, onServer
	}
	at := func(all []seen, c content) places {
		p := places{}
		for _, s := range all {
			if s.content == c {
				p.add(s.mailbox, 1)
			}
		}
		return p
	}
	where, flags := map[content]places{}, map[content]mail.Flags{}
	for _, s := range from {
		flags[s.content] = s.flags
	}
	for _, c := range slices.Sorted(maps.Keys(w.oracle.stories)) {
		s := w.oracle.stories[c]
		source, target := at(from, c), at(to, c)
		where[c] = source
		if s.hasRoot && w.oracle.ever[changes][s.root] {
			// An edit is sent with the flags that its message has on the server; those that
			// the server alone knows of keep it there, in push mode, as they kept the message.
			w.oracle.ever[changes][c] = true
		}
		if s.inAny(w.oracle.lost, source) {
			w.oracle.ever[changes][c] = true // one side keeps it, now and later
			continue
		}
		switch {
		case !maps.Equal(source, s.model[1-changes]):
			w.broke("content %d is at %s on the %s, whose users left it at %s", c, source, 1-changes, s.model[1-changes])
		case s.inAny(w.oracle.reset, source) && s.gone[1-changes] > 0:
			w.oracle.ever[changes][c] = true // not removed, but not found again
		case w.oracle.ever[changes][c], w.oracle.cut && s.late && s.changed[1-changes]:
			// In the second case a mailbox was new to base when a run was cut: what
			// is missing there, nobody is known to have removed.
			w.oracle.ever[changes][c] = true
		case w.c.Trash && s.late && s.relocated[1-changes] > 0:
			// Taken for removed where it left, and sent again from where it went: the
			// trash has one more.
		case w.mode == conflict.Archive && target.total() < source.total(),
			w.mode != conflict.Archive && !maps.Equal(source, target):
			w.broke("content %d is at %s on the %s and at %s on the other side", c, source, 1-changes, target)
		}
	}
	w.oracle.next(where, flags)
}
