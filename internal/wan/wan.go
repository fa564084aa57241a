// Package wan plays a slow or failing network between a client and a server on
// loopback, and counts what crosses it.
//
// A [Proxy] accepts connections and forwards them. It delays (round-trip time),
// limits (rate), cuts a connection after an exact number of bytes in either
// direction, or falls silent there instead. What it counts are connections,
// bytes and turns. A turn is a change of direction from the server's bytes to
// the client's: how often the client could only go on after hearing an answer,
// which is what a round-trip time is paid for, and it is exact where seconds
// are noisy.
//
// Delays hold nothing back: bytes that are under way do not delay those behind
// them, so a client that pipelines pays one round trip for many commands.
package wan

import (
	"bytes"
	"errors"
	"net"
	"sync"
	"testing"
	"time"
)

// Network is how the connections are. The zero Network is loopback as it is.
type Network struct {
	RTT  time.Duration // round-trip time added, half each way
	Rate int64         // bytes per second, each way and connection; zero is no limit
}

// Fault is what goes wrong with one connection. The zero Fault is nothing.
type Fault struct {
	// AfterDown and AfterUp are how many bytes from the server, and from the
	// client, are still delivered; then the connection is cut. Zero is no cut.
	AfterDown, AfterUp int64
	// Stall lets the connection fall silent, both ways, instead of cutting it.
	Stall bool
	// Refuse closes the connection before its first byte.
	Refuse bool
}

// Counts is what crossed since the start or the last [Proxy.Reset].
type Counts struct {
	Connections int   // accepted, refused ones included
	Up, Down    int64 // bytes delivered to the server and to the client
	Turns       int   // changes of direction from the server's bytes to the client's
	Cuts        int   // connections cut or stalled by a Fault
}

// Proxy stands between a client and a server.
type Proxy struct {
	Addr string // host:port to connect to

	to       string
	listener net.Listener
	done     chan struct{}
	running  sync.WaitGroup

	mu      sync.Mutex
	network Network
	fault   func(connection int) Fault
	counts  Counts
	hidden  []string
	record  bool
	sent    bytes.Buffer
	live    map[*link]bool
}

// Start starts a proxy to the server at the address to; it ends with the test.
func Start(t testing.TB, to string, n Network) *Proxy {
	t.Helper()
	p, err := Listen(to, n)
	if err != nil {
		t.Fatalf("starting a proxy: %v", err)
	}
	t.Cleanup(p.Close)
	return p
}

// Listen is [Start] without a test. The caller closes the proxy.
func Listen(to string, n Network) (*Proxy, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &Proxy{Addr: l.Addr().String(), to: to, listener: l, network: n, done: make(chan struct{}), live: map[*link]bool{}}
	p.running.Go(p.accept)
	return p, nil
}

// Close ends all connections and waits for them.
func (p *Proxy) Close() {
	p.listener.Close()
	close(p.done)
	p.Break()
	p.running.Wait()
}

// Set changes the network, for bytes that come from now on.
func (p *Proxy) Set(n Network) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.network = n
}

// Fail sets what goes wrong with connections accepted from now on: f is asked with
// each one's number, from 0. nil is nothing.
func (p *Proxy) Fail(f func(connection int) Fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fault = f
	p.counts.Connections = 0
}

// Hide drops the server's lines that begin with one of these texts ("* LIST"), for
// a server that has lost its memory. Without texts it ends. It is meant for the
// lines of IMAP responses, and does not look whether one stands in a literal.
func (p *Proxy) Hide(prefixes ...string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.hidden = prefixes
}

// Break cuts every connection there is now.
func (p *Proxy) Break() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for l := range p.live {
		l.close()
	}
}

// Counts returns what crossed so far.
func (p *Proxy) Counts() Counts {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.counts
}

// Reset sets all counts to zero and forgets what was recorded.
func (p *Proxy) Reset() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.counts = Counts{}
	p.sent.Reset()
}

// Record keeps what clients send, for [Proxy.Sent].
func (p *Proxy) Record() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.record = true
}

// Sent returns what clients sent since [Proxy.Record] or [Proxy.Reset], in the
// order of its arrival; of several connections it is a mixture.
func (p *Proxy) Sent() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.sent.String()
}

func (p *Proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue // the client went away again
		}
		p.mu.Lock()
		var f Fault
		if p.fault != nil {
			f = p.fault(p.counts.Connections)
		}
		p.counts.Connections++
		p.mu.Unlock()
		p.running.Go(func() { p.serve(client, f) })
	}
}

func (p *Proxy) serve(client net.Conn, f Fault) {
	if f.Refuse {
		client.Close()
		return
	}
	server, err := net.Dial("tcp", p.to)
	if err != nil {
		client.Close()
		return
	}
	l := &link{proxy: p, client: client, server: server, fault: f, silent: make(chan struct{})}
	p.mu.Lock()
	p.live[l] = true
	p.mu.Unlock()
	select {
	case <-p.done: // Close may have looked before we were among the living
		l.close()
	default:
	}
	l.run()
	p.mu.Lock()
	delete(p.live, l)
	p.mu.Unlock()
}
