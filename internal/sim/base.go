package sim

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	gosync "sync"

	"godwit/internal/fake"
	"godwit/mail"
	"godwit/statedb"
	"godwit/sync"
)

// baseSide is a record, with what becomes of it when a process or the power ends.
type baseSide interface {
	sync.Base
	Fail(fake.Fault)
	Forget()
	// Kill is the end of the process, and Crash of the power; another begins.
	Kill() error
	Crash(*rand.Rand) error
	// Check tells whether the record is sound.
	Check(context.Context) error
	Close() error
}

// memoryBase is the fake record: a commit is durable when it is made.
type memoryBase struct{ *fake.Base }

func (b memoryBase) Kill() error                 { return nil }
func (b memoryBase) Crash(*rand.Rand) error      { b.Base.Crash(); return nil }
func (b memoryBase) Check(context.Context) error { return nil }
func (b memoryBase) Close() error                { return nil }

// sqlite is the real record, in a real file. Nobody but the operating system can
// take its power away; so a crash is made by SQLite's own contract. In the mode
// that statedb uses, a commit is there when it has returned; of one that has not,
// the log may hold any beginning, or the right length and nothing in it. The files
// are copied as they are, the log is cut or zeroed behind the last commit that
// anybody was told of, and the copy is opened.
type sqlite struct {
	*statedb.DB
	directory string
	copies    int
	now       func() *schedule

	mu     gosync.Mutex
	told   int64 // length of the log at the last commit that was told
	faults []*fake.Fault
}

func newSQLite(now func() *schedule) (*sqlite, error) {
	parent := ""
	if info, err := os.Stat("/dev/shm"); err == nil && info.IsDir() {
		parent = "/dev/shm"
	}
	directory, err := os.MkdirTemp(parent, "sim")
	if err != nil {
		return nil, err
	}
	b := &sqlite{directory: directory, now: now}
	if b.DB, err = statedb.Open(context.Background(), b.path()); err != nil {
		return nil, err
	}
	b.told = b.logged()
	return b, nil
}

func (b *sqlite) path() string { return filepath.Join(b.directory, fmt.Sprintf("%d.db", b.copies)) }

func (b *sqlite) logged() int64 {
	info, err := os.Stat(b.path() + "-wal")
	if err != nil {
		return 0
	}
	return info.Size()
}

func (b *sqlite) Commit(ctx context.Context, changes ...mail.Change) error {
	s := b.now()
	if s == nil {
		return b.DB.Commit(ctx, changes...)
	}
	if err := s.point("Base.Commit", fake.About(changes)); err != nil {
		return err
	}
	var fault *fake.Fault
	b.mu.Lock()
	if len(b.faults) > 0 {
		if b.faults[0].Call--; b.faults[0].Call <= 0 {
			fault, b.faults = b.faults[0], b.faults[1:]
		}
	}
	b.mu.Unlock()
	if fault != nil && fault.Effect == fake.Before {
		return fault.Err
	}
	if err := b.DB.Commit(ctx, changes...); err != nil {
		return err
	}
	if err := s.point("Base.Commit done", ""); err != nil {
		return err
	}
	b.mu.Lock()
	b.told = b.logged()
	b.mu.Unlock()
	if fault != nil {
		return fault.Err
	}
	return nil
}

func (b *sqlite) Fail(f fake.Fault) { b.faults = append(b.faults, &f) }
func (b *sqlite) Forget()           { b.faults = nil }

// Close ends the record for good.
func (b *sqlite) Close() error {
	err := b.DB.Close()
	if rerr := os.RemoveAll(b.directory); err == nil {
		err = rerr
	}
	return err
}

// again opens a copy of the files, with the log changed.
func (b *sqlite) again(change func(log []byte) []byte) error {
	file, err := os.ReadFile(b.path())
	if err != nil {
		return err
	}
	log, err := os.ReadFile(b.path() + "-wal")
	if err != nil && !os.IsNotExist(err) {
		return err
	}
	if err := b.DB.Close(); err != nil {
		return err
	}
	for _, suffix := range []string{"", "-wal", "-shm"} {
		_ = os.Remove(b.path() + suffix) // those that are left
	}
	b.copies++
	if err := os.WriteFile(b.path(), file, 0o600); err != nil {
		return err
	}
	if log = change(log); len(log) > 0 {
		if err := os.WriteFile(b.path()+"-wal", log, 0o600); err != nil {
			return err
		}
	}
	if b.DB, err = statedb.Open(context.Background(), b.path()); err != nil {
		return err
	}
	b.told = b.logged()
	return nil
}

func (b *sqlite) Kill() error { return b.again(func(log []byte) []byte { return log }) }

func (b *sqlite) Crash(random *rand.Rand) error {
	b.Forget()
	told := b.told
	return b.again(func(log []byte) []byte {
		if int64(len(log)) <= told {
			return log
		}
		cut := told + random.Int64N(int64(len(log))-told+1)
		if random.IntN(2) == 0 {
			return log[:cut]
		}
		clear(log[cut:])
		return log
	})
}
