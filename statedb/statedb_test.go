package statedb_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"godwit/mail"
	"godwit/statedb"
)

// open opens a database that is checked and closed when the test ends.
func open(t testing.TB, path string) *statedb.DB {
	t.Helper()
	db, err := statedb.Open(context.Background(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Check(context.Background()); err != nil && !errors.Is(err, statedb.ErrClosed) {
			t.Error(err)
		}
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

func commit(t testing.TB, db *statedb.DB, changes ...mail.Change) {
	t.Helper()
	if err := db.Commit(context.Background(), changes...); err != nil {
		t.Fatal(err)
	}
}

func newRow(m mail.Mailbox, uid mail.UID) mail.PutRow {
	return mail.PutRow{Row: mail.Row{Mailbox: m, UID: uid, Key: mail.Key(fmt.Sprintf("1700%06d.M1P2.host", uid))}}
}

func rows(t testing.TB, db *statedb.DB, m mail.Mailbox) []mail.Row {
	t.Helper()
	var all []mail.Row
	for r, err := range db.RowsByUID(context.Background(), m) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, r)
	}
	return all
}

// Not parallel: the umask is the process's.
func TestFilesAreForTheirOwnerOnly(t *testing.T) {
	defer syscall.Umask(syscall.Umask(0))
	directory := filepath.Join(t.TempDir(), "state", "account")
	path := filepath.Join(directory, "state.db")
	db := open(t, path)
	commit(t, db, newRow("A", 1))
	modes := map[string]os.FileMode{directory: 0o700, path: 0o600, path + "-wal": 0o600, path + "-shm": 0o600}
	for name, want := range modes {
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode().Perm(); got != want {
			t.Errorf("%s has mode %o, want %o", filepath.Base(name), got, want)
		}
	}

	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	open(t, path)
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("a file that others could read: %v, %v", info.Mode(), err)
	}
}

func TestEverythingIsThereAfterReopening(t *testing.T) {
	t.Parallel()
	// A name that means something in a URI.
	path := filepath.Join(t.TempDir(), "a b?mode=ro#%41", "state.db")
	db := open(t, path)
	commit(t, db, newRow("A", 1), newRow("A", 2), mail.PutIntent{Intent: mail.Intent{ID: 1, Kind: mail.IntentDeliver, Mailbox: "A"}})
	last := rows(t, db, "A")[1].ID
	commit(t, db, mail.DropRow{ID: last})
	if err := db.SetMeta(t.Context(), "generation", "7"); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Fatal(err)
	}

	db = open(t, path)
	commit(t, db, newRow("A", 3), mail.PutIntent{Intent: mail.Intent{ID: 0, Kind: mail.IntentRemove, Mailbox: "A"}})
	all := rows(t, db, "A")
	if len(all) != 2 || all[0].UID != 1 || all[1].UID != 3 {
		t.Fatalf("rows: %+v", all)
	}
	if all[1].ID <= last {
		t.Errorf("the new row has the ID %d of one that is gone", all[1].ID)
	}
	intents, err := db.Intents(t.Context())
	if err != nil || len(intents) != 2 || intents[0].ID != 1 {
		t.Errorf("intents, oldest first: %+v, %v", intents, err)
	}
	if v, err := db.Meta(t.Context(), "generation"); v != "7" || err != nil {
		t.Errorf("meta: %q, %v", v, err)
	}
	if v, err := db.Meta(t.Context(), "next_row"); v != "" || err != nil {
		t.Errorf("a name of our own is visible: %q, %v", v, err)
	}
}

// The writer is another process, killed while it commits: whatever it said was
// committed is there, and what it committed is there whole.
func TestCommittedSurvivesAKill(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "state.db")
	child := exec.Command(os.Args[0], "-test.run=^TestMain$")
	child.Env = append(os.Environ(), childVariable+"="+path)
	output, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(output)
	confirmed := 0
	for lines.Scan() && confirmed < 50 {
		confirmed++
	}
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	for lines.Scan() {
		confirmed++
	}
	_ = child.Wait() // it was killed
	if confirmed < 50 {
		t.Fatalf("the writer ended by itself after %d commits", confirmed)
	}

	db := open(t, path)
	n := len(rows(t, db, "A"))
	if n < confirmed*rowsPerCommit || n%rowsPerCommit != 0 {
		t.Errorf("%d rows after %d commits of %d", n, confirmed, rowsPerCommit)
	}
}

const (
	childVariable = "STATEDB_TEST_WRITER"
	rowsPerCommit = 3
)

// TestMain is the writer of TestCommittedSurvivesAKill, when it is asked to be.
func TestMain(m *testing.M) {
	path, ok := os.LookupEnv(childVariable)
	if !ok {
		os.Exit(m.Run())
	}
	db, err := statedb.Open(context.Background(), path)
	for uid := mail.UID(1); err == nil; uid += rowsPerCommit {
		err = db.Commit(context.Background(), newRow("A", uid), newRow("A", uid+1), newRow("A", uid+2))
		fmt.Println("committed", uid)
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

func TestClosedDatabaseSaysSo(t *testing.T) {
	t.Parallel()
	db := open(t, filepath.Join(t.TempDir(), "state.db"))
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for uid := mail.UID(i); ; uid += 8 {
				if err := db.Commit(context.Background(), newRow("A", uid+1)); err != nil {
					if !errors.Is(err, statedb.ErrClosed) {
						t.Errorf("commit while closing: %v", err)
					}
					return
				}
			}
		})
	}
	next := 0
	for range db.RowsByUID(context.Background(), "A") { // an iteration that Close meets
		if next++; next == 1 {
			if err := db.Close(); err != nil {
				t.Error(err)
			}
		}
	}
	if next == 0 { // nothing was committed yet
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}
	all.Wait()
	if err := db.Close(); err != nil {
		t.Errorf("closed twice: %v", err)
	}
	if _, err := db.Total(t.Context()); !errors.Is(err, statedb.ErrClosed) {
		t.Errorf("read after closing: %v", err)
	}
	for _, err := range db.RowsByKey(t.Context(), "A") {
		if !errors.Is(err, statedb.ErrClosed) {
			t.Errorf("iterate after closing: %v", err)
		}
	}
}

func TestAnotherProcessMayRead(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "state.db")
	writer, reader := open(t, path), open(t, path)
	for r, err := range reader.RowsByUID(t.Context(), "A") {
		t.Fatalf("a row of an empty database: %+v, %v", r, err)
	}
	for uid := mail.UID(1); uid <= 20; uid++ {
		commit(t, writer, newRow("A", uid))
		if got := rows(t, reader, "A"); len(got) != int(uid) {
			t.Fatalf("the reader sees %d rows of %d", len(got), uid)
		}
	}
}

func TestOnlyTheNewestRunsAreKept(t *testing.T) {
	t.Parallel()
	db := open(t, filepath.Join(t.TempDir(), "state.db"))
	var changes []mail.Change
	for i := range 5000 {
		changes = append(changes, mail.PutRun{Run: mail.RunRecord{Started: mail.UnixTime(i)}})
	}
	commit(t, db, changes...)
	runs, err := db.LastRuns(t.Context(), 1<<30)
	if err != nil || len(runs) != 4096 || runs[0].ID != 5000 || runs[4095].ID != 905 {
		t.Errorf("%d runs kept, %v", len(runs), err)
	}
}

func TestErrorsNameTheRowAndTheFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "state.db")
	db := open(t, path)
	err := db.Commit(t.Context(), mail.PutRow{Row: mail.Row{Mailbox: "Work", ID: -1, UID: 7}})
	if err == nil || !strings.Contains(err.Error(), path) || !strings.Contains(err.Error(), "Work UID 7") {
		t.Errorf("error: %v", err)
	}
}
