package hostile

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/klauspost/compress/flate"
)

// bad are what one message's FETCH response may look like, so that the others
// must come nevertheless. Each is played with the message "new on the server",
// which is INBOX's UID 4.
func bad(name string, exits []int, f func(response string) string) hostility {
	return hostility{
		name: name, exit: exits, gets: besides, says: []string{"INBOX: UID 4"},
		bend: bodies("new on the server", f),
	}
}

var announced = regexp.MustCompile(`\{\d+\}`)

// literals gives a response's literal another size.
func literals(size string) func(string) string {
	return func(response string) string { return announced.ReplaceAllString(response, "{"+size+"}") }
}

func swap(old, new string) func(string) string {
	return func(response string) string { return strings.ReplaceAll(response, old, new) }
}

var deep = strings.Repeat("(", 100_000)

// bodyCases are servers that send odd messages.
var bodyCases = []hostility{
	bad("body NIL", []int{1}, func(r string) string {
		at := strings.Index(r, " BODY[]")
		return r[:at] + " BODY[] NIL)\r\n"
	}),
	bad("body empty", []int{1}, func(r string) string {
		at := strings.Index(r, " BODY[]")
		return r[:at] + " BODY[] {0}\r\n)\r\n"
	}),
	bad("body missing", []int{1}, func(r string) string { return r[:strings.Index(r, " BODY[]")] + ")\r\n" }),
	bad("no answer for a message", []int{1}, func(string) string { return "" }),
	bad("a literal of 2^31", []int{1}, literals("2147483648")),
	bad("a literal of 2^63-1", []int{1}, literals("9223372036854775807")),
	bad("a literal of 2^64", []int{1}, literals("18446744073709551616")),
	bad("a negative literal", []int{1}, literals("-1")),
	bad("a literal of nothing", []int{1}, literals("")),
	{name: "a literal longer than it is", timeout: brief, exit: []int{1, 4}, bend: bodies("new on the server", func(r string) string {
		return literals(fmt.Sprint(strings.Count(r, "") + 5000))(r)
	})},
	bad("a literal shorter than it is", []int{1}, literals("20")),
	bad("deep nesting", []int{1}, swap(" FETCH (", " FETCH (BODYSTRUCTURE "+deep+" ")),
	bad("a line without end", []int{1}, swap(" FETCH (", " FETCH (X-LONG \""+strings.Repeat("long ", 1<<20)+"\" ")),
	bad("parentheses that do not close", []int{1}, swap(" FETCH (", " FETCH (X ((a) ")),
	bad("a quote that does not close", []int{1}, swap("RFC822.SIZE", `X "RFC822.SIZE`)),
	{name: "a date that is none", exit: []int{0, 1}, gets: besides, bend: bodies("new on the server", swap("INTERNALDATE \"", "INTERNALDATE \"99-Foo-"))},
	bad("a size that is none", []int{1}, swap("RFC822.SIZE ", "RFC822.SIZE x")),
	bad("a size below zero", []int{1}, swap("RFC822.SIZE ", "RFC822.SIZE -")),
	{name: "always cut inside one literal", exit: []int{1}, gets: besides, says: []string{"INBOX: UID 4"}, bend: cutIn("new on the server", 1<<30, (*Conn).Cut)},
	{name: "always silent inside one literal", timeout: brief, exit: []int{4}, bend: cutIn("new on the server", 1<<30, (*Conn).Silence)},
	{name: "cut inside a literal once", gets: besides, bend: cutIn("new on the server", 1, (*Conn).Cut)},
	{name: "cut inside a literal on a fresh account", fresh: true, gets: slices.Concat(inInbox, inWork), bend: cutIn("second", 1, (*Conn).Cut)},
	{name: "cut inside a literal always, on a fresh account", fresh: true, exit: []int{1}, says: []string{"INBOX: UID 2"}, gets: []string{"first", "third", "fourth", "fifth"}, bend: cutIn("second", 1<<30, (*Conn).Cut)},
	{name: "body before its UID", gets: besides, bend: answers("UID FETCH", func(_ *Conn, _ *Command, answer string) string {
		return regexp.MustCompile(`(?s)\((UID \d+)( [^{]*?)? (BODY\[\] \{\d+\}\r\n.*?\r\n)\)\r\n(\*|g)`).ReplaceAllString(answer, "($3$2 $1)\r\n$4")
	})},
	{name: "FETCH of what was not asked for", gets: besides, bend: answers("UID FETCH", func(c *Conn, _ *Command, answer string) string {
		return "* 1 FETCH (UID 77 FLAGS (\\Seen) BODY[] {4}\r\nnone)\r\n* 9 FETCH (UID 1 BODY[TEXT] {4}\r\nnone)\r\n* 3 FETCH (FLAGS (\\Deleted))\r\n* 88 FETCH (BODY[] {4}\r\nnone)\r\n" + answer
	}), exit: []int{0, 1}},
	{name: "every message twice", exit: []int{0, 1}, gets: besides, bend: answers("UID FETCH", func(_ *Conn, cmd *Command, answer string) string {
		at := strings.LastIndex(answer, cmd.Tag)
		return answer[:at] + answer
	})},
	{name: "the second time another body", exit: []int{0, 1}, gets: besides, bend: answers("UID FETCH", func(_ *Conn, cmd *Command, answer string) string {
		at := strings.LastIndex(answer, cmd.Tag)
		return answer + strings.ReplaceAll(answer[:at], "This is", "THIS IS")
	})},
	{name: "the same UID with another body", loose: true, removes: true, exit: []int{0, 1}, bend: func(st *stage) {
		st.server.Do(func() { st.server.Mailbox("INBOX").Messages[0].Body = Text("something else") })
	}, args: []string{"--full"}, heal: func(st *stage) { st.server.Mailbox("INBOX").Messages[0].Body = Text("first") }},
	{name: "sizes that are wrong", exit: []int{0, 1}, bend: replaces("UID FETCH", "RFC822.SIZE 2", "RFC822.SIZE 1")},
	{name: "sizes that are huge", exit: []int{0, 1}, bend: replaces("UID FETCH", "RFC822.SIZE ", "RFC822.SIZE 9223372036854")},
	{name: "one message refused", exit: []int{1}, says: []string{"INBOX: UID 4"}, gets: besides, bend: func(st *stage) {
		st.server.Do(func() {
			st.server.Before = func(c *Conn, cmd *Command) bool {
				if cmd.Verb != "UID FETCH" || c.selected.Name != "INBOX" || !strings.Contains(cmd.Line, "BODY") || !parseUIDs(cmd.arg(0).text, c.highest()).has(4) {
					return false
				}
				c.Say("%s NO [SERVERBUG] UID 4 is damaged", cmd.Tag)
				return true
			}
		})
	}},
	{name: "header and body disagree", fresh: true, bend: func(st *stage) {
		st.put("INBOX", "1732183200.paired", Text("first"))
		answers("UID FETCH", func(_ *Conn, cmd *Command, answer string) string {
			if strings.Contains(cmd.Line, "HEADER") {
				answer = strings.ReplaceAll(answer, "Subject: second", "Subject: first")
			}
			return answer
		})(st)
	}, exit: []int{0, 1}},
	{name: "a NUL in a body", loose: true, removes: true, bend: func(st *stage) {
		st.server.Do(func() {
			st.server.Deliver(st.server.Mailbox("INBOX"), []byte("Subject: nul\r\n\r\na\x00b\x1b[31m\rc\nd"))
		})
	}, gets: besides},
}

// cutIn ends the answer in the middle of a message's body, n times, by what end
// does.
func cutIn(subject string, n int, end func(*Conn)) func(*stage) {
	var times atomic.Int64
	return func(st *stage) {
		st.server.Do(func() {
			st.server.Before = func(c *Conn, cmd *Command) bool {
				if cmd.Verb != "UID FETCH" {
					return false
				}
				answer := c.Ordinary(cmd)
				at := strings.Index(answer, "Subject: "+subject+"\r\n")
				if at < 0 || !strings.Contains(cmd.Line, "BODY.PEEK[]") || times.Add(1) > int64(n) {
					c.Write(answer)
					return true
				}
				c.Write(answer[:at])
				end(c)
				return true
			}
		})
	}
}

// changeCases are servers that do not do what they are told.
var changeCases = []hostility{
	{name: "wrong APPENDUID", exit: []int{0, 1}, bend: answers("APPEND", func(_ *Conn, _ *Command, answer string) string {
		return appendUID.ReplaceAllString(answer, "[APPENDUID 7 1]")
	}), gets: besides},
	{name: "APPENDUID of another UIDVALIDITY", exit: []int{0, 1}, bend: replaces("APPEND", "[APPENDUID 7", "[APPENDUID 99"), gets: besides},
	{name: "APPENDUID 0", exit: []int{0, 1}, bend: answers("APPEND", func(_ *Conn, _ *Command, answer string) string {
		return appendUID.ReplaceAllString(answer, "[APPENDUID 7 0]")
	})},
	{name: "APPENDUID far off", exit: []int{0, 1}, bend: answers("APPEND", func(_ *Conn, _ *Command, answer string) string {
		return appendUID.ReplaceAllString(answer, "[APPENDUID 7 4000000000]")
	})},
	{name: "APPENDUID of too many", exit: []int{0, 1}, bend: answers("APPEND", func(_ *Conn, _ *Command, answer string) string {
		return appendUID.ReplaceAllString(answer, "[APPENDUID 7 1:4294967295]")
	})},
	{name: "APPENDUID of garbage", exit: []int{0, 1}, bend: answers("APPEND", func(_ *Conn, _ *Command, answer string) string {
		return appendUID.ReplaceAllString(answer, "[APPENDUID x (]")
	})},
	{name: "APPEND OK and nothing appended", exit: []int{1}, bend: says("APPEND", "OK done")},
	{name: "APPEND OK with a UID and nothing appended", exit: []int{1}, says: []string{"never had"}, gets: besides, bend: says("APPEND", "OK [APPENDUID 7 5] done")},
	{name: "APPEND over quota", exit: []int{1}, says: []string{"over quota"}, gets: besides, bend: says("APPEND", "NO [OVERQUOTA] full")},
	{name: "APPEND wants another mailbox", exit: []int{1}, gets: besides, bend: says("APPEND", "NO [TRYCREATE] no such mailbox")},
	{name: "APPEND over a limit", exit: []int{1}, says: []string{"slowly"}, gets: besides, bend: says("APPEND", "NO [LIMIT] slowly")},
	{name: "APPEND is BAD", exit: []int{1}, gets: besides, bend: says("APPEND", "BAD what")},
	{name: "APPEND twice", exit: []int{0, 1}, bend: answers("APPEND", func(c *Conn, cmd *Command, answer string) string { return answer }), gets: besides},
	{name: "STORE without effect", flags: true, exit: []int{0, 1}, bend: says("UID STORE", "OK done"), gets: besides},
	{name: "STORE refused", exit: []int{1}, bend: says("UID STORE", "NO [NOPERM] not yours"), gets: besides},
	{name: "MODIFIED on OK", exit: []int{0, 1}, bend: says("UID STORE", "OK [MODIFIED 1:4294967295] some"), gets: besides},
	{name: "MODIFIED of garbage", exit: []int{0, 1}, bend: says("UID STORE", "OK [MODIFIED x] some"), gets: besides},
	{name: "MODIFIED on NO", exit: []int{0, 1}, bend: says("UID STORE", "NO [MODIFIED 1] some"), gets: besides},
	{name: "STORE changes other flags", exit: []int{0, 1}, removes: true, loose: true, bend: ends("UID STORE", `* 1 FETCH (UID 1 FLAGS (\Deleted \Draft))`, `* 2 FETCH (UID 99 FLAGS (\Seen))`)},
	{name: "keywords of odd characters", exit: []int{0, 1}, gets: besides, bend: replaces("UID FETCH", "FLAGS (", `FLAGS ([Gmail]/x a]b a%b "quoted flag" $Label\ \XYZZY \* é `+"\x01\x1b[31m "), heal: nil},
	{name: "a keyword of 100,000 octets", exit: []int{0, 1}, bend: replaces("UID FETCH", "FLAGS (", "FLAGS ("+strings.Repeat("k", 100_000)+" ")},
	{name: "ten thousand keywords", exit: []int{0, 1}, bend: replaces("UID FETCH", "FLAGS (", "FLAGS ("+tenThousand())},
	{name: "PERMANENTFLAGS empty", exit: []int{0, 1}, gets: besides, bend: replaces("SELECT", `[PERMANENTFLAGS (\Answered \Flagged \Deleted \Seen \Draft \*)]`, "[PERMANENTFLAGS ()]")},
	{name: "READ-ONLY", exit: []int{0, 1}, gets: besides, bend: replaces("SELECT", "[READ-WRITE]", "[READ-ONLY]")},
	{name: "wrong COPYUID", exit: []int{0, 1}, removes: true, bend: moved(replaces("UID MOVE", "[COPYUID 7 1 ", "[COPYUID 7 3 "))},
	{name: "COPYUID of another UIDVALIDITY", exit: []int{0, 1}, removes: true, bend: moved(replaces("UID MOVE", "[COPYUID 7", "[COPYUID 8"))},
	{name: "COPYUID of garbage", exit: []int{0, 1}, removes: true, bend: moved(replaces("UID MOVE", "[COPYUID 7 1 ", "[COPYUID 7 1:4294967295 "))},
	{name: "MOVE OK and nothing moved", exit: []int{0, 1}, removes: true, bend: moved(says("UID MOVE", "OK done"))},
	{name: "MOVE refused", exit: []int{1}, removes: true, bend: moved(says("UID MOVE", "NO [CANNOT] no"))},
	{name: "MOVE cut", exit: []int{0, 1, 4}, removes: true, bend: moved(first("UID MOVE", 1, func(c *Conn, cmd *Command) { c.Ordinary(cmd); c.Cut() }))},
	{name: "MOVE to where it is not", exit: []int{0, 1}, removes: true, bend: moved(says("UID MOVE", "NO [TRYCREATE] no such mailbox"))},
	{name: "EXPUNGE OK and nothing expunged", exit: []int{0, 1}, removes: true, bend: removed(says("UID EXPUNGE", "OK done"))},
	{name: "EXPUNGE of more than it was told", exit: []int{0, 1}, removes: true, bend: removed(answers("UID EXPUNGE", func(_ *Conn, _ *Command, answer string) string { return "* VANISHED 1:3\r\n" + answer }))},
	{name: "EXPUNGE refused", exit: []int{1}, removes: true, bend: removed(says("UID EXPUNGE", "NO [EXPUNGEISSUED] later"))},
	{name: "CREATE refused", exit: []int{1}, bend: made(says("CREATE", "NO [OVERQUOTA] no more")), gets: besides},
	{name: "CREATE OK and nothing created", exit: []int{1}, bend: made(says("CREATE", "OK done")), gets: besides},
}

var appendUID = regexp.MustCompile(`\[APPENDUID [^\]]*\]`)

func tenThousand() string {
	var b strings.Builder
	for i := range 10_000 {
		fmt.Fprintf(&b, "k%d ", i)
	}
	return b.String()
}

// moved has the user move a message to Work, and bends.
func moved(bends ...func(*stage)) func(*stage) {
	return func(st *stage) {
		st.move(Text("first"), "Work")
		both(bends...)(st)
	}
}

// removed has the user remove a message, and bends.
func removed(bends ...func(*stage)) func(*stage) {
	return func(st *stage) {
		st.remove(Text("first"))
		both(bends...)(st)
	}
}

// made has the user make a mailbox with a message, and bends.
func made(bends ...func(*stage)) func(*stage) {
	return func(st *stage) {
		st.put("Made/here", "1732183200.made", Text("first"))
		st.remove(Text("first"))
		st.server.Do(func() {})
		both(bends...)(st)
	}
}

// floodCases are servers that do not stop.
var floodCases = []hostility{
	{name: "a flood of OK at SELECT", exit: []int{1, 4}, bend: flood("SELECT", "* OK still here\r\n")},
	{name: "a flood of OK at LIST", exit: []int{4}, bend: flood("LIST", "* OK still here\r\n")},
	{name: "a flood of LIST", exit: []int{4}, bend: flood("LIST", "* LIST () \"/\" x%d\r\n")},
	{name: "a flood of STATUS", exit: []int{4}, bend: flood("LIST", "* STATUS x%d (MESSAGES 1)\r\n")},
	{name: "a flood of CAPABILITY", exit: []int{3, 4}, bend: flood("AUTHENTICATE", "* CAPABILITY IMAP4rev1 X%d\r\n")},
	{name: "a flood of the same FETCH", exit: []int{1, 4}, bend: flood("UID FETCH", "* 1 FETCH (UID 1 FLAGS (\\Seen))\r\n")},
	{name: "a flood of FETCH", exit: []int{1, 4}, bend: flood("UID FETCH", "* %d FETCH (UID %d FLAGS (\\Seen \\Flagged) INTERNALDATE \"17-Jul-1996 02:44:25 -0700\" RFC822.SIZE 12)\r\n")},
	{name: "a flood of changes at SELECT", exit: []int{1, 4}, bend: flood("SELECT", "* %d FETCH (UID %d FLAGS (\\Seen) MODSEQ (%d))\r\n")},
	{name: "a flood of bodies", exit: []int{1, 4}, bend: flood("UID FETCH", "* 1 FETCH (UID 1 FLAGS () INTERNALDATE \"17-Jul-1996 02:44:25 -0700\" RFC822.SIZE 1000 BODY[] {1000}\r\n"+strings.Repeat("x", 1000)+")\r\n")},
	{name: "a flood of EXPUNGE", exit: []int{1, 4}, bend: flood("UID FETCH", "* 1 EXPUNGE\r\n")},
	{name: "a flood of EXISTS", exit: []int{1, 4}, bend: flood("UID FETCH", "* %d EXISTS\r\n")},
	{name: "a flood of VANISHED", exit: []int{1, 4}, bend: flood("UID FETCH", "* VANISHED %d1\r\n")},
	{name: "a flood of VANISHED at SELECT", exit: []int{1, 4}, bend: flood("SELECT", "* VANISHED (EARLIER) %d1\r\n")},
	{name: "a flood of SEARCH", exit: []int{1, 4}, bend: having(Plain, flood("UID SEARCH", "* SEARCH %d1 %d3 %d5\r\n")), heal: full},
	{name: "a flood of FLAGS", exit: []int{1, 4}, bend: flood("SELECT", "* FLAGS (k%d)\r\n")},
	{name: "a flood of ALERT", exit: []int{1, 4}, bend: flood("SELECT", "* OK [ALERT] number %d\r\n")},
	{name: "a flood of empty lines", exit: []int{1, 4}, bend: flood("SELECT", "\r\n")},
	{name: "a flood of malformed FETCH", exit: []int{1, 4}, bend: flood("UID FETCH", "* 1 FETCH (UID 1 FLAGS (\r\n")},
	{name: "a line that does not end", exit: []int{1, 4}, bend: instead("SELECT", func(c *Conn, _ *Command) {
		c.Write("* OK ")
		pour(c.w, strings.Repeat("x", 1<<16))
	})},
	{name: "a line of SEARCH that does not end", exit: []int{0, 1, 4}, bend: having(Plain, instead("UID SEARCH", func(c *Conn, _ *Command) {
		c.Write("* SEARCH")
		pour(c.w, strings.Repeat(" 1 3", 1<<14))
	})), heal: full},
	{name: "a literal that does not end", exit: []int{1, 4}, bend: instead("UID FETCH", func(c *Conn, _ *Command) {
		c.Write("* 1 FETCH (UID 1 BODY[] {1000000000000}\r\n")
		pour(c.w, strings.Repeat("x", 1<<16))
	})},
	{name: "a literal that does not end, and was asked for", exit: []int{1, 4}, bend: instead("UID FETCH", func(c *Conn, cmd *Command) {
		if !strings.Contains(cmd.Line, "BODY") {
			c.Write(c.Ordinary(cmd))
			return
		}
		c.Write("* 4 FETCH (UID 4 FLAGS () INTERNALDATE \"17-Jul-1996 02:44:25 -0700\" RFC822.SIZE 200 BODY[] {1000000000000}\r\n")
		pour(c.w, strings.Repeat("x", 1<<16))
	})},
	{name: "a deflate bomb of a line", exit: []int{1, 4}, heal: full, bend: having(Full+" COMPRESS=DEFLATE", bomb("SELECT", "* OK ", "x"))},
	{name: "a deflate bomb of lines", exit: []int{1, 4}, heal: full, bend: having(Full+" COMPRESS=DEFLATE", bomb("SELECT", "", "* OK x\r\n"))},
	{name: "a deflate bomb of a literal", exit: []int{1, 4}, heal: full, bend: having(Full+" COMPRESS=DEFLATE", bomb("UID FETCH", "* 1 FETCH (UID 1 BODY[] {1000000000000}\r\n", "x"))},
}

// flood says a line again and again instead of an answer; %d in it are numbers
// that rise.
func flood(verb, line string) func(*stage) {
	return instead(verb, func(c *Conn, _ *Command) {
		var b strings.Builder
		for i := 1; ; i++ {
			b.WriteString(strings.ReplaceAll(line, "%d", strconv.Itoa(i)))
			if b.Len() > 1<<15 {
				if !c.Write(b.String()) {
					return
				}
				b.Reset()
			}
		}
	})
}

// bomb says a text behind another for ever, deflated as well as can be.
func bomb(verb, before, text string) func(*stage) {
	return instead(verb, func(c *Conn, _ *Command) {
		w, err := flate.NewWriter(c.conn, flate.BestCompression)
		if err != nil {
			return
		}
		if c.deflate != nil {
			c.Write(before)
			pour(c.deflate, strings.Repeat(text, 1<<16))
		}
		w.Close()
	})
}
