package wire

// Body is the content of a section while it arrives: an io.Reader and an
// io.WriterTo, valid only while the [Sink] runs. What the sink leaves unread is
// skipped. A body that breaks off gives the connection's error, never io.EOF.
type Body struct {
	Section Section
	// Size is how many octets the server announced; zero also for NIL.
	Size int64
	// Nil tells NIL from an empty literal: the server has no such section, or
	// the message is gone.
	Nil bool
}

// Read gives the next octets; io.EOF after the last.
func (b *Body) Read(p []byte) (int, error) { return 0, ErrNoAnswer }
