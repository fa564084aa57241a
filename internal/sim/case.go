package sim

import (
	"bufio"
	"fmt"
	"strconv"
	"strings"
)

// Case is a story of an account, from nothing to the last quiet point.
type Case struct {
	Seed    uint64 // of the order of events within runs
	Profile string // of the server, see profiles
	Mode    string // two-way, pull, push, archive
	Trash   bool   // the server has a trash mailbox, and removals go there
	Workers int
	Files   string // memory: the fake Maildir; disk: the real one on a simulated file system
	Base    string // memory: the fake record; sqlite: the real one
	Remove  string // both: a mailbox that one side removed is removed from the other; empty: it is not
	Acts    []Act
}

// Act is one of: an Op of somebody else, a Run, or, where both are nil, quiet:
// undisturbed runs until nothing changes, and judgement.
type Act struct {
	Op  *Op
	Run *Run
}

// Op is something that another client or the mail reader does. What the numbers
// mean depends on Do; they are taken modulo what there is.
type Op struct {
	Do      string
	A, B, C int
}

// Run is one run of the engine and what happens to it.
type Run struct {
	Full, AllowDeletes, Recreate bool
	Events                       []Event
	Faults                       []Fault
}

// Event is something that happens when a run comes to a point: the At-th time
// that it passes the one named Point, or any point where that is empty.
type Event struct {
	At    int
	Point string
	Do    string // "op", "kill", "power", "stop"
	Op    Op
	Keep  uint64 // with "power": which unflushed changes the disk wrote, by bits
}

// Fault is a call that fails.
type Fault struct {
	Method string
	Call   int
	Effect string // before, partly, after
	Items  int
	Err    string // offline, uncertain, disk, other
}

func (o Op) String() string { return fmt.Sprintf("%s %d %d %d", o.Do, o.A, o.B, o.C) }

func (e Event) String() string {
	point := e.Point
	if point == "" {
		point = "any"
	}
	s := fmt.Sprintf("at %d %q ", e.At, point)
	switch e.Do {
	case "op":
		return s + "op " + e.Op.String()
	case "power":
		return s + "power " + strconv.FormatUint(e.Keep, 16)
	}
	return s + e.Do
}

func (f Fault) String() string {
	return fmt.Sprintf("fail %s %d %s %d %s", f.Method, f.Call, f.Effect, f.Items, f.Err)
}

// String writes the case as [Parse] reads it.
func (c Case) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "case seed=%d profile=%s mode=%s trash=%t workers=%d files=%s base=%s",
		c.Seed, c.Profile, c.Mode, c.Trash, c.Workers, c.Files, c.Base)
	if c.Remove != "" {
		b.WriteString(" remove=" + c.Remove)
	}
	b.WriteByte('\n')
	for _, a := range c.Acts {
		switch {
		case a.Op != nil:
			fmt.Fprintf(&b, "op %s\n", a.Op)
		case a.Run == nil:
			b.WriteString("quiet\n")
		default:
			fmt.Fprintf(&b, "run full=%t allow=%t recreate=%t\n", a.Run.Full, a.Run.AllowDeletes, a.Run.Recreate)
			for _, f := range a.Run.Faults {
				fmt.Fprintf(&b, "\t%s\n", f)
			}
			for _, e := range a.Run.Events {
				fmt.Fprintf(&b, "\t%s\n", e)
			}
		}
	}
	return b.String()
}

// Parse reads what String wrote. Empty lines and lines that begin with # are
// passed over.
func Parse(text string) (Case, error) {
	var c Case
	lines := bufio.NewScanner(strings.NewReader(text))
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		if err := c.parse(line); err != nil {
			return c, fmt.Errorf("line %d, %q: %w", n, line, err)
		}
	}
	return c, lines.Err()
}

func (c *Case) parse(line string) error {
	word, rest, _ := strings.Cut(line, " ")
	switch word {
	case "case":
		rest, c.Remove, _ = strings.Cut(rest, " remove=")
		_, err := fmt.Sscanf(rest, "seed=%d profile=%s mode=%s trash=%t workers=%d files=%s base=%s",
			&c.Seed, &c.Profile, &c.Mode, &c.Trash, &c.Workers, &c.Files, &c.Base)
		return err
	case "op":
		op, err := parseOp(rest)
		c.Acts = append(c.Acts, Act{Op: &op})
		return err
	case "quiet":
		c.Acts = append(c.Acts, Act{})
		return nil
	case "run":
		var r Run
		_, err := fmt.Sscanf(rest, "full=%t allow=%t recreate=%t", &r.Full, &r.AllowDeletes, &r.Recreate)
		c.Acts = append(c.Acts, Act{Run: &r})
		return err
	}
	if len(c.Acts) == 0 || c.Acts[len(c.Acts)-1].Run == nil {
		return fmt.Errorf("not within a run")
	}
	r := c.Acts[len(c.Acts)-1].Run
	switch word {
	case "fail":
		var f Fault
		_, err := fmt.Sscanf(rest, "%s %d %s %d %s", &f.Method, &f.Call, &f.Effect, &f.Items, &f.Err)
		r.Faults = append(r.Faults, f)
		return err
	case "at":
		e, err := parseEvent(rest)
		r.Events = append(r.Events, e)
		return err
	}
	return fmt.Errorf("unknown word %q", word)
}

func parseOp(text string) (op Op, err error) {
	_, err = fmt.Sscanf(text, "%s %d %d %d", &op.Do, &op.A, &op.B, &op.C)
	return op, err
}

func parseEvent(text string) (e Event, err error) {
	number, text, _ := strings.Cut(text, " ")
	if e.At, err = strconv.Atoi(number); err != nil {
		return e, err
	}
	quoted, err := strconv.QuotedPrefix(text)
	if err != nil {
		return e, err
	}
	if e.Point, err = strconv.Unquote(quoted); err != nil {
		return e, err
	}
	if e.Point == "any" {
		e.Point = ""
	}
	do, rest, _ := strings.Cut(strings.TrimSpace(text[len(quoted):]), " ")
	e.Do = do
	switch do {
	case "op":
		e.Op, err = parseOp(rest)
	case "power":
		e.Keep, err = strconv.ParseUint(rest, 16, 64)
	case "kill", "stop":
	default:
		err = fmt.Errorf("unknown event %q", do)
	}
	return e, err
}
