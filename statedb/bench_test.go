package statedb_test

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"path/filepath"
	"testing"

	"godwit/mail"
	"godwit/statedb"
)

// benchRow is the i-th row of an account with 5,000 messages a mailbox.
func benchRow(i int) mail.Row {
	var seed [8]byte
	binary.LittleEndian.PutUint64(seed[:], uint64(i))
	hash := sha256.Sum256(seed[:])
	return mail.Row{
		Mailbox: mail.Mailbox(fmt.Sprintf("mailbox %d", i/5000)), UID: mail.UID(i%5000 + 1),
		Key:     mail.Key(fmt.Sprintf("17000%05d.M%06dP1234Q%d.hostname", i/50, i*7919%1000000, i)),
		Flags:   mail.Flags{System: mail.Seen},
		Content: mail.Content{Hash: hash, Head: mail.Head(hash[:16]), Size: 12345},
		Inode:   uint64(70_000_000 + i),
	}
}

// fillBench puts n rows into a new database.
func fillBench(b *testing.B, path string, n int) *statedb.DB {
	b.Helper()
	db := open(b, path)
	for i := 0; i < n; {
		var changes []mail.Change
		for ; len(changes) < 8192 && i < n; i++ {
			changes = append(changes, mail.PutRow{Row: benchRow(i)})
		}
		commit(b, db, changes...)
	}
	return db
}

// A first pull: each transaction of 512 messages stores the intents of one batch
// and the rows of the batch before. The figure is for one message.
func BenchmarkPull(b *testing.B) {
	db := open(b, filepath.Join(b.TempDir(), "state.db"))
	var changes []mail.Change
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		r := benchRow(i)
		changes = append(changes, mail.PutRow{Row: r}, mail.DropIntent{ID: int64(i + 1 - 512)}, mail.PutIntent{Intent: mail.Intent{
			ID: int64(i + 1), Kind: mail.IntentDeliver, Mailbox: r.Mailbox, UIDValidity: 1, UID: r.UID, Key: r.Key,
			Flags: r.Flags, Content: r.Content,
		}})
		if len(changes) == 3*512 {
			commit(b, db, changes...)
			changes = changes[:0]
		}
	}
}

// Rows alone, 512 to a transaction.
func BenchmarkCommit512(b *testing.B) {
	db := open(b, filepath.Join(b.TempDir(), "state.db"))
	var changes []mail.Change
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		changes = append(changes, mail.PutRow{Row: benchRow(i)})
		if len(changes) == 512 {
			commit(b, db, changes...)
			changes = changes[:0]
		}
	}
}

// Rows that get other UIDs, 8,000 to a transaction, as after a new UIDVALIDITY.
// The figure is for 100,000 rows: once without UIDs, and once with new ones.
func BenchmarkRenumber(b *testing.B) {
	const rows = 100_000
	db := fillBench(b, filepath.Join(b.TempDir(), "state.db"), rows)
	b.ReportAllocs()
	for n := mail.UID(1); b.Loop(); n++ {
		var changes []mail.Change
		for i := range rows / 5000 {
			changes = append(changes, mail.DropUIDs{Mailbox: benchRow(i * 5000).Mailbox})
		}
		commit(b, db, changes...)
		changes = changes[:0]
		for i := range rows {
			r := benchRow(i)
			r.ID, r.UID = int64(i+1), r.UID+n
			changes = append(changes, mail.PutRow{Row: r})
			if len(changes) == 8000 || i+1 == rows {
				commit(b, db, changes...)
				changes = changes[:0]
			}
		}
	}
}

// One row to a commit, from several goroutines.
func BenchmarkCommitAlone(b *testing.B) {
	for _, writers := range []int{1, 8} {
		b.Run(fmt.Sprintf("%dwriters", writers), func(b *testing.B) {
			db := open(b, filepath.Join(b.TempDir(), "state.db"))
			b.SetParallelism(writers)
			numbers := make(chan int, 64)
			go func() {
				for i := range b.N {
					numbers <- i
				}
			}()
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					commit(b, db, mail.PutRow{Row: benchRow(<-numbers)})
				}
			})
		})
	}
}

// The figure is for one row.
func BenchmarkRows(b *testing.B) {
	const n = 100_000
	db := fillBench(b, filepath.Join(b.TempDir(), "state.db"), n)
	run := func(name string, read func(m mail.Mailbox, until int) int) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			done := 0
			for mailbox := 0; done < b.N; mailbox++ {
				done += read(mail.Mailbox(fmt.Sprintf("mailbox %d", mailbox%(n/5000))), b.N-done)
			}
		})
	}
	count := func(rows func(func(mail.Row, error) bool), until int) (k int) {
		for _, err := range rows {
			if err != nil {
				b.Fatal(err)
			}
			if k++; k == until {
				break
			}
		}
		return k
	}
	run("ByUID", func(m mail.Mailbox, until int) int { return count(db.RowsByUID(context.Background(), m), until) })
	run("ByKey", func(m mail.Mailbox, until int) int { return count(db.RowsByKey(context.Background(), m), until) })
}

func BenchmarkFindContent(b *testing.B) {
	for _, n := range []int{100_000, 1_000_000} {
		db := fillBench(b, filepath.Join(b.TempDir(), "state.db"), n)
		for _, wanted := range []int{1, 10_000} {
			b.Run(fmt.Sprintf("%dof%d", wanted, n), func(b *testing.B) {
				var hashes []mail.Hash
				for i := range wanted {
					hashes = append(hashes, benchRow(n-1+i).Content.Hash) // the last row, and unknown ones
				}
				for b.Loop() {
					found, err := db.FindContent(context.Background(), hashes)
					if err != nil || len(found) != 1 {
						b.Fatalf("found %d, %v", len(found), err)
					}
				}
			})
		}
		b.Run(fmt.Sprintf("Total%d", n), func(b *testing.B) {
			for b.Loop() {
				if _, err := db.Total(context.Background()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// Opening, the questions of a run without changes, and closing.
func BenchmarkOpen(b *testing.B) {
	path := filepath.Join(b.TempDir(), "state.db")
	if err := fillBench(b, path, 100_000).Close(); err != nil {
		b.Fatal(err)
	}
	for _, reads := range []bool{false, true} {
		b.Run(fmt.Sprintf("reads=%v", reads), func(b *testing.B) {
			for b.Loop() {
				db, err := statedb.Open(context.Background(), path)
				if err != nil {
					b.Fatal(err)
				}
				if reads {
					if _, err := db.Checkpoints(context.Background()); err != nil {
						b.Fatal(err)
					}
					if _, err := db.Intents(context.Background()); err != nil {
						b.Fatal(err)
					}
				}
				if err := db.Close(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
