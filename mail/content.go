package mail

import (
	"bytes"
	"crypto/sha256"
	"hash"
)

// Content names what a message is, wherever it is.
type Content struct {
	Hash Hash  // of the wire form; zero when the body was not read
	Head Head  // of the header block; zero when it was not read
	Size int64 // octets of the wire form, RFC822.SIZE; -1 when not known
	// EmailID is the server's own name of the content across mailboxes
	// (EMAILID of RFC 8474, or X-GM-MSGID); empty where it has none.
	EmailID string
	// MessageID is the Message-ID field's value as it stands, without white
	// space around it; empty when there is none. It shortlists, it never decides.
	MessageID string
	// Weak says that equal header and size do not prove equal bodies: the
	// header has no Message-ID or no Date, or was not read. Then only
	// Hash decides.
	Weak bool
	// Partial is not zero for a message that is here only in part: the size of
	// the whole, RFC822.SIZE. Hash and Size are then those of what is here, Head
	// and MessageID those of both.
	Partial int64
}

// OnServer returns what is known of the message as the server has it: of one that
// is here in part, its header and its size.
func (c Content) OnServer() Content {
	if c.Partial > 0 {
		c.Hash, c.Size, c.Partial = Hash{}, c.Partial, 0
	}
	return c
}

// Match is what comparing two contents proves.
type Match uint8

const (
	Different Match = iota // proved different
	Unsure                 // not enough is known: read more
	Same                   // proved the same
)

// Compare tells whether two messages have the same content. Hash decides where
// both are known; else EmailID where both have one; else size and header
// together, unless the header is weak. Of a message that is here in part, size
// and header are all that will ever be known, and decide.
func (c Content) Compare(d Content) Match {
	if (c.Partial > 0) != (d.Partial > 0) {
		c, d = c.OnServer(), d.OnServer()
		c.Weak, d.Weak = false, false
	}
	switch {
	case !c.Hash.IsZero() && !d.Hash.IsZero():
		return sameIf(c.Hash == d.Hash)
	case c.EmailID != "" && d.EmailID != "":
		return sameIf(c.EmailID == d.EmailID)
	case c.Size >= 0 && d.Size >= 0 && c.Size != d.Size:
		return Different
	case c.Head.IsZero() || d.Head.IsZero() || c.Size < 0 || d.Size < 0:
		return Unsure
	case c.Head != d.Head:
		return Different
	case c.Weak || d.Weak:
		return Unsure
	}
	return Same
}

func sameIf(equal bool) Match {
	if equal {
		return Same
	}
	return Different
}

// maxHeader is how much of a message is searched for the end of its header;
// what is longer has no header that anybody could compare.
const maxHeader = 1 << 20

// ContentReader computes a [Content] from a message's wire form (CRLF line
// ends, as the server sends it), written to it in pieces of any size. It is an
// io.Writer whose Write never fails. Make one with [NewContentReader].
type ContentReader struct {
	whole  hash.Hash
	header []byte
	done   bool
	size   int64
	head   Head
	id     string
	weak   bool
	tail   []byte // the last octets
}

// NewContentReader returns a reader at the start of a message.
func NewContentReader() *ContentReader {
	return &ContentReader{whole: sha256.New(), header: make([]byte, 0, 4096), tail: make([]byte, 0, 2*tailSize)}
}

// Reset takes the reader back to the start of another message.
func (c *ContentReader) Reset() {
	c.whole.Reset()
	*c = ContentReader{whole: c.whole, header: c.header[:0], tail: c.tail[:0]}
}

// Write takes the next piece of the message.
func (c *ContentReader) Write(p []byte) (int, error) {
	c.whole.Write(p)
	c.size += int64(len(p))
	if !c.done {
		c.readHeader(p)
	}
	c.keepTail(p)
	return len(p), nil
}

func (c *ContentReader) readHeader(p []byte) {
	from := max(0, len(c.header)-3)
	c.header = append(c.header, p...)
	end := -1
	switch {
	case bytes.HasPrefix(c.header, []byte("\r\n")):
		end = 2
	default:
		if i := bytes.Index(c.header[from:], []byte("\r\n\r\n")); i >= 0 {
			end = from + i + 4
		}
	}
	if end < 0 && len(c.header) < maxHeader {
		return
	}
	if end < 0 {
		end = len(c.header)
		c.weak = true
	}
	c.endHeader(c.header[:end])
}

func (c *ContentReader) endHeader(block []byte) {
	c.done = true
	sum := sha256.Sum256(block)
	c.head = Head(sum[:16])
	c.id = string(headerField(block, "message-id"))
	c.weak = c.weak || c.id == "" || len(headerField(block, "date")) == 0
}

// Content returns what the message written so far is, as a whole message.
func (c *ContentReader) Content() Content {
	if !c.done {
		c.endHeader(c.header) // a message without a body: all of it is header
	}
	out := c.HeaderContent(c.size)
	out.Hash = Hash(c.whole.Sum(nil))
	out.Partial = markedSize(c.tail, c.head)
	return out
}

// HeaderContent returns what is known when only BODY[HEADER] was written and
// the message's size is size octets.
func (c *ContentReader) HeaderContent(size int64) Content {
	if !c.done {
		c.endHeader(c.header)
	}
	return Content{Head: c.head, Size: size, MessageID: c.id, Weak: c.weak}
}

// headerField returns the unfolded value of the first field of that name,
// lower-case, without white space around it; nil when there is none.
func headerField(block []byte, name string) []byte {
	for len(block) > 0 {
		end := bytes.IndexByte(block, '\n') + 1
		if end == 0 {
			end = len(block)
		}
		for end < len(block) && (block[end] == ' ' || block[end] == '\t') { // folded (RFC 5322, 2.2.3)
			next := bytes.IndexByte(block[end:], '\n') + 1
			if next == 0 {
				next = len(block) - end
			}
			end += next
		}
		line := block[:end]
		block = block[end:]
		if len(line) > len(name) && line[len(name)] == ':' && bytes.EqualFold(line[:len(name)], []byte(name)) {
			return bytes.Join(bytes.Fields(line[len(name)+1:]), []byte(" "))
		}
	}
	return nil
}
