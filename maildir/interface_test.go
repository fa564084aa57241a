package maildir_test

import (
	"godwit/maildir"
	"godwit/sync"
)

var _ sync.Local = (*maildir.Account)(nil)
