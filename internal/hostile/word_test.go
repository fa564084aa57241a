package hostile

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// others are the messages outside INBOX, which go on when only INBOX is bad.
var others = []string{"fourth", "fifth", "new in Work"}

// most are those besides the one called "new on the server".
var besides = append(slices.Clone(others), inInbox...)

// wordCases are servers that say what they should not, or nothing.
var wordCases = []hostility{
	{name: "unknown responses", bend: everywhere(
		"* XYZZY (a (b \"c)\" {3}", "abc) d)", "* 7 XYZZY", "* OK [XYZZY (a b)] c", "* BAD you said something a while ago", "* X", "*  OK", "",
	)},
	{name: "unknown items", bend: both(
		replaces("UID FETCH", " FETCH (UID", ` FETCH (X-NEW ("a)b" {5}`+"\r\n((((("+` nil) X-N[A.B (C D)]<5> "q" UID`),
		replaces("LIST", "STATUS (", `STATUS (X-NEW (a "b") `),
	)},
	{name: "ALERT with escapes", bend: everywhere("* OK [ALERT] \x1b]0;owned\x07\x1b[2J\u202etxt\u2066 pay now", "* NO [ALERT] \u009b31m"), says: []string{"pay now"}},
	{name: "a thousand ALERTs", bend: answers("LIST", func(_ *Conn, _ *Command, answer string) string {
		var b strings.Builder
		for i := range 5000 {
			fmt.Fprintf(&b, "* OK [ALERT] number %d %s\r\n", i, strings.Repeat("x", 400))
		}
		return b.String() + answer
	}), then: func(st *stage, r *result) {
		if n := len(r.err); n > 1<<20 {
			st.t.Errorf("%d octets of complaints", n)
		}
	}},
	{name: "referrals", bend: inbox("SELECT", "NO [REFERRAL imap://other@127.0.0.1:9/INBOX] go there"), exit: []int{1}, gets: others},
	{name: "BYE in LIST", bend: first("LIST", 1, func(c *Conn, _ *Command) { c.Say("* BYE for a moment"); c.Cut() }), exit: []int{0, 4}},
	{name: "BYE in LIST always", bend: instead("LIST", func(c *Conn, _ *Command) { c.Say("* BYE [UNAVAILABLE] gone"); c.Cut() }), exit: []int{4}, says: []string{"gone"}},
	{name: "BYE in SELECT", bend: first("SELECT", 2, func(c *Conn, _ *Command) { c.Say("* BYE for a moment"); c.Cut() }), gets: besides},
	{name: "BYE in SELECT always", bend: instead("SELECT", func(c *Conn, _ *Command) { c.Say("* BYE gone"); c.Cut() }), exit: []int{1, 4}},
	{name: "BYE in FETCH", bend: first("UID FETCH", 2, func(c *Conn, _ *Command) { c.Say("* 1 FETCH (UID 1"); c.Say("* BYE for a moment"); c.Cut() }), gets: besides},
	{name: "BYE and no end", timeout: brief, bend: instead("SELECT", func(c *Conn, _ *Command) { c.Say("* BYE gone"); c.Silence() }), exit: []int{1, 4}},
	{name: "BYE at APPEND", fresh: false, bend: first("APPEND", 1, func(c *Conn, cmd *Command) { c.Ordinary(cmd); c.Say("* BYE just now"); c.Cut() }), exit: []int{0, 1}, gets: besides},
	{name: "silence at LIST", timeout: brief, bend: instead("LIST", func(c *Conn, _ *Command) { c.Silence() }), exit: []int{4}, most: 20 * time.Second},
	{name: "silence at SELECT", timeout: brief, bend: instead("SELECT", func(c *Conn, _ *Command) { c.Silence() }), exit: []int{1, 4}, most: 20 * time.Second},
	{name: "silence at one SELECT", timeout: "3s", bend: first("SELECT", 1, func(c *Conn, _ *Command) { c.Silence() }), gets: besides, most: 20 * time.Second},
	{name: "silence at FETCH", timeout: brief, bend: instead("UID FETCH", func(c *Conn, _ *Command) { c.Silence() }), exit: []int{1, 4}, most: 30 * time.Second},
	{name: "silence at APPEND", timeout: brief, bend: instead("APPEND", func(c *Conn, _ *Command) { c.Silence() }), exit: []int{1, 4}, most: 30 * time.Second},
	{name: "silence after APPEND", timeout: brief, bend: instead("APPEND", func(c *Conn, cmd *Command) { c.Ordinary(cmd); c.Silence() }), exit: []int{0, 1, 4}, most: 30 * time.Second},
	{name: "octet by octet at LIST", timeout: brief, bend: instead("LIST", func(c *Conn, cmd *Command) { c.Drip(c.Ordinary(cmd), 700*time.Millisecond) }), exit: []int{4}, most: 30 * time.Second},
	{name: "octet by octet at SELECT", timeout: brief, bend: instead("SELECT", func(c *Conn, cmd *Command) { c.Drip(c.Ordinary(cmd), 700*time.Millisecond) }), exit: []int{1, 4}, most: 30 * time.Second},
	{name: "octet by octet in a body", timeout: brief, bend: instead("UID FETCH", func(c *Conn, cmd *Command) { c.Drip(c.Ordinary(cmd), 700*time.Millisecond) }), exit: []int{1, 4}, most: 30 * time.Second},
	{name: "a wrong tag", bend: instead("SELECT", func(c *Conn, cmd *Command) { c.Say("zzz%s OK done", cmd.Tag) }), exit: []int{1, 4}},
	{name: "the tag twice", bend: answers("SELECT", func(_ *Conn, cmd *Command, answer string) string { return answer + cmd.Tag + " OK done\r\n" }), exit: []int{0, 1, 4}},
	{name: "a tag from the future", bend: begins("SELECT", "g999999999999999999999 OK done"), exit: []int{1, 4}},
	{name: "neither OK nor NO", bend: says("SELECT", "MAYBE"), exit: []int{1, 4}},
	{name: "SELECT refused", bend: inbox("SELECT", "NO [NOPERM] not yours"), exit: []int{1}, says: []string{"INBOX.*not yours"}, gets: others},
	{name: "SELECT is BAD", bend: inbox("SELECT", "BAD"), exit: []int{1}, gets: others},
	{name: "SELECT for later", bend: inbox("SELECT", "NO [INUSE] busy"), exit: []int{1}, gets: others},
	{name: "OK without data", bend: both(says("UID FETCH", "OK done"), says("UID SEARCH", "OK done")), exit: []int{0, 1}},
	{name: "SELECT without data", bend: says("SELECT", "OK [READ-WRITE] done"), exit: []int{1}},
	{name: "all is OK", bend: func(st *stage) {
		st.server.Do(func() {
			st.server.Before = func(c *Conn, cmd *Command) bool {
				if !c.user {
					return false
				}
				c.Say("%s OK done", cmd.Tag)
				return true
			}
		})
	}, exit: []int{0, 1, 4, 5}},
	{name: "all is NO", bend: allIs("NO [LIMIT] no"), exit: []int{1, 4}},
	{name: "all is BAD", bend: allIs("BAD what"), exit: []int{1, 4}},
	{name: "FETCH refused", bend: says("UID FETCH", "NO [SERVERBUG] no"), exit: []int{1}},
	{name: "QRESYNC announced and refused", bend: says("ENABLE", "BAD what"), gets: besides},
	{name: "COMPRESS refused", bend: having(Full+" COMPRESS=DEFLATE", says("COMPRESS", "NO [COMPRESSIONACTIVE] no")), gets: besides, heal: full},
	{name: "COMPRESS and garbage", bend: having(Full+" COMPRESS=DEFLATE", instead("COMPRESS", func(c *Conn, cmd *Command) {
		c.Say("%s OK", cmd.Tag)
		c.Write(strings.Repeat("\xff\x00garbage", 1000))
		c.Cut()
	})), exit: []int{1, 4}, heal: full},
	{name: "a continuation instead of an answer", timeout: brief, bend: instead("SELECT", func(c *Conn, _ *Command) { c.Say("+ idling"); c.Silence() }), exit: []int{1, 4}},
}

// everywhere has lines said before the answer to every command after login.
func everywhere(lines ...string) func(*stage) {
	return func(st *stage) {
		st.server.Do(func() {
			st.server.After = func(c *Conn, cmd *Command, answer string) string {
				if !c.user {
					return answer
				}
				return strings.Join(lines, "\r\n") + "\r\n" + answer
			}
		})
	}
}

// inbox has a command that names INBOX refused.
func inbox(verb, text string) func(*stage) {
	return func(st *stage) {
		st.server.Do(func() {
			st.server.Before = func(c *Conn, cmd *Command) bool {
				if cmd.Verb != verb || cmd.arg(0).text != "INBOX" {
					return false
				}
				c.Say("%s %s", cmd.Tag, text)
				return true
			}
		})
	}
}

func allIs(text string) func(*stage) {
	return func(st *stage) {
		st.server.Do(func() {
			st.server.Before = func(c *Conn, cmd *Command) bool {
				if !c.user {
					return false
				}
				c.Say("%s %s", cmd.Tag, text)
				return true
			}
		})
	}
}

// more lists further mailboxes, which are not there when they are selected.
func more(names ...string) func(*stage) {
	return answers("LIST", func(_ *Conn, _ *Command, answer string) string {
		var b strings.Builder
		for _, name := range names {
			b.WriteString(`* LIST () "/" ` + name + "\r\n")
		}
		return b.String() + answer
	})
}

// real adds mailboxes that hold a message each.
func real(names ...string) func(*stage) {
	return func(st *stage) {
		st.server.Do(func() {
			for _, name := range names {
				st.server.Add(name)
			}
		})
	}
}

var long = strings.Repeat("long", 75)

// nameCases are servers with odd lists of mailboxes.
var nameCases = []hostility{
	{name: "names that lead outside", names: true, gets: besides, bend: real(
		"..", "../../../escaped", "/etc/passwd", "./.", "Work/../../escaped", "~", "~root", "-rf", "a//b", "/", "//", "C:\\x", "..\\..\\x",
	)},
	{name: "names of the Maildir", names: true, gets: besides, bend: real(
		"cur", "new", "tmp", "CUR", "Work/cur", "Work/new/x", ".godwit", "dovecot-keywords", "maildirfolder", "subscriptions", "state.db", "INBOX/cur", ".", ".hidden",
	)},
	{name: "names of the Maildir in Maildir++", names: true, gets: inWork, fresh: true, bend: both(
		func(st *stage) { st.account = append(st.account, `layout = "maildir++"`) },
		real("cur", "new", "tmp", "..", ".", ".cur", "a.b", "a/b", "Work.x", "..x", ".godwit"),
	)},
	{name: "names with control characters", names: true, gets: besides, bend: real(
		"a\x00b", "a\rb", "a\nb", "a\tb", "\x1b[31mred\x1b[m", "\x7f", "bell\a", "x\u202ey", "\u2028",
	), exit: []int{1}, still: 1},
	{name: "names that are no text", names: true, gets: besides, bend: real(
		"&bad", "&-", "&AGE-", "&ZeVnLIqe-", "&2D0-", "a\xff\xfeb", "%00", "%2F", "a%2Fb", "%41", "100%", "\xc3\x28", "&&", "*", "%", "a\"b", "a\\b", "{5}", "NIL",
	)},
	{name: "long names", names: true, gets: besides, bend: real(long, long+"/"+long, strings.Repeat("\u00e9", 200), strings.Repeat("a/", 150)+"b")},
	{name: "a very long name", names: true, bend: real(strings.Repeat("x", 2_500)), exit: []int{0, 1}, gets: besides},
	{name: "names that differ in case", names: true, gets: besides, bend: real("WORK", "work", "inbox/a", "INBOX/a", "InBox/A", "Stra\u00dfe", "STRASSE")},
	{name: "names that differ in normalisation", names: true, gets: besides, bend: real("caf&AOk-", "cafe&AwE-")},
	{name: "the inbox in three spellings", bend: more(`"Inbox"`, `inbox`, "{5}\r\nINBOX"), gets: besides},
	{name: "a mailbox listed twice", bend: more(`"Work"`, `Work`, `"Work"`), gets: besides},
	{name: "mailboxes that are not there", bend: more(`"ghost"`, `"ghost/of/ghost"`), exit: []int{0, 1}, gets: besides},
	{name: "delimiters of all kinds", names: true, bend: replaces("LIST", `"/" "INBOX"`, `NIL INBOX`, `"/" "Work"`, `"." "Work"`), exit: []int{0, 1}},
	{name: "LIST with garbage", bend: more(`"unended`, `)(`, ``, "\x00", `{99}`, `"a" "b"`, `(x)`), exit: []int{0, 1, 4, 5}},
	{name: "LIST empty", bend: says("LIST", "OK done"), exit: []int{5}, says: []string{"no mailbox|without any mailbox|lists no"}},
	{name: "LIST empty on a fresh account", fresh: true, bend: says("LIST", "OK done"), exit: []int{0, 1, 5}},
	{name: "LIST without INBOX", bend: replaces("LIST", `* LIST () "/" "INBOX"`+"\r\n", ""), exit: []int{5}},
	{name: "LIST without Work", bend: replaces("LIST", `* LIST () "/" "Work"`+"\r\n", ""), exit: []int{0, 1, 5}, gets: inInbox},
	{name: "LIST without anything but Work", bend: replaces("LIST", `* LIST () "/" "INBOX"`+"\r\n", "", `"Work"`, `"Other"`), exit: []int{0, 1, 5}},
	{name: "all is Noselect", bend: replaces("LIST", "* LIST ()", `* LIST (\Noselect)`), exit: []int{0, 1, 5}},
	{name: "all is trash", bend: replaces("LIST", "* LIST ()", `* LIST (\Trash \Sent \All)`), exit: []int{0, 1}},
	{name: "another namespace every time", bend: replaces("NAMESPACE", `(("" "/"))`, `(("INBOX/" "/"))`), exit: []int{0, 1, 5}, names: true},
	{name: "namespaces that are none", bend: replaces("NAMESPACE", `(("" "/"))`, `(("/../" NIL)("" "")("x`), exit: []int{0, 1, 4}},
	{name: "100,000 mailboxes", memory: 160 << 20, bend: both(
		func(st *stage) { st.account = append(st.account, `include = ["INBOX", "Work"]`) },
		answers("LIST", func(_ *Conn, _ *Command, answer string) string {
			var b strings.Builder
			for i := range 100_000 {
				fmt.Fprintf(&b, "* LIST (\\HasNoChildren) \"/\" \"box/%d/%d\"\r\n* STATUS \"box/%d/%d\" (MESSAGES 1 UIDNEXT 2 UIDVALIDITY 3 HIGHESTMODSEQ 4)\r\n", i/300, i, i/300, i)
			}
			return b.String() + answer
		}),
	), gets: besides},
	{name: "100,000 mailboxes in a dry run", most: 2 * time.Minute, memory: 240 << 20, args: []string{"--dry-run"}, bend: answers("LIST", func(_ *Conn, _ *Command, answer string) string {
		var b strings.Builder
		for i := range 100_000 {
			fmt.Fprintf(&b, "* LIST () \"/\" \"box/%d/%d\"\r\n* STATUS \"box/%d/%d\" (MESSAGES 0 UIDNEXT 1 UIDVALIDITY 3 HIGHESTMODSEQ 4)\r\n", i/300, i, i/300, i)
		}
		return b.String() + answer
	})},
}

// numberCases are servers that count in odd ways.
var numberCases = []hostility{
	{name: "UIDVALIDITY absent", bend: both(replaces("SELECT", "[UIDVALIDITY 7]", "[X 7]")), exit: []int{1}},
	{name: "UIDVALIDITY absent on a fresh account", fresh: true, bend: both(replaces("SELECT", "[UIDVALIDITY 7]", "[X 7]"), replaces("LIST", "UIDVALIDITY 7", "X 7")), exit: []int{1}},
	{name: "UIDVALIDITY 0", bend: replaces("SELECT", "[UIDVALIDITY 7]", "[UIDVALIDITY 0]"), exit: []int{1}},
	{name: "UIDVALIDITY too big", bend: replaces("SELECT", "[UIDVALIDITY 7]", "[UIDVALIDITY 99999999999]"), exit: []int{1}},
	{name: "UIDVALIDITY another in every SELECT", bend: answers("SELECT", func(_ *Conn, cmd *Command, answer string) string {
		return strings.ReplaceAll(answer, "[UIDVALIDITY 7]", fmt.Sprintf("[UIDVALIDITY %d]", 100+cmd.Nth))
	}), exit: []int{0, 1}},
	{name: "UIDVALIDITY changes under way", bend: answers("SELECT", func(_ *Conn, cmd *Command, answer string) string {
		if cmd.Nth > 1 {
			answer = strings.ReplaceAll(answer, "[UIDVALIDITY 7]", "[UIDVALIDITY 8]")
		}
		return answer
	}), exit: []int{0, 1}},
	{name: "UIDVALIDITY of STATUS differs", bend: replaces("LIST", "UIDVALIDITY 7", "UIDVALIDITY 8"), gets: besides},
	{name: "UIDVALIDITY twice", bend: ends("SELECT", "* OK [UIDVALIDITY 9] again"), exit: []int{0, 1}},
	{name: "UIDNEXT goes back", bend: both(replaces("SELECT", "UIDNEXT 5", "UIDNEXT 1", "UIDNEXT 4", "UIDNEXT 1"), replaces("LIST", "UIDNEXT 5", "UIDNEXT 1")), exit: []int{0, 1}},
	{name: "UIDNEXT 0", bend: replaces("SELECT", "UIDNEXT 5", "UIDNEXT 0", "UIDNEXT 4", "UIDNEXT 0"), exit: []int{0, 1}},
	{name: "UIDNEXT is the last", bend: replaces("SELECT", "UIDNEXT 5", "UIDNEXT 4294967295", "UIDNEXT 4]", "UIDNEXT 4294967295]"), exit: []int{0, 1}},
	{name: "UIDNEXT too big", bend: replaces("SELECT", "UIDNEXT 5", "UIDNEXT 4294967296", "UIDNEXT 4]", "UIDNEXT 99999999999999999999]"), exit: []int{0, 1}},
	{name: "EXISTS far too many", bend: replaces("SELECT", " EXISTS", "294967295 EXISTS"), exit: []int{0, 1}},
	{name: "EXISTS too big for a number", bend: replaces("SELECT", " EXISTS", "00000000000000000000 EXISTS"), exit: []int{0, 1, 4}},
	{name: "EXISTS none", bend: replaces("SELECT", "4 EXISTS", "0 EXISTS", "3 EXISTS", "0 EXISTS"), exit: []int{0, 1, 5}},
	{name: "EXISTS fewer", bend: replaces("SELECT", "4 EXISTS", "2 EXISTS", "3 EXISTS", "2 EXISTS"), exit: []int{0, 1}},
	{name: "EXISTS fewer without QRESYNC", bend: having(Plain, replaces("SELECT", "4 EXISTS", "2 EXISTS", "3 EXISTS", "2 EXISTS")), exit: []int{0, 1}, heal: full},
	{name: "EXISTS none without QRESYNC", bend: having(Plain, replaces("SELECT", "4 EXISTS", "0 EXISTS", "3 EXISTS", "0 EXISTS")), exit: []int{0, 1, 5}, heal: full},
	{name: "EXISTS none and nothing listed", bend: having(Plain, replaces("SELECT", "4 EXISTS", "1 EXISTS", "3 EXISTS", "1 EXISTS"), says("UID FETCH", "OK"), replaces("UID SEARCH", "* SEARCH", "* X")), exit: []int{0, 1}, heal: full},
	{name: "messages that no SEARCH finds", bend: answers("UID SEARCH", func(_ *Conn, cmd *Command, _ string) string {
		return "* ESEARCH (TAG \"" + cmd.Tag + "\") UID\r\n" + cmd.Tag + " OK\r\n"
	}), exit: []int{0, 1}},
	{name: "SEARCH finds everything there could be", bend: answers("UID SEARCH", func(_ *Conn, cmd *Command, _ string) string {
		return "* ESEARCH (TAG \"" + cmd.Tag + "\") UID ALL 1:4294967295\r\n" + cmd.Tag + " OK\r\n"
	}), exit: []int{0, 1}},
	{name: "UID 0", bend: replaces("UID FETCH", "(UID 2 ", "(UID 0 ", "(UID 4 ", "(UID 0 "), exit: []int{0, 1}, gets: []string{"first", "third"}},
	{name: "UID 0 without QRESYNC", bend: having(Plain, replaces("UID FETCH", "(UID 2 ", "(UID 0 ", "(UID 4 ", "(UID 0 ")), exit: []int{0, 1}, heal: full},
	{name: "UID twice", bend: replaces("UID FETCH", "(UID 4 ", "(UID 1 "), exit: []int{0, 1}},
	{name: "UID twice on a fresh account", fresh: true, bend: replaces("UID FETCH", "(UID 2 ", "(UID 1 "), exit: []int{1}},
	{name: "UID too big", bend: replaces("UID FETCH", "(UID 4 ", "(UID 4294967296 "), exit: []int{0, 1}},
	{name: "UID negative", bend: replaces("UID FETCH", "(UID 4 ", "(UID -4 "), exit: []int{0, 1}},
	{name: "UIDs in another order", bend: answers("UID FETCH", func(_ *Conn, _ *Command, answer string) string {
		parts := strings.SplitAfter(answer, ")\r\n")
		slices.Reverse(parts[:len(parts)-1])
		return strings.Join(parts, "")
	}), gets: besides},
	{name: "sequence numbers of 0", bend: both(begins("NOOP", "* 0 EXPUNGE", "* 0 FETCH (FLAGS ())"), begins("UID FETCH", "* 0 EXPUNGE")), exit: []int{0, 1}},
	{name: "EXPUNGE of more than there is", bend: begins("UID FETCH", "* 4294967295 EXPUNGE", "* 9 EXPUNGE", "* 9 EXPUNGE", "* 9 EXPUNGE", "* 9 EXPUNGE", "* 9 EXPUNGE"), exit: []int{0, 1}},
	{name: "VANISHED of everything at once", bend: begins("SELECT", "* VANISHED (EARLIER) 1:4294967295"), exit: []int{0, 1, 5}, gets: besides},
	{name: "VANISHED of everything later", bend: ends("UID FETCH", "* VANISHED 1:4294967295"), exit: []int{0, 1, 5}},
	{name: "VANISHED without a set", bend: begins("SELECT", "* VANISHED", "* VANISHED (EARLIER)", "* VANISHED 0", "* VANISHED 5:", "* VANISHED *", "* VANISHED (LATER) 1"), exit: []int{0, 1}},
	{name: "MODSEQ goes back", bend: func(st *stage) {
		both(answers("SELECT", lowerModSeq), answers("LIST", lowerModSeq), answers("UID FETCH", lowerModSeq))(st)
	}, gets: besides},
	{name: "MODSEQ 0", bend: both(answers("SELECT", zeroModSeq), answers("LIST", zeroModSeq)), gets: besides},
	{name: "MODSEQ too big", bend: both(replaces("SELECT", "HIGHESTMODSEQ ", "HIGHESTMODSEQ 99999999999999999"), replaces("LIST", "HIGHESTMODSEQ ", "HIGHESTMODSEQ 99999999999999999")), exit: []int{0, 1}},
	{name: "MODSEQ the highest", bend: both(answers("SELECT", func(_ *Conn, _ *Command, answer string) string { return modSeq(answer, math.MaxInt64) }), answers("LIST", func(_ *Conn, _ *Command, answer string) string { return modSeq(answer, math.MaxInt64) })), exit: []int{0, 1}},
	{name: "NOMODSEQ", bend: replaces("SELECT", "[HIGHESTMODSEQ ", "[NOMODSEQ] ["), gets: besides},
	{name: "counts of STATUS that lie", bend: replaces("LIST", "(MESSAGES ", "(MESSAGES 9999", "UIDNEXT ", "UIDNEXT 12345"), gets: besides},
	{name: "STATUS of garbage", bend: replaces("LIST", "(MESSAGES ", "(MESSAGES -1 NIL (", "UIDNEXT ", "UIDNEXT x"), exit: []int{0, 1}, gets: besides},
}

func lowerModSeq(_ *Conn, _ *Command, answer string) string { return modSeq(answer, 1) }

func zeroModSeq(_ *Conn, _ *Command, answer string) string { return modSeq(answer, 0) }

// modSeq gives every HIGHESTMODSEQ another value.
func modSeq(answer string, to uint64) string {
	const name = "HIGHESTMODSEQ "
	parts := strings.Split(answer, name)
	for i := 1; i < len(parts); i++ {
		parts[i] = fmt.Sprint(to) + strings.TrimLeft(parts[i], "0123456789")
	}
	return strings.Join(parts, name)
}
