package wan

import (
	"bytes"
	"net"
	"slices"
	"sync"
	"time"
)

// link is one connection through the proxy.
type link struct {
	proxy          *Proxy
	client, server net.Conn
	fault          Fault

	mu         sync.Mutex
	fromServer bool   // the last bytes came from the server
	partial    []byte // a line from the server whose end has not come, while some are hidden
	silence    sync.Once
	silent     chan struct{} // closed: nothing is delivered any more
}

func (l *link) close() {
	l.client.Close()
	l.server.Close()
}

func (l *link) run() {
	var both sync.WaitGroup
	both.Go(func() { l.pipe(l.server, l.client, l.fault.AfterUp, false) })
	both.Go(func() { l.pipe(l.client, l.server, l.fault.AfterDown, true) })
	both.Wait()
	l.close()
}

// chunk is some bytes under way.
type chunk struct {
	due  time.Time
	data []byte
}

// window is how many chunks may be under way: far more than a link of any speed
// holds, so that the delay and not the proxy's memory is what is felt.
const window = 4096

// pipe carries bytes from src to dst until either ends or limit bytes (zero: no
// limit) were delivered.
func (l *link) pipe(dst, src net.Conn, limit int64, down bool) {
	late := make(chan chunk, window)
	var reader sync.WaitGroup
	reader.Go(func() {
		defer close(late)
		l.read(late, src, down)
	})
	defer reader.Wait()
	defer func() {
		for range late { // the reader must not wait for us
		}
	}()
	var delivered int64
	for c := range late {
		if wait := time.Until(c.due); wait > 0 {
			time.Sleep(wait)
		}
		select {
		case <-l.silent:
			continue
		default:
		}
		last := limit > 0 && delivered+int64(len(c.data)) >= limit
		if last {
			c.data = c.data[:limit-delivered]
		}
		delivered += int64(len(c.data))
		l.count(int64(len(c.data)), down) // before whoever gets them can ask for the counts
		_, err := dst.Write(c.data)
		if last {
			l.fail()
			if l.fault.Stall {
				continue
			}
			return
		}
		if err != nil {
			src.Close() // whoever sends has nobody to send to
			return
		}
	}
	if half, ok := dst.(interface{ CloseWrite() error }); ok {
		half.CloseWrite()
	}
}

// read takes bytes from src and says when they are to arrive.
func (l *link) read(late chan<- chunk, src net.Conn, down bool) {
	var free time.Time // when the line has sent what it was given
	for {
		buf := make([]byte, 32<<10)
		n, err := src.Read(buf)
		if n > 0 {
			network := l.saw(buf[:n], down)
			now := time.Now()
			if free.Before(now) {
				free = now
			}
			if network.Rate > 0 {
				free = free.Add(time.Duration(int64(n) * int64(time.Second) / network.Rate))
			}
			data := buf[:n]
			if down {
				data = l.hide(data)
			}
			late <- chunk{free.Add(network.RTT / 2), data}
		}
		if err != nil {
			return
		}
	}
}

// saw notes that bytes were sent, and returns how the network is now.
func (l *link) saw(data []byte, down bool) Network {
	l.mu.Lock()
	turn := l.fromServer && !down
	l.fromServer = down
	l.mu.Unlock()
	p := l.proxy
	p.mu.Lock()
	defer p.mu.Unlock()
	if turn {
		p.counts.Turns++
	}
	if p.record && !down {
		p.sent.Write(data)
	}
	return p.network
}

// hide drops the lines that are to be hidden. Only the goroutine that reads from the
// server calls it.
func (l *link) hide(data []byte) []byte {
	l.proxy.mu.Lock()
	hidden := l.proxy.hidden
	l.proxy.mu.Unlock()
	if len(hidden) == 0 && len(l.partial) == 0 {
		return data
	}
	data = append(l.partial, data...)
	l.partial = nil
	var shown []byte
	for line := range bytes.Lines(data) {
		switch {
		case !bytes.HasSuffix(line, []byte("\n")) && len(hidden) > 0:
			l.partial = bytes.Clone(line)
		case !slices.ContainsFunc(hidden, func(p string) bool { return bytes.HasPrefix(line, []byte(p)) }):
			shown = append(shown, line...)
		}
	}
	return shown
}

func (l *link) count(n int64, down bool) {
	p := l.proxy
	p.mu.Lock()
	defer p.mu.Unlock()
	if down {
		p.counts.Down += n
	} else {
		p.counts.Up += n
	}
}

// fail carries out the fault, once.
func (l *link) fail() {
	l.silence.Do(func() {
		l.proxy.mu.Lock()
		l.proxy.counts.Cuts++
		l.proxy.mu.Unlock()
		close(l.silent)
		if !l.fault.Stall {
			l.close()
		}
	})
}
