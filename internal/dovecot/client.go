package dovecot

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"net"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// T is what a [Client] needs of a test: *testing.T has it.
type T interface {
	Helper()
	Fatalf(format string, args ...any)
}

// Client is "another client" of an account: it does to the server what a test
// wants done behind a synchroniser's back, and reads what is there. It is small
// and plain on purpose, shares no code with what is tested, and ends the test
// when the server refuses anything; [Client.Do] alone returns the refusal. Mailbox
// names are UTF-8 with the server's own separator.
type Client struct {
	t        T
	conn     net.Conn
	r        *bufio.Reader
	tag      int
	selected string
}

// Response is an untagged response: its text, in which each literal stands as
// {n} with its bytes in Literals.
type Response struct {
	Text     string
	Literals [][]byte
}

// clientTimeout is how long the server may take for one command.
const clientTimeout = 2 * time.Minute

// Dial logs in as user. The connection is closed with [Client.Close], or when
// the test binary ends.
func (s *Server) Dial(t T, user string) *Client {
	t.Helper()
	conn, err := net.Dial("tcp", s.Addr)
	if err != nil {
		t.Fatalf("dialling Dovecot: %v", err)
	}
	c := &Client{t: t, conn: conn, r: bufio.NewReaderSize(conn, 64<<10)}
	conn.SetDeadline(time.Now().Add(clientTimeout))
	if _, err := c.read(); err != nil {
		t.Fatalf("Dovecot's greeting: %v", err)
	}
	c.must("LOGIN %s %s", quote(user), quote(Password))
	return c
}

// Close ends the session.
func (c *Client) Close() { c.conn.Close() }

// Do sends one command without its tag and returns the untagged responses. NO,
// BAD and a lost connection are errors.
func (c *Client) Do(format string, args ...any) ([]Response, error) {
	return c.do(fmt.Sprintf(format, args...), nil)
}

func (c *Client) must(format string, args ...any) []Response {
	c.t.Helper()
	got, err := c.Do(format, args...)
	if err != nil {
		c.t.Fatalf("another client: %v", err)
	}
	return got
}

// do sends a command, with a literal at its end unless that is nil. The tagged
// answer is the last response.
func (c *Client) do(command string, literal []byte) ([]Response, error) {
	c.conn.SetDeadline(time.Now().Add(clientTimeout))
	c.tag++
	tag := "t" + strconv.Itoa(c.tag)
	line := tag + " " + command
	if literal != nil {
		line += fmt.Sprintf(" {%d+}", len(literal))
	}
	out := append([]byte(line+"\r\n"), literal...)
	if literal != nil {
		out = append(out, "\r\n"...)
	}
	if _, err := c.conn.Write(out); err != nil {
		return nil, fmt.Errorf("%s: %w", command, err)
	}
	var all []Response
	for {
		r, err := c.read()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", command, err)
		}
		all = append(all, r)
		rest, tagged := strings.CutPrefix(r.Text, tag+" ")
		if !tagged {
			continue
		}
		if !strings.HasPrefix(rest, "OK") {
			return all, fmt.Errorf("%s: %s", command, rest)
		}
		return all, nil
	}
}

// read reads one response, literals included (RFC 9051, 4.3).
func (c *Client) read() (Response, error) {
	var r Response
	for {
		line, err := c.r.ReadString('\n')
		if err != nil {
			return r, err
		}
		line = strings.TrimSuffix(line, "\r\n")
		r.Text += line
		open := strings.LastIndexByte(line, '{')
		if open < 0 || !strings.HasSuffix(line, "}") {
			return r, nil
		}
		size, err := strconv.Atoi(line[open+1 : len(line)-1])
		if err != nil {
			return r, nil // a brace in some text
		}
		literal := make([]byte, size)
		if _, err := io.ReadFull(c.r, literal); err != nil {
			return r, err
		}
		r.Literals = append(r.Literals, literal)
	}
}

// Append adds a message and returns its UID. flags are IMAP names; a zero date
// leaves the date to the server.
func (c *Client) Append(mailbox string, flags []string, date time.Time, body []byte) uint32 {
	c.t.Helper()
	command := fmt.Sprintf("APPEND %s (%s)", Name(mailbox), strings.Join(flags, " "))
	if !date.IsZero() {
		command += date.Format(` "_2-Jan-2006 15:04:05 -0700"`)
	}
	if body == nil {
		body = []byte{}
	}
	got, err := c.do(command, body)
	if err != nil {
		c.t.Fatalf("another client: %v", err)
	}
	code := appendUID.FindStringSubmatch(got[len(got)-1].Text)
	if code == nil {
		return 0
	}
	uid, _ := strconv.ParseUint(code[1], 10, 32)
	return uint32(uid)
}

var appendUID = regexp.MustCompile(`\[APPENDUID \d+ (\d+)\]`)

// Selected is what SELECT told.
type Selected struct {
	Exists        int
	UIDValidity   uint32
	UIDNext       uint32
	HighestModSeq uint64 // zero: NOMODSEQ, or not said
	ReadOnly      bool
}

// Select selects a mailbox, again if it is selected already.
func (c *Client) Select(mailbox string) Selected {
	c.t.Helper()
	c.selected = ""
	got := c.must("SELECT %s (CONDSTORE)", Name(mailbox))
	c.selected = mailbox
	var s Selected
	for _, r := range got {
		if n, ok := strings.CutSuffix(r.Text, " EXISTS"); ok {
			fmt.Sscanf(n, "* %d", &s.Exists)
		}
		fmt.Sscanf(r.Text, "* OK [UIDVALIDITY %d]", &s.UIDValidity)
		fmt.Sscanf(r.Text, "* OK [UIDNEXT %d]", &s.UIDNext)
		fmt.Sscanf(r.Text, "* OK [HIGHESTMODSEQ %d]", &s.HighestModSeq)
	}
	s.ReadOnly = strings.Contains(got[len(got)-1].Text, "[READ-ONLY]")
	return s
}

func (c *Client) enter(mailbox string) {
	c.t.Helper()
	if c.selected != mailbox {
		c.Select(mailbox)
	}
}

// Store changes flags of messages by UID: change is "+", "-" or "" (replace).
func (c *Client) Store(mailbox, uids, change string, flags ...string) {
	c.t.Helper()
	c.enter(mailbox)
	c.must("UID STORE %s %sFLAGS.SILENT (%s)", uids, change, strings.Join(flags, " "))
}

// Expunge removes messages by UID.
func (c *Client) Expunge(mailbox, uids string) {
	c.t.Helper()
	c.Store(mailbox, uids, "+", `\Deleted`)
	c.must("UID EXPUNGE %s", uids)
}

// Move moves messages by UID.
func (c *Client) Move(mailbox, uids, target string) {
	c.t.Helper()
	c.enter(mailbox)
	c.must("UID MOVE %s %s", uids, Name(target))
}

// Copy copies messages by UID.
func (c *Client) Copy(mailbox, uids, target string) {
	c.t.Helper()
	c.enter(mailbox)
	c.must("UID COPY %s %s", uids, Name(target))
}

// Create creates a mailbox and subscribes to it.
func (c *Client) Create(mailbox string) {
	c.t.Helper()
	c.must("CREATE %s", Name(mailbox))
	c.must("SUBSCRIBE %s", Name(mailbox))
}

// Rename renames a mailbox.
func (c *Client) Rename(from, to string) {
	c.t.Helper()
	c.leave(from)
	c.must("RENAME %s %s", Name(from), Name(to))
}

// Delete deletes a mailbox with its messages.
func (c *Client) Delete(mailbox string) {
	c.t.Helper()
	c.leave(mailbox)
	c.must("DELETE %s", Name(mailbox))
}

func (c *Client) leave(mailbox string) {
	c.t.Helper()
	if c.selected == mailbox {
		c.must("UNSELECT")
		c.selected = ""
	}
}

var listLine = regexp.MustCompile(`^\* LIST \(([^)]*)\) (?:NIL|"(?:\\.|[^"])*") (.*)$`)

// Mailboxes lists the mailboxes that can hold messages, sorted.
func (c *Client) Mailboxes() []string {
	c.t.Helper()
	var names []string
	for _, r := range c.must(`LIST "" *`) {
		m := listLine.FindStringSubmatch(r.Text)
		if m == nil || strings.Contains(strings.ToLower(m[1]), `\no`) { // \Noselect, \NonExistent; \NoInferiors holds messages
			if m == nil || !strings.EqualFold(m[1], `\NoInferiors`) {
				continue
			}
		}
		raw := m[2]
		switch {
		case len(r.Literals) > 0:
			raw = string(r.Literals[0])
		case strings.HasPrefix(raw, `"`):
			raw = unquote(raw)
		}
		name, err := decodeUTF7(raw)
		if err != nil {
			c.t.Fatalf("another client: LIST gave %q: %v", raw, err)
		}
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Message is a message as the server has it.
type Message struct {
	UID    uint32
	Sum    [sha256.Size]byte // of the body's bytes
	Size   int
	Flags  []string // sorted, \Recent left out
	Date   time.Time
	ModSeq uint64
	Body   []byte // nil in a dump
}

// Messages reads all messages of a mailbox, whole, in order of UID.
func (c *Client) Messages(mailbox string) []Message {
	c.t.Helper()
	selected := c.Select(mailbox)
	if selected.Exists == 0 {
		return nil
	}
	items := "UID FLAGS INTERNALDATE BODY.PEEK[]"
	if selected.HighestModSeq != 0 {
		items += " MODSEQ"
	}
	var all []Message
	for _, r := range c.must("UID FETCH 1:* (%s)", items) {
		if m, ok := parseFetch(r); ok {
			all = append(all, m)
		}
	}
	slices.SortFunc(all, func(a, b Message) int { return int(int64(a.UID) - int64(b.UID)) })
	return all
}

var (
	fetchLine   = regexp.MustCompile(`^\* \d+ FETCH \(`)
	fetchUID    = regexp.MustCompile(`[( ]UID (\d+)`)
	fetchFlags  = regexp.MustCompile(`[( ]FLAGS \(([^)]*)\)`)
	fetchDate   = regexp.MustCompile(`[( ]INTERNALDATE "([^"]*)"`)
	fetchModSeq = regexp.MustCompile(`[( ]MODSEQ \((\d+)\)`)
)

func parseFetch(r Response) (Message, bool) {
	uid := fetchUID.FindStringSubmatch(r.Text)
	if !fetchLine.MatchString(r.Text) || uid == nil || !strings.Contains(r.Text, "BODY[]") {
		return Message{}, false // a change of flags by somebody else
	}
	var m Message
	n, _ := strconv.ParseUint(uid[1], 10, 32)
	m.UID = uint32(n)
	if f := fetchFlags.FindStringSubmatch(r.Text); f != nil {
		for name := range strings.FieldsSeq(f[1]) {
			if name != `\Recent` {
				m.Flags = append(m.Flags, name)
			}
		}
	}
	slices.Sort(m.Flags)
	if d := fetchDate.FindStringSubmatch(r.Text); d != nil {
		m.Date, _ = time.Parse("_2-Jan-2006 15:04:05 -0700", d[1])
	}
	if s := fetchModSeq.FindStringSubmatch(r.Text); s != nil {
		m.ModSeq, _ = strconv.ParseUint(s[1], 10, 64)
	}
	m.Body = []byte{}
	if len(r.Literals) > 0 {
		m.Body = r.Literals[0]
	} else if i := strings.Index(r.Text, `BODY[] "`); i >= 0 {
		m.Body = []byte(unquote(strings.TrimSuffix(r.Text[i+len("BODY[] "):], ")")))
	}
	m.Size = len(m.Body)
	m.Sum = sha256.Sum256(m.Body)
	return m, true
}

// Account is everything that an account holds, by mailbox, without bodies.
type Account map[string][]Message

// Dump reads the whole account.
func (c *Client) Dump() Account {
	c.t.Helper()
	all := Account{}
	for _, name := range c.Mailboxes() {
		messages := c.Messages(name)
		for i := range messages {
			messages[i].Body = nil
		}
		all[name] = messages
	}
	return all
}

// Dump logs in as user, reads the whole account and logs out.
func (s *Server) Dump(t T, user string) Account {
	t.Helper()
	c := s.Dial(t, user)
	defer c.Close()
	return c.Dump()
}

// Fill appends n small messages, each different, to a mailbox in few turns, with
// the UIDs in order.
func (c *Client) Fill(mailbox string, n int, body func(i int) []byte) {
	c.t.Helper()
	c.conn.SetDeadline(time.Now().Add(clientTimeout))
	for start := 0; start < n; start += 100 {
		var out bytes.Buffer
		end := min(n, start+100)
		for i := start; i < end; i++ {
			b := body(i)
			fmt.Fprintf(&out, "f%d APPEND %s {%d+}\r\n%s\r\n", i, Name(mailbox), len(b), b)
		}
		if _, err := c.conn.Write(out.Bytes()); err != nil {
			c.t.Fatalf("another client: APPEND: %v", err)
		}
		for answered := start; answered < end; {
			r, err := c.read()
			if err != nil {
				c.t.Fatalf("another client: APPEND: %v", err)
			}
			if strings.HasPrefix(r.Text, "f") {
				if !strings.HasPrefix(r.Text, fmt.Sprintf("f%d OK", answered)) {
					c.t.Fatalf("another client: APPEND: %s", r.Text)
				}
				answered++
			}
		}
	}
}
