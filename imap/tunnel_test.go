package imap_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"godwit/imap"
	"godwit/internal/dovecot"
	"godwit/mail"
)

// tunnelTo makes the test binary a tunnel to an address.
const tunnelTo = "GODWIT_TEST_TUNNEL"

func TestMain(m *testing.M) {
	if addr := os.Getenv(tunnelTo); addr != "" {
		os.Exit(relay(addr))
	}
	os.Exit(m.Run())
}

func relay(addr string) int {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	go func() {
		io.Copy(conn, os.Stdin)
		conn.(*net.TCPConn).CloseWrite()
	}()
	io.Copy(os.Stdout, conn)
	return 0
}

// tunnelled are options for a tunnel through this binary.
func tunnelled(t *testing.T, addr, user string) imap.Options {
	env, err := exec.LookPath("env")
	if err != nil {
		t.Fatal(err)
	}
	return imap.Options{Command: []string{env, tunnelTo + "=" + addr, os.Args[0]}, User: user, Password: password, Timeout: 20 * time.Second}
}

func TestTunnelLogsInAndWorks(t *testing.T) {
	t.Parallel()
	server := dovecot.Shared(t, dovecot.Options{})
	user := dovecot.NewUser()
	other := server.Dial(t, user)
	defer other.Close()
	other.Append("INBOX", nil, time.Time{}, message(1))
	a := open(t, tunnelled(t, server.Addr, user))
	must(a.Mailboxes(patient(t), everything))(t)
	o := must(a.Observe(patient(t), "INBOX", mail.Since{}))(t)
	var got collect
	must(a.Fetch(patient(t), "INBOX", o.UIDValidity, mail.UIDs(1), got.take))(t)
	if string(got.bodies[1]) != string(message(1)) {
		t.Errorf("fetched is %q", got.bodies[1])
	}
	if err := a.Close(); err != nil { // it waits for the child
		t.Error(err)
	}
}

func TestTunnelWithPreauthNeedsNoPassword(t *testing.T) {
	t.Parallel()
	server := script(t, "* PREAUTH [CAPABILITY IMAP4rev1 LITERAL+] in", nil)
	o := tunnelled(t, server.Addr, "me")
	o.Password = func(context.Context) (string, error) { return "", errors.New("nobody may ask") }
	must(open(t, o).Mailboxes(patient(t), everything))(t)
	if n := server.count("LOGIN") + server.count("AUTHENTICATE"); n > 0 {
		t.Errorf("sent is %q", server.sent())
	}
}

// TestTunnelOfDovecotItself runs Dovecot's imap binary, as one would by ssh.
func TestTunnelOfDovecotItself(t *testing.T) {
	t.Parallel()
	server := dovecot.Shared(t, dovecot.Options{})
	user := dovecot.NewUser()
	other := server.Dial(t, user)
	other.Append("INBOX", nil, time.Time{}, message(1))
	other.Close()
	config := strings.TrimSuffix(server.Cert, "cert.pem") + "dovecot.conf"
	doveadm, err := exec.LookPath("doveadm")
	if err != nil {
		t.Fatal("Dovecot is here, and its doveadm is not: ", err)
	}
	o := imap.Options{Command: []string{doveadm, "-c", config, "exec", "imap", "-u", user}, Timeout: 20 * time.Second}
	a := open(t, o)
	must(a.Mailboxes(patient(t), everything))(t)
	if got := must(a.List(patient(t), "INBOX"))(t); got.Present.Len() != 1 {
		t.Errorf("%v is listed", got.Present)
	}
}

func TestTunnelTellsWhatItsProgramSaid(t *testing.T) {
	t.Parallel()
	for _, command := range [][]string{
		{"/bin/sh", "-c", "echo no route to 's3cret host' >&2; exit 255"},
		{"/nowhere/at/all"},
	} {
		_, err := open(t, imap.Options{Command: command, Password: password}).Mailboxes(patient(t), everything)
		if !errors.Is(err, mail.ErrOffline) {
			t.Errorf("%q: the error is %v", command, err)
		}
		if len(command) > 1 && !strings.Contains(err.Error(), "no route to s3cret host") {
			t.Errorf("%q: the error is %v", command, err)
		}
	}
}

func TestStubbornTunnelIsEnded(t *testing.T) {
	t.Parallel()
	command := []string{"/bin/sh", "-c", `trap "" TERM; printf '* PREAUTH [CAPABILITY IMAP4rev1] in\r\n'; while :; do sleep 1; done`}
	ctx, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
	defer cancel()
	begin := time.Now()
	_, err := open(t, imap.Options{Command: command}).Mailboxes(ctx, everything)
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the error is %v", err)
	}
	if took := time.Since(begin); took > 10*time.Second {
		t.Errorf("it took %v", took)
	}
}
