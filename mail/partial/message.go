package partial

import (
	"bytes"
	"errors"
	"slices"
	"strconv"

	"godwit/mail"
)

// The reasons for which a message cannot be had in part.
var (
	// ErrWhole: in part it would be useless or misleading, or nothing of it would
	// be left out. It is to be fetched whole.
	ErrWhole = errors.New("the message cannot be read in part")
	// ErrStructure: what the server says of its structure is not what its header
	// says, or goes beyond what can be taken apart. [HeaderOnly] can do with it.
	ErrStructure = errors.New("the message's structure cannot be used")
)

// small is up to how many octets a part is fetched whatever it is: about what its
// notice would take. Signatures are among these.
const small = 4 << 10

// signature is how large a signature may be that is fetched with what it signs.
const signature = 64 << 10

// MaxText is how many octets of text are fetched of a message at most, whatever
// it is made of: texts beyond are left out.
const MaxText = 8 << 20

// Limits say what is fetched of a message.
type Limits struct {
	// Text is how many octets are fetched of each text part; a longer one is cut.
	// Zero: none.
	Text int64
	// HeadersOnly has nothing fetched but header and structure.
	HeadersOnly bool
}

// Section is what is to be fetched of the message: BODY.PEEK[Spec], or its first
// Length octets where that is not zero. At most is a bound on what may come,
// beyond which what the server said of the structure is wrong.
type Section struct {
	Spec   string
	Length int64
	AtMost int64
}

// fate is what becomes of a part.
type fate uint8

const (
	taken   fate = iota + 1 // as it is, with all below it
	cut                     // the beginning of a text
	opened                  // a multipart or a message of which something is taken
	omitted                 // a notice in its place
)

// Message is a message that is being had in part.
type Message struct {
	header   []byte
	size     int64
	root     *node
	sections []Section
	limits   Limits
	budget   int64
}

// node is a part with what was decided about it.
type node struct {
	*Part
	spec     string // its number, empty for the message's own body where that is a multipart
	own      string // the section that has its own header; empty: the enclosing header is it
	fate     fate
	why      why
	children []*node
	inside   *node // of a message/rfc822
	signed   bool  // part of what a signature is of that cannot be verified now
}

// New decides what to fetch of a message, by its header as BODY[HEADER] gave it
// and its structure. Size is RFC822.SIZE. The error is ErrWhole or ErrStructure.
func New(header []byte, root *Part, size int64, l Limits) (*Message, error) {
	if !complete(header) || size <= int64(len(header)) {
		return nil, ErrWhole // no body, or no end of the header: nothing could follow it
	}
	if root == nil || !root.reasonable() || !agrees(header, root) {
		return nil, ErrStructure
	}
	m := &Message{header: header, size: size, limits: l, budget: MaxText}
	if root.multipart() {
		m.root = m.decide(root, "", "")
	} else {
		m.root = m.decide(root, "1", "")
	}
	if m.root.fate == taken {
		return nil, ErrWhole
	}
	if m.root.fate == omitted {
		if !l.HeadersOnly && root.sealed() {
			return nil, ErrWhole
		}
		if _, known := encode("", encoding(fields(header))); !known {
			return nil, ErrWhole
		}
	}
	m.ask(m.root)
	return m, nil
}

// Sections are what [Message.Compose] needs.
func (m *Message) Sections() []Section { return m.sections }

// complete tells that the block ends with its empty line, and nowhere before.
func complete(header []byte) bool {
	end := bytes.Index(header, []byte("\r\n\r\n"))
	return end >= 0 && end+4 == len(header) && !bytes.HasPrefix(header, []byte("\r\n"))
}

// agrees tells that the header and the structure speak of the same message.
func agrees(header []byte, root *Part) bool {
	all := fields(header)
	t, _ := contentType(all)
	if root.multipart() {
		b := boundary(all)
		given := parameter(root.Params, "boundary")
		return b != "" && (given == "" || given == b)
	}
	return len(t) < 10 || t[:10] != "multipart/"
}

// decide says what becomes of a part and of those below.
func (m *Message) decide(p *Part, spec, own string) *node {
	n := &node{Part: p, spec: spec, own: own, fate: omitted}
	switch {
	case p.multipart():
		m.decideMultipart(n)
	case p.enclosed():
		if m.limits.HeadersOnly {
			break
		}
		if p.Size > 0 && p.Size <= small {
			n.fate = taken
			break
		}
		n.fate = opened
		inner := spec
		if !p.Message.multipart() {
			inner += ".1"
		}
		n.inside = m.decide(p.Message, inner, "")
		if n.inside.fate == omitted {
			if _, known := encode("", p.Message.Encoding); !known || p.Message.sealed() {
				n.fate, n.inside = omitted, nil
			}
		}
	case m.limits.HeadersOnly:
		if own == "" {
			n.why = headerOnly
		}
	case p.Type == "text" && p.Size <= m.limits.Text && p.Size <= m.budget, p.Size <= small:
		n.fate = taken
		m.budget -= p.Size
	case p.Type == "text" && m.limits.Text > 0 && m.limits.Text <= m.budget && cuttable(p):
		n.fate = cut
		m.budget -= m.limits.Text
	case p.sealed():
		n.why = encrypted
	}
	return n
}

// cuttable tells that the beginning of a text can be read, and followed by
// another text. UTF-16 has no ASCII in it.
func cuttable(p *Part) bool {
	switch parameterFold(p.Params, "charset") {
	case "utf-16", "utf-16le", "utf-16be", "utf-32", "utf-7", "iso-2022-jp", "iso-2022-kr", "hz-gb-2312":
		return false
	}
	_, known := encode("", p.Encoding)
	return known
}

func (m *Message) decideMultipart(n *node) {
	for i, c := range n.Part.Children {
		spec := strconv.Itoa(i + 1)
		if n.spec != "" {
			spec = n.spec + "." + spec
		}
		n.children = append(n.children, m.decide(c, spec, spec+".MIME"))
	}
	whole := func(c *node) bool { return c.fate == taken }
	n.fate = opened
	switch {
	case n.encrypted() && !slices.ContainsFunc(n.children, func(c *node) bool { return !whole(c) }):
		n.fate = taken
	case n.encrypted():
		for _, c := range n.children[1:] {
			*c = node{Part: c.Part, spec: c.spec, own: c.own, fate: omitted, why: encrypted}
		}
	case n.Part.signed() && whole(n.children[0]):
		n.fate = taken
		for _, c := range n.children[1:] {
			if !whole(c) && c.Size > signature {
				n.fate = opened
			}
		}
	case n.Part.signed():
		// Some readers show nothing of a signature, not even that it was left out:
		// what is missing has to say it, too.
		n.children[0].sign()
		for _, c := range n.children[1:] {
			*c = node{Part: c.Part, spec: c.spec, own: c.own, fate: omitted, why: noSignature}
		}
	case !slices.ContainsFunc(n.children, func(c *node) bool { return !whole(c) }):
		n.fate = taken
	}
}

// sign marks a part and all below as part of what was signed.
func (n *node) sign() {
	n.signed = true
	for _, c := range n.children {
		c.sign()
	}
	if n.inside != nil {
		n.inside.sign()
	}
}

// ask adds the sections of a part.
func (m *Message) ask(n *node) {
	if m.limits.HeadersOnly {
		return // what the structure says has to do
	}
	if n.own != "" {
		m.sections = append(m.sections, Section{Spec: n.own, AtMost: maxMIME})
	}
	switch n.fate {
	case taken:
		spec := n.spec
		if spec == "" {
			spec = "TEXT"
		} else if n.own == "" && n.multipart() {
			spec += ".TEXT" // the body of an enclosed message
		}
		m.sections = append(m.sections, Section{Spec: spec, AtMost: n.octets() + slack})
	case cut:
		m.sections = append(m.sections, Section{Spec: n.spec, Length: m.limits.Text, AtMost: m.limits.Text})
	case opened:
		for _, c := range n.children {
			m.ask(c)
		}
		if n.inside != nil {
			m.sections = append(m.sections, Section{Spec: n.spec + ".HEADER", AtMost: maxMIME})
			m.ask(n.inside)
		}
	}
}

const (
	maxMIME = 256 << 10 // the header of a part
	slack   = 128 << 10 // headers, boundaries and preambles of a multipart
)

// octets is what the parts below say they have.
func (p *Part) octets() int64 {
	n := int64(0)
	p.walk(0, func(q *Part, _ int) bool {
		n += max(0, q.Size)
		return true
	})
	return n
}

// mark is the last line of the message.
func (m *Message) mark() string { return mail.PartialMark(m.header, m.size) + "\r\n" }
