package statedb_test

import (
	"bytes"
	"database/sql"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	_ "modernc.org/sqlite"

	"godwit/mail"
	"godwit/statedb"
)

// raw runs SQL on a file behind the package's back.
func raw(t *testing.T, path, text string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.Exec(text); err != nil {
		t.Fatal(err)
	}
}

// refused tells that Open fails with want, names the file and leaves it alone.
func refused(t *testing.T, path string, want error) {
	t.Helper()
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	db, err := statedb.Open(t.Context(), path)
	if err == nil {
		db.Close()
	}
	if !errors.Is(err, want) || !strings.Contains(err.Error(), path) {
		t.Errorf("open: %v, want %v", err, want)
	}
	if after, err := os.ReadFile(path); err != nil || !bytes.Equal(before, after) {
		t.Errorf("the file was changed (%v)", err)
	}
}

func TestNewerSchemaIsRefused(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "state.db")
	if err := open(t, path).Close(); err != nil {
		t.Fatal(err)
	}
	raw(t, path, "PRAGMA user_version = 1000")
	refused(t, path, statedb.ErrNewer)
}

func TestAnotherProgramsDatabaseIsRefused(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "state.db")
	raw(t, path, "CREATE TABLE places (url TEXT)")
	refused(t, path, statedb.ErrForeign)
	marked := filepath.Join(t.TempDir(), "state.db")
	raw(t, marked, "PRAGMA application_id = 252006673")
	refused(t, marked, statedb.ErrForeign)
}

func TestWhatIsNoDatabaseIsRefusedWithAdvice(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "state.db")
	if err := os.WriteFile(path, []byte(strings.Repeat("no database at all\n", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	refused(t, path, statedb.ErrCorrupt)
	_, err := statedb.Open(t.Context(), path)
	if err == nil || !strings.Contains(err.Error(), "safe to move") {
		t.Errorf("no advice in: %v", err)
	}
}

func TestDirectoryThatCannotBeMadeIsADiskError(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := statedb.Open(t.Context(), filepath.Join(path, "state.db")); !errors.Is(err, mail.ErrDisk) {
		t.Errorf("below a file: %v", err)
	}
	if _, err := statedb.Open(t.Context(), t.TempDir()); err == nil {
		t.Error("a directory was opened as a database")
	}
}

func TestFileThatWasMovedAwayIsNotMadeAgain(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "state.db")
	db, err := statedb.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	commit(t, db, newRow("A", 1))
	if err := os.Rename(path, path+".old"); err != nil {
		t.Fatal(err)
	}
	if n, err := db.Total(t.Context()); err == nil {
		t.Errorf("%d rows were read from nowhere", n.Server)
	}
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the file is there again: %v", err)
	}
	if err := db.Close(); err != nil {
		t.Error(err)
	}
}

// A crash between the creation of the file and the first transaction.
func TestEmptyFileIsANewDatabase(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "state.db")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	commit(t, open(t, path), newRow("A", 1))
}

func TestDamagedPageIsFound(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "state.db")
	db := open(t, path)
	var changes []mail.Change
	for uid := range mail.UID(2000) {
		changes = append(changes, newRow("A", uid+1))
	}
	commit(t, db, changes...)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	info, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	const page = 4096
	for at := int64(20 * page); at < info.Size(); at += page {
		if _, err := f.WriteAt(bytes.Repeat([]byte{0xa5}, 600), at); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}

	db, err = statedb.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err) // the first pages are whole
	}
	defer db.Close()
	if err := db.Check(t.Context()); !errors.Is(err, statedb.ErrCorrupt) || !strings.Contains(err.Error(), path) {
		t.Errorf("check: %v", err)
	}
	var last error
	for _, err := range db.RowsByUID(t.Context(), "A") {
		last = err
	}
	if !errors.Is(last, statedb.ErrCorrupt) || !strings.Contains(last.Error(), "safe to move") {
		t.Errorf("reading ended with %v", last)
	}
}

// Each statement breaks one of the rules that Check knows.
func TestCheckFindsWhatBreaksTheRules(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, sql, says string }{
		{"LostMailbox", "DELETE FROM mailbox", "is in no mailbox"},
		{"NoSide", "UPDATE row SET uid = NULL, key = NULL", "neither UID nor key"},
		{"BadUID", "UPDATE row SET uid = 4294967296", "impossible UID"},
		{"EmptyKey", "UPDATE row SET key = ''", "empty key"},
		{"ShortFacts", "UPDATE row SET facts = x'00'", "malformed facts"},
		{"UnknownFlag", "UPDATE row SET facts = CAST(x'40' || substr(facts, 2) AS BLOB)", "malformed facts"},
		{"WrongHash", "UPDATE row SET hash = 5", "not that of its facts"},
		{"ForeignID", "UPDATE row SET id = 50", "never handed out"},
		{"UnknownIntent", "UPDATE intent SET kind = 9", "no known kind"},
		{"ShortIntent", "UPDATE intent SET facts = x''", "malformed facts"},
		{"NoName", "UPDATE mailbox SET name = ''", "no name"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "state.db")
			db := open(t, path)
			commit(t, db, newRow("A", 1), mail.PutIntent{Intent: mail.Intent{ID: 1, Kind: mail.IntentDeliver, Mailbox: "A"}})
			if err := db.Close(); err != nil {
				t.Fatal(err)
			}
			raw(t, path, c.sql)
			db, err := statedb.Open(t.Context(), path)
			if err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			if err := db.Check(t.Context()); !errors.Is(err, statedb.ErrCorrupt) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("check: %v, want %q", err, c.says)
			}
		})
	}
}
