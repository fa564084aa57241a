package e2e

import (
	"bytes"
	"io"
	"mime"
	"mime/multipart"
	netmail "net/mail"
	"net/textproto"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"godwit/internal/corpus"
)

// structured makes an account whose INBOX holds a message of every structure, and
// runs over it.
func structured(t *testing.T, settings ...string) *account {
	t.Helper()
	s := &stage{test: t, home: t.TempDir(), accounts: map[string]*account{}}
	a := s.newAccount(t, "me", "full")
	t.Cleanup(a.close)
	a.set(settings...)
	for _, m := range corpus.StructuredMessages() {
		if m.Refused {
			a.plant("INBOX", m.Body)
			continue
		}
		a.other().Append("INBOX", nil, time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC), m.Body)
	}
	a.reconnect()
	if r := a.run(nil, "sync"); r.exit != 0 || r.stderr != "" {
		t.Fatal(r)
	}
	return a
}

// fileOf reads the only file of a structured message, with LF line ends.
func (a *account) fileOf(m corpus.Structured) []byte {
	a.t.Helper()
	var found [][]byte
	for _, f := range a.files("INBOX") {
		body, err := os.ReadFile(f.path)
		if err != nil {
			a.t.Fatalf("%v", err)
		}
		body = lines(body)
		header, _, _ := bytes.Cut(body, []byte("\n\n"))
		if bytes.Contains(header, []byte("\nMessage-ID: <"+m.Name+"@structured.example.org>\n")) {
			found = append(found, body)
		}
	}
	if len(found) != 1 {
		a.t.Fatalf("%s is in %d files", m.Name, len(found))
	}
	return found[0]
}

func lines(b []byte) []byte { return bytes.ReplaceAll(b, []byte("\r\n"), []byte("\n")) }

// attachmentNames are the names of all parts that have one, also those of messages
// within, as the standard library reads them.
func attachmentNames(t *testing.T, body []byte) []string {
	// The library reads no other charset than UTF-8 in these.
	body = bytes.ReplaceAll(body, []byte("iso-8859-1''gr%F6%DFe"), []byte("utf-8''gr%C3%B6%C3%9Fe"))
	m, err := netmail.ReadMessage(bytes.NewReader(body))
	if err != nil {
		t.Errorf("no message: %v", err)
		return nil
	}
	return namesIn(t, textproto.MIMEHeader(m.Header), m.Body)
}

func namesIn(t *testing.T, header textproto.MIMEHeader, body io.Reader) []string {
	var names []string
	kind, params, err := mime.ParseMediaType(header.Get("Content-Type"))
	if err != nil && header.Get("Content-Type") != "" && !strings.Contains(header.Get("Content-Type"), "(a comment)") {
		t.Errorf("Content-Type %q: %v", header.Get("Content-Type"), err)
	}
	name := params["name"]
	if _, params, err := mime.ParseMediaType(header.Get("Content-Disposition")); err == nil && params["filename"] != "" {
		name = params["filename"]
	}
	if decoded, err := new(mime.WordDecoder).DecodeHeader(name); err == nil {
		name = decoded
	}
	if name != "" {
		names = append(names, name)
	}
	switch {
	case strings.Contains(header.Get("Content-Type"), "=_odd"): // the library does not read comments
		params = map[string]string{"boundary": "=_odd (border)'+,-./:=?"}
		fallthrough
	case strings.HasPrefix(kind, "multipart/"):
		parts := multipart.NewReader(body, params["boundary"])
		for {
			p, err := parts.NextRawPart()
			if err != nil {
				return names
			}
			h := p.Header
			if kind == "multipart/digest" && h.Get("Content-Type") == "" { // RFC 2046, 5.1.5
				h = textproto.MIMEHeader{"Content-Type": {"message/rfc822"}}
			}
			names = append(names, namesIn(t, h, p)...)
		}
	case kind == "message/rfc822":
		if m, err := netmail.ReadMessage(body); err == nil {
			names = append(names, namesIn(t, textproto.MIMEHeader(m.Header), m.Body)...)
		}
	}
	return names
}

func hasNames(t *testing.T, m corpus.Structured, how string, body []byte) {
	t.Helper()
	names := attachmentNames(t, body)
	for _, want := range m.Names {
		if !slices.Contains(names, want) {
			t.Errorf("%s, %s: no attachment is called %q; there are %q", m.Name, how, want, names)
		}
	}
}

// checkPart checks what must hold for any message that is here in part.
func checkPart(t *testing.T, m corpus.Structured, got []byte) {
	t.Helper()
	header, _, _ := bytes.Cut(lines(m.Body), []byte("\n\n"))
	if !bytes.HasPrefix(got, append(bytes.Clone(header), "\n\n"...)) {
		t.Errorf("%s: the header is not what it was:\n%s", m.Name, got[:min(len(got), 600)])
	}
	last := got[bytes.LastIndexByte(bytes.TrimRight(got, "\n"), '\n')+1:]
	if !bytes.HasPrefix(last, []byte("godwit-partial:1:")) && !bytes.HasPrefix(last, []byte("Z29kd2l0LXBhcnRpYWw6")) {
		t.Errorf("%s: no mark at the end: %q", m.Name, last)
	}
}

func TestEveryStructureIsReadableInPartAndExactWhole(t *testing.T) {
	t.Parallel()
	a := structured(t, "max_size=8KB", "max_text=8KB")
	all := corpus.StructuredMessages()
	for _, m := range all {
		got := a.fileOf(m)
		if m.Whole {
			if !bytes.Equal(got, lines(m.Body)) {
				t.Errorf("%s is not here whole", m.Name)
			}
			continue
		}
		checkPart(t, m, got)
		if len(got) > 20<<10 {
			t.Errorf("%s: %d octets are here in part, of %d", m.Name, len(got), len(m.Body))
		}
		for _, text := range slices.Concat(m.Reads, m.Says) {
			if !bytes.Contains(got, lines([]byte(text))) {
				t.Errorf("%s: %q is missing in\n%s", m.Name, text, got)
			}
		}
		hasNames(t, m, "in part", got)
	}
	a.quiet()
	if r := a.run(nil, "verify", "--deep"); r.exit != 0 {
		t.Errorf("verify: %v", r)
	}
	if r := a.run(nil, "fetch", "--all"); r.exit != 0 {
		t.Fatal(r)
	}
	for _, m := range all {
		if got := a.fileOf(m); !m.Refused && !bytes.Equal(got, lines(m.Body)) {
			t.Errorf("%s is not what it was: %d octets of %d", m.Name, len(got), len(m.Body))
		} else {
			hasNames(t, m, "whole", got)
		}
	}
	a.same()
	a.quiet()
}

func TestEveryStructureIsReadableByItsHeader(t *testing.T) {
	t.Parallel()
	a := structured(t, "headers_only=true")
	for _, m := range corpus.StructuredMessages() {
		got := a.fileOf(m)
		checkPart(t, m, got)
		if len(got) > 8<<10 {
			t.Errorf("%s: %d octets of a header", m.Name, len(got))
		}
		if !m.Within { // they are behind a notice of their own
			hasNames(t, m, "by its header", got)
		}
	}
	a.quiet()
	if r := a.run(nil, "fetch", "--all"); r.exit != 0 {
		t.Fatal(r)
	}
	a.same()
	if r := a.run(nil, "status", "--partial"); r.exit != 0 || r.stdout != "" {
		t.Errorf("still in part: %v", r)
	}
}
