package imap

import (
	"bytes"
	"fmt"
	gosync "sync"
)

// tracer shows a connection's dialogue, line by line: no literals, and nothing
// of a login. A nil tracer does nothing.
type tracer struct {
	show    func(line string)
	secrets *secrets

	mu      gosync.Mutex
	in, out dialogue
	hidden  bool // what is sent now is a login
	off     bool
}

// dialogue cuts one direction's octets into lines.
type dialogue struct {
	line []byte
	skip int64 // octets of a literal still to come
}

func newTracer(show func(line string), s *secrets) *tracer {
	if show == nil {
		return nil
	}
	return &tracer{show: show, secrets: s}
}

func (t *tracer) received(p []byte) { t.feed(p, false) }
func (t *tracer) sent(p []byte)     { t.feed(p, true) }

// hide says whether what is sent from now on must not be shown.
func (t *tracer) hide(hidden bool) {
	if t == nil {
		return
	}
	t.mu.Lock()
	t.hidden = hidden
	t.mu.Unlock()
}

// stop ends the tracing: what comes now is compressed.
func (t *tracer) stop() {
	if t == nil {
		return
	}
	t.mu.Lock()
	t.off = true
	t.mu.Unlock()
}

func (t *tracer) feed(p []byte, sent bool) {
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.off {
		return
	}
	d, mark := &t.in, "S: "
	if sent {
		d, mark = &t.out, "C: "
		if t.hidden {
			t.show(mark + struckOut)
			return
		}
	}
	for len(p) > 0 {
		if d.skip > 0 {
			n := min(d.skip, int64(len(p)))
			d.skip, p = d.skip-n, p[n:]
			continue
		}
		end := bytes.IndexByte(p, '\n') + 1
		whole := end > 0
		if !whole {
			end = len(p)
		}
		d.line = append(d.line, p[:end]...)
		p = p[end:]
		if !whole {
			if len(d.line) > 64<<10 { // compressed, or no IMAP at all
				d.line = d.line[:0]
			}
			continue
		}
		line := bytes.TrimRight(d.line, "\r\n")
		if _, kind, _ := splitResponse(line); !isStatus(kind) {
			d.skip, _ = literalSize(line)
		}
		shown := t.secrets.clean(string(line))
		if d.skip > 0 {
			shown += fmt.Sprintf(" <%d octets>", d.skip)
		}
		d.line = d.line[:0]
		t.show(mark + shown)
	}
}
