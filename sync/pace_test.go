package sync

import (
	"testing"

	"godwit/mail"
)

func TestBatchesShrinkTowardsTheEnd(t *testing.T) {
	t.Parallel()
	sizes := func(p *pace, n int) (sizes []int) {
		for _, piece := range p.cut(mail.UIDSpan(1, mail.UID(n)), 4) {
			sizes = append(sizes, piece.Len())
		}
		return sizes
	}
	for _, c := range []struct {
		name                     string
		came, octets, toCome     int64
		batch, pieces, firstSize int
	}{
		{"sizes are not known", 0, 0, 100, 512, 1, 512},
		{"much is to come", 1000, 40_000_000, 10_000, 512, 1, 512},
		{"less", 1000, 40_000_000, 1200, 512, 6, 12},
		{"the end, of messages of 40 kB", 1000, 40_000_000, 10, 200, 16, 5},
		{"the end, of messages of 2 kB", 1000, 2_000_000, 10, 200, 1, 200},
		{"messages of 5 MB", 10, 50_000_000, 1, 3, 3, 1},
		{"the server told too few", 1000, 40_000_000, -5, 26, 2, 13},
	} {
		var p pace
		p.came(int(c.came), c.octets)
		p.toCome.Store(c.toCome)
		got := sizes(&p, c.batch)
		if len(got) != c.pieces || got[0] != c.firstSize {
			t.Errorf("%s: %d, want %d pieces, the first of %d", c.name, got, c.pieces, c.firstSize)
		}
	}
	var p pace
	p.came(1, 1<<20)
	if first := p.cut(mail.UIDSpan(1, 3), 4)[0]; !first.Contains(3) {
		t.Errorf("%v comes first, want the newest", first)
	}
}
