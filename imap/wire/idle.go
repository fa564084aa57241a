package wire

import (
	"context"
	"sync"

	imap "github.com/emersion/go-imap/v2"
)

// Idle is an IDLE under way.
type Idle struct {
	c    *Conn
	cmd  *command
	once sync.Once
}

// Idle starts IDLE (RFC 2177) and waits until the server accepts it. Events go
// to the handler. Nothing else can be sent before [Idle.Done], not even to learn
// whether the peer is alive: end it and begin again every now and then, at least
// every 29 minutes. Without IDLE it fails with [ErrNotAnnounced].
func (c *Conn) Idle(ctx context.Context) (*Idle, error) {
	const verb = "IDLE"
	if err := c.need(imap.CapIdle); err != nil {
		_, err := refused[struct{}](c, verb, err).Wait()
		return nil, err
	}
	t := c.text()
	t.raw(verb)
	cmd := &command{name: verb, idle: true}
	accepted := false
	c.startWith(ctx, cmd, t, func() {
		c.write([]byte("\r\n"))
		accepted = c.await(cmd)
	})
	if !accepted {
		<-cmd.done
		return nil, cmd.err
	}
	return &Idle{c: c, cmd: cmd}, nil
}

// Ended is closed when the IDLE ended: by Done, by the server, or with the
// connection.
func (i *Idle) Ended() <-chan struct{} { return i.cmd.done }

// Done ends the IDLE and waits for the answer.
func (i *Idle) Done() error {
	i.once.Do(func() {
		i.c.writing <- struct{}{} // nobody holds it for long: nothing can be sent now
		defer i.c.unlockWriting()
		i.c.mu.Lock()
		idling := i.c.idling // false: the server ended it, and DONE would be no command
		if idling {
			i.c.idling = false
			i.c.link.setBusy(true)
		}
		i.c.mu.Unlock()
		if !idling {
			return
		}
		i.c.write([]byte("DONE\r\n"))
		i.c.push()
	})
	<-i.cmd.done
	return i.cmd.err
}
