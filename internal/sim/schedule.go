package sim

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing/synctest"
	"time"

	"godwit/internal/fake"
	"godwit/sync"
)

// errKilled is what every call says once the run is dead.
var errKilled = errors.New("killed")

// gate is a goroutine that waits to go on.
type gate struct {
	point, detail string
	goroutine     uint64 // as the runtime numbers it
	pass          chan error
}

// schedule lets the goroutines of one run go on one at a time.
type schedule struct {
	arrive  chan *gate
	waiting []*gate
	random  *rand.Rand
	known   map[uint64]int // goroutines, in the order in which they came to their first point
	count   int            // points passed
	passed  map[string]int // by name
	dead    bool
	hasty   bool // no time passes while others wait
	cancel  context.CancelFunc
	// at is called when a point is reached, while everybody waits.
	at func(s *schedule, point string)
	// tell is told of every point.
	tell func(point, detail string)
}

// point is called by the run's goroutines.
func (s *schedule) point(name, detail string) error {
	g := &gate{name, detail, self(), make(chan error)}
	s.arrive <- g
	return <-g.pass
}

// self is the number of the goroutine that calls it, or zero: a goroutine has the
// higher number than one that its parent started before. It serves to tell apart
// what is at the same point on the same errand.
func self() (number uint64) {
	var stack [64]byte
	for _, c := range stack[len("goroutine "):runtime.Stack(stack[:], false)] {
		if c < '0' || c > '9' {
			break
		}
		number = 10*number + uint64(c-'0')
	}
	return number
}

// reads are the calls without an effect: one point each will do.
var reads = map[string]bool{
	"Local.Root": true, "Local.Mailboxes": true, "Local.Stamp": true, "Local.Scan": true, "Local.Room": true,
	"Local.Locate": true, "Local.Read": true, "Local.Open": true,
	"Server.Mailboxes": true, "Server.Observe": true, "Server.List": true, "Server.Identify": true,
}

// attach has the calls of a fake stop at their points.
func attach(script *fake.Script, name string, now func() *schedule) {
	script.Enter = func(c fake.Call) error {
		s := now()
		if s == nil || name == "Base" && c.Method != "Commit" {
			return nil // nobody but the run changes base: when it is read does not matter
		}
		return s.point(name+"."+c.Method, c.Detail)
	}
	script.Step = func(point string) error {
		s := now()
		if s == nil || reads[point] || !strings.Contains(point, " ") && point != "Server.Append" {
			return nil // Enter has just been there
		}
		return s.point(point, "")
	}
}

// errStuck is said of a run that does nothing, for ever.
var errStuck = errors.New("the run is stuck")

// run carries a run out.
func (s *schedule) run(o sync.Options) (result sync.Result, err error) {
	s.arrive, s.passed, s.known = make(chan *gate), map[string]int{}, map[uint64]int{}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	s.cancel = cancel
	o.Step = func(name string) error { return s.point(name, "") }
	done := make(chan struct{})
	go func() {
		defer close(done)
		result, err = sync.Run(ctx, o)
	}()
	for s.next(done) {
		s.release()
	}
	if len(s.waiting) > 0 {
		return result, fmt.Errorf("%w, waiting: %v", errStuck, s.waiting[0].point)
	}
	select {
	case <-done:
		return result, err
	default:
		return result, errStuck
	}
}

// next waits until all goroutines of the run wait, and tells whether any is left.
func (s *schedule) next(done chan struct{}) bool {
	for {
		synctest.Wait()
		for more := true; more; {
			select {
			case g := <-s.arrive:
				s.waiting = append(s.waiting, g)
			default:
				more = false
			}
		}
		if len(s.waiting) > 0 {
			return true
		}
		select { // the run is over, or waits for time to pass
		case <-done:
			return false
		case g := <-s.arrive:
			s.waiting = append(s.waiting, g)
		case <-time.After(time.Hour):
			return false
		}
	}
}

// release lets one goroutine go on.
func (s *schedule) release() {
	slices.SortFunc(s.waiting, func(a, b *gate) int {
		return cmp.Or(cmp.Compare(a.point, b.point), cmp.Compare(a.detail, b.detail),
			cmp.Compare(s.known[a.goroutine], s.known[b.goroutine]), cmp.Compare(a.goroutine, b.goroutine))
	})
	for _, g := range s.waiting {
		if s.known[g.goroutine] == 0 {
			s.known[g.goroutine] = len(s.known) + 1
		}
	}
	i := 0
	if n := len(s.waiting); n > 1 {
		i = s.random.IntN(n)
	}
	if !s.hasty && s.random.IntN(16) == 0 {
		time.Sleep(time.Duration(s.random.IntN(12)) * time.Millisecond)
		synctest.Wait() // for those who waited for that
	}
	g := s.waiting[i]
	s.waiting = slices.Delete(s.waiting, i, i+1)
	if !s.dead {
		s.count++
		s.passed[g.point]++
		s.tell(g.point, g.detail)
		s.at(s, g.point)
	}
	if s.dead {
		g.pass <- errKilled
		return
	}
	g.pass <- nil
}
