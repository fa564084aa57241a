package imap_test

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"net"
	"os"
	"strings"
	gosync "sync"
	"sync/atomic"
	"testing"
	"time"

	"godwit/imap"
	"godwit/internal/dovecot"
	"godwit/internal/wan"
	"godwit/mail"
)

func TestNoOpTakesThreeTurns(t *testing.T) {
	t.Parallel()
	server := dovecot.Shared(t, dovecot.Options{})
	user := dovecot.NewUser()
	other := server.Dial(t, user)
	defer other.Close()
	const mailboxes = 50
	for i := range mailboxes {
		other.Create("m" + strings.Repeat("x", i))
	}
	proxy := wan.Start(t, server.Addr, wan.Network{})
	a := open(t, cleartext(proxy.Addr, user))
	list := must(a.Mailboxes(patient(t), everything))(t)
	if len(list) != mailboxes+1 {
		t.Errorf("%d mailboxes are listed", len(list))
	}
	for _, m := range list {
		if m.Status == nil || m.Status.UIDValidity == 0 || m.Status.UIDNext == 0 || m.Status.ModSeq == 0 {
			t.Errorf("%s: status %+v", m.Name, m.Status)
		}
	}
	heard := proxy.Counts().Down // the answer to LOGOUT is not always waited for
	a.Close()
	counts := proxy.Counts()
	if counts.Turns > 3 {
		t.Errorf("a no-op takes %d turns", counts.Turns)
	}
	if most := int64(160*(mailboxes+1) + 4096); counts.Up+counts.Down > most {
		t.Errorf("a no-op costs %d octets, want at most %d", counts.Up+counts.Down, most)
	}
	if got := a.Traffic(); got.Turns != 3 || got.Out < counts.Up || got.In < heard {
		t.Errorf("traffic is told as %+v, and was %+v", got, counts)
	}
}

func TestCapabilitiesAreAskedForOnlyWhereTheServerDoesNotTell(t *testing.T) {
	t.Parallel()
	const caps = "IMAP4rev1 LITERAL+"
	for _, test := range []struct {
		name, greeting, login string
		asked                 int
	}{
		{"told twice", ready, "%s OK [CAPABILITY " + caps + "] in", 0},
		{"told untagged", ready, "* CAPABILITY " + caps + "\r\n%s OK in", 0},
		{"told untagged in a code", ready, "* OK [CAPABILITY " + caps + "] psst\r\n%s OK in", 0},
		{"not after the login", ready, "%s OK in", 1},
		{"never", "* OK ready", "%s OK in", 2},
		{"preauth", "* PREAUTH [CAPABILITY " + caps + "] in", "", 0},
		{"preauth, not told", "* PREAUTH in", "", 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			server := script(t, test.greeting, func(p *peer, tag, command string) bool {
				if strings.HasPrefix(command, "AUTHENTICATE") || strings.HasPrefix(command, "LOGIN") {
					p.say(strings.Replace(test.login, "%s", tag, 1))
					return true
				}
				return false
			})
			a := open(t, cleartext(server.Addr, "me"))
			must(a.Mailboxes(patient(t), everything))(t)
			if n := server.count("CAPABILITY"); n != test.asked {
				t.Errorf("CAPABILITY is asked for %d times, want %d: %q", n, test.asked, server.sent())
			}
			if got := strings.Join(a.Capabilities(), " "); got != caps {
				t.Errorf("the capabilities are %q", got)
			}
			for _, unneeded := range []string{"ID", "NOOP"} {
				if n := server.count(unneeded); n != 0 {
					t.Errorf("%s is sent %d times", unneeded, n)
				}
			}
		})
	}
}

func TestWrongPasswordIsALoginError(t *testing.T) {
	t.Parallel()
	server := dovecot.Shared(t, dovecot.Options{})
	o := cleartext(server.Addr, dovecot.NewUser())
	o.Password = func(context.Context) (string, error) { return "hunter2", nil }
	_, err := open(t, o).Mailboxes(patient(t), everything)
	if !errors.Is(err, imap.ErrLogin) || errors.Is(err, mail.ErrOffline) {
		t.Errorf("the error is %v", err)
	}
}

func TestPasswordIsAskedOnceAndItsErrorTold(t *testing.T) {
	t.Parallel()
	server := dovecot.Shared(t, dovecot.Options{})
	var asked atomic.Int32
	o := cleartext(server.Addr, dovecot.NewUser())
	o.Password = func(context.Context) (string, error) {
		asked.Add(1)
		return dovecot.Password, nil
	}
	a := open(t, o)
	var all gosync.WaitGroup
	for range 4 { // as many connections
		all.Go(func() {
			if _, err := a.List(patient(t), "INBOX"); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if n := asked.Load(); n != 1 {
		t.Errorf("the password is asked for %d times", n)
	}

	locked := errors.New("the key ring is locked")
	o.Password = func(context.Context) (string, error) { return "", locked }
	if _, err := open(t, o).Mailboxes(patient(t), everything); !errors.Is(err, locked) {
		t.Errorf("the error is %v", err)
	}
}

func TestSecretsAreStruckOutWhereTheServerEchoesThem(t *testing.T) {
	t.Parallel()
	const secret = `s3cr"et\word`
	for _, echo := range []string{
		`%s NO [AUTHENTICATIONFAILED] bad password s3cr"et\word for you`,
		"* OK [ALERT] s3cr\"et\\word\r\n%s NO you said AG1lAHMzY3IiZXRcd29yZA==",
		"* BYE s3cr\"et\\word\x1b[2J",
	} {
		server := script(t, ready, func(p *peer, tag, command string) bool {
			if !strings.HasPrefix(command, "AUTHENTICATE") {
				return false
			}
			p.say("%s", strings.Replace(echo, "%s", tag, 1))
			if strings.HasPrefix(echo, "* BYE") {
				p.Close()
			}
			return true
		})
		var mu gosync.Mutex
		var told []string
		keep := func(text string) {
			mu.Lock()
			told = append(told, text)
			mu.Unlock()
		}
		o := cleartext(server.Addr, "me")
		o.Password = func(context.Context) (string, error) { return secret, nil }
		o.Notify, o.Remark, o.Trace = keep, keep, keep
		_, err := open(t, o).Mailboxes(patient(t), everything)
		if err == nil {
			t.Fatal("it worked")
		}
		mu.Lock()
		told = append(told, err.Error())
		mu.Unlock()
		for _, text := range told {
			if strings.Contains(text, secret) || strings.Contains(text, "s3cr") || strings.Contains(text, "AG1lAHMzY3IiZXRcd29yZA==") || strings.ContainsRune(text, 0x1b) {
				t.Errorf("shown: %q", text)
			}
		}
	}
}

func TestLoginWaysAreThoseTheServerOffers(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, caps, mechanism, sent string
		err                         error
	}{
		{"PLAIN", "SASL-IR AUTH=PLAIN", "", "AUTHENTICATE PLAIN AG1lAHBhc3M=", nil},
		{"PLAIN though LOGIN is off", "SASL-IR LOGINDISABLED AUTH=PLAIN", "", "AUTHENTICATE PLAIN AG1lAHBhc3M=", nil},
		{"LOGIN", "", "", `LOGIN "me" "pass"`, nil},
		{"LOGIN by choice", "SASL-IR AUTH=PLAIN", "login", `LOGIN "me" "pass"`, nil},
		{"XOAUTH2", "SASL-IR AUTH=XOAUTH2", "XOAUTH2", "AUTHENTICATE XOAUTH2 dXNlcj1tZQFhdXRoPUJlYXJlciBwYXNzAQE=", nil},
		{"none", "LOGINDISABLED", "", "", imap.ErrLogin},
		{"not the wanted", "AUTH=PLAIN", "XOAUTH2", "", imap.ErrLogin},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			server := script(t, "* OK [CAPABILITY IMAP4rev1 "+test.caps+"] ready", nil)
			o := cleartext(server.Addr, "me")
			o.Mechanism = test.mechanism
			_, err := open(t, o).Mailboxes(patient(t), everything)
			if !errors.Is(err, test.err) {
				t.Errorf("the error is %v", err)
			}
			if test.sent != "" && server.count(test.sent) != 1 {
				t.Errorf("sent is %q", server.sent())
			}
			if test.err != nil && server.count("LOGIN")+server.count("AUTHENTICATE") > 0 {
				t.Errorf("sent is %q", server.sent())
			}
		})
	}
}

func TestServerThatIsBusyIsOfflineNotARefusal(t *testing.T) {
	t.Parallel()
	for _, answer := range []string{"NO [UNAVAILABLE] later", "NO [LIMIT] too many"} {
		server := script(t, ready, func(p *peer, tag, command string) bool {
			if strings.HasPrefix(command, "AUTHENTICATE") {
				p.say("%s %s", tag, answer)
				return true
			}
			return false
		})
		_, err := open(t, cleartext(server.Addr, "me")).Mailboxes(patient(t), everything)
		if !errors.Is(err, mail.ErrOffline) || errors.Is(err, imap.ErrLogin) {
			t.Errorf("%s: the error is %v", answer, err)
		}
	}
	for _, greeting := range []string{"* BYE overloaded", "HTTP/1.1 400 Bad Request", "220 smtp.example.org"} {
		server := script(t, greeting, nil)
		if _, err := open(t, cleartext(server.Addr, "me")).Mailboxes(patient(t), everything); !errors.Is(err, mail.ErrOffline) {
			t.Errorf("%s: the error is %v", greeting, err)
		}
	}
}

func TestUnreachableServerIsOffline(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listener.Close()
	if _, err := open(t, cleartext(listener.Addr().String(), "me")).Mailboxes(patient(t), everything); !errors.Is(err, mail.ErrOffline) {
		t.Errorf("the error is %v", err)
	}
}

func TestSilentServerIsGivenUpAfterTheTimeout(t *testing.T) {
	t.Parallel()
	for _, silentFrom := range []string{"", "AUTHENTICATE", "LIST", "NAMESPACE"} {
		t.Run(silentFrom, func(t *testing.T) {
			t.Parallel()
			greeting := ready
			if silentFrom == "" {
				greeting = ""
			}
			server := script(t, greeting, func(p *peer, tag, command string) bool {
				if strings.HasPrefix(command, "AUTHENTICATE") && silentFrom != "AUTHENTICATE" {
					p.say("%s OK [CAPABILITY IMAP4rev1 NAMESPACE] in", tag)
					return true
				}
				return strings.HasPrefix(command, silentFrom)
			})
			o := cleartext(server.Addr, "me")
			o.Timeout = 100 * time.Millisecond
			begin := time.Now()
			_, err := open(t, o).Mailboxes(patient(t), everything)
			if !errors.Is(err, mail.ErrOffline) {
				t.Errorf("the error is %v", err)
			}
			if took := time.Since(begin); took > 15*time.Second {
				t.Errorf("it took %v", took)
			}
		})
	}
}

func TestDrippingServerIsGivenUpAfterThreeTimeouts(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	go func() {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		for { // never silent for long, never done
			if _, err := conn.Write([]byte("*")); err != nil {
				return
			}
			time.Sleep(10 * time.Millisecond)
		}
	}()
	o := cleartext(listener.Addr().String(), "me")
	o.Timeout = 200 * time.Millisecond
	begin := time.Now()
	if _, err := open(t, o).Mailboxes(patient(t), everything); !errors.Is(err, mail.ErrOffline) {
		t.Errorf("the error is %v", err)
	}
	if took := time.Since(begin); took < 500*time.Millisecond || took > 10*time.Second {
		t.Errorf("it took %v", took)
	}
}

func TestCancelledLoginEndsAtOnce(t *testing.T) {
	t.Parallel()
	server := script(t, "", nil)
	ctx, cancel := context.WithCancel(context.Background())
	time.AfterFunc(50*time.Millisecond, cancel)
	begin := time.Now()
	_, err := open(t, cleartext(server.Addr, "me")).Mailboxes(ctx, everything)
	if !errors.Is(err, context.Canceled) || time.Since(begin) > 2*time.Second {
		t.Errorf("%v after %v", err, time.Since(begin))
	}
}

func TestTLSIsCheckedAndPinned(t *testing.T) {
	t.Parallel()
	server := dovecot.Shared(t, dovecot.Options{})
	text, err := os.ReadFile(server.Cert)
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(text)
	sum := sha256.Sum256(block.Bytes)
	pin := "sha256:" + hex.EncodeToString(sum[:])
	wrong := "sha256:" + strings.Repeat("ab", 32)
	for _, test := range []struct {
		name   string
		change func(o *imap.Options)
		want   error
	}{
		{"unknown authority", func(o *imap.Options) {}, imap.ErrTLS},
		{"authority in a file", func(o *imap.Options) { o.RootCAs = server.Cert }, nil},
		{"pinned", func(o *imap.Options) { o.Fingerprint = strings.ToUpper(pin[7:]) }, nil},
		{"another pinned", func(o *imap.Options) { o.Fingerprint = wrong }, imap.ErrTLS},
		{"another pinned, trusted", func(o *imap.Options) { o.Fingerprint, o.RootCAs = wrong, server.Cert }, imap.ErrTLS},
	} {
		for _, mode := range []imap.TLSMode{imap.TLSImplicit, imap.TLSStart} {
			addr := server.TLSAddr
			if mode == imap.TLSStart {
				addr = server.Addr
			}
			o := cleartext(addr, dovecot.NewUser())
			o.TLS = mode
			test.change(&o)
			a := open(t, o)
			info, err := a.Check(patient(t))
			if !errors.Is(err, test.want) {
				t.Errorf("%s, mode %d: the error is %v", test.name, mode, err)
			}
			if err != nil {
				if !errors.Is(err, mail.ErrOffline) {
					t.Errorf("%s, mode %d: %v is not offline", test.name, mode, err)
				}
				continue
			}
			if info.TLS == nil || info.TLS.Version != "TLS 1.3" || info.TLS.Fingerprint != pin || info.Login != "PLAIN" {
				t.Errorf("%s: %+v, %+v", test.name, info, info.TLS)
			}
			must(a.Mailboxes(patient(t), everything))(t)
			if n := a.Traffic().Connections; n != 1 {
				t.Errorf("%s: %d connections", test.name, n)
			}
		}
	}
}

func TestOldTLSIsRefused(t *testing.T) {
	t.Parallel()
	server := dovecot.Shared(t, dovecot.Options{})
	text, err := os.ReadFile(server.Cert)
	if err != nil {
		t.Fatal(err)
	}
	key, err := os.ReadFile(strings.TrimSuffix(server.Cert, "cert.pem") + "key.pem")
	if err != nil {
		t.Fatal(err)
	}
	pair, err := tls.X509KeyPair(text, key)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11})
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			conn.(*tls.Conn).Handshake()
			conn.Close()
		}
	}()
	o := cleartext(listener.Addr().String(), "me")
	o.TLS, o.RootCAs = imap.TLSImplicit, server.Cert
	if _, err := open(t, o).Mailboxes(patient(t), everything); !errors.Is(err, imap.ErrTLS) {
		t.Errorf("the error is %v", err)
	}
}

// TestNothingBeforeTLSIsBelieved: whoever sits on the line can say anything
// before TLS.
func TestNothingBeforeTLSIsBelieved(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, greeting, answer string
	}{
		{"PREAUTH", "* PREAUTH [CAPABILITY IMAP4rev1 STARTTLS] in", "%s OK go"},
		{"not offered", "* OK [CAPABILITY IMAP4rev1 AUTH=PLAIN] ready", "%s OK go"},
		{"refused", "* OK ready", "%s NO not now"},
		{"injected", "* OK ready", "%s OK go\r\n* OK [ALERT] send your password to me"},
		{"injected answer", "* OK ready", "%s OK go\r\nT1 OK [CAPABILITY IMAP4rev1] in"},
		{"BYE", "* OK ready", "* BYE no"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			server := script(t, test.greeting, func(p *peer, tag, command string) bool {
				if command == "STARTTLS" {
					p.say("%s", strings.Replace(test.answer, "%s", tag, 1))
					return true
				}
				return false
			})
			var told atomic.Int32
			o := cleartext(server.Addr, "me")
			o.TLS = imap.TLSStart
			o.Notify = func(string) { told.Add(1) }
			_, err := open(t, o).Mailboxes(patient(t), everything)
			if !errors.Is(err, mail.ErrOffline) {
				t.Errorf("the error is %v", err)
			}
			if test.name != "BYE" && !errors.Is(err, imap.ErrTLS) {
				t.Errorf("%v is no error of TLS", err)
			}
			if server.count("LOGIN")+server.count("AUTHENTICATE") > 0 || told.Load() > 0 {
				t.Errorf("it was believed: %q", server.sent())
			}
		})
	}
}

func TestOptionsThatContradictAreRefused(t *testing.T) {
	t.Parallel()
	for _, o := range []imap.Options{
		{},
		{Host: "h", Port: 99999},
		{Host: "h", TLS: 9},
		{Host: "h", Mechanism: "CRAM-MD5"},
		{Host: "h", Fingerprint: "sha256:abcd"},
		{Host: "h", Fingerprint: "nonsense"},
		{Host: "h", RootCAs: "/nowhere/at/all.pem"},
	} {
		if _, err := imap.New(o); err == nil {
			t.Errorf("%+v is accepted", o)
		}
	}
}

func TestCheckTellsWhatTheServerIs(t *testing.T) {
	t.Parallel()
	server := dovecot.Shared(t, dovecot.Options{Prefix: "INBOX."})
	o := cleartext(server.Addr, dovecot.NewUser())
	info := must(open(t, o).Check(patient(t)))(t)
	if info.ID["name"] != "Dovecot" || info.Prefix != "INBOX." || info.Delimiter != "." || info.TLS != nil || len(info.Capabilities) < 10 {
		t.Errorf("%+v", info)
	}
}

func TestAlertsAreToldOnce(t *testing.T) {
	t.Parallel()
	server := script(t, ready, func(p *peer, tag, command string) bool {
		p.say("* OK [ALERT] Disk full\x07 soon")
		return false
	})
	var mu gosync.Mutex
	var told []string
	o := cleartext(server.Addr, "me")
	o.Notify = func(text string) {
		mu.Lock()
		told = append(told, text)
		mu.Unlock()
	}
	a := open(t, o)
	must(a.Mailboxes(patient(t), everything))(t)
	must(a.List(patient(t), "INBOX"))(t)
	mu.Lock()
	defer mu.Unlock()
	if len(told) != 1 || told[0] != "Disk full  soon" {
		t.Errorf("told: %q", told)
	}
}
