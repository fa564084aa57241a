package ui

import (
	"io"
	gosync "sync"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"godwit/sync"
)

// refresh is how often the bars are drawn.
const refresh = 120 * time.Millisecond

// bars draws one block of lines for each account that is running. mpb does what
// a terminal needs: the redrawing, its width, lines above the bars. What stands
// in the lines is decided in [track.render], which is a function of its state.
type bars struct {
	out   io.Writer
	look  look
	now   func() time.Time
	group *mpb.Progress

	mu     gosync.Mutex
	tracks map[string]*track
	drawn  map[string]*mpb.Bar
}

func newBars(out io.Writer, l look, now func() time.Time) *bars {
	return &bars{
		out: out, look: l, now: now,
		group:  mpb.New(mpb.WithOutput(out), mpb.WithAutoRefresh(), mpb.WithRefreshRate(refresh)),
		tracks: map[string]*track{}, drawn: map[string]*mpb.Bar{},
	}
}

// begin draws an account's block.
func (b *bars) begin(account string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	t := newTrack(account, b.now())
	b.tracks[account] = t
	widest := 0
	for name := range b.tracks {
		widest = max(widest, Width(name))
	}
	b.look.names = widest
	lines := func(s decor.Statistics) []string {
		b.mu.Lock()
		defer b.mu.Unlock()
		t.tick(b.now())
		return t.render(b.look, s.AvailableWidth-1)
	}
	bar, err := b.group.Add(0,
		mpb.BarFillerFunc(func(w io.Writer, s decor.Statistics) error {
			_, err := io.WriteString(w, lines(s)[0])
			return err
		}),
		mpb.BarFillerTrim(), mpb.BarRemoveOnComplete(),
		mpb.BarExtender(mpb.BarFillerFunc(func(w io.Writer, s decor.Statistics) error {
			for _, line := range lines(s)[1:] {
				if _, err := io.WriteString(w, line+"\n"); err != nil {
					return err
				}
			}
			return nil
		}), false))
	if err == nil { // else the bars have ended, and there is nothing to draw on
		b.drawn[account] = bar
	}
}

func (b *bars) event(account string, e sync.Event) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if t := b.tracks[account]; t != nil {
		t.event(e)
	}
}

// end takes an account's block away.
func (b *bars) end(account string) {
	b.mu.Lock()
	bar := b.drawn[account]
	delete(b.drawn, account)
	b.mu.Unlock()
	if bar != nil {
		bar.Abort(true)
		bar.Wait()
	}
}

// print writes whole lines above the blocks.
func (b *bars) print(lines string) {
	if _, err := b.group.Write([]byte(lines)); err != nil { // they have ended
		_, _ = io.WriteString(b.out, lines)
	}
}

// close takes every block away and waits until the terminal is as it was.
func (b *bars) close() {
	b.mu.Lock()
	left := make([]*mpb.Bar, 0, len(b.drawn))
	for _, bar := range b.drawn {
		left = append(left, bar)
	}
	clear(b.drawn)
	b.mu.Unlock()
	for _, bar := range left {
		bar.Abort(true)
	}
	b.group.Wait()
}
