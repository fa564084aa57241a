package e2e

import (
	"context"
	"os"
	"path/filepath"

	"github.com/rogpeppe/go-internal/testscript"

	"godwit/mail"
	"godwit/maildir"
	"godwit/statedb"
)

// recordCommand does to the state database what no run of godwit does.
func recordCommand(a *account, ts *testscript.TestScript, _ bool, args []string) {
	if len(args) == 0 {
		ts.Fatalf("usage: record restamp MAILBOX|ghost MAILBOX|corrupt")
	}
	if args[0] == "corrupt" {
		a.corrupt(ts)
		return
	}
	want(ts, args, 2, "record "+args[0]+" MAILBOX")
	ctx, name := context.Background(), mail.Mailbox(args[1])
	db, err := statedb.Open(ctx, filepath.Join(a.state, "state.db"))
	ts.Check(err)
	defer func() { ts.Check(db.Close()) }()
	switch args[0] {
	case "restamp":
		local, err := maildir.Open(maildir.Options{Root: a.root, Account: a.name})
		ts.Check(err)
		stamp, err := local.Stamp(ctx, name)
		ts.Check(err)
		stamp.Racy = false
		all, err := db.Checkpoints(ctx)
		ts.Check(err)
		for _, c := range all {
			if c.Mailbox == name {
				c.Stamp = stamp
				ts.Check(db.Commit(ctx, mail.PutCheckpoint{Checkpoint: c}))
			}
		}
	case "ghost":
		ts.Check(db.Commit(ctx, mail.PutRow{Row: mail.Row{
			Mailbox: name, UID: 4_000_000_000, Key: "1000000000.ghost", Content: mail.Content{Hash: mail.Hash{1}, Size: 100},
		}}))
	default:
		ts.Fatalf("no such command: record %s", args[0])
	}
}

// corrupt overwrites pages in the middle of the database.
func (a *account) corrupt(ts *testscript.TestScript) {
	path := filepath.Join(a.state, "state.db")
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	ts.Check(err)
	info, err := f.Stat()
	ts.Check(err)
	page := make([]byte, 4*4096)
	for i := range page {
		page[i] = 0xa5
	}
	_, err = f.WriteAt(page, info.Size()/2/4096*4096)
	ts.Check(err)
	ts.Check(f.Close())
}
