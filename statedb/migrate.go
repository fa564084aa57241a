package statedb

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
)

// migration is one numbered file of SQL.
type migration struct {
	version int64
	name    string
}

// migrations lists the numbered files under sql/, which must be 1 to n.
func migrations(files fs.FS) ([]migration, error) {
	entries, err := fs.ReadDir(files, "sql")
	if err != nil {
		return nil, err
	}
	var found []migration
	for _, e := range entries {
		number, isSQL := strings.CutSuffix(e.Name(), ".sql")
		if version, err := strconv.ParseInt(number, 10, 64); isSQL && err == nil {
			found = append(found, migration{version, path.Join("sql", e.Name())})
		}
	}
	slices.SortFunc(found, func(a, b migration) int { return cmp.Compare(a.version, b.version) })
	for i, m := range found {
		if m.version != int64(i)+1 {
			return nil, fmt.Errorf("migration %d is missing", i+1)
		}
	}
	return found, nil
}

// migrate brings the file to the newest schema in one transaction, so that a
// crash leaves the old one. The version is SQLite's user_version.
func migrate(c *conn, files fs.FS) error {
	steps, err := migrations(files)
	if err != nil {
		return err
	}
	newest := int64(len(steps))
	version, err := schemaVersion(c, newest)
	if err != nil {
		return err
	}
	// Before the transaction, for the mode cannot change inside of one; and after
	// the look at whose file this is, for the mode is written into it.
	if err := writeAhead(c); err != nil || version == newest {
		return err
	}

	if _, err := c.exec("begin"); err != nil {
		return err
	}
	if err := migrateFrom(c, files, steps); err != nil {
		_, undo := c.exec("rollback")
		return errors.Join(err, undo)
	}
	_, err = c.exec("commit")
	return err
}

// migrateFrom runs what is missing, inside of a transaction. It asks for the
// version again: another process may have been faster.
func migrateFrom(c *conn, files fs.FS, steps []migration) error {
	newest := int64(len(steps))
	version, err := schemaVersion(c, newest)
	if err != nil || version == newest {
		return err
	}
	for _, m := range steps[version:] {
		text, err := fs.ReadFile(files, m.name)
		if err != nil {
			return err
		}
		if err := c.script(string(text)); err != nil {
			return fmt.Errorf("migration to version %d: %w", m.version, err)
		}
	}
	// A pragma takes no parameter.
	return c.script(fmt.Sprintf("PRAGMA application_id = %d; PRAGMA user_version = %d;", applicationID, newest))
}

// schemaVersion tells the file's version, zero when it is empty.
func schemaVersion(c *conn, newest int64) (int64, error) {
	application, err := c.number("PRAGMA application_id")
	if err != nil {
		return 0, err
	}
	version, err := c.number("PRAGMA user_version")
	if err != nil {
		return 0, err
	}
	if application != applicationID {
		objects, err := c.number("SELECT count(*) FROM sqlite_schema")
		if err != nil {
			return 0, err
		}
		if application != 0 || version != 0 || objects != 0 {
			return 0, fmt.Errorf("%w: it belongs to another program (application_id %d)", ErrForeign, application)
		}
		return 0, nil
	}
	if version > newest {
		return 0, fmt.Errorf("%w: its schema is version %d, this program knows up to %d; use the newer program",
			ErrNewer, version, newest)
	}
	if version < 1 {
		return 0, fmt.Errorf("%w: schema version %d", ErrCorrupt, version)
	}
	return version, nil
}

// writeAhead sets the journal mode, in which readers and the writer do not wait
// for each other. It is kept in the file.
func writeAhead(c *conn) error {
	mode, err := c.single("PRAGMA journal_mode = WAL")
	if err != nil {
		return err
	}
	if mode != "wal" {
		return fmt.Errorf("this file system cannot hold it: no write-ahead log (journal mode %q)", mode)
	}
	return nil
}
