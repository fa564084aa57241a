package contract_test

import (
	"testing"

	"godwit/internal/contract"
	"godwit/internal/fake"
	"godwit/sync"
)

var (
	_ sync.Base   = (*fake.Base)(nil)
	_ sync.Local  = (*fake.Local)(nil)
	_ sync.Server = (*fake.Server)(nil)
)

func TestFakeIsABase(t *testing.T) {
	t.Parallel()
	contract.Base(t, func(*testing.T) sync.Base { return fake.NewBase() })
}

func TestFakeIsAMaildir(t *testing.T) {
	t.Parallel()
	contract.Local(t, func(*testing.T) sync.Local { return fake.NewLocal("work") })
}

func TestFakeIsAServer(t *testing.T) {
	t.Parallel()
	plainUIDPlus := fake.Profile{UIDPlus: true, Move: true}
	for name, profile := range map[string]fake.Profile{
		"Plain": fake.Plain, "UIDPlus": plainUIDPlus, "CondStore": fake.CondStore, "QResync": fake.QResync, "Modern": fake.Modern,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			contract.Server(t, func(*testing.T) contract.Account {
				s := fake.NewServer(profile)
				return contract.Account{Server: s, Other: s, UIDPlus: profile.UIDPlus, CondStore: profile.CondStore}
			})
		})
	}
}
