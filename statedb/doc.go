// Package statedb keeps the base tree, what the server and the Maildir agreed on
// when they were last brought together, in one SQLite file for each account.
//
// # What it promises
//
// A [DB.Commit] is all or nothing and returns when it is durable: the file is
// in write-ahead mode with synchronous=FULL, so that neither a killed process
// nor a power cut takes back what was committed or leaves half of it. Reading
// sees what was committed, each call and each iteration one moment of it, and
// waits for no writer; nor does the writer wait for readers.
//
// A database that is lost is no lost mail. It is a record, and the mailboxes
// are brought together again without it by comparing content. That is why every
// error about a damaged file says that it may be moved away.
//
// # One writer
//
// One goroutine, started by [Open] and awaited by [DB.Close], is the only writer.
// Commits that are waiting when it becomes free share one transaction, and with
// it the one flush to the disk that makes a transaction dear; when the shared
// one fails, each is carried out by itself, so that a commit fails for its own
// reasons only. Readers take a connection each, as many as there are.
//
// The package talks to the SQLite driver itself, without database/sql: a tree of
// a million messages is read and written row by row, and the pool's bookkeeping
// and conversions would cost as much as SQLite does. A connection is only ever
// in the hands of one goroutine.
//
// It keeps no other process out: whoever runs a synchronisation holds a lock for
// that. Reading beside another process is fine.
package statedb
