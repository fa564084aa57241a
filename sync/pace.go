package sync

import (
	"slices"
	"sync/atomic"

	"godwit/mail"
)

// leastOctets is how much is worth a turn: a batch is not cut into less.
const leastOctets = 1 << 19

// pace is how far the fetching has come. As its end comes into sight, batches become
// smaller, so that no worker has much left when the others have nothing to do.
type pace struct {
	toCome           atomic.Int64 // messages that nobody has begun to fetch, as far as is known
	messages, octets atomic.Int64 // that came
}

func (p *pace) came(messages int, octets int64) {
	p.messages.Add(int64(messages))
	p.octets.Add(octets)
}

// cut cuts a batch for so many workers, the highest UIDs first. As long as nothing
// has come, nobody knows how large messages are, and it is left as it is.
func (p *pace) cut(batch mail.UIDSet, workers int) []mail.UIDSet {
	messages, octets := p.messages.Load(), max(1, p.octets.Load())
	if messages == 0 {
		return []mail.UIDSet{batch}
	}
	fair := p.toCome.Load() / int64(3*workers)
	pieces := batch.Chunks(int(max(fair, leastOctets*messages/octets, 1)), 0)
	slices.Reverse(pieces)
	return pieces
}
