package contract_test

import (
	"context"
	"net"
	"strconv"
	"testing"
	"time"

	"godwit/imap"
	"godwit/internal/contract"
	"godwit/internal/dovecot"
	"godwit/sync"
)

var _ sync.Server = (*imap.Account)(nil)

// client connects a new client as user.
func client(t *testing.T, s *dovecot.Server, user string) sync.Server {
	t.Helper()
	host, port, err := net.SplitHostPort(s.Addr)
	if err != nil {
		t.Fatal(err)
	}
	number, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	account, err := imap.New(imap.Options{
		Host: host, Port: number, TLS: imap.TLSNone, User: user, Timeout: 20 * time.Second, TempDir: t.TempDir(),
		Password: func(context.Context) (string, error) { return dovecot.Password, nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := account.Close(); err != nil {
			t.Error(err)
		}
	})
	return account
}

func TestIMAPIsAServer(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		options            dovecot.Options
		uidPlus, condStore bool
	}{
		"QResync":   {dovecot.Options{}, true, true},
		"CondStore": {dovecot.Options{Capability: dovecot.CapabilityCondstore, Separator: "/"}, true, true},
		"UIDPlus":   {dovecot.Options{Capability: dovecot.CapabilityUIDPlus, Prefix: "INBOX."}, true, false},
		"Plain":     {dovecot.Options{Capability: dovecot.CapabilityPlain}, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := dovecot.Shared(t, c.options)
			contract.Server(t, func(t *testing.T) contract.Account {
				user := dovecot.NewUser()
				return contract.Account{
					Server: client(t, server, user), Other: client(t, server, user),
					UIDPlus: c.uidPlus, CondStore: c.condStore,
				}
			})
		})
	}
}
