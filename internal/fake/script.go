package fake

import "sync"

// Effect is how far a call gets before it fails.
type Effect uint8

const (
	Before Effect = iota // nothing happened
	Partly               // the first Items happened
	After                // all of it happened, and the answer was lost
)

// Fault is a failure of one call.
type Fault struct {
	Method string // as in "Append"
	Call   int    // which call of the method, from now on; zero and 1: the next
	Effect Effect
	Items  int // with Partly: how many messages or changes take effect
	Err    error
}

// Call is one line of the log.
type Call struct {
	Method string
	Detail string // what it was about: mailbox, set, keys
}

func (c Call) String() string { return c.Method + " " + c.Detail }

// Script is what a test arranges to happen in calls of a fake, and what it is
// told of them. The zero Script lets everything succeed.
type Script struct {
	// Step, when set, is called before every effect, with the fake's and the
	// method's name as in "Server.Append", and again, with " done" at the end,
	// when the effect is there but its caller was not told. An error ends the
	// call. Set it before the fake is used.
	Step func(name string) error
	// Enter, when set, is called first of all in every call, reading ones too,
	// with what the call is about. An error ends the call before any effect. Set
	// it before the fake is used.
	Enter func(c Call) error

	script sync.Mutex
	faults []Fault
	calls  []Call
}

// Fail arranges for a call to fail.
func (s *Script) Fail(f Fault) {
	s.script.Lock()
	defer s.script.Unlock()
	f.Call = max(f.Call, 1)
	s.faults = append(s.faults, f)
}

// Calls returns the log so far.
func (s *Script) Calls() []Call {
	s.script.Lock()
	defer s.script.Unlock()
	return append([]Call(nil), s.calls...)
}

// Count tells how often a method was called.
func (s *Script) Count(method string) int {
	n := 0
	for _, c := range s.Calls() {
		if c.Method == method {
			n++
		}
	}
	return n
}

// Forget empties the log and drops the faults that have not happened.
func (s *Script) Forget() {
	s.script.Lock()
	defer s.script.Unlock()
	s.calls, s.faults = nil, nil
}

// step calls the hook.
func (s *Script) step(name string) error {
	if s.Step == nil {
		return nil
	}
	return s.Step(name)
}

// enter logs a call and returns the fault that it shall suffer, or nil. One that
// strikes before any effect comes as the error.
func (s *Script) enter(method, detail string) (*Fault, error) {
	if s.Enter != nil {
		if err := s.Enter(Call{method, detail}); err != nil {
			return nil, err
		}
	}
	s.script.Lock()
	defer s.script.Unlock()
	s.calls = append(s.calls, Call{method, detail})
	for i := 0; i < len(s.faults); i++ {
		f := &s.faults[i]
		if f.Method != method {
			continue
		}
		if f.Call--; f.Call > 0 {
			continue
		}
		struck := *f
		s.faults = append(s.faults[:i], s.faults[i+1:]...)
		if struck.Effect == Before {
			return nil, struck.Err
		}
		return &struck, nil
	}
	return nil, nil
}

// items is how many of n messages or changes take effect.
func (f *Fault) items(n int) int {
	if f != nil && f.Effect == Partly {
		return min(f.Items, n)
	}
	return n
}

// error is what the call says in the end.
func (f *Fault) error() error {
	if f == nil {
		return nil
	}
	return f.Err
}
