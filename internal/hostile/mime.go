package hostile

import (
	"bytes"
	"fmt"
	"mime"
	"strconv"
	"strings"
)

// entity is a message or a part of one, as octets.
type entity struct {
	header, body []byte // header with the empty line behind it
	kind         string // "text/plain"
	params       map[string]string
	children     []*entity
	message      *entity // of a message/rfc822
}

// dissect takes an entity apart, as far as an honest message has parts.
func dissect(octets []byte) *entity {
	e := &entity{body: octets}
	if bytes.HasPrefix(octets, []byte("\r\n")) {
		e.header, e.body = octets[:2], octets[2:]
	} else if at := bytes.Index(octets, []byte("\r\n\r\n")); at >= 0 {
		e.header, e.body = octets[:at+4], octets[at+4:]
	}
	kind, params, err := mime.ParseMediaType(e.field("Content-Type"))
	if err != nil {
		kind, params = "text/plain", nil
	}
	e.kind, e.params = kind, params
	switch boundary := params["boundary"]; {
	case strings.HasPrefix(kind, "multipart/") && boundary != "":
		pieces := bytes.Split(append([]byte("\r\n"), e.body...), []byte("\r\n--"+boundary))
		for _, piece := range pieces[1:] {
			if bytes.HasPrefix(piece, []byte("--")) {
				break
			}
			_, piece, _ = bytes.Cut(piece, []byte("\r\n"))
			e.children = append(e.children, dissect(piece))
		}
	case kind == "message/rfc822":
		e.message = dissect(e.body)
	}
	return e
}

// field is the unfolded value of a header field, empty where there is none.
func (e *entity) field(name string) string {
	header := strings.NewReplacer("\r\n ", " ", "\r\n\t", " ").Replace(string(e.header))
	for line := range strings.SplitSeq(header, "\r\n") {
		if n, v, found := strings.Cut(line, ":"); found && strings.EqualFold(n, name) {
			return strings.TrimSpace(v)
		}
	}
	return ""
}

// structure is the BODYSTRUCTURE (RFC 9051, 7.5.2).
func (e *entity) structure() string {
	kind, subtype, _ := strings.Cut(e.kind, "/")
	if len(e.children) > 0 {
		var b strings.Builder
		for _, c := range e.children {
			b.WriteString(c.structure())
		}
		return "(" + b.String() + " " + Quote(subtype) + " " + pairs(e.params) + " NIL NIL)"
	}
	encoding := e.field("Content-Transfer-Encoding")
	if encoding == "" {
		encoding = "7BIT"
	}
	disposition := "NIL"
	if kind, params, err := mime.ParseMediaType(e.field("Content-Disposition")); err == nil {
		disposition = "(" + Quote(kind) + " " + pairs(params) + ")"
	}
	basic := fmt.Sprintf("(%s %s %s NIL NIL %s %d", Quote(kind), Quote(subtype), pairs(e.params), Quote(encoding), len(e.body))
	lines := bytes.Count(e.body, []byte("\n"))
	switch {
	case e.message != nil:
		basic += fmt.Sprintf(" (NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL) %s %d", e.message.structure(), lines)
	case kind == "text":
		basic += fmt.Sprintf(" %d", lines)
	}
	return basic + " NIL " + disposition + " NIL)"
}

// pairs is a list of parameters.
func pairs(params map[string]string) string {
	if len(params) == 0 {
		return "NIL"
	}
	var parts []string
	for name, value := range params {
		parts = append(parts, Quote(name)+" "+Quote(value))
	}
	return "(" + strings.Join(parts, " ") + ")"
}

// section is what BODY[spec] names; false: nothing.
func (e *entity) section(spec string) ([]byte, bool) {
	if spec == "" {
		return append(bytes.Clone(e.header), e.body...), true
	}
	number, rest, _ := strings.Cut(spec, ".")
	n, err := strconv.Atoi(number)
	if err == nil {
		part := e
		switch {
		case len(e.children) >= n && n > 0:
			part = e.children[n-1]
		case len(e.children) > 0 || n != 1:
			return nil, false
		}
		switch {
		case rest == "":
			return part.body, true
		case rest == "MIME":
			return part.header, true
		case part.message != nil:
			part = part.message
		}
		if part == e {
			return nil, false
		}
		return part.section(rest)
	}
	switch upper := strings.ToUpper(spec); {
	case upper == "HEADER":
		return e.header, true
	case upper == "TEXT":
		return e.body, true
	case strings.HasPrefix(upper, "HEADER.FIELDS ("):
		var some []byte
		for _, name := range strings.Fields(strings.Trim(spec[len("HEADER.FIELDS "):], "()")) {
			if v := e.field(name); v != "" {
				some = append(some, name+": "+v+"\r\n"...)
			}
		}
		return append(some, "\r\n"...), true
	}
	return nil, false
}

// body is the answer to BODY.PEEK[spec], with the "<offset.length>" behind it.
func (m *Message) body(item string) string {
	spec, rest, _ := strings.Cut(strings.TrimPrefix(item, "BODY.PEEK["), "]")
	octets, found := dissect(m.Body).section(spec)
	name := "BODY[" + spec + "]"
	if from, length, partly := strings.Cut(strings.Trim(rest, "<>"), "."); partly {
		offset, _ := strconv.Atoi(from)
		most, _ := strconv.Atoi(length)
		offset = min(offset, len(octets))
		octets = octets[offset:min(len(octets), offset+most)]
		name += "<" + from + ">"
	}
	if !found {
		return name + " NIL"
	}
	return fmt.Sprintf("%s {%d}\r\n%s", name, len(octets), octets)
}
