package statedb

import (
	"context"
	"errors"
)

// Writing a file anew costs as much as it holds. Below these it is left as it is:
// the free pages are used again.
const (
	compactShare  = 4       // a quarter of the pages is free
	compactOctets = 1 << 20 // and so many octets
)

// Compact gives free space back to the file system where that is worth its while,
// and returns by how many octets the file became smaller. It is carried out
// between two commits. (SQLite could give back page by page, in its incremental
// mode; but that would make every insert of a first pull dearer, for what is done
// once in a long while.)
func (db *DB) Compact(ctx context.Context) (freed int64, err error) {
	err = db.enqueue(ctx, &request{alone: func(c *conn) (err error) {
		freed, err = c.compact()
		return err
	}})
	return freed, db.explain("compact", err)
}

func (c *conn) compact() (int64, error) {
	size, err := c.number("PRAGMA page_size")
	if err != nil {
		return 0, err
	}
	pages, err := c.number("PRAGMA page_count")
	if err != nil {
		return 0, err
	}
	free, err := c.number("PRAGMA freelist_count")
	if err != nil || free*size < compactOctets || free*compactShare < pages {
		return 0, err
	}
	// The log holds the new file until it is folded in.
	for _, step := range []string{"VACUUM", "PRAGMA wal_checkpoint(TRUNCATE)"} {
		if err := c.script(step); err != nil {
			return 0, err
		}
	}
	now, err := c.number("PRAGMA page_count")
	if err == nil && now > pages {
		err = errors.New("the file grew")
	}
	return (pages - now) * size, err
}
