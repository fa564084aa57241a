package imap

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	gosync "sync"
	"syscall"
	"time"
)

// tunnel is a child process as a connection: what is written goes to its
// standard input, what is read comes from its standard output.
type tunnel struct {
	command *exec.Cmd
	in, out *os.File // our ends of its standard input and output
	stderr  *tail
	once    gosync.Once
	exited  chan struct{}
}

// The child gets so long to end by itself when its input ends, and then to obey
// SIGTERM.
const (
	tunnelGrace = 200 * time.Millisecond
	tunnelTerm  = time.Second
)

func startTunnel(argv []string) (_ *tunnel, err error) {
	inRead, inWrite, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	outRead, outWrite, err := os.Pipe()
	if err != nil {
		inRead.Close()
		inWrite.Close()
		return nil, err
	}
	t := &tunnel{
		command: exec.Command(argv[0], argv[1:]...),
		in:      inWrite, out: outRead, stderr: &tail{}, exited: make(chan struct{}),
	}
	t.command.Stdin, t.command.Stdout, t.command.Stderr = inRead, outWrite, t.stderr
	// A grandchild that keeps standard error open must not keep us.
	t.command.WaitDelay = tunnelTerm
	err = t.command.Start()
	inRead.Close()
	outWrite.Close()
	if err != nil {
		inWrite.Close()
		outRead.Close()
		return nil, offline(fmt.Errorf("starting the tunnel: %w", err))
	}
	go func() {
		defer close(t.exited)
		t.command.Wait()
	}()
	return t, nil
}

// said returns the end of what the child wrote to standard error. The child may
// be about to say why it ended: it gets a moment.
func (t *tunnel) said() string {
	select {
	case <-t.exited:
	case <-time.After(tunnelGrace):
	}
	return t.stderr.String()
}

func (t *tunnel) Read(p []byte) (int, error)  { return t.out.Read(p) }
func (t *tunnel) Write(p []byte) (int, error) { return t.in.Write(p) }

// Close ends the child and waits for it.
func (t *tunnel) Close() error {
	t.once.Do(func() {
		t.in.Close()
		defer t.out.Close()
		if t.await(tunnelGrace) {
			return
		}
		t.command.Process.Signal(syscall.SIGTERM)
		if t.await(tunnelTerm) {
			return
		}
		t.command.Process.Kill()
		<-t.exited
	})
	<-t.exited
	return nil
}

func (t *tunnel) await(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-t.exited:
		return true
	case <-timer.C:
		return false
	}
}

func (t *tunnel) SetDeadline(d time.Time) error {
	return errors.Join(t.SetReadDeadline(d), t.SetWriteDeadline(d))
}
func (t *tunnel) SetReadDeadline(d time.Time) error  { return t.out.SetReadDeadline(d) }
func (t *tunnel) SetWriteDeadline(d time.Time) error { return t.in.SetWriteDeadline(d) }
func (t *tunnel) LocalAddr() net.Addr                { return tunnelAddr("tunnel") }
func (t *tunnel) RemoteAddr() net.Addr               { return tunnelAddr("tunnel") }

type tunnelAddr string

func (tunnelAddr) Network() string  { return "tunnel" }
func (a tunnelAddr) String() string { return string(a) }

// tail keeps the last octets written to it.
type tail struct {
	mu   gosync.Mutex
	text []byte
}

var _ io.Writer = (*tail)(nil)

func (t *tail) Write(p []byte) (int, error) {
	const keep = 1000
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, p...)
	if extra := len(t.text) - keep; extra > 0 {
		t.text = append(t.text[:0], t.text[extra:]...)
	}
	return len(p), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return string(t.text)
}
