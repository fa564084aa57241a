package imap

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"
	gosync "sync"
	"sync/atomic"
	"time"

	goimap "github.com/emersion/go-imap/v2"
)

var errInterrupted = errors.New("read interrupted")

// maxResponse is how long one response of the control plane may be.
const maxResponse = 4 << 20

// maxAnswer is how long all responses to what was sent at once may be: a LIST of
// more mailboxes than anybody has.
const maxAnswer = 32 << 20

// control is the net.Conn that imapclient gets. It hands whole responses on,
// only those that imapclient needs and in the form that it understands, and
// gives the rest to whoever listens: LIST, STATUS and ID answers among them, since
// imapclient would decode mailbox names for good and end the connection at one
// that it cannot decode. Every tagged OK tells imapclient capabilities, so that
// it never asks for them by itself at a moment nobody chose.
type control struct {
	link    *link
	secrets *secrets
	notice  func(text string) // what the server wants the user to know

	raw      []byte       // received, up to now not a whole response
	consumed int          // how much of raw was taken
	answer   atomic.Int64 // octets since something was sent
	out      []byte       // for imapclient

	mu        gosync.Mutex
	caps      goimap.CapSet // as the server last gave them; nil: forgotten
	bye       string
	failed    error // why reading ended
	detaching bool
	asking    bool                               // the command under way may be asked for more
	untagged  func(kind string, response []byte) // takes what is not for imapclient
	own       map[string]chan ownAnswer          // by tag
	sends     int

	writing  gosync.Mutex
	corked   bool
	gathered []byte
}

func newControl(l *link) *control {
	return &control{
		link: l, secrets: &secrets{}, notice: func(string) {}, own: map[string]chan ownAnswer{},
	}
}

// Read is for imapclient's reading goroutine.
func (c *control) Read(p []byte) (int, error) {
	for len(c.out) == 0 {
		response, err := c.next()
		if err != nil {
			c.mu.Lock()
			if c.detaching {
				err = io.EOF
			} else if c.failed == nil {
				c.failed = err
			}
			c.mu.Unlock()
			c.abandon()
			return 0, err
		}
		c.out = c.translate(response)
	}
	n := copy(p, c.out)
	c.out = c.out[n:]
	return n, nil
}

// next returns the next whole response, literals included, valid until the call
// after it.
func (c *control) next() ([]byte, error) {
	if c.consumed > 0 {
		c.raw = c.raw[:copy(c.raw, c.raw[c.consumed:])]
		c.consumed = 0
	}
	for {
		if n := responseLength(c.raw); n > 0 {
			c.consumed = n
			if total := c.answer.Add(int64(n)); total > maxAnswer {
				return nil, fmt.Errorf("the server does not stop talking: %d octets in answer to one command", total)
			}
			return c.raw[:n], nil
		}
		if len(c.raw) > maxResponse {
			return nil, fmt.Errorf("the server sent a response longer than %d octets", maxResponse)
		}
		c.raw = slices.Grow(c.raw, 4096)
		n, err := c.link.Read(c.raw[len(c.raw):cap(c.raw)])
		c.raw = c.raw[:len(c.raw)+n]
		if n == 0 && err != nil {
			return nil, err
		}
	}
}

// responseLength returns how long the response at the start of b is, zero when
// its end is not there. A status response is one line: the text at its end may
// look like a literal and is none (RFC 9051, 7.1).
func responseLength(b []byte) int {
	from := 0
	for {
		end := bytes.IndexByte(b[from:], '\n')
		if end < 0 {
			return 0
		}
		end += from + 1
		line := bytes.TrimRight(b[from:end], "\r\n")
		if from == 0 {
			if _, kind, _ := splitResponse(line); isStatus(kind) || line != nil && bytes.HasPrefix(line, []byte("+")) {
				return end
			}
		}
		size, ok := literalSize(line)
		if !ok {
			return end
		}
		if size > int64(maxResponse) || size > int64(len(b)-end) {
			return 0
		}
		from = end + int(size)
	}
}

// literalSize reads the {n} at a line's end (RFC 9051, 4.3).
func literalSize(line []byte) (int64, bool) {
	if len(line) == 0 || line[len(line)-1] != '}' {
		return 0, false
	}
	open := bytes.LastIndexByte(line, '{')
	if open < 0 {
		return 0, false
	}
	n, err := strconv.ParseInt(strings.TrimSuffix(string(line[open+1:len(line)-1]), "+"), 10, 64)
	return n, err == nil && n >= 0
}

// splitResponse takes a response apart: "*", "+" or the tag; the upper-case word
// after it; and the rest. A number before the word is skipped.
func splitResponse(line []byte) (tag, kind string, rest []byte) {
	first, after, _ := bytes.Cut(line, []byte(" "))
	word, rest, _ := bytes.Cut(after, []byte(" "))
	if len(word) > 0 && word[0] >= '0' && word[0] <= '9' {
		word, rest, _ = bytes.Cut(rest, []byte(" "))
	}
	return string(first), strings.ToUpper(string(word)), rest
}

func isStatus(kind string) bool {
	switch kind {
	case "OK", "NO", "BAD", "BYE", "PREAUTH":
		return true
	}
	return false
}

// namespace is a NAMESPACE response that imapclient can read (RFC 2342, 6). At any
// other it would end the connection.
var namespace = regexp.MustCompile(`^(?i)\* NAMESPACE` + strings.Repeat(` (?:NIL|\((?:\("(?:[^"\\]|\\.)*" (?:NIL|"(?:[^"\\]|\\.)")\) ?)+\))`, 3) + `$`)

// translate returns a response as imapclient may see it; nothing when it must
// not.
func (c *control) translate(response []byte) []byte {
	line := bytes.TrimRight(response, "\r\n")
	if len(line) == 0 {
		return nil // one too many, as some servers send it
	}
	if bytes.HasPrefix(line, []byte("+")) {
		if !c.mayAsk() {
			return nil // nobody waits for it, and imapclient would end the connection
		}
		return append(slices.Clone(line), "\r\n"...)
	}
	tag, kind, rest := splitResponse(line)
	switch {
	case isStatus(kind):
		return c.translateStatus(tag, kind, string(rest))
	case tag != "*":
		return append(slices.Clone(line), "\r\n"...) // no response that we know; imapclient will say so
	case kind == "CAPABILITY":
		c.setCaps(string(rest))
		return []byte("* CAPABILITY " + c.shownCaps() + "\r\n")
	case kind == "NAMESPACE" && namespace.Match(line):
		return slices.Clone(response)
	}
	c.mu.Lock()
	untagged := c.untagged
	c.mu.Unlock()
	if untagged != nil {
		untagged(kind, response)
	}
	return nil
}

// translateStatus rewrites a status response so that it holds only a code and a
// text that imapclient can read.
func (c *control) translateStatus(tag, kind, rest string) []byte {
	code, arguments, text := splitCode(rest)
	text = c.secrets.clean(text)
	if code == "CAPABILITY" {
		c.setCaps(arguments)
	}
	if code == "ALERT" && text != "" { // RFC 9051, 7.1: MUST be shown
		c.notice(text)
	}
	if kind == "BYE" {
		c.mu.Lock()
		c.bye = text
		c.mu.Unlock()
	}
	if c.answered(tag, kind, code, text) {
		return nil
	}
	shown := ""
	switch {
	case tag != "*" && kind == "OK", tag == "*" && code == "CAPABILITY":
		shown = "[CAPABILITY " + c.shownCaps() + "] "
	case tag != "*" && code != "":
		shown = "[" + code + "] "
	}
	if text == "" || shown == "" && text[0] == '[' { // what looks like a code and is none
		text = "- " + text
	}
	return []byte(tag + " " + kind + " " + shown + text + "\r\n")
}

// ask says whether the command under way is one that the server may ask for more
// of. Only a login is.
func (c *control) ask(may bool) {
	c.mu.Lock()
	c.asking = may
	c.mu.Unlock()
}

func (c *control) mayAsk() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.asking
}

// splitCode takes the response code off a status response's text. The code's
// name is upper-case and an atom, or empty.
func splitCode(rest string) (code, arguments, text string) {
	if !strings.HasPrefix(rest, "[") {
		return "", "", rest
	}
	end := strings.IndexByte(rest, ']')
	if strings.HasPrefix(rest, "[PERMANENTFLAGS (") || strings.HasPrefix(rest, "[BADCHARSET (") {
		if i := strings.Index(rest, ")]"); i >= 0 { // a flag may hold "]" at Gmail
			end = i + 1
		}
	}
	if end < 0 {
		return "", "", rest
	}
	code, arguments, _ = strings.Cut(rest[1:end], " ")
	if strings.ContainsAny(code, "(){%*\"\\") {
		code = ""
	}
	return strings.ToUpper(code), arguments, strings.TrimPrefix(rest[end+1:], " ")
}

// setCaps takes a capability list as the server wrote it.
func (c *control) setCaps(list string) {
	caps := make(goimap.CapSet)
	for _, name := range strings.Fields(list) {
		if name = strings.ToUpper(name); !strings.ContainsFunc(name, func(r rune) bool { return r <= ' ' || r > '~' }) {
			caps[canonicalCap(name)] = struct{}{}
		}
	}
	c.mu.Lock()
	c.caps = caps
	c.mu.Unlock()
}

// canonicalCap spells a capability as go-imap's constants do.
func canonicalCap(upper string) goimap.Cap {
	switch upper {
	case "IMAP4REV1":
		return goimap.CapIMAP4rev1
	case "IMAP4REV2":
		return goimap.CapIMAP4rev2
	}
	return goimap.Cap(upper)
}

// shownCaps returns the capabilities that imapclient may know of: those that
// only concern logging in and literals. IMAP4rev2 and UTF8=ACCEPT would change
// how it writes mailbox names.
func (c *control) shownCaps() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	names := []string{string(goimap.CapIMAP4rev1)}
	for name := range c.caps {
		switch {
		case strings.HasPrefix(string(name), "AUTH="), name == goimap.CapSASLIR, name == goimap.CapLiteralPlus,
			name == goimap.CapLiteralMinus, name == goimap.CapLoginDisabled, name == goimap.CapID, name == goimap.CapNamespace:
			if !strings.ContainsAny(string(name), `(){%*"\]`) {
				names = append(names, string(name))
			}
		}
	}
	slices.Sort(names[1:])
	return strings.Join(names, " ")
}

// known returns the capabilities as the server last gave them, nil when they
// were forgotten.
func (c *control) known() goimap.CapSet {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.caps
}

// forget drops the capabilities: a login or TLS may have changed them (RFC
// 9051, 6.2.1 and 6.2.2).
func (c *control) forget() {
	c.mu.Lock()
	c.caps = nil
	c.mu.Unlock()
}

func (c *control) byeText() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.bye
}

// failure tells why reading ended, nil as long as it goes on.
func (c *control) failure() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.failed
}

// Write is for imapclient's commands.
func (c *control) Write(p []byte) (int, error) {
	c.writing.Lock()
	defer c.writing.Unlock()
	return c.write(p)
}

// write sends, or gathers while the stream is corked. The caller holds writing.
func (c *control) write(p []byte) (int, error) {
	c.answer.Store(0)
	if c.corked {
		c.gathered = append(c.gathered, p...)
		return len(p), nil
	}
	return c.link.Write(p)
}

// cork gathers what is written until it is taken off, so that several commands
// leave in one piece and cost one turn.
func (c *control) cork() {
	c.writing.Lock()
	c.corked = true
	c.writing.Unlock()
}

func (c *control) uncork() error {
	c.writing.Lock()
	defer c.writing.Unlock()
	c.corked = false
	c.answer.Store(0)
	_, err := c.link.Write(c.gathered)
	c.gathered = nil
	return err
}

// listen has f called, by the reading goroutine, with every untagged response
// that is not for imapclient; nil: nobody is told.
func (c *control) listen(f func(kind string, response []byte)) {
	c.mu.Lock()
	c.untagged = f
	c.mu.Unlock()
}

// ownAnswer is the tagged answer to a command that imapclient did not send.
type ownAnswer struct{ kind, code, text string }

// send sends a command that imapclient has no words for, pipelined with its
// own, while imapclient is not in the middle of one. Its untagged answers go
// where those of imapclient's commands go; the tagged one comes through the
// channel, which is closed without one when the connection ends.
func (c *control) send(command string) (<-chan ownAnswer, error) {
	c.writing.Lock()
	defer c.writing.Unlock()
	answer := make(chan ownAnswer, 1)
	c.mu.Lock()
	c.sends++
	tag := "X" + strconv.Itoa(c.sends)
	c.own[tag] = answer
	c.mu.Unlock()
	_, err := c.write([]byte(tag + " " + command + "\r\n"))
	return answer, err
}

// answered gives a tagged answer to whoever sent the command with send.
func (c *control) answered(tag, kind, code, text string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	answer, ok := c.own[tag]
	if ok {
		answer <- ownAnswer{kind, code, text}
		close(answer)
		delete(c.own, tag)
	}
	return ok
}

// abandon ends the wait of everybody who called send: nothing is read any more.
func (c *control) abandon() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for tag, answer := range c.own {
		close(answer)
		delete(c.own, tag)
	}
}

// detach ends imapclient's reading with EOF. The caller has no command in
// flight. Once imapclient has closed its end, [control.release] gives the stream
// to the next stage.
func (c *control) detach() {
	c.mu.Lock()
	c.detaching = true
	c.mu.Unlock()
	c.link.interrupt()
}

// release returns the stream at a response's boundary; nobody reads control any
// more.
func (c *control) release() *link {
	c.link.resume(slices.Clone(c.raw[c.consumed:]))
	return c.link
}

// Close is imapclient's; the stream outlives it once it is detached.
func (c *control) Close() error {
	c.mu.Lock()
	keep := c.detaching
	c.mu.Unlock()
	if keep {
		return nil
	}
	return c.link.Close()
}

func (c *control) LocalAddr() net.Addr  { return c.link.Conn.LocalAddr() }
func (c *control) RemoteAddr() net.Addr { return c.link.Conn.RemoteAddr() }

// imapclient's deadlines are absolute; the link has its own.
func (c *control) SetDeadline(time.Time) error      { return nil }
func (c *control) SetReadDeadline(time.Time) error  { return nil }
func (c *control) SetWriteDeadline(time.Time) error { return nil }
