package hostile

import (
	"io"
	"net"
	"slices"
	"strings"
	"time"
)

// loginCases are servers that misbehave before there is anything to do.
var loginCases = []hostility{
	{name: "another protocol", bend: greets("SSH-2.0-OpenSSH_9.2p1"), exit: []int{4}, says: []string{"no IMAP server"}},
	{name: "binary greeting", bend: greets("\x1b]0;owned\x07\x1b[2J\xff\xfe\x00\u202e"), exit: []int{4}, says: []string{"no IMAP server"}},
	{name: "greeted with BYE", bend: greets("* BYE [UNAVAILABLE] too many cooks \x1b[31m"), exit: []int{4}, says: []string{"too many cooks"}},
	{name: "greeted with NO", bend: greets("* NO never"), exit: []int{4}},
	{name: "an empty greeting", bend: greets(""), exit: []int{0}},
	{name: "closed at once", bend: raw(func(net.Conn) {}), exit: []int{4}, most: 20 * time.Second},
	{name: "silence", timeout: brief, bend: raw(func(c net.Conn) { io.Copy(io.Discard, c) }), exit: []int{4}, most: 20 * time.Second},
	{
		name: "a greeting without end", exit: []int{4}, most: 20 * time.Second,
		bend: raw(func(c net.Conn) { pour(c, "* OK "+strings.Repeat("a", 1<<16)) }),
	},
	{
		name: "a greeting octet by octet", timeout: brief, exit: []int{4}, most: 20 * time.Second,
		bend: raw(func(c net.Conn) { drip(c, "* OK [CAPABILITY IMAP4rev1] ready\r\n") }),
	},
	{name: "a greeting with a literal", bend: greets("* OK [CAPABILITY IMAP4rev1] {9223372036854775807}"), exit: []int{0, 4}},
	{name: "PREAUTH in clear", bend: greets("* PREAUTH [CAPABILITY " + Full + "] welcome"), then: nothingSecret},
	{
		name: "PREAUTH before TLS", bend: starttls(greets("* PREAUTH [CAPABILITY IMAP4rev1 STARTTLS] welcome")),
		exit: []int{4}, says: []string{"before TLS"}, then: nothingSecret, heal: clear,
	},
	{
		name: "STARTTLS not offered", bend: starttls(greets("* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] ready")),
		exit: []int{4}, says: []string{"does not offer STARTTLS"}, then: nothingSecret, heal: clear,
	},
	{
		name: "STARTTLS unknown", bend: starttls(greets("* OK ready"), says("STARTTLS", "BAD what")),
		exit: []int{4}, says: []string{"refused STARTTLS"}, then: nothingSecret, heal: clear,
	},
	{
		name: "STARTTLS refused", bend: starttls(says("STARTTLS", "NO not today \x1b[31m")),
		exit: []int{4}, says: []string{"refused STARTTLS: not today"}, then: nothingSecret, heal: clear,
	},
	{
		name: "octets behind STARTTLS", exit: []int{4}, says: []string{"before TLS"}, then: nothingSecret, heal: clear,
		bend: starttls(answers("STARTTLS", func(_ *Conn, _ *Command, answer string) string {
			return answer + "* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\n"
		})),
	},
	{
		name: "no TLS behind STARTTLS", timeout: brief, exit: []int{4}, then: nothingSecret, heal: clear, most: 20 * time.Second,
		bend: starttls(instead("STARTTLS", func(c *Conn, cmd *Command) { c.Say("%s OK go on", cmd.Tag) })),
	},
	{
		name: "another certificate", exit: []int{4}, says: []string{"another one than the pinned"}, then: nothingSecret, heal: clear,
		bend: func(st *stage) {
			starttls()(st)
			for i, line := range st.imap {
				if strings.HasPrefix(line, "tls_fingerprint") {
					st.imap[i] = `tls_fingerprint = "sha256:` + strings.Repeat("0", 64) + `"`
				}
			}
		},
	},
	{
		name: "capabilities from before TLS", heal: clear,
		bend: starttls(greets("* OK [CAPABILITY IMAP4rev1 STARTTLS AUTH=PLAIN SASL-IR X-INJECTED ID] ready")),
		then: func(st *stage, _ *result) {
			if heard := st.server.Heard(); !slices.Contains(heard, "CAPABILITY") || slices.ContainsFunc(heard, func(l string) bool { return strings.HasPrefix(l, "ID ") }) {
				st.t.Errorf("capabilities that came before TLS are believed: %q", heard)
			}
		},
	},
	{name: "LOGINDISABLED", bend: having("IMAP4rev1 LOGINDISABLED"), exit: []int{3}, then: nothingSecret, heal: full},
	{name: "no mechanism that we know", bend: having("IMAP4rev1 LOGINDISABLED AUTH=GSSAPI AUTH=\x1b[31m"), exit: []int{3}, then: nothingSecret, heal: full},
	{
		name: "the password echoed", exit: []int{3}, says: []string{"hint:"},
		bend: says("AUTHENTICATE", "NO [AUTHENTICATIONFAILED] \""+Password+"\" of "+User+" is wrong, and so are "+strings.Join(secrets()[2:], " and ")),
	},
	{
		name: "the password echoed in pieces", exit: []int{3},
		bend: says("AUTHENTICATE", "NO "+Password[:9]+"\u202e"+Password[9:]+" and "+Password[:4]+"\u2028"+Password[4:]+" and "+Password[:3]+"\x00"+Password[3:]),
	},
	{
		name: "the password echoed in an ALERT", bend: begins("LIST", "* OK [ALERT] you are "+Password, "* NO [ALERT] \x1b]0;"+Password+"\x07"),
		says: []string{`\[secret\]`},
	},
	{name: "the command echoed", exit: []int{3}, bend: instead("AUTHENTICATE", func(c *Conn, cmd *Command) { c.Say("%s NO I heard %s", cmd.Tag, cmd.Line) })},
	{
		name: "the command of LOGIN echoed", exit: []int{3}, heal: full,
		bend: having("IMAP4rev1", instead("LOGIN", func(c *Conn, cmd *Command) { c.Say("%s NO I heard %s", cmd.Tag, cmd.Line) })),
	},
	{name: "login referral", exit: []int{3}, bend: says("AUTHENTICATE", "NO [REFERRAL imap://"+User+";AUTH=*@127.0.0.1:9/] go there")},
	{name: "login for later", exit: []int{4}, bend: says("AUTHENTICATE", "NO [UNAVAILABLE] the directory sleeps")},
	{name: "BYE at login", exit: []int{4}, bend: instead("AUTHENTICATE", func(c *Conn, _ *Command) { c.Say("* BYE not you"); c.Cut() })},
	{name: "silence at login", timeout: brief, exit: []int{4}, most: 20 * time.Second, bend: instead("AUTHENTICATE", func(c *Conn, _ *Command) { c.Silence() })},
	{
		name: "challenges without end", exit: []int{3, 4}, most: 20 * time.Second,
		bend: instead("AUTHENTICATE", func(c *Conn, _ *Command) { pour(c.conn, strings.Repeat("+ \r\n", 1<<12)) }),
	},
	{name: "garbage at login", exit: []int{3, 4}, bend: instead("AUTHENTICATE", func(c *Conn, cmd *Command) { c.Write("\x00\x01)(*&\r\n" + cmd.Tag + "\r\n" + cmd.Tag + " MAYBE\r\n") })},
	{name: "login OK, and not logged in", exit: []int{1, 3, 4}, bend: says("AUTHENTICATE", "OK sure")},
	{name: "a continuation that nobody asked for", bend: begins("LIST", "+ go on", "+", "+ ")},
}

// clear makes the account one without TLS again.
func clear(st *stage) {
	st.server.TLS, st.imap = nil, nil
}

// full gives the server its capabilities back.
func full(st *stage) { st.server.Capabilities = Full }

// pour says a text again and again, for as long as anybody listens.
func pour(c io.Writer, text string) {
	for {
		if _, err := io.WriteString(c, text); err != nil {
			return
		}
	}
}

// drip says a text an octet at a time, one a second, again and again.
func drip(c io.Writer, text string) {
	for {
		for i := range len(text) {
			time.Sleep(700 * time.Millisecond)
			if _, err := io.WriteString(c, text[i:i+1]); err != nil {
				return
			}
		}
	}
}
