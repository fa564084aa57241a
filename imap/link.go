package imap

import (
	"net"
	gosync "sync"
	"sync/atomic"
	"time"
)

// Traffic counts what went over an account's connections.
type Traffic struct {
	In, Out int64 // octets on the wire, TLS and compression included
	// Turns is how often a connection waited for the server: the greeting, and
	// answers that came after something was sent. TLS is not counted.
	Turns int64
	// Connections is how many were made.
	Connections int64
}

type traffic struct{ in, out, turns, connections atomic.Int64 }

// metered counts the octets of a socket or pipe.
type metered struct {
	net.Conn
	traffic *traffic
}

func (m metered) Read(p []byte) (int, error) {
	n, err := m.Conn.Read(p)
	m.traffic.in.Add(int64(n))
	return n, err
}

func (m metered) Write(p []byte) (int, error) {
	n, err := m.Conn.Write(p)
	m.traffic.out.Add(int64(n))
	return n, err
}

// link is the stream of one IMAP connection. In the control plane it has rolling
// deadlines: each piece of a Write may take the timeout, however long the whole
// takes, and so may what is waited for, unless it comes so slowly that it may as
// well not come at all. From [link.resume] on it is the data plane's, which sets
// its own deadlines.
type link struct {
	net.Conn
	socket  net.Conn // below TLS
	timeout time.Duration
	traffic *traffic
	tracer  *tracer
	sent    atomic.Bool // something was written since the last octet came
	polite  atomic.Bool // LOGOUT was said

	mu     gosync.Mutex
	stage  linkStage
	ahead  []byte        // read by the control plane, not consumed there
	slow   time.Duration // waited for since the last command, or since enough had come
	came   int           // octets since then
	closed gosync.Once
	err    error // of the close
}

type linkStage uint8

const (
	stageControl     linkStage = iota // rolling deadlines
	stageInterrupted                  // reading ends at once
	stageData                         // deadlines are the reader's
)

// writePiece is how much one write deadline is for.
const writePiece = 64 << 10

func (l *link) Read(p []byte) (int, error) {
	l.mu.Lock()
	if n := copy(p, l.ahead); n > 0 {
		l.ahead = l.ahead[n:]
		l.mu.Unlock()
		return n, nil
	}
	switch l.stage {
	case stageInterrupted:
		l.mu.Unlock()
		return 0, errInterrupted
	case stageControl:
		l.Conn.SetReadDeadline(time.Now().Add(max(0, l.timeout-l.slow)))
	}
	l.mu.Unlock()
	begun := time.Now()
	n, err := l.Conn.Read(p)
	l.mu.Lock()
	l.slow += time.Since(begun)
	// An octet a second is too little, as it is for the data plane.
	if l.came += n; l.came > min(120, int(l.timeout/time.Second)) {
		l.slow, l.came = 0, 0
	}
	l.mu.Unlock()
	if n > 0 {
		if l.sent.Swap(false) {
			l.traffic.turns.Add(1)
		}
		l.tracer.received(p[:n])
	}
	return n, err
}

func (l *link) Write(p []byte) (int, error) {
	l.sent.Store(true)
	l.tracer.sent(p)
	l.mu.Lock()
	l.slow, l.came = 0, 0
	rolling := l.stage != stageData
	l.mu.Unlock()
	if !rolling {
		return l.Conn.Write(p)
	}
	written := 0
	for len(p) > 0 {
		piece := p[:min(len(p), writePiece)]
		l.Conn.SetWriteDeadline(time.Now().Add(l.timeout))
		n, err := l.Conn.Write(piece)
		written += n
		if err != nil {
			return written, err
		}
		p = p[n:]
	}
	return written, nil
}

// goodbye says LOGOUT. Nobody waits for the answer, so it is no turn.
func (l *link) goodbye() {
	const logout = "Z LOGOUT\r\n"
	l.tracer.sent([]byte(logout))
	l.Conn.SetWriteDeadline(time.Now().Add(time.Second))
	l.Conn.Write([]byte(logout))
	l.polite.Store(true)
}

// Close closes the connection; the first call's result counts.
func (l *link) Close() error {
	l.closed.Do(func() {
		if !l.polite.Load() {
			l.forsake()
		}
		l.err = l.Conn.Close()
	})
	return l.err
}

// forsake has the kernel send nothing more. What waits to be sent would else
// still reach the server, and be carried out, long after we have looked what was.
func (l *link) forsake() {
	socket := l.socket
	if m, ok := socket.(metered); ok {
		socket = m.Conn
	}
	if tcp, ok := socket.(*net.TCPConn); ok {
		tcp.SetLinger(0)
	}
}

// interrupt ends a Read that waits, and those to come.
func (l *link) interrupt() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stage = stageInterrupted
	l.Conn.SetReadDeadline(time.Unix(1, 0))
}

// resume hands the stream to the data plane, with what was read ahead of it.
func (l *link) resume(ahead []byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stage = stageData
	l.ahead = ahead
	l.Conn.SetDeadline(time.Time{})
}
