package statedb

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"golang.org/x/sync/errgroup"
)

const (
	// applicationID marks the file's header, so that no other database is taken
	// for ours: "gdwt".
	applicationID = 0x67647774

	// busyTimeout is for the moments in which another process holds a lock: a
	// checkpoint of its own, or recovery after a crash. In ms.
	busyTimeout = 10_000
)

// writerPragmas: fullfsync has a meaning on macOS only, where fsync alone does
// not reach the platter. The log is folded into the file every 16 MiB instead of
// every 4, for a first pull writes far more than that.
var writerPragmas = fmt.Sprintf(`
	PRAGMA busy_timeout = %d;
	PRAGMA synchronous = FULL;
	PRAGMA fullfsync = 1;
	PRAGMA checkpoint_fullfsync = 1;
	PRAGMA wal_autocheckpoint = 4096;
	PRAGMA journal_size_limit = 33554432;
	PRAGMA cache_size = -8192;`, busyTimeout)

// A reader goes through rows in about the order in which they stand in the file,
// and seldom comes back to a page. Four of them at SQLite's default of 2 MiB each
// were the peak of a first pull's memory.
var readerPragmas = fmt.Sprintf(`
	PRAGMA busy_timeout = %d;
	PRAGMA query_only = 1;
	PRAGMA cache_size = -512;`, busyTimeout)

// DB is an account's base. Make one with [Open]. It is safe for use by many
// goroutines.
type DB struct {
	path string

	queue   chan *request
	closing chan struct{}
	writer  errgroup.Group // the committer

	mu   sync.Mutex
	idle []*conn // readers that nobody holds
	shut bool
}

// Open opens the database at path, and makes it, with its directory, when it is
// not there. A new file is readable by its owner only, and so are the two that
// SQLite keeps beside it while the database is open; one that is there already
// is made so. A file of an older version is brought to this one; one of a newer
// version fails with [ErrNewer], a damaged one with [ErrCorrupt], and another
// program's with [ErrForeign], each unchanged.
func Open(ctx context.Context, path string) (*DB, error) {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("statedb: open %s: %w", path, err)
	}
	db := &DB{path: absolute, queue: make(chan *request), closing: make(chan struct{})}
	if err := db.makeFile(); err != nil {
		return nil, db.explain("create", err)
	}
	c, err := db.openWriter(ctx)
	if err != nil {
		return nil, err
	}
	db.writer.Go(func() error { return newCommitter(db, c).run() })
	return db, nil
}

// makeFile sees that the file exists for its owner alone before SQLite opens it:
// SQLite gives the files beside it the same permissions, and would itself take
// those of the umask.
func (db *DB) makeFile() error {
	directory := filepath.Dir(db.path)
	if err := os.MkdirAll(directory, 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(db.path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, os.ErrExist) {
		return restrict(db.path)
	}
	if err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	// SQLite flushes what is in the file, but the name is ours.
	d, err := os.Open(directory)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// restrict takes away what others may do with the file.
func restrict(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s is not a regular file", path)
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return os.Chmod(path, mode&^0o077)
	}
	return nil
}

// openWriter connects and brings the schema to this version.
func (db *DB) openWriter(ctx context.Context) (*conn, error) {
	c, err := connect(ctx, db.path, writerPragmas)
	if err != nil {
		return nil, db.explain("open", err)
	}
	if err := migrate(c, embedded); err != nil {
		return nil, errors.Join(db.explain("open", err), c.close())
	}
	return c, nil
}

// reader takes a connection for reading; release gives it back. There is no
// limit, since an iteration holds its connection and may read on another in its
// loop: a limit would be a deadlock.
func (db *DB) reader(ctx context.Context) (*conn, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	db.mu.Lock()
	if db.shut {
		db.mu.Unlock()
		return nil, ErrClosed
	}
	if n := len(db.idle); n > 0 {
		c := db.idle[n-1]
		db.idle = db.idle[:n-1]
		db.mu.Unlock()
		return c, nil
	}
	db.mu.Unlock()
	return connect(ctx, db.path, readerPragmas)
}

// maxIdle is how many readers are kept for later.
const maxIdle = 4

// release gives a reader back. One that failed is not used again.
func (db *DB) release(c *conn, err error) error {
	if err == nil {
		db.mu.Lock()
		keep := !db.shut && len(db.idle) < maxIdle
		if keep {
			db.idle = append(db.idle, c)
		}
		db.mu.Unlock()
		if keep {
			return nil
		}
	}
	return errors.Join(err, c.close())
}

// Close lets the commit under way end, and closes the file. Commits that still
// wait fail with [ErrClosed], as does everything later; iterations under way go
// on to their end. It may be called twice.
func (db *DB) Close() error {
	db.mu.Lock()
	if db.shut {
		db.mu.Unlock()
		return nil
	}
	db.shut = true
	idle := db.idle
	db.idle = nil
	db.mu.Unlock()

	close(db.closing)
	var errs []error
	for _, c := range idle {
		errs = append(errs, c.close())
	}
	errs = append(errs, db.writer.Wait())
	return db.explain("close", errors.Join(errs...))
}
