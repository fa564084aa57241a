package partial

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"mime"
	"os/exec"
	"strings"
	"testing"

	"godwit/mail"

	"github.com/emersion/go-message"
	"pgregory.net/rapid"
)

// made is a message built from its structure, so that what a server would answer
// for each section is known.
type made struct {
	part     *Part
	mime     string // its own header fields
	body     string
	children []*made
	inner    *made // of a message/rfc822
}

func (m *made) header() string { return m.mime + "\r\n" }

// file is the message's header and body.
func (m *made) file() (header, body string) {
	return "From: a@example.org\r\nMessage-ID: <x@example.org>\r\nDate: Sat, 21 Nov 2026 10:00:00 +0000\r\n" +
		"Subject: =?utf-8?q?gr=C3=BC=C3=9Fe?=\r\nMIME-Version: 1.0\r\n" + m.header(), m.body
}

// sections fills in what the server has under each number.
func (m *made) sections(spec string, root bool, to map[string][]byte) {
	at := spec
	if root && len(m.children) == 0 {
		at = strings.TrimPrefix(spec+".1", ".")
	}
	if root && len(m.children) > 0 {
		to[strings.TrimPrefix(spec+".TEXT", ".")] = []byte(m.body)
	}
	if !root {
		to[spec+".MIME"] = []byte(m.header())
	}
	if !root || len(m.children) == 0 {
		to[at] = []byte(m.body)
	}
	for i, c := range m.children {
		c.sections(strings.TrimPrefix(fmt.Sprintf("%s.%d", spec, i+1), "."), false, to)
	}
	if m.inner != nil {
		header, _ := m.inner.file()
		to[at+".HEADER"] = []byte(header)
		m.inner.sections(at, true, to)
	}
}

func leaf(t *rapid.T, mediaType string) *made {
	name := rapid.SampledFrom([]string{"", "", "report.pdf", "größe und maß.pdf", "a \"quoted\" name.bin", "日本語.txt"}).Draw(t, "name")
	encoding := rapid.SampledFrom([]string{"7bit", "8bit", "base64", "quoted-printable", "binary"}).Draw(t, "encoding")
	n := rapid.SampledFrom([]int{0, 10, 3000, 9000, 60000}).Draw(t, "size")
	text := strings.Repeat("line of text\r\n", n/14)
	if encoding == "8bit" {
		text = strings.Repeat("Zeile müde\r\n", n/12)
	}
	if encoding == "binary" {
		text = strings.Repeat("\x01\xff\xfe--x\r", n/8)
	}
	if encoding == "base64" {
		raw := base64.StdEncoding.EncodeToString([]byte(text))
		text = ""
		for len(raw) > 0 {
			k := min(76, len(raw))
			text, raw = text+raw[:k]+"\r\n", raw[k:]
		}
	}
	m := &made{body: text}
	kind, sub, _ := strings.Cut(mediaType, "/")
	m.part = &Part{Type: kind, Subtype: sub, Encoding: encoding, Size: int64(len(text)), Params: map[string]string{}}
	params := map[string]string{}
	if kind == "text" {
		params["charset"] = "utf-8"
	}
	m.mime = "Content-Type: " + mime.FormatMediaType(mediaType, params) + "\r\nContent-Transfer-Encoding: " + encoding + "\r\n"
	if name != "" {
		m.part.Disposition = "attachment"
		m.part.DispositionParams = map[string]string{"filename*": extended(name)}
		m.mime += "Content-Disposition: attachment;\r\n\tfilename*=" + extended(name) + "\r\n"
	}
	return m
}

var boundaries = 0

func multi(sub string, children ...*made) *made {
	boundaries++
	b := fmt.Sprintf("=_b%d'()+_,-./:=?", boundaries)
	m := &made{children: children, mime: "Content-Type: multipart/" + sub + ";\r\n boundary=\"" + b + "\"\r\n"}
	m.part = &Part{Type: "multipart", Subtype: sub, Params: map[string]string{"boundary": b}}
	m.body = "This is a message in MIME format.\r\n"
	for _, c := range children {
		m.part.Children = append(m.part.Children, c.part)
		m.body += "--" + b + "\r\n" + c.header() + c.body + "\r\n"
	}
	m.body += "--" + b + "--\r\nepilogue\r\n"
	return m
}

func enclosing(inner *made) *made {
	header, body := inner.file()
	m := &made{inner: inner, mime: "Content-Type: message/rfc822\r\n", body: header + body}
	m.part = &Part{Type: "message", Subtype: "rfc822", Encoding: "7bit", Size: int64(len(m.body)), Message: inner.part}
	return m
}

func draw(t *rapid.T, depth int) *made {
	kind := rapid.IntRange(0, 9).Draw(t, "kind")
	if depth > 3 {
		kind %= 4
	}
	children := func(least int) (all []*made) {
		for range rapid.IntRange(least, 3).Draw(t, "children") {
			all = append(all, draw(t, depth+1))
		}
		return all
	}
	switch kind {
	case 0, 1:
		return leaf(t, "text/plain")
	case 2:
		return leaf(t, rapid.SampledFrom([]string{"text/html", "text/csv"}).Draw(t, "text"))
	case 3:
		return leaf(t, rapid.SampledFrom([]string{"application/pdf", "image/png", "application/pkcs7-mime"}).Draw(t, "file"))
	case 4, 5, 6:
		return multi(rapid.SampledFrom([]string{"mixed", "alternative", "related", "x-odd"}).Draw(t, "multipart"), children(1)...)
	case 7:
		return multi("signed", draw(t, depth+1), leaf(t, "application/pgp-signature"))
	case 8:
		return multi("encrypted", leaf(t, "application/pgp-encrypted"), leaf(t, "application/octet-stream"))
	}
	return enclosing(draw(t, depth+1))
}

// shape is the tree of a message as go-message reads it: multiparts and enclosed
// messages by their types, all else as leaves.
func shape(t interface{ Fatalf(string, ...any) }, r io.Reader) string {
	e, err := message.Read(r)
	if err != nil && !message.IsUnknownCharset(err) && !message.IsUnknownEncoding(err) {
		t.Fatalf("go-message: %v", err)
	}
	return shapeOf(t, e)
}

func shapeOf(t interface{ Fatalf(string, ...any) }, e *message.Entity) string {
	kind, _, _ := e.Header.ContentType()
	if mr := e.MultipartReader(); mr != nil {
		out := kind + "("
		for {
			p, err := mr.NextPart()
			if err == io.EOF {
				break
			}
			if err != nil && !message.IsUnknownCharset(err) && !message.IsUnknownEncoding(err) {
				t.Fatalf("go-message: %v", err)
			}
			out += shapeOf(t, p) + " "
		}
		return out + ")"
	}
	return "leaf"
}

func compose(t interface{ Fatalf(string, ...any) }, m *made, l Limits) (header, out []byte, err error) {
	h, body := m.file()
	size := int64(len(h) + len(body))
	p, err := New([]byte(h), m.part, size, l)
	if err != nil {
		return nil, nil, err
	}
	all := map[string][]byte{}
	m.sections("", true, all)
	got := map[string][]byte{}
	for _, s := range p.Sections() {
		b, there := all[s.Spec]
		if !there {
			t.Fatalf("section %q is asked for, which the message does not have", s.Spec)
		}
		if s.Length > 0 {
			b = b[:min(int64(len(b)), s.Length)]
		}
		if int64(len(b)) > s.AtMost {
			t.Fatalf("section %q has %d octets, more than the %d announced", s.Spec, len(b), s.AtMost)
		}
		got[s.Spec] = b
	}
	out, err = p.Compose(got)
	if err != nil {
		t.Fatalf("compose: %v", err)
	}
	c := mail.NewContentReader()
	c.Write(out)
	if c.Content().Partial != size {
		t.Fatalf("the mark says %d, the message has %d:\n%s", c.Content().Partial, size, out)
	}
	return []byte(h), out, nil
}

func TestPartialMessagesKeepHeaderAndStructure(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := draw(t, 0)
		l := Limits{Text: rapid.SampledFrom([]int64{0, 100, 5000, 1 << 18}).Draw(t, "text"), HeadersOnly: rapid.Bool().Draw(t, "headers")}
		header, out, err := compose(t, m, l)
		if err != nil {
			if !errors.Is(err, ErrWhole) {
				t.Fatalf("%v", err)
			}
			return
		}
		if !bytes.HasPrefix(out, header) {
			t.Fatalf("the header was changed:\n%s", out)
		}
		h, body := m.file()
		if want, got := shape(t, strings.NewReader(h+body)), shape(t, bytes.NewReader(out)); want != got {
			t.Fatalf("structure %s became %s:\n%s", want, got, out)
		}
	})
}

func fixed(kind, name string, size int) *made {
	media, sub, _ := strings.Cut(kind, "/")
	m := &made{mime: "Content-Type: " + kind + "\r\n", body: strings.Repeat("0123456789\r\n", size/12)}
	m.part = &Part{Type: media, Subtype: sub, Encoding: "7bit", Size: int64(len(m.body))}
	if name != "" {
		m.mime += "Content-Disposition: attachment; filename*=" + extended(name) + "\r\n"
		m.part.Disposition, m.part.DispositionParams = "attachment", map[string]string{"filename*": extended(name)}
	}
	return m
}

func TestWhatIsMissingIsNamedWithItsTypeAndSize(t *testing.T) {
	m := multi("mixed", fixed("text/plain", "", 600), fixed("application/pdf", "größe.pdf", 3_000_000))
	for _, l := range []Limits{{Text: 1000}, {HeadersOnly: true}} {
		_, out, err := compose(t, m, l)
		if err != nil {
			t.Fatal(err)
		}
		e, err := message.Read(bytes.NewReader(out))
		if err != nil {
			t.Fatal(err)
		}
		mr := e.MultipartReader()
		mr.NextPart()
		p, err := mr.NextPart()
		if err != nil {
			t.Fatal(err)
		}
		_, params, _ := p.Header.ContentDisposition()
		text, _ := io.ReadAll(p.Body)
		if params["filename"] != "größe.pdf" || !strings.Contains(string(text), "größe.pdf, application/pdf, 3.0 MB") ||
			!strings.Contains(string(text), "godwit fetch") {
			t.Errorf("%+v: the part is called %q and says\n%s", l, params["filename"], text)
		}
	}
}

func TestSignaturesOfWhatIsIncompleteAreLeftOutWithTheirReason(t *testing.T) {
	signed := func(size int) *made {
		return multi("mixed", fixed("application/zip", "x.zip", 100_000),
			multi("signed", multi("mixed", fixed("text/plain", "", 500), fixed("image/png", "a.png", size)), fixed("application/pgp-signature", "", 800)))
	}
	_, out, err := compose(t, signed(90_000), Limits{Text: 1000})
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(out, []byte("The signature was left out, because")) {
		t.Errorf("nothing says why there is no signature:\n%s", out)
	}
	// A reader may show nothing of the signature's part: what is missing says it, and
	// nothing that was not signed does.
	if bytes.Count(out, []byte("It is part of what was signed")) != 1 || bytes.Count(out, []byte("This part was not fetched")) != 2 {
		t.Errorf("what was signed does not say so:\n%s", out)
	}
	m := signed(2000)
	_, out, err = compose(t, m, Limits{Text: 1000})
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(out, []byte(m.children[1].body)) {
		t.Errorf("what is signed was changed:\n%s", out)
	}
}

func TestEncryptedMessagesSayThatNobodyChangedThem(t *testing.T) {
	m := multi("encrypted", fixed("application/pgp-encrypted", "", 24), fixed("application/octet-stream", "msg.asc", 2_000_000))
	_, out, err := compose(t, m, Limits{Text: 1000})
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(out, []byte("The encrypted content was not fetched")) {
		t.Errorf("nothing says why it cannot be read:\n%s", out)
	}
	// The header of S/MIME says that the body is encrypted, whatever it is.
	if _, _, err := compose(t, fixed("application/pkcs7-mime", "smime.p7m", 2_000_000), Limits{Text: 1000}); !errors.Is(err, ErrWhole) {
		t.Errorf("a message that is S/MIME as a whole gives %v", err)
	}
	pgp := fixed("text/plain", "", 0)
	pgp.body = "-----BEGIN PGP MESSAGE-----\r\n\r\n" + strings.Repeat("hQEMA0123456789\r\n", 1000)
	pgp.part.Size = int64(len(pgp.body))
	_, out, err = compose(t, pgp, Limits{Text: 1000})
	if err != nil || bytes.Contains(out, []byte("BEGIN PGP")) || !bytes.Contains(out, []byte("encrypted content")) {
		t.Errorf("an armoured text was cut (%v):\n%s", err, out)
	}
}

func TestOddBoundariesLeadToTheHeaderAlone(t *testing.T) {
	part := &Part{Type: "multipart", Subtype: "mixed", Params: map[string]string{"boundary": "a"},
		Children: []*Part{{Type: "text", Subtype: "plain", Size: 9000}, {Type: "image", Subtype: "png", Size: 99000}}}
	for _, contentType := range []string{
		"", "Content-Type: multipart/mixed\r\n", "Content-Type: multipart/mixed; boundary=\"b\"\r\n", "Content-Type: text/plain\r\n",
		"Content-Type: multipart/mixed; boundary=\"\"\r\n", "Content-Type: multipart/mixed; boundary=a\r\nContent-Type: text/plain\r\n",
	} {
		header := []byte("Subject: x\r\n" + contentType + "\r\n")
		if _, err := New(header, part, 200_000, Limits{Text: 1000}); !errors.Is(err, ErrStructure) {
			t.Errorf("%q: %v, want ErrStructure", contentType, err)
		}
		out, err := HeaderOnly(header, 200_000, false)
		c := mail.NewContentReader()
		c.Write(out)
		if err != nil || !bytes.HasPrefix(out, header) || c.Content().Partial != 200_000 {
			t.Errorf("%q: %v:\n%s", contentType, err, out)
		}
	}
	for _, header := range []string{"Subject: no end\r\n", "\r\n", "Subject: bare\n\n", ""} {
		if _, err := HeaderOnly([]byte(header), 200_000, false); !errors.Is(err, ErrWhole) {
			t.Errorf("header %q: %v, want ErrWhole", header, err)
		}
	}
}

func TestMarkIsOneOfItsOwnHeaderOnly(t *testing.T) {
	_, out, err := compose(t, fixed("application/pdf", "a.pdf", 100_000), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	_, body, _ := bytes.Cut(out, []byte("\r\n\r\n"))
	for _, forwarded := range [][]byte{append([]byte("Subject: fwd\r\n\r\n"), out...), append([]byte("Subject: other\r\n\r\n"), body...)} {
		c := mail.NewContentReader()
		c.Write(forwarded)
		if n := c.Content().Partial; n != 0 {
			t.Errorf("a message that contains a partial one counts as one of %d octets", n)
		}
	}
}

func TestPythonReadsThem(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("python3 is not installed")
	}
	m := multi("mixed", fixed("text/plain", "", 40_000), fixed("application/pdf", "größe.pdf", 100_000),
		enclosing(multi("alternative", fixed("text/plain", "", 500), fixed("text/html", "", 90_000))))
	_, out, err := compose(t, m, Limits{Text: 10_000})
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(python, "-c", `
import email, email.policy, sys
m = email.message_from_bytes(sys.stdin.buffer.read(), policy=email.policy.default)
print([(p.get_content_type(), p.get_filename(), len(p.defects)) for p in m.walk()])
`)
	cmd.Stdin = bytes.NewReader(out)
	got, err := cmd.CombinedOutput()
	const want = "[('multipart/mixed', None, 0), ('text/plain', None, 0), ('text/plain', 'größe.pdf', 0), ('message/rfc822', None, 0), " +
		"('multipart/alternative', None, 0), ('text/plain', None, 0), ('text/html', None, 0)]\n"
	if err != nil || string(got) != want {
		t.Errorf("%v\ngot  %swant %s%s", err, got, want, out)
	}
}

func FuzzComposeNeverBreaksTheHeader(f *testing.F) {
	f.Add("Subject: x\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n", "b", "name", "base64", int64(5000), "Content-Type: image/png\r\n\r\n")
	f.Add("Content-Type: text/plain\r\n\r\n", "", "a\r\nb", "x-odd", int64(-1), "")
	f.Fuzz(func(t *testing.T, header, bound, name, encoding string, size int64, raw string) {
		part := &Part{Type: "multipart", Subtype: "mixed", Params: map[string]string{"boundary": bound}, Children: []*Part{
			{Type: "text", Subtype: "plain", Encoding: encoding, Size: size},
			{Type: "image", Subtype: name, Encoding: encoding, Size: 99999, Params: map[string]string{"name": name, "name*0*": name}},
			{Type: "message", Subtype: "rfc822", Size: 99999, Message: &Part{Type: "text", Subtype: "plain", Encoding: encoding, Size: size}},
		}}
		for _, p := range []*Part{part, part.Children[0], part.Children[1], part.Children[2]} {
			for _, l := range []Limits{{Text: 10}, {HeadersOnly: true}} {
				m, err := New([]byte(header), p, 1<<20, l)
				if err != nil {
					continue
				}
				got := map[string][]byte{}
				for _, s := range m.Sections() {
					got[s.Spec] = []byte(raw)
				}
				out, err := m.Compose(got)
				if err == nil && !bytes.HasPrefix(out, []byte(header)) {
					t.Errorf("header %q became %q", header, out)
				}
			}
		}
		if out, err := HeaderOnly([]byte(header), 1<<20, true); err == nil && !bytes.HasPrefix(out, []byte(header)) {
			t.Errorf("header %q became %q", header, out)
		}
	})
}

func TestHeadersAreReadAsPeopleWriteThem(t *testing.T) {
	for raw, want := range map[string]string{
		"multipart/mixed; boundary=b": "b", "multipart/mixed (a (nested) comment); boundary=\"b(not one)\" (two)": "b(not one)",
		"multipart/mixed; (\\) escaped) boundary=b": "b", "multipart/mixed; boundary=b (no end": "",
		"multipart/mixed; boundary=\"a\\\"(b\"": "a\"(b",
	} {
		if got := boundary(fields([]byte("Content-Type: " + raw + "\r\n"))); got != want {
			t.Errorf("the boundary of %q is %q, want %q", raw, got, want)
		}
	}
	for raw, want := range map[string]string{
		"a/b; name*=iso-8859-1''gr%F6%DFe": "größe", "a/b; name*=UTF-8'de'gr%C3%B6%C3%9Fe": "größe",
		"a/b; name*0*=iso-8859-1''gr%F6; name*1*=%DFe; name*2=.pdf": "größe.pdf", "a/b; name=\"50%F6\"": "50%F6",
	} {
		_, params := contentType(fields([]byte("Content-Type: " + raw + "\r\n")))
		if got := parameter(params, "name"); got != want {
			t.Errorf("the name in %q is %q, want %q", raw, got, want)
		}
	}
	// The same as a structure has it.
	if got := parameter(map[string]string{"name*0*": "iso-8859-1''gr%F6", "name*1*": "%DFe"}, "name"); got != "größe" {
		t.Errorf("in a structure the name is %q", got)
	}
}
