package wire

import (
	"strings"

	"godwit/mail/partial"
)

// structureOrNone reads a BODYSTRUCTURE; nil where it cannot be understood. Some
// servers get the one of an odd message wrong, and that is no reason to lose the
// message. After a literal its end cannot be found again, and the response fails.
func (p *parser) structureOrNone() *partial.Part {
	line, segments := p.line, p.segments
	part := p.structure(0)
	if p.bad == "" || p.err != nil || p.segments != segments {
		return part
	}
	p.bad, p.line = "", line
	p.spaces()
	p.skipValue()
	return nil
}

// structure reads a BODYSTRUCTURE (RFC 9051, 7.5.2 and 9, body). It is less strict
// than the grammar where servers are: numbers of lines may be missing, and so may
// the envelope of an enclosed message, which nobody here reads.
func (p *parser) structure(depth int) *partial.Part {
	p.spaces()
	p.expect('(', "no structure")
	if depth > maxDepth {
		p.fail("structure nested too deep")
	}
	part := &partial.Part{}
	if p.peek() == '(' {
		for p.ok() && p.peek() == '(' {
			part.Children = append(part.Children, p.structure(depth+1))
			p.spaces()
		}
		part.Type, part.Subtype = "multipart", p.lower()
		if p.more() {
			part.Params = p.parameters()
			p.extension(part)
		}
		return part
	}
	part.Type, part.Subtype = p.lower(), p.lower()
	part.Params = p.parameters()
	part.ID, part.Description, part.Encoding = p.nstring(), p.nstring(), p.lower()
	p.spaces()
	if !p.nilNext() {
		part.Size = int64(p.number(1<<63 - 1))
	}
	p.spaces()
	if part.Type == "message" && (part.Subtype == "rfc822" || part.Subtype == "global") {
		if p.peek() == '(' || p.peek() == 'N' || p.peek() == 'n' {
			p.skipValue() // envelope
			p.spaces()
			if p.peek() == '(' {
				part.Message = p.structure(depth + 1)
			}
		}
		p.spaces()
	}
	if c := p.peek(); c >= '0' && c <= '9' {
		p.number(1<<63 - 1) // lines
	}
	if p.more() {
		p.skipValue() // MD5
		p.extension(part)
	}
	return part
}

// more tells that another value follows in the list; else its end is passed over.
func (p *parser) more() bool {
	p.spaces()
	return !p.take(')') && p.ok()
}

// extension reads the disposition, and passes over what comes behind it.
func (p *parser) extension(part *partial.Part) {
	if !p.more() {
		return
	}
	if !p.nilNext() {
		if p.peek() == '(' {
			p.line = p.line[1:]
			part.Disposition, part.DispositionParams = p.lower(), p.parameters()
			p.spaces()
			p.expect(')', "disposition without end")
		} else {
			part.Disposition = p.lower()
		}
	}
	for p.more() {
		p.skipValue()
	}
}

// parameters reads body-fld-param; their names in lower case.
func (p *parser) parameters() map[string]string {
	p.spaces()
	if p.nilNext() {
		return nil
	}
	p.expect('(', "no list of parameters")
	params := map[string]string{}
	for p.more() {
		name := p.lower()
		value := p.nstring()
		if _, twice := params[name]; !twice {
			params[name] = value
		}
	}
	return params
}

// nstring reads a string, empty for NIL.
func (p *parser) nstring() string {
	p.spaces()
	if p.nilNext() {
		return ""
	}
	return p.str()
}

func (p *parser) lower() string { return strings.ToLower(p.nstring()) }
