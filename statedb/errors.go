package statedb

import (
	"errors"
	"fmt"
	"io/fs"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"godwit/mail"
)

var (
	// ErrCorrupt: the file is damaged, or is no SQLite database. The error's text
	// names the file and says what to do.
	ErrCorrupt = errors.New("the state database is damaged")
	// ErrNewer: the file was written by a later version of the program.
	ErrNewer = errors.New("the state database was written by a newer version")
	// ErrForeign: the file is a database, but not one of this program.
	ErrForeign = errors.New("not a state database")
	// ErrClosed: the database was closed.
	ErrClosed = errors.New("the state database is closed")
)

// What makes a change refused.
var (
	errNoName = errors.New("no mailbox name")
	errNoSide = errors.New("neither UID nor key")
	// A row that is outside of a window has a UID and no file.
	errBadWindow = errors.New("outside of its window, and not on the server alone")
	errBadID     = errors.New("negative identifier")
	// A message that was set aside is one of the server, or a file.
	errNotOneSide = errors.New("not one of UID and key")
)

// advice is what a user can do about a file that cannot be read.
const advice = "it is safe to move this file, and those beside it named -wal and -shm, away: " +
	"the state is built again by comparing messages, and none is lost or sent twice"

// explain says which file failed in what operation, and turns SQLite's result
// codes into what callers branch on.
func (db *DB) explain(operation string, err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, ErrCorrupt) {
		return fmt.Errorf("statedb: %s %s: %w (%s)", operation, db.path, err, advice)
	}
	var failure *sqlite.Error
	if errors.As(err, &failure) {
		switch failure.Code() & 0xff { // the low octet is the primary result code
		case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB:
			return fmt.Errorf("statedb: %s %s: %w: %w (%s)", operation, db.path, ErrCorrupt, err, advice)
		case sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN:
			return fmt.Errorf("statedb: %s %s: %w: %w", operation, db.path, mail.ErrDisk, err)
		}
	}
	var file *fs.PathError
	if errors.As(err, &file) {
		return fmt.Errorf("statedb: %s %s: %w: %w", operation, db.path, mail.ErrDisk, err)
	}
	return fmt.Errorf("statedb: %s %s: %w", operation, db.path, err)
}
