package contract_test

import (
	"testing"

	"godwit/internal/contract"
	"godwit/internal/fake"
	"godwit/sync"
)

var _ sync.Base = (*fake.Base)(nil)

func TestFakeIsABase(t *testing.T) {
	t.Parallel()
	contract.Base(t, func(*testing.T) sync.Base { return fake.NewBase() })
}
