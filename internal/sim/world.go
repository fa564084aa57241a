package sim

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"godwit/conflict"
	"godwit/internal/fake"
	"godwit/mail"
	"godwit/sync"
	"godwit/sync/plan"
)

// names are all mailboxes that there can be.
var names = [...]mail.Mailbox{mail.Inbox, "Lists", "Lists/Go", "Work", trashName}

const trashName mail.Mailbox = "Trash"

var profiles = map[string]fake.Profile{
	"plain":     fake.Plain,
	"uidplus":   {UIDPlus: true, Move: true},
	"condstore": fake.CondStore,
	"qresync":   fake.QResync,
	"modern":    fake.Modern,
	"closed":    {CondStore: true, QResync: true, UIDPlus: true, Move: true, Closed: true, Known: "$Forwarded work"},
}

var modes = map[string]conflict.Mode{
	"two-way": conflict.TwoWay, "pull": conflict.Pull, "push": conflict.Push, "archive": conflict.Archive,
}

// world is a case being played.
type world struct {
	c       Case
	profile fake.Profile
	mode    conflict.Mode
	server  *fake.Server
	local   localSide
	base    baseSide
	now     *schedule // the run under way, or nil
	oracle  *oracle
	runs    int
	later   time.Duration // what the runs' clock shows more than at the beginning
	touched [2]int

	made    content // how many contents there are
	number  map[string]content
	refused map[content]bool
	keys    int
	muted   []muted

	unlooked map[mail.Mailbox][]content // files changed since the engine looked
	removing map[mail.Mailbox]bool      // files of which are on their way out, in this run
	removed  map[mail.Mailbox][]content // by a reader, since the engine looked
	held     []plan.Hold                // by the last undisturbed run
	excused  map[content]bool           // whose file may be in the local trash

	traced bool
	trace  []string
	clock  *rand.Rand
	broken []string // promises
}

func newWorld(c Case) (w *world, err error) {
	w = &world{
		c: c, profile: profiles[c.Profile], mode: modes[c.Mode], server: fake.NewServer(profiles[c.Profile]),
		clock: rand.New(rand.NewPCG(c.Seed, 3)), number: map[string]content{}, refused: map[content]bool{},
		unlooked: map[mail.Mailbox][]content{}, excused: map[content]bool{},
	}
	w.oracle = newOracle(w)
	now := func() *schedule { return w.now }
	attach(&w.server.Script, "Server", now)
	if c.Files == "disk" {
		w.local = newDisk(c.Seed, now)
	} else {
		local := fake.NewLocal("sim")
		attach(&local.Script, "Local", now)
		w.local = memory{local}
	}
	if c.Base == "sqlite" {
		w.base, err = newSQLite(now)
	} else {
		base := fake.NewBase()
		attach(&base.Script, "Base", now)
		w.base = memoryBase{base}
	}
	w.server.Refuse = func(_ mail.Mailbox, raw []byte) error {
		if w.refused[w.number[string(raw)]] {
			return fmt.Errorf("NO not this one")
		}
		return nil
	}
	if c.Trash {
		w.server.CreateMailbox(trashName, mail.RoleTrash)
	}
	return w, err
}

// say adds a line to the trace.
func (w *world) say(format string, args ...any) {
	if w.traced {
		w.trace = append(w.trace, fmt.Sprintf(format, args...))
	}
}

// broke notes a broken promise.
func (w *world) broke(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	w.broken = append(w.broken, text)
	w.say("BROKEN: %s", text)
}

// newContent makes a content that nobody ever saw, of a wanted kind.
func (w *world) newContent(kind int) content {
	for w.made.kind() != kind%kinds {
		w.made++
	}
	c := w.made
	w.made++
	w.number[string(c.raw())] = c
	if p := c.part(); p != nil && w.parts() {
		w.number[string(p)] = c
	}
	return c
}

// contentOf is the number of a text; false for one that nobody made.
func (w *world) contentOf(raw []byte) (content, bool) {
	c, ok := w.number[string(raw)]
	return c, ok
}

// Play carries a case out and returns the promises that were broken. With trace
// it tells, line by line, what happened. It must be called in a synctest bubble.
func Play(c Case, trace bool) (broken, lines []string) {
	w, err := newWorld(c)
	if err != nil {
		return []string{err.Error()}, nil
	}
	defer w.base.Close()
	w.traced = trace
	for _, a := range c.Acts {
		w.pass()
		switch {
		case a.Op != nil:
			w.do(*a.Op)
		case a.Run != nil:
			w.disturbed(*a.Run)
		default:
			w.quiet()
		}
		if len(w.broken) > 0 {
			break
		}
	}
	return w.broken, w.trace
}

// pass lets a little time pass, or more, or none: how time stamps are read
// depends on it.
func (w *world) pass() {
	if w.c.Files == "disk" {
		time.Sleep([...]time.Duration{0, time.Millisecond, 30 * time.Millisecond, 3 * time.Second}[w.clock.IntN(4)])
	}
}

// muted is a message of which the server says nothing.
type muted struct {
	mailbox mail.Mailbox
	uid     mail.UID
}

// options are those that all runs of the case have.
func (w *world) options() sync.Options {
	policy := conflict.Policy{Mode: w.mode, MaxDeleteCount: 1000}
	if w.c.Remove == "both" {
		policy.Remove = conflict.RemoveBoth
	}
	o := sync.Options{
		Patience: []time.Duration{}, // nothing here takes time
		Now:      func() time.Time { return time.Unix(1_800_000_000, 0).Add(w.later) },
		Account:  "sim", Server: w.server, Local: w.local, Base: w.base, Workers: w.c.Workers,
		Policy: func(mail.Mailbox, mail.Role) conflict.Policy { return policy },
		Window: func(mail.Mailbox, mail.Role) sync.Window { return w.window(false) },
		Parts: func(mail.Mailbox, mail.Role) sync.Parts {
			if !w.parts() {
				return sync.Parts{}
			}
			return sync.Parts{MaxSize: int64(len(content(0).raw()))}
		},
	}
	if d, disk := w.local.(*disk); disk && w.keeps() {
		o.Incoming, o.Large = d.Incoming(), smallest
	}
	return o
}

// keeps tells that most messages are large, and their octets kept as they come;
// every other run that is disturbed may transfer only little.
func (w *world) keeps() bool { return w.c.Seed%7 == 3 }

// smallest is the size up to which messages are small, where any is large.
const smallest = 60

// windowed tells that mailboxes have windows.
func (w *world) windowed() bool { return windowed(w.c.Seed) }

func windowed(seed uint64) bool { return seed%4 == 3 }

// window is what of each mailbox the Maildir is to have: by number, by age, or both;
// and in a disturbed run, while the account's owner tries others, another one.
func (w *world) window(disturbed bool) sync.Window {
	if !w.windowed() {
		return sync.Window{}
	}
	n := w.c.Seed / 4
	out := sync.Window{Flagged: n%2 == 0, Unread: n%8 == 1}
	if n%3 != 0 {
		out.KeepLast = 1 + int(n%5)
	}
	if n%3 != 1 {
		// What the server got is 1158 days old; each quiet run comes two days later.
		out.MaxAge = 24 * time.Hour * time.Duration(1150+n%23)
	}
	switch w.runs % 3 {
	case 1:
		if disturbed {
			out = sync.Window{}
		}
	case 2:
		if disturbed {
			out = sync.Window{KeepLast: 1}
		}
	}
	return out
}

// outside tells that the server has a message of the content in a mailbox of which the
// Maildir may have no file, or have none soon: one that is put there is that message.
func (w *world) outside(m mail.Mailbox, c content) bool {
	return w.windowed() && slices.ContainsFunc(w.server.Messages(m), func(msg fake.Message) bool {
		d, ok := w.contentOf(msg.Raw)
		return ok && d == c
	})
}

// parts tells that large messages are fetched in part.
func (w *world) parts() bool { return w.c.Seed%4 == 1 }

// orphans lists, and takes away as a tidy user would, the files that hold only part
// of a message which the server has no more, or not as often: nothing else can
// come of them, where other messages would be uploaded again.
func (w *world) orphans(server []seen) map[content]bool {
	found := map[content]bool{}
	for _, m := range w.local.Names() {
		known := map[mail.Key]bool{}
		for row := range w.base.RowsByKey(context.Background(), m) {
			known[row.Key] = row.UID != 0
		}
		for _, f := range w.local.Files(m) {
			c, _ := w.contentOf(f.Raw)
			there := slices.ContainsFunc(server, func(s seen) bool { return s.mailbox == m && s.content == c })
			if string(f.Raw) == string(c.part()) && !(there && known[f.Key]) {
				found[c] = true
				w.local.Delete(m, f.Key)
			}
		}
	}
	return found
}

// start carries out one run.
func (w *world) start(o sync.Options, at func(*schedule, string)) (sync.Result, error) {
	w.runs++
	w.later += 7 * time.Minute // what failed is due again after two runs, or later
	w.oracle.running = true
	w.removing, w.removed = map[mail.Mailbox]bool{}, map[mail.Mailbox][]content{}
	w.touched = [2]int{}
	w.pass()
	w.now = &schedule{
		hasty:  w.c.Files != "disk",
		random: rand.New(rand.NewPCG(w.c.Seed, uint64(w.runs))),
		at: func(s *schedule, point string) {
			at(s, point)
			w.excuse(point) // what was done at this very point, too
		},
		tell: func(point, detail string) {
			if side, ok := writes[point]; ok {
				w.touched[side]++
			}
			w.say("  %s %s", point, detail)
			w.looked(point, detail)
		},
	}
	w.say("run %d", w.runs)
	result, err := w.now.run(o)
	w.now = nil
	ended := err
	if errors.Is(err, context.Canceled) {
		ended = context.Canceled // whoever heard of it first
	}
	w.say("  ends: pulled %d pushed %d moved %d flagged %d removed %d held %d looked %d of %d failures %d left %d error %v",
		result.Pulled, result.Pushed, result.Moved, result.Flagged, result.Removed, result.Held, result.Looked, result.Total,
		len(result.Failures), result.Remaining.Messages, ended)
	for _, f := range result.Failures {
		w.say("  failed: %s UID %d key %s: %v", f.Mailbox, f.UID, f.Key, f.Err)
	}
	for _, q := range result.SetAside {
		w.say("  set aside: %s UID %d key %s", q.Mailbox, q.UID, q.Key)
	}
	for _, h := range result.Plan.Holds {
		w.say("  held: %s %s", h.Mailbox, h.Text)
	}
	w.server.Forget()
	w.local.Forget()
	w.base.Forget()
	w.nothingLost()
	if !w.mode.Pushes() && w.touched[onServer] > 0 || !w.mode.Pulls() && w.touched[onLocal] > 0 {
		w.broke("a run in %s mode wrote to the wrong side: %v", w.c.Mode, w.touched)
	}
	return result, err
}

// looked keeps account of files that changed after the engine's last look at
// them before it removed or moved them: those are in the local trash, as they
// were, or have the flags that they had.
func (w *world) looked(point, detail string) {
	name, _, _ := strings.Cut(detail, " ")
	m := mail.Mailbox(name)
	switch point {
	case "Local.Stamp", "Local.Scan":
		delete(w.unlooked, m)
		delete(w.removed, m)
	case "Local.Remove", "Local.Relocate":
		w.removing[m] = true
	case "leave.moved":
		for m := range w.removing {
			for _, c := range w.removed[m] {
				w.oracle.of(c).overtook = true
			}
		}
	}
	w.excuse(point)
}

// excuse notes, where a file is removed or moved, which of those in its mailbox
// changed since the engine looked.
func (w *world) excuse(point string) {
	if strings.HasPrefix(point, "Local.Remove") || strings.HasPrefix(point, "Local.Relocate") || point == "FS.rename" || point == "FS.link" {
		for m := range w.removing {
			for _, c := range w.unlooked[m] {
				w.excused[c] = true
			}
		}
	}
}

// writes are the calls that change a side.
var writes = map[string]side{
	"Server.Append": onServer, "Server.Copy": onServer, "Server.Move": onServer, "Server.Store": onServer,
	"Server.Remove": onServer, "Server.Create": onServer, "Server.Rename": onServer, "Server.Delete": onServer,
	"Local.Create": onLocal, "Local.Stage": onLocal, "Local.Link": onLocal, "Local.Place": onLocal, "Local.SetFlags": onLocal,
	"Local.Relocate": onLocal, "Local.Remove": onLocal, "Local.RenameMailbox": onLocal, "Local.DeleteMailbox": onLocal,
}

// disturbed is a run that events and faults happen to.
func (w *world) disturbed(r Run) {
	o := w.options()
	window := w.window(true)
	o.Window = func(mail.Mailbox, mail.Role) sync.Window { return window }
	o.Full, o.AllowDeletes, o.Recreate = r.Full, r.AllowDeletes, r.Recreate
	if n := (w.c.Seed/7 + uint64(w.runs)) % 4; w.keeps() && n > 1 {
		o.Limit = &sync.Limit{Octets: int64(300 + 211*((w.c.Seed+uint64(w.runs))%9))}
	}
	if kept := w.c.Remove == "" || w.oracle.lost[mail.Inbox] || w.oracle.lost[trashName]; kept && (len(w.oracle.lost) > 0 || len(w.oracle.renames) > 0) {
		// It would say that the Maildir is to do without: what is lost, or was renamed and
		// left no proof of that. (Where removals are repeated, it has them repeated.)
		o.AllowDeletes = false
	}
	for _, f := range r.Faults {
		w.say("%s", f)
		w.arrange(f)
	}
	power, killed, keep := false, false, uint64(0)
	result, err := w.start(o, func(s *schedule, point string) {
		for _, e := range r.Events {
			if e.Point == "" && e.At != s.count || e.Point != "" && (e.Point != point || e.At != s.passed[point]) {
				continue
			}
			switch e.Do {
			case "op":
				w.do(e.Op)
			case "stop":
				w.say("  stopped")
				s.cancel()
			default:
				w.say("  %s", e.Do)
				s.dead, power, killed, keep = true, e.Do == "power", e.Do == "kill", e.Keep
				return
			}
		}
	})
	w.oracle.madeAgain(result.Plan)
	w.oracle.cut = w.oracle.cut || err != nil || len(result.Failures) > 0 || result.Remaining.Messages > 0
	if err != nil && isStuck(err) {
		w.broke("%v", err)
	}
	if power {
		r0 := keep
		w.local.Crash(func(string) bool {
			bit := keep & 1
			keep = keep>>1 | bit<<63
			return bit == 1
		}, rand.New(rand.NewPCG(r0, w.c.Seed)))
		w.reborn(w.base.Crash(rand.New(rand.NewPCG(r0, w.c.Seed+1))))
	} else {
		w.local.Restart() // each run is a process of its own
		if killed {
			w.reborn(w.base.Kill())
		}
	}
	w.nothingLost()
}

// reborn notes that the record could not be opened again.
func (w *world) reborn(err error) {
	if err != nil {
		w.broke("base after a crash: %v", err)
	}
}

func (w *world) arrange(f Fault) {
	effect := map[string]fake.Effect{"before": fake.Before, "partly": fake.Partly, "after": fake.After}[f.Effect]
	err := map[string]error{
		"offline": mail.ErrOffline, "uncertain": mail.ErrUncertain, "disk": mail.ErrDisk,
	}[f.Err]
	if err == nil {
		err = fmt.Errorf("NO try later")
	}
	if strings.HasPrefix(f.Method, "FS.") {
		err = errno(f.Err)
	} else {
		err = fmt.Errorf("arranged: %w", err)
	}
	fault := fake.Fault{Method: f.Method, Call: f.Call, Effect: effect, Items: f.Items, Err: err}
	switch {
	case f.Method == "Commit":
		w.base.Fail(fault)
	case slices.Contains(serverFaults, f.Method):
		w.server.Fail(fault)
	default:
		w.local.Fail(fault)
	}
}

// serverFaults and localFaults are the calls that can be made to fail. What both
// sides have, the first gets; "Remove" is the server's.
var (
	serverFaults = []string{"Mailboxes", "Observe", "List", "Fetch", "Identify", "Store", "Append", "Copy", "Move", "Remove", "Create", "Rename", "Delete"}
	localFaults  = []string{"Scan", "Read", "Stage", "Settle", "Place", "SetFlags", "Relocate", "Locate", "Discard", "Sweep"}
)
