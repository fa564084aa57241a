package sim

import (
	"fmt"
	"maps"
	"slices"

	"godwit/mail"
)

// side is one of the two.
type side int

const (
	onServer side = iota
	onLocal
)

func (s side) String() string { return [...]string{"server", "Maildir"}[s] }

// places counts the messages of a content by mailbox.
type places map[mail.Mailbox]int

func (p places) total() int {
	n := 0
	for _, k := range p {
		n += k
	}
	return n
}

func (p places) add(m mail.Mailbox, n int) {
	if p[m] += n; p[m] <= 0 {
		delete(p, m)
	}
}

// only is the mailbox of the only message; false where there is not one.
func (p places) only() (mail.Mailbox, bool) {
	for m, n := range p {
		return m, n == 1 && len(p) == 1
	}
	return "", false
}

func (p places) String() string {
	s := ""
	for _, m := range slices.Sorted(maps.Keys(p)) {
		s += fmt.Sprintf(" %s:%d", m, p[m])
	}
	if s == "" {
		return "nowhere"
	}
	return s[1:]
}

// story is what happened to a content since the last quiet point.
type story struct {
	start      places     // at the quiet point, on both sides
	startFlags mail.Flags // of its only message
	// model is what each side's users made of start.
	model [2]places
	// What they did, by side: anything about existence and place; how often.
	changed               [2]bool
	made, gone, relocated [2]int
	goneOutsideTrash      int              // of the Maildir's gone
	set                   [2]map[flag]bool // the last of what they did to each flag
	edits                 int
	been                  map[mail.Mailbox]bool // where any of it was put, or taken from
	late                  bool                  // some of it after a run began
	root, edited          content               // that edits made this one of: the first, the last
	hasRoot               bool
	went                  bool // along, when a mailbox was renamed
	overtook              bool // the run that was putting its file away for a window: its user removed it first
}

// oracle knows what may have become of every content.
type oracle struct {
	w       *world
	stories map[content]*story
	running bool // a run began since the last quiet point
	cut     bool // one ended before its time
	reset   map[mail.Mailbox]bool
	lost    map[mail.Mailbox]bool // dropped on a side, with all in it
	closed  map[mail.Mailbox]bool // READ-ONLY on the server
	// foreign are the contents of which a file was taken to another mailbox with
	// its letters.
	foreign map[content]bool
	// ever is, by side, which contents its users ever changed.
	ever    [2]map[content]bool
	boxes   *existence
	renames []mail.NewName        // of mailboxes
	unsure  map[mail.Mailbox]bool // renamed while a run was under way, with what was on its way there
}

func newOracle(w *world) *oracle {
	return &oracle{
		w: w, stories: map[content]*story{}, reset: map[mail.Mailbox]bool{}, lost: map[mail.Mailbox]bool{}, closed: map[mail.Mailbox]bool{},
		foreign: map[content]bool{}, ever: [2]map[content]bool{{}, {}}, boxes: newExistence(nil, nil), unsure: map[mail.Mailbox]bool{},
	}
}

func newStory(start places) *story {
	return &story{
		start: start, model: [2]places{maps.Clone(start), maps.Clone(start)},
		set: [2]map[flag]bool{{}, {}}, been: map[mail.Mailbox]bool{},
	}
}

func (o *oracle) of(c content) *story {
	s := o.stories[c]
	if s == nil {
		s = newStory(places{})
		o.stories[c] = s
	}
	return s
}

// changed notes that a side's users did something about where a content is.
func (o *oracle) changed(at side, c content) *story {
	s := o.of(c)
	s.changed[at] = true
	s.late = s.late || o.running
	o.ever[at][c] = true
	return s
}

func (o *oracle) added(at side, c content, m mail.Mailbox, f mail.Flags) {
	s := o.changed(at, c)
	s.been[m] = true
	o.touch(m)
	s.made[at]++
	s.model[at].add(m, 1)
	if s.start.total() == 0 && s.made[onServer]+s.made[onLocal] == 1 {
		s.startFlags = f
	}
}

func (o *oracle) took(at side, c content, m mail.Mailbox) {
	s := o.changed(at, c)
	s.been[m] = true
	o.touch(m)
	s.gone[at]++
	if o.w.c.Trash {
		o.ever[onServer][c] = true // it may go to the trash there
	}
	s.model[at].add(o.knownAs(s, at, m), -1)
	if at == onLocal && m != trashName {
		s.goneOutsideTrash++
	}
}

// knownAs is the name under which a side's model has a content of m: another one, if a
// run gave m its name because the other side's users did.
func (o *oracle) knownAs(s *story, at side, m mail.Mailbox) mail.Mailbox {
	if s.model[at][m] == 0 {
		for _, n := range o.called(m) {
			if s.model[at][n] > 0 {
				return n
			}
		}
	}
	return m
}

func (o *oracle) moved(at side, c content, from, to mail.Mailbox) {
	o.touch(from)
	o.touch(to)
	went := o.of(c).went
	o.wentAlong(at, c, from, to)
	o.of(c).went = went
}

// wentAlong notes a move that the renaming of a mailbox made.
func (o *oracle) wentAlong(at side, c content, from, to mail.Mailbox) {
	s := o.changed(at, c)
	s.been[from], s.been[to] = true, true
	s.went = true
	s.relocated[at]++
	s.model[at].add(o.knownAs(s, at, from), -1)
	s.model[at].add(to, 1)
}

// edited notes that the file of c in m is d now.
func (o *oracle) edited(c, d content, m mail.Mailbox, f mail.Flags) {
	o.took(onLocal, c, m)
	o.added(onLocal, d, m, f)
	o.w.unlooked[m] = append(o.w.unlooked[m], d)
	from, to := o.of(c), o.of(d)
	from.edits++
	to.edits++
	to.root, to.edited, to.hasRoot = c, c, true
	if from.hasRoot {
		to.root = from.root
	}
	o.foreign[d] = o.foreign[c]
}

// touched notes that a file was written again or renamed as it is.
func (o *oracle) touched(at side, c content) { o.ever[at][c] = true }

func (o *oracle) flagged(at side, c content, g flag, set bool) {
	o.of(c).set[at][g] = set
	o.ever[at][c] = true
}

func (o *oracle) dropped(_ side, m mail.Mailbox) { o.lost[m] = true }

// keeps tells that a side's users asked to keep the content by flags.
func (s *story) keeps(at side) bool {
	for g, set := range s.set[at] {
		if g.keeps && set && !g.in(s.startFlags) || g.System == mail.Deleted && !set {
			return true
		}
	}
	return false
}

// wandered tells that a file of the content was taken to another mailbox with
// its letters.
func (o *oracle) wandered(s *story) bool {
	for c, t := range o.stories {
		if s == t {
			return o.foreign[c]
		}
	}
	return false
}

// mayKeep tells that flags of the content, or of the one that it was edited
// from, may have been understood as a wish to keep it.
func (o *oracle) mayKeep(s *story, at side) bool {
	return s.mayKeep(at) || o.cut && s.mayKeep(1-at) || s.hasRoot && o.of(s.root).mayKeep(at)
}

func (s *story) mayKeep(at side) bool {
	for g, set := range s.set[at] {
		if g.keeps || g.System == mail.Deleted && !set {
			return true
		}
	}
	return false
}

// inAny tells that the content was, is, or was put into any of the mailboxes.
func (s *story) inAny(boxes map[mail.Mailbox]bool, now places) bool {
	for m := range boxes {
		if s.start[m] > 0 || now[m] > 0 || s.been[m] {
			return true
		}
	}
	return false
}

// judge says what is wrong with where a content is at a quiet point, in an
// account that is kept the same in both directions; empty: nothing.
func (o *oracle) judge(s *story, now places) string {
	made, gone := s.made[onServer]+s.made[onLocal], s.gone[onServer]+s.gone[onLocal]
	had := s.start.total() + made
	if had > 0 && gone == 0 && now.total() == 0 {
		return "is lost, and nobody removed it"
	}
	trashed := 0 // how many messages of it may be in the trash besides
	if o.w.c.Trash {
		trashed = s.goneOutsideTrash + s.relocated[onLocal]
	}
	// A removal to the trash is a move: there is one more only of what was moved, since that
	// can be taken for removed and for new.
	most := had + trashed - min(trashed, s.goneOutsideTrash)
	if (s.late || o.cut) && o.mayKeep(s, onServer) {
		most = had + trashed // its copy was there when somebody asked to keep it
	}
	if (o.cut || s.late) && s.changed[onServer] && s.changed[onLocal] {
		// What was sent, and is not recorded, is looked for where it was sent to,
		// not where somebody put it meanwhile; what left one mailbox while another
		// was not, or could not be, looked into may be taken for removed and for new.
		most += s.made[onLocal] + s.relocated[onLocal] + s.relocated[onServer]
	}
	if (s.late || o.cut) && s.relocated[onServer] > 0 && (s.late && o.cut || s.mayKeep(onLocal) || s.inAny(o.reset, now)) {
		// It left one mailbox for another that the run had not heard of, or the
		// other way round; then it looks removed, and the Maildir wants it.
		most += s.relocated[onServer]
	}
	if (s.late || o.cut) && s.relocated[onLocal] > 0 && o.mayKeep(s, onServer) {
		most += s.relocated[onLocal] // the same from the other side
	}
	if s.inAny(o.lost, now) {
		// A mailbox that is made again gets its messages back, those that were
		// moved while it went away, too.
		most += s.relocated[onServer] + s.relocated[onLocal]
	}
	if now.total() > most {
		return fmt.Sprintf("was made %d times and is there %d times", had, now.total())
	}
	if s.inAny(o.lost, now) || s.inAny(o.unsure, now) {
		return ""
	}
	rest := maps.Clone(now) // without what may have got to the trash by removal
	inTrash := 0
	if trashed > 0 {
		inTrash = now[trashName]
		delete(rest, trashName)
	}
	for _, want := range o.renamedToo(s, o.allowed(s)) {
		if trashed == 0 {
			if o.equal(s, want, now) {
				return ""
			}
			continue
		}
		want = maps.Clone(want)
		least := want[trashName]
		delete(want, trashName)
		if o.equal(s, want, rest) && inTrash >= least && inTrash <= least+trashed {
			return ""
		}
	}
	if o.anything(s) {
		return ""
	}
	return fmt.Sprintf("is at %s, and may be at any of %v", now, o.allowed(s))
}

// anything tells that only the bounds hold: both sides' users did something that
// no rule is about, or while runs were under way.
func (o *oracle) anything(s *story) bool {
	if !s.changed[onServer] && !s.changed[onLocal] {
		return false
	}
	for e := s; e.hasRoot; { // whatever edit before this one the server's users moved
		t := o.stories[e.edited]
		if t == nil {
			break
		}
		if t.changed[onServer] && (s.late || t.late || t.start.total() != 1 || t.made[onServer] > 0 || s.made[onLocal] > 1) {
			return true
		}
		e = t
	}
	if s.changed[onServer] && s.changed[onLocal] {
		_, one := s.start.only()
		simple := one && s.model[onServer].total() <= 1 && s.model[onLocal].total() <= 1 &&
			s.made[onServer]+s.made[onLocal] == 0 && s.edits == 0
		return s.late || o.cut || !simple
	}
	if s.overtook {
		// The run finds no file to put away, and cannot tell that from one that it did
		// put away, by a call that failed all the same. The server has the message then,
		// as of any that is outside, and it may come again.
		return true
	}
	at := onServer
	if s.changed[onLocal] {
		at = onLocal
	}
	if o.w.windowed() && o.cut && s.gone[onLocal] > 0 {
		return true // it had come back, which was not recorded: that its file is gone says nothing
	}
	// A removal of one of several, of which the other side's users want to keep
	// one; or of one whose mailbox was numbered anew.
	if (s.late || o.cut) && s.relocated[onServer] > 0 && (s.late && o.cut || s.mayKeep(onLocal) || s.inAny(o.reset, nil)) {
		return true
	}
	if (s.late || o.cut) && s.relocated[onLocal] > 0 && o.mayKeep(s, onServer) {
		return true
	}
	if o.w.c.Trash && s.late && o.cut && s.relocated[onLocal] > 0 {
		return true // its removal to the trash, done and not recorded, looks like the server's wish
	}
	if o.cut && at == onLocal && s.gone[at] > 0 && o.wandered(s) {
		return true // keywords by new letters, half written, look like a wish
	}
	return s.gone[at] > 0 && (s.start.total() != 1 || s.late) && (o.mayKeep(s, 1-at) || s.inAny(o.reset, nil))
}

// allowed are the places that both sides may have the content at.
func (o *oracle) allowed(s *story) []places {
	var at side
	switch {
	case !s.changed[onServer] && !s.changed[onLocal]:
		return []places{s.start}
	case s.changed[onServer] && s.changed[onLocal]:
		return o.byTable(s)
	case s.changed[onLocal]:
		at = onLocal
	}
	all := []places{s.model[at]}
	if s.gone[at] > 0 && s.start.total() > 0 && (o.mayKeep(s, 1-at) || s.inAny(o.reset, nil)) {
		all = append(all, s.start)
	}
	if s.hasRoot && at == onLocal { // where the server's users moved what was edited
		if t := o.stories[s.root]; t != nil && t.changed[onServer] && s.made[onLocal] == 1 {
			for m, n := range t.model[onServer] {
				if n == 1 && len(t.model[onServer]) == 1 {
					all = append(all, places{m: 1})
				}
			}
		}
	}
	return all
}

// byTable is the table of conflicts, for a content with one message of which
// each side's users left at most one.
func (o *oracle) byTable(s *story) []places {
	home, _ := s.start.only()
	local, here := s.model[onLocal].only()
	server, there := s.model[onServer].only()
	if s.inAny(o.reset, nil) {
		return []places{s.model[onLocal], s.model[onServer], s.start}
	}
	switch {
	case !here && !there:
		return []places{{}}
	case !here && server == home && s.relocated[onServer] > 0, !there && local == home && s.relocated[onLocal] > 0:
		return []places{{}, {home: 1}} // put there again, which looks like a wish, or like nothing
	case !here && server == home && !s.keeps(onServer), !there && local == home && !s.keeps(onLocal):
		return []places{{}}
	case !here, server != home && there:
		return []places{{server: 1}}
	default:
		return []places{{local: 1}}
	}
}

// judgeFlags says what is wrong with the flags of a content that has, and had,
// one message; empty: nothing.
func (o *oracle) judgeFlags(c content, s *story, now places, f mail.Flags) string {
	if s.start.total()+s.made[onServer]+s.made[onLocal] != 1 || now.total() != 1 || s.gone[onServer]+s.gone[onLocal] > 0 || s.edits > 0 ||
		s.inAny(o.lost, now) {
		return ""
	}
	moved := s.relocated[onServer]+s.relocated[onLocal] > 0
	if moved && s.late {
		return "" // it may have been new in its new place
	}
	for _, g := range flags {
		if g.Keywords != "" && (moved || o.foreign[c] || !o.w.holds(g)) {
			continue // letters mean other things elsewhere, and maybe only later
		}
		was, got := g.in(s.startFlags), g.in(f)
		server, byServer := s.set[onServer][g]
		local, byLocal := s.set[onLocal][g]
		switch {
		case (byServer || byLocal) && o.cut && (moved || !byServer || !byLocal):
			// Half of it may have been done when a run was cut, and may look like
			// somebody's wish later.
		case byServer && byLocal && (got == server || got == local):
		case byServer && !byLocal && got == server, byLocal && !byServer && got == local:
		case !byServer && !byLocal && got == was:
		case got && s.inAny(o.reset, now) && (byServer || byLocal): // flags are united
		default:
			return fmt.Sprintf("has %s: %t, had: %t; set on the server: %t, to %t; in the Maildir: %t, to %t",
				g.Flags, got, was, byServer, server, byLocal, local)
		}
	}
	return ""
}

// next begins anew from what both sides have.
func (o *oracle) next(now map[content]places, flags map[content]mail.Flags) {
	o.stories = map[content]*story{}
	for c, p := range now {
		s := newStory(maps.Clone(p))
		if _, one := p.only(); one {
			s.startFlags = flags[c]
		}
		o.stories[c] = s
	}
	o.running, o.cut = false, false
	o.boxes = newExistence(o.w.server.Names(), o.w.local.Names())
	o.renames = nil
	clear(o.unsure)
	clear(o.reset)
	clear(o.lost)
	clear(o.closed)
}
