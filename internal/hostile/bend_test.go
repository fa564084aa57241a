package hostile

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"math/big"
	"net"
	"slices"
	"strings"
	"time"
)

// capabilities has the server announce these.
func (st *stage) capabilities(caps string) {
	st.server.Do(func() { st.server.Capabilities = caps })
}

// greets has the server begin with this line.
func greets(line string) func(*stage) {
	return func(st *stage) { st.server.Do(func() { st.server.Greeting = line }) }
}

// raw has each connection dealt with by f alone.
func raw(f func(net.Conn)) func(*stage) {
	return func(st *stage) { st.server.Do(func() { st.server.Raw = f }) }
}

// answers has f alter the answers to a command.
func answers(verb string, f func(c *Conn, cmd *Command, answer string) string) func(*stage) {
	return func(st *stage) {
		st.server.Do(func() {
			earlier := st.server.After
			st.server.After = func(c *Conn, cmd *Command, answer string) string {
				if earlier != nil {
					answer = earlier(c, cmd, answer)
				}
				if cmd.Verb != verb {
					return answer
				}
				return f(c, cmd, answer)
			}
		})
	}
}

// replaces has patterns in the answers to a command replaced: old, new, old, new.
func replaces(verb string, oldnew ...string) func(*stage) {
	return answers(verb, func(_ *Conn, _ *Command, answer string) string {
		for i := 0; i < len(oldnew); i += 2 {
			answer = strings.ReplaceAll(answer, oldnew[i], oldnew[i+1])
		}
		return answer
	})
}

// begins has lines put before the answers to a command.
func begins(verb string, lines ...string) func(*stage) {
	return answers(verb, func(_ *Conn, _ *Command, answer string) string {
		return strings.Join(lines, "\r\n") + "\r\n" + answer
	})
}

// ends has lines put before the tagged line of the answers to a command.
func ends(verb string, lines ...string) func(*stage) {
	return answers(verb, func(_ *Conn, cmd *Command, answer string) string {
		at := strings.LastIndex(answer, cmd.Tag+" ")
		return answer[:at] + strings.Join(lines, "\r\n") + "\r\n" + answer[at:]
	})
}

// says has a command answered with this tagged text alone.
func says(verb, text string) func(*stage) {
	return instead(verb, func(c *Conn, cmd *Command) { c.Say("%s %s", cmd.Tag, text) })
}

// instead has f deal with a command.
func instead(verb string, f func(c *Conn, cmd *Command)) func(*stage) {
	return first(verb, 1<<30, f)
}

// first has f deal with a command the first n times.
func first(verb string, n int, f func(c *Conn, cmd *Command)) func(*stage) {
	return func(st *stage) {
		st.server.Do(func() {
			earlier := st.server.Before
			st.server.Before = func(c *Conn, cmd *Command) bool {
				if cmd.Verb == verb && cmd.Nth < n {
					f(c, cmd)
					return true
				}
				return earlier != nil && earlier(c, cmd)
			}
		})
	}
}

// both bends in several ways.
func both(bends ...func(*stage)) func(*stage) {
	return func(st *stage) {
		for _, b := range bends {
			b(st)
		}
	}
}

// with announces capabilities and bends.
func having(caps string, bends ...func(*stage)) func(*stage) {
	return func(st *stage) {
		st.capabilities(caps)
		both(bends...)(st)
	}
}

// bodies has f alter the FETCH response that brings the body with a subject.
func bodies(subject string, f func(response string) string) func(*stage) {
	return answers("UID FETCH", func(_ *Conn, _ *Command, answer string) string {
		body := string(Text(subject))
		at := strings.Index(answer, body)
		if at < 0 {
			return answer
		}
		from := strings.LastIndex(answer[:at], "* ")
		to := at + len(body) + len(")\r\n")
		return answer[:from] + f(answer[from:to]) + answer[to:]
	})
}

// certificate makes one for loopback, and its fingerprint.
func certificate() (tls.Certificate, string) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		panic(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, fmt.Sprintf("sha256:%x", sha256.Sum256(der))
}

// starttls has the configuration ask for STARTTLS, and the server offer it.
func starttls(bends ...func(*stage)) func(*stage) {
	return func(st *stage) {
		cert, fingerprint := certificate()
		st.server.Do(func() { st.server.TLS = &tls.Config{Certificates: []tls.Certificate{cert}} })
		st.imap = append(st.imap, `tls = "starttls"`, `tls_fingerprint = "`+fingerprint+`"`)
		both(bends...)(st)
	}
}

// nothingSecret checks that the client did not log in.
func nothingSecret(st *stage, _ *result) {
	for _, line := range st.server.Heard() {
		if verb, _, _ := strings.Cut(line, " "); slices.Contains([]string{"LOGIN", "AUTHENTICATE"}, strings.ToUpper(verb)) {
			st.t.Errorf("it logs in although it must not: %q", line)
		}
	}
}
