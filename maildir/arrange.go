package maildir

import (
	"context"
	"fmt"
	"strings"

	"godwit/mail"
)

// Directory is where a mailbox's directory is, or would be made, below the root, with
// "/" between its parts; "." for the root itself.
func (a *Account) Directory(m mail.Mailbox) string {
	var names []string
	for _, u := range a.names.units(m) {
		names = append(names, u.escaped...)
	}
	if len(names) == 0 {
		return "."
	}
	return strings.Join(names, "/")
}

// Bring renames the directory at a place, as another layout or map has it, to
// where this one has a mailbox, durably and never over another mailbox. One that
// is there already is left alone, so that a run that died can be continued. Bring
// what is deeper first. The root itself cannot be brought anywhere.
func (a *Account) Bring(ctx context.Context, place string, m mail.Mailbox) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if place == "." || a.Directory(m) == "." {
		return explain("rename the directory of", m, "", fmt.Errorf("the layout maildir++ has it in the root: move cur, new and tmp by hand"))
	}
	top, err := openTop(a.sys, a.root)
	if err != nil {
		return explain("rename the directory of", m, "", err)
	}
	defer top.close()
	a.unremember(m)
	return explain("rename the directory of", m, "", a.renameOne(ctx, top, place, m))
}
