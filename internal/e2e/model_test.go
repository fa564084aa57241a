package e2e

import (
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"godwit/internal/corpus"
	"godwit/internal/dovecot"
)

// model is an account as it must be in the end on both sides. It changes both
// sides at random, never one message on both in one round, so that what must
// come of it needs no rule.
type model struct {
	a        *account
	random   *rand.Rand
	next     int // number of the next corpus message
	messages []*instance
	boxes    []string
	history  map[sum][]string // what was done to each content, for whoever must explain a failure
	round    int
	whole    time.Duration // that an undisturbed run took
	most     int64         // bytes of a run, of one direction, halved
}

func (m *model) note(content sum, format string, args ...any) {
	m.history[content] = append(m.history[content], fmt.Sprintf("round %d: ", m.round)+fmt.Sprintf(format, args...))
}

// instance is one message of the model.
type instance struct {
	sum     sum
	mailbox string
	flags   []string
	paired  bool // another instance has the same content: it stays where it is
}

// newModel fills an account with n messages and synchronises it once.
func newModel(t testing.TB, profile string, seed uint64, n int, settings ...string) *model {
	t.Helper()
	s := &stage{test: t, home: t.TempDir(), accounts: map[string]*account{}}
	a := s.newAccount(t, "me", profile)
	t.Cleanup(a.close)
	a.set("remove=both")
	a.set(settings...)
	m := &model{a: a, random: rand.New(rand.NewPCG(seed, 1)), next: 1, boxes: []string{"INBOX", "Work", "Listen/Größe", "Listen/b"}, history: map[sum][]string{}}
	for _, box := range m.boxes[1:] {
		a.other().Create(a.remote(box))
	}
	m.makeEmpty()
	for range n {
		m.append(m.boxes[m.random.IntN(len(m.boxes))])
	}
	a.sync()
	m.check(t)
	return m
}

// flagsToUse are what the model sets and clears.
var flagsToUse = []string{`\Seen`, `\Flagged`, `\Answered`, `\Draft`, "$Forwarded", "$Label1", "work"}

func (m *model) someFlags() []string {
	var flags []string
	for _, f := range flagsToUse {
		if m.random.IntN(3) == 0 {
			flags = append(flags, f)
		}
	}
	slices.Sort(flags)
	return flags
}

func (m *model) append(box string) {
	i := m.next
	m.next++
	flags := m.someFlags()
	m.a.other().Append(m.a.remote(box), flags, corpus.Date(i), corpus.Message(i))
	content := sha256.Sum256(corpus.Message(i))
	m.messages = append(m.messages, &instance{sum: content, mailbox: box, flags: flags})
	m.note(content, "new in %s on the server", box)
}

// elsewhere picks another mailbox.
func (m *model) elsewhere(box string) string {
	for {
		if other := m.boxes[m.random.IntN(len(m.boxes))]; other != box {
			return other
		}
	}
}

// stir changes both sides: n times every kind of change.
func (m *model) stir(t testing.TB, n int) {
	t.Helper()
	m.round++
	a := m.a
	dump := a.server.Dump(t, a.user)
	uid := func(i *instance) string {
		for _, got := range dump[a.remote(i.mailbox)] {
			if got.Sum == i.sum {
				return fmt.Sprint(got.UID)
			}
		}
		t.Fatalf("the server has no %x in %s", i.sum[:4], i.mailbox)
		return ""
	}
	here := func(i *instance) file {
		files := a.files(i.mailbox)
		at := slices.IndexFunc(files, func(f file) bool { return f.is(i.sum) })
		if at < 0 {
			t.Fatalf("the Maildir has no %x in %s", i.sum[:4], i.mailbox)
		}
		return files[at]
	}
	untouched := slices.Clone(m.messages)
	m.random.Shuffle(len(untouched), func(i, j int) { untouched[i], untouched[j] = untouched[j], untouched[i] })
	pick := func() *instance {
		for len(untouched) > 0 {
			i := untouched[0]
			untouched = untouched[1:]
			if !i.paired {
				return i
			}
		}
		t.Fatal("the model has too few messages")
		return nil
	}
	drop := func(i *instance) {
		m.messages = slices.DeleteFunc(m.messages, func(other *instance) bool { return other == i })
	}
	c := a.other()
	for range n {
		// New on the server, new here: as many as leave the model below, by removal or
		// by having a copy.
		for range 2 {
			m.append(m.boxes[m.random.IntN(len(m.boxes))])
			box := m.boxes[m.random.IntN(len(m.boxes))]
			flags := m.someFlags()
			body := corpus.Message(m.next)
			a.localAdd(box, corpus.LocalForm(body), corpus.Date(m.next), flags...)
			m.messages = append(m.messages, &instance{sum: sha256.Sum256(body), mailbox: box, flags: flags})
			m.note(sha256.Sum256(body), "new in %s here", box)
			m.next++
		}

		// Flags, there and here.
		i := pick()
		add, remove := m.change(i)
		m.note(i.sum, "flags on the server: +%v -%v", add, remove)
		c.Store(a.remote(i.mailbox), uid(i), "+", add...)
		c.Store(a.remote(i.mailbox), uid(i), "-", remove...)
		i = pick()
		f := here(i)
		add, remove = m.change(i)
		m.note(i.sum, "flags here: +%v -%v", add, remove)
		a.localFlag(i.mailbox, f, slices.Concat(prefixed("+", add), prefixed("-", remove))...)

		// Moved, there and here.
		i = pick()
		to := m.elsewhere(i.mailbox)
		m.note(i.sum, "moved on the server from %s to %s", i.mailbox, to)
		c.Move(a.remote(i.mailbox), uid(i), a.remote(to))
		i.mailbox = to
		i = pick()
		to = m.elsewhere(i.mailbox)
		m.note(i.sum, "moved here from %s to %s", i.mailbox, to)
		a.localMove(i.mailbox, here(i), to)
		i.mailbox = to

		// Copied, there and here.
		i = pick()
		to = m.elsewhere(i.mailbox)
		m.note(i.sum, "copied on the server from %s to %s", i.mailbox, to)
		c.Copy(a.remote(i.mailbox), uid(i), a.remote(to))
		i.paired = true
		m.messages = append(m.messages, &instance{sum: i.sum, mailbox: to, flags: i.flags, paired: true})
		i = pick()
		to = m.elsewhere(i.mailbox)
		f = here(i)
		content, err := os.ReadFile(f.path)
		if err != nil {
			t.Fatal(err)
		}
		m.note(i.sum, "copied here from %s to %s", i.mailbox, to)
		a.localAdd(to, content, f.date, f.flags...)
		i.paired = true
		m.messages = append(m.messages, &instance{sum: i.sum, mailbox: to, flags: i.flags, paired: true})

		// Edited here.
		i = pick()
		edited := corpus.Message(m.next)
		m.next++
		was, now := i.sum, sha256.Sum256(edited)
		m.note(was, "edited here in %s into %x", i.mailbox, now[:4])
		m.note(now, "edited here in %s from %x", i.mailbox, was[:4])
		a.localEdit(i.mailbox, here(i), corpus.LocalForm(edited))
		i.sum = now

		// Removed, there and here.
		i = pick()
		m.note(i.sum, "removed on the server from %s", i.mailbox)
		c.Expunge(a.remote(i.mailbox), uid(i))
		drop(i)
		i = pick()
		m.note(i.sum, "removed here from %s", i.mailbox)
		if err := os.Remove(here(i).path); err != nil {
			t.Fatal(err)
		}
		drop(i)
	}

	// Renamed, there and here, with all that changed in it.
	m.renameBox(1, "Work", func(from, to string) { a.other().Rename(a.remote(from), a.remote(to)) })
	m.renameBox(2, "Listen/Größe", a.localRename)

	// Removed, there and here; and others made for the next round.
	c.Delete(a.remote(m.empty("there", m.round-1)))
	if err := os.RemoveAll(a.dir(m.empty("here", m.round-1))); err != nil {
		t.Fatal(err)
	}
	m.makeEmpty()
	a.reconnect() // a client that has a mailbox open which is renamed is thrown out
}

// empty names a mailbox without messages that is to be removed on a side.
func (m *model) empty(side string, round int) string { return fmt.Sprintf("Leer/%s %d", side, round) }

func (m *model) makeEmpty() {
	m.a.other().Create(m.a.remote(m.empty("there", m.round)))
	m.a.localCreate(m.empty("here", m.round))
}

// renameBox gives a mailbox of the model another name.
func (m *model) renameBox(n int, name string, do func(from, to string)) {
	from, to := m.boxes[n], fmt.Sprintf("%s %d", name, m.round)
	do(from, to)
	m.boxes[n] = to
	for _, i := range m.messages {
		if i.mailbox == from {
			i.mailbox = to
			m.note(i.sum, "%s renamed to %s", from, to)
		}
	}
}

func prefixed(sign string, flags []string) []string {
	var out []string
	for _, f := range flags {
		out = append(out, sign+f)
	}
	return out
}

// change gives a message other flags and tells the difference; neither part is
// empty.
func (m *model) change(i *instance) (add, remove []string) {
	for len(add) == 0 || len(remove) == 0 {
		add, remove = nil, nil
		for _, f := range flagsToUse {
			switch m.random.IntN(4) {
			case 0:
				add = append(add, f)
			case 1:
				remove = append(remove, f)
			}
		}
	}
	flags := slices.DeleteFunc(slices.Concat(i.flags, add), func(f string) bool { return slices.Contains(remove, f) })
	slices.Sort(flags)
	i.flags = slices.Compact(flags)
	return add, remove
}

// check compares both sides with the model.
func (m *model) check(t testing.TB) {
	t.Helper()
	if trouble := m.wrong(t); len(trouble) > 0 {
		t.Fatalf("not as it must be:\n%s", strings.Join(trouble, "\n"))
	}
}

func (m *model) wrong(t testing.TB) []string {
	t.Helper()
	want := map[string][]dovecot.Message{}
	for _, i := range m.messages {
		want[i.mailbox] = append(want[i.mailbox], dovecot.Message{Sum: i.sum, Flags: i.flags})
	}
	var out []string
	server := m.a.server.Dump(t, m.a.user)
	for _, box := range m.boxes {
		var asFiles []file
		for _, got := range server[m.a.remote(box)] {
			asFiles = append(asFiles, file{path: fmt.Sprintf("UID %d", got.UID), wire: got.Sum, flags: got.Flags})
		}
		out = append(out, renamed("server", messageDifferences(box, want[box], asFiles))...)
		out = append(out, renamed("Maildir", messageDifferences(box, want[box], m.a.files(box)))...)
	}
	out = append(out, m.a.differences()...)
	for content, notes := range m.history {
		if strings.Contains(strings.Join(out, "\n"), fmt.Sprintf("(%x,", content[:4])) {
			out = append(out, fmt.Sprintf("history of %x: %s", content[:4], strings.Join(notes, "; ")))
		}
	}
	return out
}

// renamed makes the messages of messageDifferences tell about one side and the
// model.
func renamed(side string, lines []string) []string {
	for i, line := range lines {
		line = strings.Replace(line, "is on the server only", "is missing on the "+side, 1)
		line = strings.Replace(line, "is in the Maildir only", "is too many on the "+side, 1)
		lines[i] = side + ": " + strings.Replace(line, "its file", "but here", 1)
	}
	return lines
}

// settle runs godwit sync until it ends with exit 0, and checks everything.
func (m *model) settle(t testing.TB) {
	t.Helper()
	var r result
	var tries []string
	for range 4 {
		if r = m.a.run(nil, "sync"); r.exit == 0 {
			break
		}
		tries = append(tries, r.String())
	}
	if r.exit != 0 {
		t.Fatalf("godwit does not recover: %s\n%s", strings.Join(tries, "\n"), strings.Join(m.wrong(t), "\n"))
	}
	if trouble := append(m.wrong(t), m.leftovers(t)...); len(trouble) > 0 {
		t.Fatalf("not as it must be:\n%s", strings.Join(trouble, "\n"))
	}
	m.a.quiet()
}

// leftovers finds what must not be left after a run that went well.
func (m *model) leftovers(t testing.TB) []string {
	t.Helper()
	var out []string
	for _, box := range m.boxes {
		entries, err := os.ReadDir(filepath.Join(m.a.dir(box), "tmp"))
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			out = append(out, fmt.Sprintf("%s: %s is left in tmp/", box, e.Name()))
		}
	}
	for _, line := range m.a.databaseLines() {
		if strings.HasPrefix(line, "intent\t") || strings.HasPrefix(line, "problem\t") {
			out = append(out, "left in the database: "+line)
		}
	}
	return out
}
