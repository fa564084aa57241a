package sim

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
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
	pass          chan error
}

// schedule lets the goroutines of one run go on one at a time.
type schedule struct {
	arrive  chan *gate
	waiting []*gate
	random  *rand.Rand
	count   int            // points passed
	passed  map[string]int // by name
	dead    bool
	cancel  context.CancelFunc
	// at is called when a point is reached, while everybody waits.
	at func(s *schedule, point string)
	// tell is told of every point.
	tell func(point, detail string)
}

// point is called by the run's goroutines.
func (s *schedule) point(name, detail string) error {
	g := &gate{name, detail, make(chan error)}
	s.arrive <- g
	return <-g.pass
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
	s.arrive, s.passed = make(chan *gate), map[string]int{}
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
		return cmp.Or(cmp.Compare(a.point, b.point), cmp.Compare(a.detail, b.detail))
	})
	i := 0
	if n := len(s.waiting); n > 1 {
		i = s.random.IntN(n)
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
