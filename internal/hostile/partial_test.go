package hostile

import (
	"bytes"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
)

// slides is a large message: a text, an attachment, and a message within.
func slides(name string) []byte {
	return fmt.Appendf(nil, "From: a@example.org\r\nDate: Sat, 21 Nov 2026 10:00:00 +0000\r\nMessage-ID: <%[1]s@example.org>\r\nSubject: %[1]s\r\n"+
		"MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=\"=_b\"\r\n\r\n--=_b\r\nContent-Type: text/plain\r\n\r\nthe text of %[1]s\r\n"+
		"--=_b\r\nContent-Type: application/octet-stream\r\nContent-Disposition: attachment; filename=slides.bin\r\n\r\n%[2]s"+
		"--=_b\r\nContent-Type: message/rfc822\r\n\r\nFrom: b@example.org\r\nSubject: inside\r\n\r\n%[3]s--=_b--\r\n",
		name, strings.Repeat("0123456789abcdef\r\n", 1000), strings.Repeat("inner text\r\n", 1000))
}

// partly is a server that gets the parts of the message "odd", INBOX's UID 2, wrong.
type partly struct {
	name string
	bend func(*stage)
	// becomes is what the run makes of "odd": "partial", with its text, "header",
	// "whole", or "none", several where either will do.
	becomes string
	exit    int
	silent  bool // nothing needs to be said
	// others tells that the fault befalls all messages.
	others bool
}

// structures has f write the BODYSTRUCTURE of the message "odd".
func structures(f func(structure string) string) func(*stage) {
	return ofOdd(func(response string) string {
		at := strings.Index(response, "BODYSTRUCTURE ")
		if at < 0 {
			return response
		}
		from := at + len("BODYSTRUCTURE ")
		to := from + balanced(response[from:])
		return response[:from] + f(response[from:to]) + response[to:]
	})
}

// balanced is the length of the list at the beginning.
func balanced(s string) int {
	depth := 0
	for i, c := range s {
		switch c {
		case '(':
			depth++
		case ')':
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
	return len(s)
}

var oneResponse = regexp.MustCompile(`(?m)^\* \d+ FETCH \(UID 2 `)

// ofOdd has f write the FETCH responses about "odd".
func ofOdd(f func(response string) string) func(*stage) {
	return answers("UID FETCH", func(c *Conn, cmd *Command, answer string) string {
		at := oneResponse.FindStringIndex(answer)
		if c.selected == nil || c.selected.Name != "INBOX" || at == nil {
			return answer
		}
		end := len(answer)
		for _, next := range []string{"\r\n* ", "\r\n" + cmd.Tag + " "} {
			if i := strings.Index(answer[at[1]:], next); i >= 0 {
				end = min(end, at[1]+i+2)
			}
		}
		return answer[:at[0]] + f(answer[at[0]:end]) + answer[end:]
	})
}

// partOfOdd answers the FETCHes of the parts of "odd" by f, those of its header,
// structure and whole as ever.
func partOfOdd(f func(c *Conn, cmd *Command) bool) func(*stage) {
	return func(st *stage) {
		st.server.Do(func() {
			st.server.Before = func(c *Conn, cmd *Command) bool {
				if cmd.Verb != "UID FETCH" || !strings.Contains(cmd.Line, "BODY.PEEK[1") || !parseUIDs(cmd.arg(0).text, c.highest()).has(2) {
					return false
				}
				return f(c, cmd)
			}
		})
	}
}

// cutAtOdd ends the connection where a FETCH of "odd" has this in it.
func cutAtOdd(item string) func(*stage) {
	return func(st *stage) {
		st.server.Do(func() {
			st.server.Before = func(c *Conn, cmd *Command) bool {
				if cmd.Verb != "UID FETCH" || c.selected.Name != "INBOX" || !strings.Contains(cmd.Line, item) || !parseUIDs(cmd.arg(0).text, c.highest()).has(2) {
					return false
				}
				c.Cut()
				return true
			}
		})
	}
}

// cutOnce ends the connection at the first FETCH of parts.
func cutOnce(st *stage) {
	var done atomic.Bool
	partOfOdd(func(c *Conn, _ *Command) bool {
		if done.Swap(true) {
			return false
		}
		c.Cut()
		return true
	})(st)
}

func refuses(status string) func(*Conn, *Command) bool {
	return func(c *Conn, cmd *Command) bool { return c.Say("%s %s", cmd.Tag, status) }
}

var section = regexp.MustCompile(`(?s)BODY\[([0-9A-Z.]+)\](<0>)? \{(\d+)\}\r\n`)

// altered has the sections in the answer to a FETCH of parts replaced.
func altered(f func(spec, text string) string) func(*Conn, *Command) bool {
	return func(c *Conn, cmd *Command) bool {
		answer := c.Ordinary(cmd)
		var out strings.Builder
		for {
			at := section.FindStringSubmatchIndex(answer)
			if at == nil {
				break
			}
			n := 0
			fmt.Sscan(answer[at[6]:at[7]], &n)
			out.WriteString(answer[:at[0]] + f(answer[at[2]:at[3]], answer[at[1]:at[1]+n]))
			answer = answer[at[1]+n:]
		}
		return c.Write(out.String() + answer)
	}
}

func literalOf(spec, text string) string {
	return fmt.Sprintf("BODY[%s] {%d}\r\n%s", spec, len(text), text)
}

var partlyCases = []partly{
	{name: "an honest server", bend: func(*stage) {}, becomes: "partial", silent: true},
	{name: "no structure", bend: structures(func(string) string { return "NIL" }), becomes: "header"},
	{name: "an empty structure", bend: structures(func(string) string { return "()" }), becomes: "header"},
	{name: "a structure that is none", bend: structures(func(string) string { return `("text")` }), becomes: "header"},
	{name: "a structure that is a text", bend: structures(func(string) string { return `"multipart/mixed"` }), becomes: "header"},
	{name: "a structure that does not end", bend: structures(func(s string) string { return strings.TrimRight(s, ")") }), becomes: "header"},
	{name: "the structure left out", bend: ofOdd(func(r string) string {
		return regexp.MustCompile(` BODYSTRUCTURE .* BODY`).ReplaceAllString(r, " BODY")
	}), becomes: "header"},
	{name: "a structure of another message", bend: structures(func(string) string { return `("TEXT" "PLAIN" NIL NIL NIL "7BIT" 40000 900)` }), becomes: "header"},
	{name: "a structure with another boundary", bend: structures(func(s string) string { return strings.ReplaceAll(s, "=_b", "=_c") }), becomes: "header"},
	{name: "a structure with more parts than there are", bend: structures(func(s string) string {
		return strings.Replace(s, `("text"`, `("TEXT" "PLAIN" NIL NIL NIL "7BIT" 5 1)("text"`, 1)
	}), becomes: "header partial"},
	{name: "a structure nested too deep", bend: structures(func(s string) string {
		return strings.Repeat("(", 200) + s + strings.Repeat(` "MIXED")`, 200)
	}), becomes: "header"},
	{name: "a thousand parts", bend: structures(func(string) string {
		return "(" + strings.Repeat(`("TEXT" "PLAIN" NIL NIL NIL "7BIT" 5 1)`, 1000) + ` "MIXED" ("BOUNDARY" "=_b"))`
	}), becomes: "header"},
	{name: "parts of no size", bend: structures(func(s string) string {
		return regexp.MustCompile(`("7BIT") \d+`).ReplaceAllString(s, "$1 0")
	}), becomes: "whole partial", silent: true},
	{name: "parts that are larger than said", bend: structures(func(s string) string {
		return regexp.MustCompile(`("7BIT") \d+`).ReplaceAllString(s, "$1 7")
	}), becomes: "whole", silent: true},
	{name: "parts that are smaller than said", bend: structures(func(s string) string {
		return regexp.MustCompile(`("7BIT") \d+`).ReplaceAllString(s, "$1 900000000")
	}), becomes: "partial", silent: true},
	{name: "a size that is too large", bend: ofOdd(func(r string) string {
		return regexp.MustCompile(`RFC822.SIZE \d+`).ReplaceAllString(r, "RFC822.SIZE 987654321")
	}), becomes: "partial", silent: true},
	{name: "a size that is too small", bend: ofOdd(func(r string) string {
		return regexp.MustCompile(`RFC822.SIZE \d+`).ReplaceAllString(r, "RFC822.SIZE 4100")
	}), becomes: "partial header whole", silent: true},
	{name: "a size of nothing", bend: ofOdd(func(r string) string {
		return regexp.MustCompile(`RFC822.SIZE \d+`).ReplaceAllString(r, "RFC822.SIZE 0")
	}), becomes: "whole none", exit: -1, silent: true},
	{name: "parts refused", bend: partOfOdd(refuses("NO [CANNOT] no parts")), becomes: "header"},
	{name: "parts called an error", bend: partOfOdd(refuses("BAD what is this")), becomes: "header"},
	{name: "parts passed over", bend: partOfOdd(refuses("OK done")), becomes: "header"},
	{name: "parts that are NIL", bend: partOfOdd(altered(func(spec, _ string) string { return "BODY[" + spec + "] NIL" })), becomes: "header"},
	{name: "parts that are empty", bend: partOfOdd(altered(func(spec, _ string) string { return literalOf(spec, "") })), becomes: "header partial"},
	{name: "one part that is NIL", bend: partOfOdd(altered(func(spec, text string) string {
		if spec == "1" {
			return "BODY[1] NIL"
		}
		return literalOf(spec, text)
	})), becomes: "header"},
	{name: "parts under other names", bend: partOfOdd(altered(func(spec, text string) string {
		return literalOf(strings.NewReplacer("1", "2", "2", "3", "3", "1").Replace(spec), text)
	})), becomes: "header"},
	{name: "parts without end", bend: partOfOdd(altered(func(spec, text string) string { return literalOf(spec, strings.Repeat(text+"\r\n", 300)) })), becomes: "header"},
	{name: "the header of parts missing", bend: partOfOdd(altered(func(spec, text string) string {
		if strings.HasSuffix(spec, ".MIME") {
			return "BODY[" + spec + "] NIL"
		}
		return literalOf(spec, text)
	})), becomes: "header"},
	{name: "parts of another message", bend: partOfOdd(func(c *Conn, cmd *Command) bool {
		return c.Write(strings.ReplaceAll(c.Ordinary(cmd), "(UID 2 ", "(UID 1 "))
	}), becomes: "header"},
	{name: "a part without a line end", bend: partOfOdd(altered(func(spec, text string) string { return literalOf(spec, strings.TrimRight(text, "\r\n")) })), becomes: "partial header", silent: true},
	{name: "a boundary in a part", bend: partOfOdd(altered(func(spec, text string) string {
		return literalOf(spec, "--=_b--\r\n"+text)
	})), becomes: "partial header", silent: true},
	{name: "the header empty", bend: ofOdd(func(r string) string {
		return regexp.MustCompile(`(?s)BODY\[HEADER\] \{\d+\}.*\)\r\n`).ReplaceAllString(r, "BODY[HEADER] {0}\r\n)\r\n")
	}), becomes: "whole", silent: true},
	{name: "the header NIL", bend: ofOdd(func(r string) string {
		return regexp.MustCompile(`(?s)BODY\[HEADER\] \{\d+\}.*\)\r\n`).ReplaceAllString(r, "BODY[HEADER] NIL)\r\n")
	}), becomes: "whole", silent: true},
	{name: "the structure refused to all", bend: func(st *stage) {
		st.server.Do(func() {
			st.server.Before = func(c *Conn, cmd *Command) bool {
				return cmd.Verb == "UID FETCH" && strings.Contains(cmd.Line, "BODYSTRUCTURE") && c.Say("%s BAD no BODYSTRUCTURE here", cmd.Tag)
			}
		})
	}, becomes: "header", others: true},
	{name: "header and structure refused to all", bend: func(st *stage) {
		st.server.Do(func() {
			st.server.Before = func(c *Conn, cmd *Command) bool {
				return cmd.Verb == "UID FETCH" && strings.Contains(cmd.Line, "HEADER") && c.Say("%s NO not by parts", cmd.Tag)
			}
		})
	}, becomes: "whole", others: true, silent: true},
	{name: "parts that end the connection", bend: partOfOdd(func(c *Conn, _ *Command) bool { c.Cut(); return true }), becomes: "header"},
	{name: "parts that end the connection once", bend: cutOnce, becomes: "partial", silent: true},
	{name: "a structure that ends the connection", bend: cutAtOdd("BODYSTRUCTURE"), becomes: "header"},
	{name: "a header that ends the connection", bend: cutAtOdd("HEADER"), becomes: "whole", silent: true},
}

// partlyPlay is a case from its beginning to its end.
func partlyPlay(t *testing.T, h partly) {
	st := newStage(t)
	st.account = []string{`max_size = "4KB"`}
	odd, good := slides("odd"), slides("good")
	small := []byte("From: a@example.org\r\nDate: Sat, 21 Nov 2026 10:00:00 +0000\r\nMessage-ID: <s@x>\r\nSubject: small\r\n\r\nsmall\r\n")
	st.server.Do(func() {
		for _, body := range [][]byte{small, odd, good} {
			st.server.Deliver(st.server.Mailbox("INBOX"), body)
		}
		st.server.Add("Work", slides("work"))
	})
	h.bend(st)
	r := st.run(mostTime, "sync")
	t.Logf("%v", r)
	if h.exit >= 0 && r.exit != h.exit {
		t.Errorf("exit code %d, want %d", r.exit, h.exit)
	}
	said := strings.Count(r.err, "UID 2")
	if !h.silent && said != 1 {
		t.Errorf("the message is named %d times", said)
	}
	got := st.became(odd)
	if !slices.Contains(strings.Fields(h.becomes), got) {
		t.Errorf("the message became %s, want %s", got, h.becomes)
	}
	for name, body := range map[string][]byte{"good": good, "work": slides("work")} {
		if is := st.became(body); is != "partial" && !h.others {
			t.Errorf("%s became %s", name, is)
		}
	}
	if is := st.became(small); is != "whole" {
		t.Errorf("the small message became %s", is)
	}
	if got != "none" { // what is said once is said once
		if r := st.run(mostTime, "sync"); strings.Contains(r.err, "UID 2") {
			t.Errorf("said again: %v", r)
		}
	}

	// What came of it can be completed when the server is well, and nothing is there
	// twice.
	st.server.Honest()
	if r := st.run(mostTime, "sync", "--retry"); r.exit != 0 {
		t.Errorf("with an honest server: %v", r)
	}
	if r := st.run(mostTime, "fetch", "--all"); r.exit != 0 {
		t.Errorf("the whole: %v", r)
	}
	for _, body := range [][]byte{small, odd, good, slides("work")} {
		if is := st.became(body); is != "whole" {
			t.Errorf("in the end a message is %s: %.150q", is, body)
		}
	}
	if n := len(st.mails()); n != 4 {
		t.Errorf("%d messages in the Maildir, want 4", n)
	}
	if server, _ := st.serverLines(); len(server) != 4 {
		t.Errorf("%d messages on the server, want 4", len(server))
	}
}

// became says what the Maildir has of a message.
func (st *stage) became(body []byte) string {
	st.t.Helper()
	header, _, _ := bytes.Cut(body, []byte("\r\n\r\n"))
	header = bytes.ReplaceAll(header, []byte("\r\n"), []byte("\n"))
	for _, f := range st.mails() {
		octets, err := os.ReadFile(f.path)
		if err != nil {
			st.t.Fatal(err)
		}
		octets = bytes.ReplaceAll(octets, []byte("\r\n"), []byte("\n"))
		switch {
		case !bytes.HasPrefix(octets, append(header, "\n\n"...)):
		case bytes.Equal(octets, bytes.ReplaceAll(body, []byte("\r\n"), []byte("\n"))):
			return "whole"
		case !bytes.Contains(octets, []byte("\ngodwit-partial:1:")):
			return "damaged"
		case bytes.Contains(octets, []byte("the text of")):
			return "partial"
		default:
			return "header"
		}
	}
	return "none"
}

func TestServersThatGetPartsWrong(t *testing.T) {
	t.Parallel()
	for i, h := range partlyCases {
		t.Run(strings.ReplaceAll(h.name, " ", "-"), func(t *testing.T) {
			t.Parallel()
			if testing.Short() && i%4 != 0 {
				t.Skip("one in four")
			}
			partlyPlay(t, h)
		})
	}
}
