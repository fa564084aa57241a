package maildir

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"godwit/mail"

	"golang.org/x/sys/unix"
)

// fill makes n empty messages. Links to one file cost less than files; a link
// count has a limit on most file systems.
func fill(b *testing.B, a *Account, m string, n int) {
	b.Helper()
	cur := filepath.Join(a.root, m, "cur")
	source := ""
	for i := range n {
		name := filepath.Join(cur, fmt.Sprintf("%d.M%06dQ%dP4242Rgodwit1a2b3c4d.host:2,S", 1763692800+i/512, i*7919%1000000, i))
		if i%30000 == 0 {
			must(b, os.WriteFile(name, nil, 0o600))
			source = name
			continue
		}
		must(b, os.Link(source, name))
	}
}

// cpu is the processor time that this process has used. On a machine that others
// work on, it tells more than the time that went by.
func cpu() time.Duration {
	var u unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func benchmarkScan(b *testing.B, n int) {
	a := withBox(b, "INBOX")
	fill(b, a, "INBOX", n)
	quiet(b, a, "INBOX")
	runtime.GC()
	b.ReportAllocs()
	b.ResetTimer()
	began := cpu()
	for b.Loop() {
		if l := scan(b, a, "INBOX"); l.Len() != n {
			b.Fatal(l.Len(), "messages")
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "ns/message")
	b.ReportMetric(float64(cpu()-began)/float64(b.N)/float64(n), "cpu-ns/message")
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	b.ReportMetric(float64(m.HeapSys>>20), "MiB-heap")
}

func BenchmarkScan100k(b *testing.B) { benchmarkScan(b, 100_000) }

func BenchmarkScan1M(b *testing.B) {
	if testing.Short() {
		b.Skip("a million files")
	}
	benchmarkScan(b, 1_000_000)
}

// message is about 4 KiB in wire form.
var message4k = "Subject: a message\r\nDate: Fri, 21 Nov 2025 03:00:00 +0000\r\nMessage-ID: <1@example.org>\r\n\r\n" +
	strings.Repeat(strings.Repeat("x", 70)+"\r\n", 56)

func BenchmarkStage(b *testing.B) {
	a := withBox(b, "Work/2024")
	b.ReportAllocs()
	n := 0
	began := cpu()
	for b.Loop() {
		if _, err := a.Stage(ctx(), "Work/2024", mail.Delivery{Size: int64(len(message4k)), Date: 1e9}, strings.NewReader(message4k)); err != nil {
			b.Fatal(err)
		}
		n++
	}
	b.ReportMetric(float64(cpu()-began)/float64(n), "cpu-ns/message")
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "messages/s")
}

func BenchmarkStore(b *testing.B) {
	f := &memoryFile{b: make([]byte, 8192)}
	buf := make([]byte, 0, 64<<10)
	p := []byte(message4k)
	b.SetBytes(int64(len(p)))
	for b.Loop() {
		f.at = 0
		s := storer{out: f, write: f.Write, buf: buf[:0]}
		s.Write(p)
		s.finish()
	}
}

func benchmarkSettle(b *testing.B, n int, no bool) {
	a := withBox(b, "INBOX")
	a.durable.noSyncfs = no
	for b.Loop() {
		b.StopTimer()
		var staged []mail.Staged
		for range n {
			s, err := a.Stage(ctx(), "INBOX", mail.Delivery{Size: -1}, strings.NewReader(message4k))
			must(b, err)
			staged = append(staged, s)
		}
		b.StartTimer()
		must(b, a.Settle(ctx(), staged))
		b.StopTimer()
		must(b, a.Discard(ctx(), staged))
		b.StartTimer()
	}
}

func BenchmarkSettle(b *testing.B) {
	for _, n := range []int{1, 8, 64, 512} {
		b.Run(fmt.Sprintf("%d/syncfs", n), func(b *testing.B) { benchmarkSettle(b, n, false) })
		b.Run(fmt.Sprintf("%d/fsync", n), func(b *testing.B) { benchmarkSettle(b, n, true) })
	}
}

// BenchmarkDeliver is a batch's whole way: Stage, Settle and Place of 512.
func BenchmarkDeliver(b *testing.B) {
	a := withBox(b, "INBOX")
	n := 0
	for b.Loop() {
		var staged []mail.Staged
		for range 512 {
			s, err := a.Stage(ctx(), "INBOX", mail.Delivery{Size: -1, Flags: mail.Flags{System: mail.Seen}, Date: 1e9}, strings.NewReader(message4k))
			must(b, err)
			staged = append(staged, s)
		}
		must(b, a.Settle(ctx(), staged))
		must(b, a.Place(ctx(), staged))
		n += len(staged)
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "messages/s")
}

func BenchmarkSetFlags20k(b *testing.B) {
	a := withBox(b, "INBOX")
	fill(b, a, "INBOX", 20_000)
	l := scan(b, a, "INBOX")
	var changes []mail.KeyFlags
	for i := range l.Len() {
		changes = append(changes, add(l.At(i).Key, `\Flagged`))
	}
	on := true
	for b.Loop() {
		for i := range changes {
			d := &changes[i].Delta
			if d.Add, d.Remove = flags(`\Flagged`), (mail.Flags{}); !on {
				d.Add, d.Remove = d.Remove, d.Add
			}
		}
		on = !on
		results, err := a.SetFlags(ctx(), "INBOX", changes)
		all(b, results, err)
	}
}

func BenchmarkRead(b *testing.B) {
	a := withBox(b, "INBOX")
	s := deliver(b, a, "INBOX", mail.Delivery{Flags: flags(`\Seen`)}, message4k)
	fill(b, a, "INBOX", 10_000)
	b.ReportAllocs()
	for b.Loop() {
		c, err := a.Read(ctx(), "INBOX", s.Key)
		must(b, err)
		if !bytes.Equal(c.Hash[:], s.Content.Hash[:]) {
			b.Fatal("other content")
		}
	}
}
