package e2e

import (
	"database/sql"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"godwit/internal/corpus"
	"godwit/internal/undo"
	"godwit/sync"
)

// inventory is what both sides hold: a line a message, with its content, flags and
// date, however it is numbered and named.
func (m *model) inventory(t testing.TB) []string {
	t.Helper()
	var lines []string
	add := func(side, box string, content sum, flags []string, date time.Time) {
		lines = append(lines, fmt.Sprintf("%s %s %x %s %d", side, box, content[:4], folded(flags), date.Unix()))
	}
	server := m.a.server.Dump(t, m.a.user)
	for _, box := range m.boxes {
		for _, got := range server[m.a.remote(box)] {
			add("server", box, got.Sum, got.Flags, got.Date)
		}
		for _, f := range m.a.files(box) {
			content := f.wire
			for _, i := range m.messages {
				if f.is(i.sum) {
					content = i.sum
				}
			}
			add("local", box, content, f.flags, f.date)
		}
	}
	slices.Sort(lines)
	return lines
}

func difference(before, after []string) string {
	var out []string
	count := map[string]int{}
	for _, line := range before {
		count[line]++
	}
	for _, line := range after {
		count[line]--
	}
	for line, n := range count {
		switch {
		case n > 0:
			out = append(out, "missing: "+line)
		case n < 0:
			out = append(out, "too many: "+line)
		}
	}
	slices.Sort(out)
	return strings.Join(out, "\n")
}

// remove takes n messages away here, and as many on the server.
func (m *model) remove(t testing.TB, n int) {
	t.Helper()
	messages := slices.Clone(m.messages)
	m.random.Shuffle(len(messages), func(i, j int) { messages[i], messages[j] = messages[j], messages[i] })
	gone := map[string]bool{}
	for k, i := range messages[:2*n] {
		if k%2 == 0 {
			files := m.a.files(i.mailbox)
			at := slices.IndexFunc(files, func(f file) bool { return f.is(i.sum) })
			if at < 0 {
				continue // one with the same content was taken
			}
			if err := os.Remove(files[at].path); err != nil {
				t.Fatal(err)
			}
			continue
		}
		for _, got := range m.a.server.Dump(t, m.a.user)[m.a.remote(i.mailbox)] {
			if name := fmt.Sprint(i.mailbox, got.UID); got.Sum == i.sum && !gone[name] {
				gone[name] = true
				m.a.other().Expunge(m.a.remote(i.mailbox), fmt.Sprint(got.UID))
				break
			}
		}
	}
}

// undoModel is an account in which several messages have the same content.
func undoModel(t testing.TB, profile string, seed uint64, trash bool, settings ...string) *model {
	t.Helper()
	m := newModel(t, profile, seed, 40, append(settings, "max_delete=100%")...)
	if trash {
		m.a.other().Create(m.a.remote("Trash"))
	}
	for i := range 4 { // twice in one mailbox, or in two
		box := m.boxes[i%2]
		m.a.other().Append(m.a.remote(box), []string{`\Seen`}, corpus.Date(500+i/3), corpus.Message(500+i/3))
	}
	m.a.sync()
	return m
}

// TestUndoIsTheReverse: random removals on both sides, a sync, and an undo: both
// sides hold what they held, in bytes, flags and dates.
func TestUndoIsTheReverse(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, profile string
		trash         bool
		settings      []string
	}{
		{"trash", "full", true, nil},
		{"trash-without-move", "plain", true, nil},
		{"trash-not-synchronised", "full", true, []string{"exclude=Trash"}},
		{"trash-not-synchronised-without-move", "plain", true, []string{"exclude=Trash"}},
		{"maildir++", "slash", true, []string{"layout=maildir++"}},
		{"prefix", "prefix", true, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			m := undoModel(t, c.profile, uint64(len(c.name)), c.trash, c.settings...)
			for round := range max(2, rounds(t, 6)) {
				before := m.inventory(t)
				m.remove(t, 1+m.random.IntN(8))
				m.a.sync()
				if len(m.inventory(t)) >= len(before) {
					t.Fatal("nothing was removed")
				}
				if round%2 == 1 {
					m.a.sync() // the run to be undone is not the last one
				}
				r := m.a.run(nil, "undo")
				if r.exit != 0 {
					t.Fatalf("undo: %v", r)
				}
				if d := difference(before, m.inventory(t)); d != "" {
					t.Fatalf("round %d, after the undo:\n%s\n%v", round, d, r)
				}
				if c.settings == nil {
					m.a.same()
				}
				m.a.quiet()
				again := m.a.run(nil, "undo")
				if again.exit != 0 || !strings.Contains(again.stdout, "nothing to take back") {
					t.Fatalf("once more: %v", again)
				}
				if d := difference(before, m.inventory(t)); d != "" {
					t.Fatalf("round %d, after a second undo:\n%s", round, d)
				}
			}
		})
	}
}

// TestKilledUndoLosesAndDoublesNothing kills the undo at each of its steps and of
// those of the run that follows it, and then repeats it, or goes on with a sync.
func TestKilledUndoLosesAndDoublesNothing(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, profile string
		settings      []string
	}{
		{"trash", "full", nil},
		{"trash-not-synchronised", "plain", []string{"exclude=Trash"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			m := undoModel(t, c.profile, 3, true, c.settings...)
			random := rand.New(rand.NewPCG(4, 4))
			killed := 0
			for _, step := range append(slices.Clone(undo.Steps), sync.Steps...) {
				for _, time := range []int{1, 3} {
					if testing.Short() && random.IntN(4) > 0 {
						continue
					}
					before := m.inventory(t)
					m.remove(t, 4)
					m.a.sync()
					run := m.lastRun(t)
					if r := m.a.run([]string{fmt.Sprintf("GODWIT_CRASH_AT=%s:%d", step, time)}, "undo"); r.exit == -1 {
						killed++
					}
					if random.IntN(2) == 0 {
						m.a.sync()
					}
					r := m.a.run(nil, "undo", run)
					if r.exit != 0 {
						t.Fatalf("killed at %s:%d, and again: %v", step, time, r)
					}
					m.a.sync()
					if d := difference(before, m.inventory(t)); d != "" {
						t.Fatalf("killed at %s:%d:\n%s\n%v", step, time, d, r)
					}
				}
			}
			if killed < 1 || killed < 3 && !testing.Short() {
				t.Errorf("only %d undos were killed", killed)
			}
			m.a.quiet()
		})
	}
}

// TestUndoAfterAKilledSync: what a run removed before it was killed is in the
// journal, and comes back.
func TestUndoAfterAKilledSync(t *testing.T) {
	t.Parallel()
	for _, settings := range [][]string{nil, {"exclude=Trash"}} {
		m := undoModel(t, "full", 6, true, settings...)
		for _, step := range []string{"remove.intended", "remove.server", "remove.local", "remove.recorded"} {
			for _, after := range []string{"", "sync"} {
				before, last := m.inventory(t), m.lastRun(t)
				m.remove(t, 3)
				if r := m.a.run([]string{"GODWIT_CRASH_AT=" + step}, "sync"); r.exit != -1 {
					t.Fatalf("not killed at %s: %v", step, r)
				}
				if after != "" {
					m.a.sync()
				}
				// Some of it the dead run did, some the next ones do; an undo's run is one
				// of these, and is not to be taken back whole.
				for range 4 {
					keys := m.query(t, "SELECT group_concat(DISTINCT key) FROM operation WHERE kind = 4 AND undone IS NULL AND run > ?", last)
					if keys == "" {
						break
					}
					if r := m.a.run(nil, append([]string{"undo"}, strings.Split(keys, ",")...)...); r.exit != 0 && r.exit != 1 {
						t.Fatalf("killed at %s: %v", step, r)
					}
					m.a.sync()
				}
				if d := difference(before, m.inventory(t)); d != "" {
					t.Fatalf("killed at %s, then %q:\n%s\n%s", step, after, d, m.a.run(nil, "log", "--limit", "5").stdout)
				}
			}
		}
		m.a.quiet()
	}
}

// query asks the state database.
func (m *model) query(t testing.TB, text string, args ...any) string {
	t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(m.a.state, "state.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	var answer sql.NullString
	if err := db.QueryRow(text, args...).Scan(&answer); err != nil && err != sql.ErrNoRows {
		t.Fatal(err)
	}
	return answer.String
}

func (m *model) lastRun(t testing.TB) string { return m.query(t, "SELECT max(id) FROM run") }

// TestUndoOfAnUndoIsTheReverse, and so on.
func TestUndoOfAnUndoIsTheReverse(t *testing.T) {
	t.Parallel()
	for _, trash := range []bool{true, false} {
		settings := []string{}
		if !trash {
			settings = append(settings, "trash=none")
		}
		m := undoModel(t, "full", 8, trash, settings...)
		full := m.inventory(t)
		for _, i := range m.messages[:5] { // on the server alone: they are in the local trash then
			for _, got := range m.a.server.Dump(t, m.a.user)[m.a.remote(i.mailbox)] {
				if got.Sum == i.sum {
					m.a.other().Expunge(m.a.remote(i.mailbox), fmt.Sprint(got.UID))
				}
			}
		}
		m.a.sync()
		empty := m.inventory(t)
		for turn := range 4 {
			run := m.lastRun(t)
			r := m.a.run(nil, "undo", run)
			if r.exit != 0 {
				t.Fatalf("turn %d: %v", turn, r)
			}
			want := full
			if turn%2 == 1 {
				want = empty
			}
			if d := difference(want, m.inventory(t)); d != "" {
				t.Fatalf("turn %d:\n%s\n%v", turn, d, r)
			}
		}
		m.a.quiet()
	}
}

// TestTrashOnAnotherFileSystem: nothing is copied; what a mailbox on a file system
// of its own cannot rename is left where it is, until it may be copied.
func TestTrashOnAnotherFileSystem(t *testing.T) {
	t.Parallel()
	for _, apart := range []string{"state", "mailbox"} {
		t.Run(apart, func(t *testing.T) {
			t.Parallel()
			s := &stage{test: t, home: t.TempDir(), accounts: map[string]*account{}}
			a := s.newAccount(t, "me", "full")
			t.Cleanup(a.close)
			a.set()
			dir := filepath.Dir(a.state)
			if apart == "mailbox" {
				dir = filepath.Join(a.root, "INBOX")
			}
			if err := os.MkdirAll(dir, 0o700); err != nil {
				t.Fatal(err)
			}
			if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=64m"); err != nil {
				t.Skipf("no file system can be mounted here: %v", err)
			}
			t.Cleanup(func() { syscall.Unmount(dir, syscall.MNT_DETACH) })
			a.other().Fill("INBOX", 12, corpus.Message)
			a.sync()
			a.other().Expunge("INBOX", "1:2")
			if apart == "mailbox" {
				r := a.run(nil, "sync")
				if r.exit != 1 || !strings.Contains(r.stderr, "trash_copy = true permits that") {
					t.Fatalf("a trash that can only be copied to: %v", r)
				}
				if got := len(a.files("INBOX")); got != 12 {
					t.Fatalf("%d files are left", got)
				}
				a.set("trash_copy=true")
			}
			a.sync()
			a.same()
			trash := filepath.Join(a.root, ".godwit-trash")
			if apart == "mailbox" {
				trash = filepath.Join(a.state, "trash")
			}
			if got := countFiles(t, trash); got != 2 {
				t.Errorf("%d files in %s", got, trash)
			}
			if r := a.run(nil, "undo"); r.exit != 0 {
				t.Fatalf("undo: %v", r)
			}
			a.same()
			if got := len(a.files("INBOX")); got != 12 {
				t.Errorf("%d files after the undo", got)
			}
			a.quiet()
		})
	}
}

func countFiles(t testing.TB, dir string) (n int) {
	t.Helper()
	err := filepath.WalkDir(dir, func(_ string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			n++
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestWhatIsKeptTooLongIsForgotten: by a sync and by gc, and undo says so.
func TestWhatIsKeptTooLongIsForgotten(t *testing.T) {
	t.Parallel()
	for _, by := range []string{"sync", "gc"} {
		t.Run(by, func(t *testing.T) {
			t.Parallel()
			m := undoModel(t, "full", 9, false, "trash=none")
			expunge := func() string {
				box := m.a.remote("INBOX")
				m.a.other().Expunge(box, fmt.Sprint(m.a.server.Dump(t, m.a.user)[box][0].UID))
				m.a.sync()
				return m.lastRun(t)
			}
			old, fresh := expunge(), expunge()
			// Ten days are less than keep_deleted, forty are more.
			m.age(t, old, 10)
			if r := m.a.run(nil, "gc"); r.exit != 0 || r.stdout != "me: nothing to free\n" {
				t.Fatalf("gc: %v", r)
			}
			m.age(t, old, 40)
			r := m.a.run(nil, by)
			if r.exit != 0 {
				t.Fatalf("%s: %v", by, r)
			}
			if by == "gc" && (!strings.Contains(r.stdout, "freed 1 file of the trash (") || !strings.Contains(r.stdout, "of the journal of 1 run")) {
				t.Errorf("gc says %q", r.stdout)
			}
			if r := m.a.run(nil, "undo", old); r.exit != 2 || !strings.Contains(r.stderr, "run "+old) || !strings.Contains(r.stderr, "kept for 30 days (keep_deleted)") {
				t.Errorf("undo of a run that is forgotten: %v", r)
			}
			if r := m.a.run(nil, "log", "--run", old); r.exit != 2 {
				t.Errorf("log of a run that is forgotten: %v", r)
			}
			if r := m.a.run(nil, "undo", fresh); r.exit != 0 || !strings.Contains(r.stdout, "bring back") {
				t.Errorf("undo of a younger run: %v", r)
			}
			m.a.quiet()
		})
	}
}

// age makes a run as old as that.
func (m *model) age(t testing.TB, run string, days int) {
	t.Helper()
	when := time.Now().AddDate(0, 0, -days)
	m.query(t, "UPDATE run SET started = ? WHERE id = ? RETURNING id", when.Unix(), run)
	err := filepath.WalkDir(filepath.Join(m.a.state, "trash", run), func(path string, d os.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		return os.Chtimes(path, when, when)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestLostDatabaseDoesNotMixRunsInTheTrash: the numbers of runs go on after those
// that have files in the trash.
func TestLostDatabaseDoesNotMixRunsInTheTrash(t *testing.T) {
	t.Parallel()
	m := undoModel(t, "full", 10, false, "trash=none")
	box := m.a.remote("INBOX")
	expunge := func() {
		m.a.other().Expunge(box, fmt.Sprint(m.a.server.Dump(t, m.a.user)[box][0].UID))
		m.a.sync()
	}
	expunge()
	last := m.lastRun(t)
	for _, name := range []string{"state.db", "state.db-wal", "state.db-shm"} {
		if err := os.Remove(filepath.Join(m.a.state, name)); err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
	}
	m.a.sync()
	expunge()
	entries, err := os.ReadDir(filepath.Join(m.a.state, "trash"))
	if err != nil || len(entries) != 2 {
		t.Fatalf("runs in the trash: %v, %v (the lost database's last was %s)", entries, err, last)
	}
	m.a.quiet()
}
