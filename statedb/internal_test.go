package statedb

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"pgregory.net/rapid"

	"godwit/mail"
)

func TestFactsComeBackAsTheyWere(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		system := mail.System(rapid.Uint8Range(0, 63).Draw(t, "system"))
		inode := rapid.Uint64().Draw(t, "inode")
		c := mail.Content{
			Hash: mail.Hash(rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "hash")),
			Head: mail.Head(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "head")),
			Size: rapid.Int64Min(-1).Draw(t, "size"),
			Weak: rapid.Bool().Draw(t, "weak"),
		}
		packed := packFacts(system, inode, c, 0)
		gotSystem, gotInode, got, err := unpackFacts(packed[:])
		if err != nil || gotSystem != system || gotInode != inode || got != c {
			t.Fatalf("%v %v %+v became %v %v %+v, %v", system, inode, c, gotSystem, gotInode, got, err)
		}
	})
	if _, _, _, err := unpackFacts(make([]byte, factsSize-1)); !errors.Is(err, ErrCorrupt) {
		t.Errorf("short facts: %v", err)
	}
}

// fresh connects to a new, empty file.
func fresh(t *testing.T) *conn {
	t.Helper()
	path := filepath.Join(t.TempDir(), "state.db")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := connect(t.Context(), path, writerPragmas)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

// withStep is our schema files and one more.
func withStep(t *testing.T, name, text string) fstest.MapFS {
	t.Helper()
	files := fstest.MapFS{}
	names, err := fs.Glob(embedded, "sql/*")
	if err != nil || len(names) < 2 {
		t.Fatalf("embedded files: %v, %v", names, err)
	}
	for _, name := range names {
		data, err := fs.ReadFile(embedded, name)
		if err != nil {
			t.Fatal(err)
		}
		files[name] = &fstest.MapFile{Data: data}
	}
	files[name] = &fstest.MapFile{Data: []byte(text)}
	return files
}

func TestMigrationIsAllOrNothing(t *testing.T) {
	t.Parallel()
	c := fresh(t)
	if err := migrate(c, embedded); err != nil {
		t.Fatal(err)
	}
	newest, err := c.number("PRAGMA user_version")
	if err != nil {
		t.Fatal(err)
	}
	next := fmt.Sprintf("sql/%04d.sql", newest+1)
	bad := withStep(t, next, "CREATE TABLE extra (x INTEGER) STRICT; INSERT INTO nowhere VALUES (1);")
	if err := migrate(c, bad); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("version %d", newest+1)) {
		t.Fatalf("a step that fails: %v", err)
	}
	if v, err := c.number("PRAGMA user_version"); v != newest || err != nil {
		t.Errorf("version %d after a failed step, %v", v, err)
	}
	if n, err := c.number("SELECT count(*) FROM sqlite_schema WHERE name = 'extra'"); n != 0 || err != nil {
		t.Errorf("half of a step is there, %v", err)
	}

	good := withStep(t, next, "CREATE TABLE extra (x INTEGER) STRICT;")
	if err := migrate(c, good); err != nil {
		t.Fatal(err)
	}
	if v, err := c.number("PRAGMA user_version"); v != newest+1 || err != nil {
		t.Errorf("version %d after a step, %v", v, err)
	}
	if err := migrate(c, embedded); !errors.Is(err, ErrNewer) {
		t.Errorf("the program before that step: %v", err)
	}
}

func TestMissingMigrationIsNoticed(t *testing.T) {
	t.Parallel()
	all, err := migrations(embedded)
	if err != nil {
		t.Fatal(err)
	}
	beyond := fmt.Sprintf("sql/%04d.sql", len(all)+2)
	if err := migrate(fresh(t), withStep(t, beyond, "SELECT 1")); err == nil {
		t.Error("a step is missing and nobody said so")
	}
}

func TestFileIsDurableAndOfOneKind(t *testing.T) {
	t.Parallel()
	c := fresh(t)
	if err := migrate(c, embedded); err != nil {
		t.Fatal(err)
	}
	for pragma, want := range map[string]driver.Value{
		"journal_mode": "wal", "synchronous": int64(2), "application_id": int64(applicationID), "busy_timeout": int64(busyTimeout),
	} {
		if got, err := c.single("PRAGMA " + pragma); got != want || err != nil {
			t.Errorf("%s is %v, want %v (%v)", pragma, got, want, err)
		}
	}
	if n, err := c.number("SELECT count(*) FROM pragma_table_list WHERE schema = 'main' AND strict = 0 AND name NOT LIKE 'sqlite_%'"); n != 0 || err != nil {
		t.Errorf("%d tables are not STRICT (%v)", n, err)
	}
}

// What is asked for a mailbox of a million messages has to be in the order of an
// index, and content is searched without one.
func TestQueriesUseTheIndexesTheyShould(t *testing.T) {
	t.Parallel()
	c := fresh(t)
	if err := migrate(c, embedded); err != nil {
		t.Fatal(err)
	}
	all, err := statements()
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"rows_by_uid":    "SEARCH row USING INDEX row_uid",
		"rows_by_key":    "SEARCH row USING INDEX row_key",
		"rows_of_uids":   "SEARCH row USING INDEX row_uid",
		"row_of_key":     "SEARCH row USING INDEX row_key",
		"counts":         "USING COVERING INDEX row_uid",
		"total":          "USING COVERING INDEX row_uid",
		"rows_of_hashes": "SCAN row",
		"mailbox_id":     "SEARCH mailbox",
	} {
		var plan []string
		c.prepared[name], err = c.raw.Prepare("EXPLAIN QUERY PLAN " + all[name])
		if err != nil {
			t.Fatal(err)
		}
		parameters := make([]any, 3)
		if err := c.each(func(r *result) error {
			plan = append(plan, r.text(3))
			return nil
		}, name, parameters[:strings.Count(all[name], "?")]...); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		text := strings.Join(plan, "; ")
		if !strings.Contains(text, want) || strings.Contains(text, "TEMP B-TREE FOR ORDER") {
			t.Errorf("%s: %s", name, text)
		}
	}
}

func TestEveryStatementCanBePrepared(t *testing.T) {
	t.Parallel()
	c := fresh(t)
	if err := migrate(c, embedded); err != nil {
		t.Fatal(err)
	}
	all, err := statements()
	if err != nil || len(all) < 20 {
		t.Fatalf("%d statements, %v", len(all), err)
	}
	for name, text := range all {
		if _, err := c.prepare(name); err != nil {
			t.Error(err)
		}
		if strings.ContainsRune(text, ';') || strings.TrimSpace(text) != text {
			t.Errorf("%s is more than one statement to the driver, which will parse it on every call: %q", name, text)
		}
	}
}

// The disk is full for a while: what does not fit fails, the rest goes on.
func TestFullDiskFailsTheCommitAndNothingElse(t *testing.T) {
	t.Parallel()
	db, err := Open(t.Context(), filepath.Join(t.TempDir(), "state.db"))
	if err != nil {
		t.Fatal(err)
	}
	c, err := connect(t.Context(), db.path, writerPragmas)
	if err != nil {
		t.Fatal(err)
	}
	// A committer of our own, whose file cannot grow.
	if err := c.script("PRAGMA max_page_count = 20"); err != nil {
		t.Fatal(err)
	}
	w := newCommitter(db, c)
	newRequest := func(n int) *request {
		var changes []mail.Change
		for i := range n {
			changes = append(changes, mail.PutRow{Row: mail.Row{Mailbox: "A", UID: mail.UID(i + 1)}})
		}
		return &request{changes: changes, result: make(chan error, 1)}
	}
	small, large, after := newRequest(1), newRequest(5000), newRequest(2)
	w.serve([]*request{small, large, after})
	if err := <-small.result; err != nil {
		t.Errorf("small commit beside a large one: %v", err)
	}
	if err := db.explain("commit to", <-large.result); !errors.Is(err, mail.ErrDisk) {
		t.Errorf("large commit: %v, want mail.ErrDisk", err)
	}
	if err := <-after.result; err != nil {
		t.Errorf("commit after the failure: %v", err)
	}
	n, err := db.Total(context.Background())
	if err != nil || n.Server != 2 {
		t.Errorf("%d rows, %v", n.Server, err)
	}
	if err := errors.Join(c.close(), db.Check(t.Context()), db.Close()); err != nil {
		t.Error(err)
	}
}

// Those who wait together are served by one transaction.
func TestWaitingCommitsShareATransaction(t *testing.T) {
	t.Parallel()
	queue := make(chan *request, 10) // its buffer stands for those who wait
	w := &committer{queue: queue}
	for range cap(queue) {
		queue <- &request{changes: make([]mail.Change, maxGroup/4)}
	}
	if n := len(w.together(<-queue)); n != 4 {
		t.Errorf("%d commits of a quarter of what is enough were taken together", n)
	}
	if n := len(w.together(<-queue)); n != 4 {
		t.Errorf("%d of the next were taken together", n)
	}
}
