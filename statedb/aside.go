package statedb

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// SetAside gives a database that nobody has open another name, in the same
// directory, and with it the files that SQLite keeps beside it: path, a full stop
// and suffix. Nothing is deleted, and nothing that has that name is replaced. It
// returns the new name.
func SetAside(path, suffix string) (string, error) {
	to := path + "." + suffix
	for _, beside := range []string{"-wal", "-shm", ""} {
		if _, err := os.Lstat(to + beside); err == nil {
			return "", fmt.Errorf("statedb: set %s aside: %s%s is there already", path, to, beside)
		}
	}
	// The file itself first: without its log it could pass for an older state of the
	// record, and what an older state says is not to be believed.
	for _, beside := range []string{"", "-wal", "-shm"} {
		if err := os.Rename(path+beside, to+beside); err != nil && (beside == "" || !errors.Is(err, fs.ErrNotExist)) {
			return "", fmt.Errorf("statedb: set %s aside: %w", path, err)
		}
	}
	d, err := os.Open(filepath.Dir(path))
	if err != nil {
		return "", fmt.Errorf("statedb: set %s aside: %w", path, err)
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		return "", fmt.Errorf("statedb: set %s aside: %w", path, err)
	}
	return to, nil
}
