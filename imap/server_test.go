package imap_test

import (
	"godwit/imap"
	"godwit/sync"
)

// What the engine consumes is what the account is.
var _ sync.Server = (*imap.Account)(nil)
