package statedb

import (
	"context"
	"fmt"

	"godwit/mail"
)

func (w *committer) putQuarantined(q mail.Quarantined) error {
	switch {
	case q.Mailbox == "":
		return errNoName
	case (q.UID == 0) == (q.Key == ""):
		return errNotOneSide
	case q.Tried < mail.AttemptFetch || q.Tried > mail.AttemptRead:
		return fmt.Errorf("unknown attempt %d", q.Tried)
	}
	return w.exec("put_quarantined", string(q.Mailbox), int64(q.UID), string(q.Key), int64(q.UIDValidity), q.Size,
		q.EmailID, int64(q.Inode), int64(q.Tried), q.Reason, int64(q.First), int64(q.Last), int64(q.Next), int64(q.Tries),
		truth(q.Known))
}

// Quarantine implements sync.Base, ordered by mailbox, UID and key.
func (db *DB) Quarantine(ctx context.Context) ([]mail.Quarantined, error) {
	var all []mail.Quarantined
	err := db.read(ctx, "read what is set aside in", func(c *conn) error {
		return c.each(func(r *result) error {
			all = append(all, mail.Quarantined{
				Mailbox:     mail.Mailbox(r.text(0)),
				UID:         mail.UID(r.integer(1)),
				Key:         mail.Key(r.text(2)),
				UIDValidity: mail.UIDValidity(r.integer(3)),
				Size:        r.integer(4),
				EmailID:     r.text(5),
				Inode:       uint64(r.integer(6)),
				Tried:       mail.Attempt(r.integer(7)),
				Reason:      r.text(8),
				First:       mail.UnixTime(r.integer(9)),
				Last:        mail.UnixTime(r.integer(10)),
				Next:        mail.UnixTime(r.integer(11)),
				Tries:       int(r.integer(12)),
				Known:       r.integer(13) != 0,
			})
			return nil
		}, "quarantined")
	})
	return all, err
}
