package simfs_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"godwit/internal/simfs"
)

func open(t *testing.T, f *simfs.FS, dir, name string, content string) int {
	t.Helper()
	d, err := f.OpenPath(dir)
	if err != nil {
		t.Fatal(err)
	}
	fd, err := f.OpenFile(d, name, unix.O_RDWR|unix.O_CREAT, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write(fd, []byte(content)); err != nil {
		t.Fatal(err)
	}
	return fd
}

func newFS() *simfs.FS {
	f := simfs.New(simfs.Options{Now: time.Now})
	f.MakeAll("/a")
	f.MakeAll("/b")
	return f
}

func TestOnlyWhatWasSyncedSurvivesForSure(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name         string
		file, dir    bool
		exists, full bool
	}{
		{"neither", false, false, false, false},
		{"the file alone", true, false, false, false},
		{"the directory alone", false, true, true, false},
		{"both", true, true, true, true},
	} {
		whole := 0
		for seed := range uint64(32) {
			f := newFS()
			fd := open(t, f, "/a", "x", "content")
			if test.file {
				_ = f.Sync(fd)
			}
			if d, err := f.OpenPath("/a"); err == nil && test.dir {
				_ = f.Sync(d)
			}
			f.Crash(func() bool { return false }, rand.New(rand.NewPCG(seed, 0)))
			files := f.Files("/a")
			if (len(files) == 1) != test.exists {
				t.Fatalf("%s synced: after a power cut there are %d files", test.name, len(files))
			}
			if test.exists && string(files[0].Data) == "content" {
				whole++
			}
			if len(f.Open()) > 0 {
				t.Fatalf("a dead process has %v open", f.Open())
			}
		}
		if test.exists && (whole == 32) != test.full {
			t.Errorf("%s synced: %d of 32 power cuts left the content whole", test.name, whole)
		}
	}
}

func TestARenameIsKeptOrNotAsOne(t *testing.T) {
	t.Parallel()
	for _, keep := range []bool{false, true} {
		f := newFS()
		f.Put("/a/x", []byte("1"), true)
		a, _ := f.OpenPath("/a")
		b, _ := f.OpenPath("/b")
		if err := f.Rename(a, "x", b, "y"); err != nil {
			t.Fatal(err)
		}
		f.Crash(func() bool { return keep }, rand.New(rand.NewPCG(1, 1)))
		if f.Has("/a/x") == keep || f.Has("/b/y") != keep {
			t.Errorf("kept %v: the old name is there: %v, the new one: %v", keep, f.Has("/a/x"), f.Has("/b/y"))
		}
	}
}

func TestAChangeIsNotKeptWithoutTheOneBeforeIt(t *testing.T) {
	t.Parallel()
	f := simfs.New(simfs.Options{Now: time.Now, Links: true})
	f.MakeAll("/a")
	f.MakeAll("/b")
	f.Put("/a/x", []byte("1"), true)
	a, _ := f.OpenPath("/a")
	b, _ := f.OpenPath("/b")
	if err := f.Rename(a, "x", b, "y"); err != nil {
		t.Fatal(err)
	}
	n := 0
	f.Crash(func() bool { n++; return n == 2 }, rand.New(rand.NewPCG(1, 1))) // the unlink without the link
	if !f.Has("/a/x") {
		t.Error("the file is lost: its old name was taken away, and it has no new one")
	}
}

func TestWhatASyncFailedToWriteNoLaterOneWrites(t *testing.T) {
	t.Parallel()
	failing := true
	f := simfs.New(simfs.Options{Now: time.Now, Call: func(call, _ string) simfs.Fault {
		if call == "fsync" && failing {
			failing = false
			return simfs.Fault{Err: unix.EIO}
		}
		return simfs.Fault{}
	}})
	f.MakeAll("/a")
	fd := open(t, f, "/a", "x", "content")
	if err := f.Sync(fd); err != unix.EIO {
		t.Fatal(err)
	}
	if err := f.Sync(fd); err != nil {
		t.Fatal(err)
	}
	f.Flush()
	f.Crash(func() bool { return true }, rand.New(rand.NewPCG(3, 3)))
	if string(f.Files("/a")[0].Data) == "content" {
		t.Error("the content is there")
	}
}
