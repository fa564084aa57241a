package statedb

import (
	"context"

	"godwit/mail"
)

// Intents implements sync.Base, in the order in which they were first stored.
func (db *DB) Intents(ctx context.Context) ([]mail.Intent, error) {
	var all []mail.Intent
	err := db.read(ctx, "read the intents of", func(c *conn) error {
		return c.each(func(r *result) error {
			system, _, content, err := unpackFacts(r.blob(6))
			if err != nil {
				return err
			}
			content.EmailID = r.text(8)
			content.MessageID = r.text(9)
			all = append(all, mail.Intent{
				ID:          r.integer(0),
				Kind:        mail.IntentKind(r.integer(1)),
				Mailbox:     mail.Mailbox(r.text(2)),
				UIDValidity: mail.UIDValidity(r.integer(3)),
				UID:         mail.UID(r.integer(4)),
				Key:         mail.Key(r.text(5)),
				Flags:       mail.Flags{System: system, Keywords: mail.Keywords(r.text(7))},
				Content:     content,
				Floor:       mail.UID(r.integer(10)),
				From:        mail.Mailbox(r.text(11)),
				FromKey:     mail.Key(r.text(12)),
				OldRow:      r.integer(13),
			})
			return nil
		}, "intents")
	})
	return all, err
}

// Problems implements sync.Base, ordered by mailbox, UID and key.
func (db *DB) Problems(ctx context.Context) ([]mail.Problem, error) {
	var all []mail.Problem
	err := db.read(ctx, "read the problems of", func(c *conn) error {
		return c.each(func(r *result) error {
			all = append(all, mail.Problem{
				Mailbox: mail.Mailbox(r.text(0)),
				UID:     mail.UID(r.integer(1)),
				Key:     mail.Key(r.text(2)),
				Reason:  r.text(3),
				Since:   mail.UnixTime(r.integer(4)),
				Last:    mail.UnixTime(r.integer(5)),
				Count:   int(r.integer(6)),
			})
			return nil
		}, "problems")
	})
	return all, err
}

// LastRuns implements sync.Base.
func (db *DB) LastRuns(ctx context.Context, n int) ([]mail.RunRecord, error) {
	var newest []mail.RunRecord
	err := db.read(ctx, "read the runs of", func(c *conn) error {
		return c.each(func(r *result) error {
			newest = append(newest, mail.RunRecord{
				ID:       r.integer(0),
				Started:  mail.UnixTime(r.integer(1)),
				Ended:    mail.UnixTime(r.integer(2)),
				Exit:     int(r.integer(3)),
				Summary:  r.text(4),
				Pulled:   int(r.integer(5)),
				Pushed:   int(r.integer(6)),
				Flagged:  int(r.integer(7)),
				Removed:  int(r.integer(8)),
				Relocate: int(r.integer(9)),
				Command:  r.text(10),
				Paired:   int(r.integer(11)),
			})
			return nil
		}, "last_runs", int64(max(n, 0)))
	})
	return newest, err
}

// Meta returns what [DB.SetMeta] stored under a name; empty when nothing was.
func (db *DB) Meta(ctx context.Context, name string) (value string, err error) {
	err = db.read(ctx, "read "+name+" of", func(c *conn) error {
		value, err = c.meta(metaPrefix + name)
		return err
	})
	return value, err
}

// metaPrefix keeps callers' names apart from ours.
const metaPrefix = "user."

func (c *conn) meta(name string) (value string, err error) {
	err = c.each(func(r *result) error {
		value = r.text(0)
		return nil
	}, "meta", name)
	return value, err
}
