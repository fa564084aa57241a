package statedb

import (
	"context"
	"fmt"
	"strings"
)

// Check reads the whole file and tells whether it is sound: SQLite's own
// integrity check, and the rules that hold between and within our tables. What
// is wrong comes as one [ErrCorrupt] that lists it.
func (db *DB) Check(ctx context.Context) error {
	var wrong []string
	err := db.readSnapshot(ctx, "check", func(c *conn) error {
		for _, name := range []string{"integrity", "inconsistencies"} {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := c.each(func(r *result) error {
				if text := r.text(0); text != "ok" {
					wrong = append(wrong, text)
				}
				return nil
			}, name); err != nil {
				return err
			}
		}
		if len(wrong) > 0 {
			return fmt.Errorf("%w: %s", ErrCorrupt, strings.Join(wrong, "; "))
		}
		return nil
	})
	return err
}
