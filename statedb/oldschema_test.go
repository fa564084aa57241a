package statedb_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"godwit/mail"
)

// Every schema that was ever released, with what is in its dump.
func TestOldSchemasAreRead(t *testing.T) {
	t.Parallel()
	dumps, err := filepath.Glob("testdata/v*.sql")
	if err != nil || len(dumps) == 0 {
		t.Fatalf("dumps of old schemas: %v, %v", dumps, err)
	}
	for _, dump := range dumps {
		t.Run(filepath.Base(dump), func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(dump)
			if err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(t.TempDir(), "state.db")
			raw(t, path, string(text))
			db := open(t, path)
			compare := func(what string, got, want any, err error) {
				t.Helper()
				if err != nil {
					t.Fatalf("%s: %v", what, err)
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("%s (-want +got):\n%s", what, diff)
				}
			}
			ctx := t.Context()

			checkpoints, err := db.Checkpoints(ctx)
			compare("checkpoints", checkpoints, []mail.Checkpoint{{
				Mailbox: "INBOX", MailboxID: "F1", UIDValidity: 1700000000, UIDNext: 12, ModSeq: 345, Messages: 2,
				Stamp: mail.Stamp{
					Cur:  mail.DirStamp{Inode: 10, MTime: 1700000000123456789, CTime: 1700000000123456790},
					New:  mail.DirStamp{Inode: 11, MTime: 1700000001123456789, CTime: 1700000001123456790},
					Racy: true,
				},
				OnServer: true, OnLocal: true,
			}, {Mailbox: "Wörk/2024"}}, err)

			both := mail.Row{
				ID: 1, Mailbox: "INBOX", UID: 4294967295, Key: "1700000000.M1P2Q1.host",
				Flags: mail.ParseFlags(`\Seen`, `\Flagged`, "$Label1", "work"),
				Content: mail.Content{
					Hash: mail.Hash{0: 0xff, 31: 1}, Head: mail.Head{0: 2, 15: 3}, Size: 1234, EmailID: "M1",
				},
				Inode: 1<<64 - 1,
			}
			serverOnly := mail.Row{ID: 2, Mailbox: "INBOX", UID: 11, Content: mail.Content{Size: -1, Weak: true}}
			localOnly := mail.Row{ID: 3, Mailbox: "Wörk/2024", Key: "1700000000.M1P2Q2.host,S=5", Content: mail.Content{Size: 5}}
			compare("rows by UID", rows(t, db, "INBOX"), []mail.Row{serverOnly, both}, nil)
			found, err := db.FindKeys(ctx, "Wörk/2024", []mail.Key{localOnly.Key})
			compare("row by key", found, []mail.Row{localOnly}, err)
			found, err = db.FindContent(ctx, []mail.Hash{both.Content.Hash})
			compare("row by content", found, []mail.Row{both}, err)

			intents, err := db.Intents(ctx)
			compare("intents", intents, []mail.Intent{{
				ID: 7, Kind: mail.IntentUpload, Mailbox: "INBOX", UIDValidity: 1700000000, Key: "1700000000.M1P2Q3.host",
				Flags:   mail.ParseFlags(`\Seen`, "work"),
				Content: mail.Content{Hash: mail.Hash{1}, Head: mail.Head{2}, Size: 9, MessageID: "<1@x>"}, Floor: 12, OldRow: 2,
			}, {
				ID: 3, Kind: mail.IntentRelocate, Mailbox: "INBOX", UIDValidity: 1700000000, UID: 13, Key: "a",
				From: "Wörk/2024", FromKey: "b", Content: mail.Content{Size: -1, EmailID: "M2"},
			}}, err)
			problems, err := db.Problems(ctx)
			compare("problems", problems, []mail.Problem{{
				Mailbox: "INBOX", UID: 12, Reason: "malformed answer", Since: 1700000000, Last: 1700000300, Count: 2,
			}}, err)
			runs, err := db.LastRuns(ctx, 10)
			compare("runs", runs, []mail.RunRecord{{
				ID: 1, Started: 1700000000, Ended: 1700000005, Exit: 1, Summary: "1 message failed",
				Pulled: 1, Pushed: 2, Flagged: 3, Removed: 4, Relocate: 5,
			}}, err)
			generation, err := db.Meta(ctx, "generation")
			compare("generation", generation, "1", err)

			commit(t, db, newRow("new", 1)) // row 4 was given to a message that is gone
			compare("the next row", rows(t, db, "new")[0].ID, int64(5), nil)
		})
	}
}
