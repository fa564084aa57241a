package partial

import (
	"bytes"
	"fmt"
	"mime"
	"strings"
)

// Compose makes the message of what was fetched: by Spec, each of Sections. The
// result is in wire form, with CRLF line ends where it is ours. ErrStructure: what
// came does not fit the structure.
func (m *Message) Compose(got map[string][]byte) ([]byte, error) {
	w := writer{m: m, got: got}
	w.out.Write(m.header)
	all := fields(m.header)
	switch m.root.fate {
	case omitted:
		w.say(m.root.notice(m.root.what(m.root.Size))+m.mark(), encoding(all))
	case cut:
		w.cut(m.root, all, true)
	default:
		w.body(m.root, all)
		if !bytes.HasSuffix(w.out.Bytes(), []byte("\r\n")) {
			w.out.WriteString("\r\n")
		}
		w.out.WriteString(m.mark())
	}
	return w.out.Bytes(), w.err
}

// reason of the body of a message that has no parts.
func (n *node) reason() why {
	if n.why == tooLarge && n.sealed() {
		return encrypted
	}
	return n.why
}

// HeaderOnly makes a message of nothing but its header: where its structure is of
// no use. wanted tells that nothing more was wanted. ErrWhole: not even that can
// be done.
func HeaderOnly(header []byte, size int64, wanted bool) ([]byte, error) {
	all := fields(header)
	if !complete(header) || size <= int64(len(header)) {
		return nil, ErrWhole
	}
	w := writer{m: &Message{header: header, size: size}}
	w.out.Write(header)
	reason := noStructure
	if wanted {
		reason = headerOnly
	}
	text := notice(reason, "of "+Octets(size))
	t, _ := contentType(all)
	if b := boundary(all); b != "" {
		w.out.WriteString("--" + b + "\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n" + text + "\r\n--" + b + "--\r\n")
		w.out.WriteString(w.m.mark())
		return w.out.Bytes(), nil
	}
	if t == "" || strings.HasPrefix(t, "multipart/") {
		w.out.WriteString(text + w.m.mark()) // readers show nothing, or this
		return w.out.Bytes(), nil
	}
	w.say(text+w.m.mark(), encoding(all))
	return w.out.Bytes(), w.err
}

type writer struct {
	m   *Message
	got map[string][]byte
	out bytes.Buffer
	err error
}

// take returns a section that was fetched.
func (w *writer) take(spec string) []byte {
	b, there := w.got[spec]
	if !there && w.err == nil {
		w.err = fmt.Errorf("%w: the server did not give section %s", ErrStructure, spec)
	}
	return b
}

// say writes a text in an encoding that a header demands.
func (w *writer) say(text, encoding string) {
	s, known := encode(text, encoding)
	if !known && w.err == nil {
		w.err = fmt.Errorf("%w: transfer encoding %q", ErrWhole, encoding)
	}
	w.out.WriteString(s)
}

// body writes what stands behind a header: that of the message, or of a part.
func (w *writer) body(n *node, header []field) {
	switch n.fate {
	case taken:
		w.out.Write(w.takeBody(n))
	case cut:
		w.cut(n, header, false)
	case omitted: // an enclosed message without parts
		w.say(n.notice(n.what(n.Size)), encoding(header))
	case opened:
		if n.inside != nil {
			w.enclosed(n)
			return
		}
		b := boundary(header)
		if b == "" {
			if w.err == nil {
				w.err = fmt.Errorf("%w: part %s has no boundary", ErrStructure, n.spec)
			}
			return
		}
		for _, c := range n.children {
			w.out.WriteString("--" + b + "\r\n")
			w.part(c)
			w.out.WriteString("\r\n") // belongs to the boundary (RFC 2046, 5.1.1)
		}
		w.out.WriteString("--" + b + "--\r\n")
	}
}

func (w *writer) takeBody(n *node) []byte {
	switch {
	case n.spec == "":
		return w.take("TEXT")
	case n.own == "" && n.multipart():
		return w.take(n.spec + ".TEXT")
	}
	return w.take(n.spec)
}

// part writes a part of a multipart, with its header.
func (w *writer) part(n *node) {
	var raw []byte
	if w.m.limits.HeadersOnly {
		raw = []byte(n.madeUp())
	} else {
		raw = w.take(n.own)
	}
	all := fields(raw)
	if n.fate == omitted || n.fate == cut && w.secret(n) {
		w.omit(n, all)
		return
	}
	for _, f := range all {
		w.out.Write(f.raw)
	}
	if len(all) > 0 && !bytes.HasSuffix(all[len(all)-1].raw, []byte("\n")) {
		w.out.WriteString("\r\n")
	}
	w.out.WriteString("\r\n")
	w.body(n, all)
}

// enclosed writes the message that is a part.
func (w *writer) enclosed(n *node) {
	header := w.take(n.spec + ".HEADER")
	all := fields(header)
	if !complete(header) {
		if w.err == nil {
			w.err = fmt.Errorf("%w: the message in part %s has no header", ErrStructure, n.spec)
		}
		return
	}
	w.out.Write(header)
	w.body(n.inside, all)
}

// omit writes the notice in the place of a part. Its header stays, but for what
// says how to read the body; so does its name.
func (w *writer) omit(n *node, all []field) {
	name := n.name()
	if v, many := find(all, "content-disposition"); v != "" && !many {
		if _, params, err := mime.ParseMediaType(readable(v)); err == nil && params["filename"] != "" {
			name = parameter(params, "filename")
		}
	} else if _, params := contentType(all); params["name"] != "" {
		name = parameter(params, "name")
	}
	missing := *n.Part
	if name != "" {
		missing.DispositionParams = map[string]string{"filename": name}
	}
	text := n.notice(missing.what(n.Size))
	w.out.WriteString("Content-Type: text/plain; charset=utf-8")
	if name != "" {
		w.out.WriteString(";\r\n " + named("name", name))
	}
	w.out.WriteString("\r\n")
	encoding := "7bit"
	if !ascii(text) {
		encoding = "quoted-printable"
	}
	w.out.WriteString("Content-Transfer-Encoding: " + encoding + "\r\n")
	for _, f := range all {
		switch f.name {
		case "content-type", "content-transfer-encoding", "content-md5", "content-length", "lines", "":
		default:
			w.out.Write(f.raw)
			if !bytes.HasSuffix(f.raw, []byte("\n")) {
				w.out.WriteString("\r\n")
			}
		}
	}
	w.out.WriteString("\r\n")
	w.say(text, encoding)
}

// madeUp is a part's header as its structure tells it.
func (p *Part) madeUp() string {
	var b strings.Builder
	b.WriteString("Content-Type: " + token(p.Type) + "/" + token(p.Subtype))
	if bound := parameter(p.Params, "boundary"); p.multipart() && bound != "" {
		b.WriteString("; boundary=" + quote(oneLine(bound)))
	}
	b.WriteString("\r\n")
	if p.ID != "" && ascii(p.ID) {
		b.WriteString("Content-ID: " + oneLine(p.ID) + "\r\n")
	}
	if p.Description != "" && ascii(p.Description) {
		b.WriteString("Content-Description: " + oneLine(p.Description) + "\r\n")
	}
	if p.Disposition != "" {
		b.WriteString("Content-Disposition: " + token(p.Disposition))
		if n := p.name(); n != "" {
			b.WriteString(";\r\n " + named("filename", n))
		}
		b.WriteString("\r\n")
	}
	b.WriteString("\r\n")
	return b.String()
}

// token makes a word of the server's fit to stand in a field.
func token(s string) string {
	return strings.Map(func(r rune) rune {
		if r <= ' ' || r >= 0x7f || strings.ContainsRune(`()<>@,;:\"/[]?=`, r) {
			return '-'
		}
		return r
	}, s)
}

// secret tells that the beginning of a text is that of something that can be
// read or verified only whole.
func (w *writer) secret(n *node) bool {
	if bytes.Contains(w.got[n.spec], []byte("-----BEGIN PGP ")) {
		n.why = encrypted
		return true
	}
	return false
}

// cut writes the beginning of a text, up to the end of a line, and says so. last
// has the mark at its end.
func (w *writer) cut(n *node, header []field, last bool) {
	text := w.take(n.spec)
	encoding := encoding(header)
	said := cutNotice("there are " + Octets(n.Size) + " of it")
	if n.signed {
		said += unverified
	}
	end := bytes.LastIndexByte(text, '\n') + 1
	switch {
	case w.secret(n):
		text, said, end = nil, notice(encrypted, n.what(n.Size)), 0
	case int64(len(text)) < w.m.limits.Text: // the server said that there were more of it
		w.out.Write(text)
		text, said, end = nil, "", 0
		if last {
			w.out.WriteString("\r\n")
		}
	}
	if last {
		said += w.m.mark()
	}
	if said == "" {
		return
	}
	switch encoding {
	case "quoted-printable":
		for end > 0 && bytes.HasSuffix(bytes.TrimRight(text[:end], "\r\n"), []byte("=")) { // a soft line break
			end = bytes.LastIndexByte(bytes.TrimRight(text[:end], "\r\n"), '\n') + 1
		}
	case "base64":
		w.out.Write(wholeQuanta(text))
		w.out.WriteString("\r\n")
		end = 0
	}
	w.out.Write(text[:end])
	w.say(said, encoding)
}

// wholeQuanta is the beginning of a base64 text that ends where four characters
// do (RFC 2045, 6.8); nothing after the padding.
func wholeQuanta(text []byte) []byte {
	n, end := 0, 0
	for i, c := range text {
		switch {
		case c >= 'A' && c <= 'Z', c >= 'a' && c <= 'z', c >= '0' && c <= '9', c == '+', c == '/':
			if n++; n%4 == 0 {
				end = i + 1
			}
		case c == '=':
			return text[:end]
		}
	}
	return text[:end]
}

func parameterFold(params map[string]string, name string) string {
	return strings.ToLower(parameter(params, name))
}
