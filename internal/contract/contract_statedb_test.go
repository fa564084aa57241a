package contract_test

import (
	"context"
	"path/filepath"
	"testing"

	"godwit/internal/contract"
	"godwit/statedb"
	"godwit/sync"
)

var _ sync.Base = (*statedb.DB)(nil)

func TestStateDatabaseIsABase(t *testing.T) {
	t.Parallel()
	contract.Base(t, func(t *testing.T) sync.Base {
		db, err := statedb.Open(t.Context(), filepath.Join(t.TempDir(), "state.db"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := db.Check(context.Background()); err != nil {
				t.Errorf("after the test: %v", err)
			}
			if err := db.Close(); err != nil {
				t.Error(err)
			}
		})
		return db
	})
}
