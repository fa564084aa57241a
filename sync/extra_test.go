package sync

import (
	"testing"
	"unsafe"
)

// An account may have a hundred thousand mailboxes, and each has a box in every run:
// 288 octets are a size that the allocator has. What few mailboxes have belongs into
// extra.
func TestAMailboxIsSmall(t *testing.T) {
	t.Parallel()
	if size := unsafe.Sizeof(box{}); size > 288 {
		t.Errorf("a box has %d octets, want at most 288", size)
	}
}

// Work side by side on a mailbox that has nothing extra shares what it gets then.
func TestAMailboxHasOneExtra(t *testing.T) {
	t.Parallel()
	b := &box{before: unknown}
	if b.has() != &noExtra {
		t.Fatal("it has something already")
	}
	got := make(chan *extra)
	for range 8 {
		go func() { got <- b.own() }()
	}
	for range 8 {
		if e := <-got; e != b.has() || e == &noExtra {
			t.Error("another one")
		}
	}
}
