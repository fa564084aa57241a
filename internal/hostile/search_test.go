package hostile

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// seeking is a server that answers a search in its own way. Its account is that of
// [furnish], of which a run knows everything.
type seeking struct {
	name string
	bend func(*stage)
	// timeout is the run's; empty: ample.
	timeout string
	args    []string // behind "search"; none: "first or second"
	exit    []int
	// finds are subjects that must be listed, misses such as must not.
	finds, misses []string
	says          []string
}

var seekingCases = []seeking{
	{name: "an honest server", bend: func(*stage) {}, finds: []string{"first", "second"}},
	{name: "a server that can do little", bend: having(Plain), finds: []string{"first", "second"}},
	{name: "SEARCH refused", bend: says("UID SEARCH", "NO [SERVERBUG] not today"), exit: []int{1}, says: []string{"work/INBOX: .*not today", "work/Work: .*not today"}},
	{name: "SEARCH unknown", bend: says("UID SEARCH", "BAD what"), exit: []int{1}},
	{name: "EXAMINE refused for one", bend: func(st *stage) {
		instead("EXAMINE", func(c *Conn, cmd *Command) {
			if strings.Contains(cmd.Line, "Work") {
				c.Say("%s NO [NOPERM] not you", cmd.Tag)
				return
			}
			c.Write(c.Ordinary(cmd))
		})(st)
	}, exit: []int{1}, finds: []string{"first"}, says: []string{"work/Work: .*not you"}},
	{name: "nothing said of what was found", bend: says("UID SEARCH", "OK done"), misses: []string{"first"}},
	{name: "UIDs that are not there", bend: replaces("UID SEARCH", "ALL 1", "ALL 1,77,4000000000"), finds: []string{"first"}},
	{name: "all UIDs there could be", bend: answers("UID SEARCH", func(_ *Conn, cmd *Command, _ string) string {
		return fmt.Sprintf("* ESEARCH (TAG \"%s\") UID ALL 1:4294967295\r\n%[1]s OK done\r\n", cmd.Tag)
	}), exit: []int{1}, says: []string{"more messages than"}},
	{name: "a search without end", bend: answers("UID SEARCH", func(_ *Conn, cmd *Command, _ string) string {
		return "* SEARCH" + strings.Repeat(" 1 2 3", 1<<20) + "\r\n" + cmd.Tag + " OK done\r\n"
	}), finds: []string{"first", "second", "third"}},
	{name: "answers to other searches", bend: begins("UID SEARCH", `* ESEARCH (TAG "zz") UID ALL 3`, "* SEARCH"), finds: []string{"first", "second"}},
	{name: "sequence numbers", bend: replaces("UID SEARCH", ") UID ALL", ") ALL"), exit: []int{1}},
	{name: "no header", bend: replaces("UID FETCH", "BODY[HEADER.FIELDS", "X-BODY[HEADER.FIELDS"), finds: []string{"first", "second"}},
	{name: "another spelling of the fields", bend: replaces("UID FETCH", "(FROM SUBJECT DATE MESSAGE-ID)", `("From" "Subject" "Date" "Message-ID")`), finds: []string{"first", "second"}},
	{name: "headers refused", bend: func(st *stage) {
		st.server.Do(func() {
			st.server.Before = func(c *Conn, cmd *Command) bool {
				return cmd.Verb == "UID FETCH" && strings.Contains(cmd.Line, "HEADER") && c.Say("%s NO no headers", cmd.Tag)
			}
		})
	}, says: []string{"here"}},
	{name: "headers that talk to the terminal", bend: func(st *stage) {
		st.server.Do(func() {
			st.server.Deliver(st.server.Mailbox("INBOX"), []byte("From: \u202egnp\x00 <a@example.org>\r\nSubject: f\x1b[2J\x07\x9b31m =?utf-8?q?=1B]0;=C2=9B?=\r\n\r\nx\r\n"))
		})
	}, finds: []string{`absent.*gnp.*f\?\[2J`, "first"}},
	{name: "headers of one mailbox that cannot be read", bend: instead("UID FETCH", func(c *Conn, cmd *Command) {
		if c.selected.Name == "Work" {
			c.Cut()
			return
		}
		c.Write(c.Ordinary(cmd))
	}), exit: []int{1}, finds: []string{"first"}, says: []string{"work/Work: "}},
	{name: "UIDVALIDITY that changes", bend: answers("EXAMINE", func(_ *Conn, cmd *Command, answer string) string {
		return strings.ReplaceAll(answer, "UIDVALIDITY 7", fmt.Sprintf("UIDVALIDITY %d", 8+cmd.Nth))
	}), misses: []string{"first"}},
	{name: "no UIDVALIDITY", bend: replaces("EXAMINE", "UIDVALIDITY 7", "X-NOTHING 7"), exit: []int{1}},
	{name: "a BYE instead of an answer", bend: first("UID SEARCH", 1, func(c *Conn, _ *Command) {
		c.Say("* BYE for a moment")
		c.Cut()
	}), finds: []string{"first", "second"}},
	{name: "always gone", bend: instead("UID SEARCH", func(c *Conn, _ *Command) { c.Cut() }), exit: []int{1, 4}},
	{name: "silence", timeout: brief, bend: instead("UID SEARCH", func(c *Conn, _ *Command) { c.Silence() }), exit: []int{4}},
	{name: "a literal that is not asked for", bend: func(st *stage) {
		st.capabilities(Plain)
		instead("UID SEARCH", func(c *Conn, cmd *Command) { c.Say("%s BAD no", cmd.Tag) })(st)
	}, args: []string{"größe"}, exit: []int{1}},
}

func TestASearchSurvivesItsServer(t *testing.T) {
	t.Parallel()
	for i, h := range seekingCases {
		t.Run(strings.ReplaceAll(h.name, " ", "-"), func(t *testing.T) {
			t.Parallel()
			if testing.Short() && i%4 != 0 {
				t.Skip("one in four")
			}
			st := newStage(t)
			furnish(st, true)
			if r := st.run(mostTime, "sync"); r.exit != 0 {
				t.Fatal(r)
			}
			st.server.Drop()
			h.bend(st)
			server, local := st.sides()
			args := h.args
			if args == nil {
				args = []string{"from:a@example.org", "-is:answered"} // this server finds all
			}
			if h.timeout != "" {
				st.timeout = h.timeout
			}
			r := st.run(mostTime, append([]string{"search"}, args...)...)
			t.Logf("%v", r)
			if !slices.Contains(h.exit, r.exit) && (h.exit != nil || r.exit != 0) {
				t.Errorf("exit code %d, want one of %v", r.exit, h.exit)
			}
			for _, subject := range h.finds {
				if !regexp.MustCompile(subject).MatchString(r.out) {
					t.Errorf("%q is not listed", subject)
				}
			}
			for _, subject := range h.misses {
				if strings.Contains(r.out, subject) {
					t.Errorf("%q is listed", subject)
				}
			}
			for _, pattern := range h.says {
				if !regexp.MustCompile(pattern).MatchString(r.out + r.err) {
					t.Errorf("the output does not say %q", pattern)
				}
			}
			after, localAfter := st.sides()
			if !slices.Equal(server, after) || !slices.Equal(local, localAfter) {
				t.Error("something was changed")
			}
		})
	}
}
