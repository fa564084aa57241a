package wire

import (
	"bytes"
	"strings"
	"testing"

	"godwit/mail/partial"
)

func parseStructure(text string) (*partial.Part, *parser) {
	p := &parser{rd: newReader(strings.NewReader(text + "\r\n")), maxLine: 1 << 16, maxLiteral: 1 << 20}
	p.begin()
	return p.structure(0), p
}

// tree writes a structure in short.
func tree(p *partial.Part) string {
	var b bytes.Buffer
	b.WriteString(p.MediaType())
	if p.Disposition != "" {
		b.WriteString(" " + p.Disposition + "=" + p.DispositionParams["filename"])
	}
	for i, c := range p.Children {
		b.WriteString([2]string{", ", "("}[min(1, 1-min(i, 1))] + tree(c))
	}
	if len(p.Children) > 0 {
		b.WriteString(")")
	}
	if p.Message != nil {
		b.WriteString("[" + tree(p.Message) + "]")
	}
	return b.String()
}

func TestStructureOfTheRFC(t *testing.T) {
	for text, want := range map[string]string{
		// RFC 9051, 7.5.2, and what servers make of it.
		`("TEXT" "PLAIN" ("CHARSET" "US-ASCII") NIL NIL "7BIT" 3028 92)`: "text/plain",
		`(("TEXT" "PLAIN" ("CHARSET" "US-ASCII") NIL NIL "7BIT" 1152 23)("TEXT" "PLAIN" ("CHARSET" "US-ASCII" "NAME" "cc.diff") "<960723163407.20117h@cac.washington.edu>" "Compiler diff" "BASE64" 4554 73) "MIXED")`:                                                "multipart/mixed(text/plain, text/plain)",
		`(("text" "plain" NIL NIL NIL "8bit" 1 1 NIL NIL NIL NIL)("application" "pdf" ("name" "a b") NIL NIL "base64" 30 NIL ("attachment" ("filename" "a \"b\".pdf" "size" "9")) NIL "loc" ("x" (1 2)) 7) "mixed" ("boundary" "=_") ("inline" NIL) ("en" "de") NIL)`: `multipart/mixed inline=(text/plain, application/pdf attachment=a "b".pdf)`,
		`("message" "rfc822" NIL NIL NIL "7bit" 300 ("date" "subj" ((NIL NIL "a" "b")) NIL NIL NIL NIL NIL NIL "<x>") (("text" "html" NIL NIL NIL "7bit" 3 1)("image" "png" NIL NIL NIL "base64" 4) "alternative") 12 NIL NIL NIL)`:                                   "message/rfc822[multipart/alternative(text/html, image/png)]",
		`("message" "rfc822" NIL NIL NIL "7bit" 300 NIL NIL NIL)`:                 "message/rfc822",
		`("application" "octet-stream" NIL NIL NIL NIL NIL NIL "attachment" NIL)`: "application/octet-stream attachment=",
		"({4}\r\nTEXT {5}\r\nPLAIN NIL NIL {3}\r\na)b \"7bit\" 3 1)":              "text/plain",
	} {
		part, p := parseStructure(text)
		p.end()
		if !p.ok() || tree(part) != want {
			t.Errorf("%s\n is %s (%s), want %s", text, tree(part), p.bad, want)
		}
	}
}

func TestMalformedStructureFailsAlone(t *testing.T) {
	for _, text := range []string{"(", "()", "NIL", "(NIL NIL", `("text" "plain" ("a") NIL NIL "7bit" x 1)`, strings.Repeat("(", 500)} {
		if _, p := parseStructure(text); p.ok() {
			t.Errorf("%q is taken for a structure", text)
		}
	}
}
