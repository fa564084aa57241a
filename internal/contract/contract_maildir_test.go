package contract_test

import (
	"path/filepath"
	"testing"

	"godwit/internal/contract"
	"godwit/maildir"
	"godwit/sync"
)

var _ sync.Local = (*maildir.Account)(nil)

func TestMaildirIsAMaildir(t *testing.T) {
	t.Parallel()
	for _, layout := range []maildir.Layout{maildir.Verbatim, maildir.MaildirPlusPlus, maildir.Flat} {
		t.Run(string(layout), func(t *testing.T) {
			t.Parallel()
			contract.Local(t, func(t *testing.T) sync.Local {
				directory := t.TempDir()
				account, err := maildir.Open(maildir.Options{
					Root: filepath.Join(directory, "Mail"), Account: "work", Layout: layout,
					TrashDir: filepath.Join(directory, "state", "trash"),
				})
				if err != nil {
					t.Fatal(err)
				}
				return account
			})
		})
	}
}
