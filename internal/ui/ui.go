// Package ui is what the user sees. A run tells it what happens, as events of
// package sync; it shows them as progress on a terminal, as lines for a person,
// or as JSON for a program, and it decides what is not worth showing.
//
// Standard output has what was asked for: a summary, a plan, JSON. Standard
// error has what went wrong, as "godwit: work/INBOX: …" and "hint: …", and the
// progress. Without a terminal a run that went well says nothing at all, so
// that cron sends no mail about it.
//
// Whatever a server, a file name or another program chose is cleaned before it
// is shown, and each text of that kind is shown once. Nothing here ends the
// program or chooses its exit code.
package ui

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"godwit/internal/clean"
)

// Level is how much is said.
type Level int

// The levels. Quiet: errors alone. Normal: a summary for each account, on a
// terminal. Verbose: a line for each thing done as well, terminal or not.
const (
	Normal Level = iota
	Quiet
	Verbose
)

// Options say where output goes and what it looks like. Out and Err are
// required.
type Options struct {
	Out, Err io.Writer
	// OutTerminal and ErrTerminal say that a person is watching there.
	OutTerminal, ErrTerminal bool
	// Color permits colours, and Unicode signs such as "✓", on a terminal.
	Color, Unicode bool
	Level          Level
	// JSON makes every event one line of JSON on Out, and nothing else there.
	JSON bool
	// Progress draws bars on Err.
	Progress bool
	// Now is the clock; nil: time.Now.
	Now func() time.Time
}

// Printer shows things. It is safe for use by many goroutines. Close it before
// the program ends.
type Printer struct {
	o Options
	// Secrets are struck out of everything that is shown.
	Secrets clean.Striker

	mu       sync.Mutex
	shown    map[string]bool // lines of Err that are not to be repeated
	accounts int             // width of the longest account name
	bars     *bars           // nil: no progress now
}

// New makes a printer.
func New(o Options) *Printer {
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Printer{o: o, shown: map[string]bool{}}
}

// Level tells how much is to be said.
func (p *Printer) Level() Level { return p.o.Level }

// JSON tells that standard output is for a program.
func (p *Printer) JSON() bool { return p.o.JSON }

// chatty tells whether to say what is neither a success nor a failure: a run
// from cron would say it every five minutes.
func (p *Printer) chatty() bool {
	return p.o.Level == Verbose || p.o.Level == Normal && p.o.ErrTerminal
}

// Stopping tells that the run is being ended.
func (p *Printer) Stopping() {
	if p.o.ErrTerminal && p.o.Level != Quiet {
		p.Warn("", "stopping; once more ends it at once")
	}
}

// Clean makes a text fit to be shown, on one line.
func (p *Printer) Clean(text string) string { return p.Secrets.Line(text) }

// Error shows what went wrong, with what it is about ("work/INBOX"; empty: all
// of it), once.
func (p *Printer) Error(scope, text string) {
	p.complain(p.style(p.o.ErrTerminal).red("godwit:"), scope, text)
}

// Warn shows what went less than well.
func (p *Printer) Warn(scope, text string) {
	p.complain(p.style(p.o.ErrTerminal).yellow("godwit:"), scope, text)
}

// Hint shows what can be done about it, once.
func (p *Printer) Hint(text string) {
	p.complain(p.style(p.o.ErrTerminal).cyan("hint:"), "", text)
}

func (p *Printer) complain(mark, scope, text string) {
	line := mark + " "
	if scope != "" {
		line += p.Clean(scope) + ": "
	}
	line += p.Clean(text) + "\n"
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.shown[line] {
		return
	}
	p.shown[line] = true
	p.write(p.o.Err, line)
}

// Print writes a line to standard output, cleaned already where it needs to be.
func (p *Printer) Print(line string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.write(p.o.Out, line+"\n")
}

// Printf is Print with a format.
func (p *Printer) Printf(format string, args ...any) { p.Print(fmt.Sprintf(format, args...)) }

// write sends whole lines out, above the bars where there are some. An output
// that cannot be written has nobody to tell.
func (p *Printer) write(w io.Writer, lines string) {
	terminal := w == p.o.Err && p.o.ErrTerminal || w == p.o.Out && p.o.OutTerminal
	if p.bars != nil && terminal {
		p.bars.print(lines)
		return
	}
	_, _ = io.WriteString(w, lines)
}

// Close ends the progress and leaves the terminal as it should be.
func (p *Printer) Close() {
	p.mu.Lock()
	bars := p.bars
	p.bars = nil
	p.mu.Unlock()
	if bars != nil {
		bars.close()
	}
}

// style is the colours for an output: none where it is no terminal.
func (p *Printer) style(terminal bool) style { return style(terminal && p.o.Color) }

// Style is the colours for standard output.
func (p *Printer) Style() Style { return Style{p.style(p.o.OutTerminal)} }

// Mark returns the sign of something that is well, or that is not.
func (p *Printer) Mark(m Mark) string {
	s := p.style(p.o.OutTerminal)
	signs := [...][2]string{{"✓", "ok  "}, {"!", "warn"}, {"✗", "FAIL"}, {"·", "    "}}
	sign := signs[m][1]
	if p.o.Unicode {
		sign = signs[m][0]
	}
	switch m {
	case Good:
		return s.green(sign)
	case Doubtful:
		return s.yellow(sign)
	case Bad:
		return s.red(sign)
	}
	return s.dim(sign)
}

// Mark is the sign before a line.
type Mark int

// The marks.
const (
	Good Mark = iota
	Doubtful
	Bad
	Neutral
)

// Style colours text for standard output.
type Style struct{ s style }

// Bold, Dim and the like return the text with the colour that it has on a
// terminal.
func (s Style) Bold(text string) string   { return s.s.bold(text) }
func (s Style) Dim(text string) string    { return s.s.dim(text) }
func (s Style) Cyan(text string) string   { return s.s.cyan(text) }
func (s Style) Green(text string) string  { return s.s.green(text) }
func (s Style) Yellow(text string) string { return s.s.yellow(text) }

// style says whether there are colours.
type style bool

func (s style) paint(code, text string) string {
	if !s || text == "" {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

func (s style) bold(text string) string   { return s.paint("1", text) }
func (s style) dim(text string) string    { return s.paint("2", text) }
func (s style) red(text string) string    { return s.paint("1;31", text) }
func (s style) green(text string) string  { return s.paint("32", text) }
func (s style) yellow(text string) string { return s.paint("33", text) }
func (s style) cyan(text string) string   { return s.paint("36", text) }

// scope names what a line is about.
func scope(account string, mailbox string) string {
	return strings.TrimSuffix(account+"/"+mailbox, "/")
}
