package maildir

import (
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/sys/unix"
)

// Making many files durable costs least with one syncfs, where the kernel
// reports its errors: 512 new files of 4 KiB took 7 ms on ext4, 16 fsyncs side
// by side 30 to 70 ms, one fsync after another 100 ms. For fewer than this many
// files the difference is not worth waiting for what others wrote.
const syncfsFrom = 4

const (
	// syncsAtOnce is how many fsyncs run side by side: the journal commits
	// those that wait together as one.
	syncsAtOnce = 16
	// A syncfs that took this long waited for somebody else's data …
	syncfsTooSlow = 2 * time.Second
	// … and is not tried again for as long as this.
	syncfsPause = time.Minute
)

// durability makes files and directories durable in the cheaper way.
type durability struct {
	pausedUntil atomic.Int64 // of syncfs; nanoseconds since start
	start       time.Time    // a monotonic clock's zero
	noSyncfs    bool         // for tests
}

// item is something to be made durable: an open directory, or by name a file
// in it.
type item struct {
	dir  dir
	name string // empty: the directory itself
}

func (i item) sync() error {
	if i.name == "" {
		return i.dir.sync()
	}
	f, err := i.dir.file(i.name, unix.O_RDONLY)
	if err != nil {
		return err
	}
	err = i.dir.fail("fsync", i.name, f.sync())
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	return err
}

// flush makes the items durable. They are all on the file system, or systems,
// that their directories are on.
func (d *durability) flush(items []item) error {
	if len(items) >= syncfsFrom && items[0].dir.sys.CanSyncAll() && !d.noSyncfs && int64(time.Since(d.start)) >= d.pausedUntil.Load() {
		began := time.Now()
		err := flushFileSystems(items)
		if took := time.Since(began); took > syncfsTooSlow {
			d.pausedUntil.Store(int64(time.Since(d.start) + syncfsPause))
		}
		return err
	}
	if len(items) == 1 {
		return items[0].sync()
	}
	var g errgroup.Group
	g.SetLimit(syncsAtOnce)
	for _, i := range items {
		g.Go(i.sync)
	}
	return g.Wait()
}

// flushFileSystems flushes each file system that an item is on once.
func flushFileSystems(items []item) error {
	done := map[uint64]bool{}
	last := -1
	for _, i := range items {
		if i.dir.fd == last {
			continue
		}
		last = i.dir.fd
		st, err := i.dir.sys.Stat(i.dir.fd)
		if err != nil {
			return i.dir.fail("stat", "", err)
		}
		if done[st.Device] {
			continue
		}
		done[st.Device] = true
		if err := i.dir.sys.SyncAll(i.dir.fd); err != nil {
			return i.dir.fail("syncfs", "", err)
		}
	}
	return nil
}
