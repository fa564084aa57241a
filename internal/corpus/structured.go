package corpus

import (
	"encoding/base64"
	"fmt"
	"strings"
)

// Structured is a message of several parts, of which one at least is large: 24 KiB
// or more. Its Message-ID is <NAME@structured.example.org>.
type Structured struct {
	Name string // what is special about it, as a file name
	Body []byte // wire form
	// Refused says that servers do not take it by APPEND as it is.
	Refused bool
	// Whole says that it is of no use in part.
	Whole bool
	// Reads are texts that must be there when the message is in part.
	Reads []string
	// Says are what must be said there of what is missing.
	Says []string
	// Names are those of its attachments, decoded, in part and whole.
	Names []string
	// Within says that they are those of messages within.
	Within bool
}

// The words that stand for what is missing.
const (
	saysPart      = "[ This part was not fetched"
	saysSigned    = "[ It is part of what was signed."
	saysEncrypted = "[ The encrypted content was not fetched"
	saysCut       = "[ The text was cut here"
)

// SaysSignature is what is said in the place of a signature that could not be
// verified. Some readers show nothing that stands there.
const SaysSignature = "[ The signature was left out"

// entity is a part: header lines, an empty line, a body.
func entity(header, body string) string {
	return strings.ReplaceAll(strings.TrimSpace(header), "\n", "\r\n") + "\r\n\r\n" + body
}

// multi is a multipart; more are its other parameters.
func multi(kind, boundary, more string, parts ...string) string {
	var b strings.Builder
	for _, p := range parts {
		b.WriteString("--" + boundary + "\r\n" + p + "\r\n")
	}
	return entity("Content-Type: multipart/"+kind+"; boundary=\""+boundary+"\""+more, b.String()+"--"+boundary+"--\r\n")
}

// blob is a part of 24 KiB in base64 that goes by a name; each seed makes another.
func blob(seed int, kind, disposition string) string {
	random := source(seed)
	raw := make([]byte, 24<<10)
	for i := range raw {
		raw[i] = byte(random.Uint32())
	}
	var b strings.Builder
	for code := base64.StdEncoding.EncodeToString(raw); len(code) > 0; code = code[min(76, len(code)):] {
		b.WriteString(code[:min(76, len(code))] + "\r\n")
	}
	header := "Content-Type: " + kind + "\nContent-Transfer-Encoding: base64"
	if disposition != "" {
		header += "\nContent-Disposition: " + disposition
	}
	return entity(header, b.String())
}

func plain(text string) string { return entity("Content-Type: text/plain; charset=us-ascii", text) }

// armor is what stands in PGP's and S/MIME's parts here: nothing that any key opens.
const armor = "-----BEGIN PGP SIGNATURE-----\r\n\r\niHUEABYKAB0WIQQnotreallyasignature=\r\n-----END PGP SIGNATURE-----\r\n"

// StructuredMessages returns messages of every structure that a mail program has
// to show, verify, decrypt or name the parts of.
func StructuredMessages() []Structured {
	letter := func(name, content string) []byte {
		return []byte("Date: Sat, 21 Nov 2026 10:00:00 +0000\r\nFrom: Ada <ada@example.org>\r\nSubject: " + name +
			"\r\nMessage-ID: <" + name + "@structured.example.org>\r\nMIME-Version: 1.0\r\n" + content)
	}
	inner := func(id, content string) string {
		return "Date: Fri, 20 Nov 2026 10:00:00 +0000\r\nFrom: Chidi <chidi@example.org>\r\nSubject: inner " + id +
			"\r\nMessage-ID: <inner-" + id + "@structured.example.org>\r\nMIME-Version: 1.0\r\n" + content
	}
	pgpSignature := entity(`Content-Type: application/pgp-signature; name="signature.asc"
Content-Description: OpenPGP digital signature`, armor)
	smimeSignature := entity(`Content-Type: application/pkcs7-signature; name="smime.p7s"
Content-Transfer-Encoding: base64
Content-Disposition: attachment; filename="smime.p7s"`, "MIAGCSqGSIb3DQEHAqCAMIACAQExDTALBglghkgBZQMEAgEwgAYJ\r\nKoZIhvcNAQcBAACggA==\r\n")
	signedText := multi("signed", "=_sig", `; micalg=pgp-sha256; protocol="application/pgp-signature"`, plain("a signed albatross\r\n"), pgpSignature)
	long := strings.Repeat("a long line about the kittiwake, and the end of it\r\n", 2000)
	raw := "binary \x00\x01\x02\r\x0b\n\xff\xfe" + strings.Repeat("\x00\r\n\n\r.", 6000)
	var digest []string
	for i := range 3 {
		digest = append(digest, "\r\n"+inner(fmt.Sprint("digest", i), plain(fmt.Sprintf("issue %d\r\n", i))))
	}
	digest = append(digest, "\r\n"+inner("digest-large", multi("mixed", "=_d", "", plain("issue four\r\n"), blob(11, "image/png", "inline; filename=plate.png"))))

	return []Structured{
		{
			Name: "nested", Body: letter("nested", multi("mixed", "=_1", "",
				multi("alternative", "=_2", "", plain("the plain albatross\r\n"),
					multi("related", "=_3", "; type=\"text/html\"", entity("Content-Type: text/html; charset=utf-8\nContent-Transfer-Encoding: 8bit", "<p>größe <img src=\"cid:p@x\"></p>\r\n"),
						blob(1, "image/png\nContent-ID: <p@x>", "inline; filename=picture.png"))),
				blob(2, "application/pdf; name=report.pdf", "attachment; filename=report.pdf"),
				multi("mixed", "=_4", "", plain("a second text\r\n"), blob(3, "application/zip", "attachment; filename=deep.zip")))),
			Reads: []string{"the plain albatross", "<p>größe", "a second text"}, Says: []string{saysPart, "report.pdf"},
			Names: []string{"picture.png", "report.pdf", "deep.zip"},
		},
		{
			Name: "forward", Body: letter("forward", multi("mixed", "=_1", "", plain("see below\r\n"),
				entity("Content-Type: message/rfc822\nContent-Disposition: attachment", inner("one", multi("mixed", "=_2", "", plain("the inner albatross\r\n"),
					entity("Content-Type: message/rfc822", inner("two", multi("mixed", "=_3", "", plain("the innermost albatross\r\n"), blob(4, "image/jpeg", "attachment; filename=bird.jpg"))))))))),
			Reads: []string{"see below", "Message-ID: <inner-one@", "the inner albatross", "Message-ID: <inner-two@", "the innermost albatross"},
			Says:  []string{saysPart}, Names: []string{"bird.jpg"}, Within: true,
		},
		{
			Name: "forwarded-alone", Body: letter("forwarded-alone", entity("Content-Type: message/rfc822", inner("alone", multi("mixed", "=_1", "", plain("the lonely albatross\r\n"), blob(5, "image/jpeg", "attachment; filename=alone.jpg"))))),
			Reads: []string{"Subject: inner alone", "the lonely albatross"}, Says: []string{saysPart}, Names: []string{"alone.jpg"}, Within: true,
		},
		{
			Name: "digest", Body: letter("digest", multi("digest", "=_1", "", digest...)),
			Reads: []string{"issue 0", "issue 2", "Subject: inner digest-large", "issue four"}, Says: []string{saysPart}, Names: []string{"plate.png"}, Within: true,
		},
		{
			Name: "bounce", Body: letter("bounce", multi("report", "=_1", "; report-type=delivery-status", plain("it could not be delivered\r\n"),
				entity("Content-Type: message/delivery-status", "Reporting-MTA: dns; mx.example.org\r\n\r\nFinal-Recipient: rfc822; a@example.org\r\nAction: failed\r\nStatus: 5.1.1\r\n"),
				entity("Content-Type: message/rfc822", inner("returned", blob(6, "application/zip; name=returned.zip", ""))))),
			Reads: []string{"it could not be delivered", "Status: 5.1.1", "Subject: inner returned"}, Says: []string{"WyBUaGlzIHBhcnQgd2FzIG5vdCBmZXRjaGVk"}, // in base64
		},
		{
			Name: "pgp-signed", Body: letter("pgp-signed", multi("signed", "=_s", `; micalg=pgp-sha256; protocol="application/pgp-signature"`,
				multi("mixed", "=_1", "", plain("what was signed\r\n"), blob(7, "application/pdf", "attachment; filename=contract.pdf")), pgpSignature)),
			Reads: []string{"what was signed"}, Says: []string{saysPart, SaysSignature, saysSigned}, Names: []string{"contract.pdf"},
		},
		{
			Name: "pgp-signed-beside", Body: letter("pgp-signed-beside", multi("mixed", "=_1", "", signedText, blob(8, "application/pdf", "attachment; filename=beside.pdf"))),
			Reads: []string{signedText}, Says: []string{saysPart}, Names: []string{"beside.pdf"},
		},
		{
			Name: "pgp-signed-long", Body: letter("pgp-signed-long", multi("signed", "=_s", `; micalg=pgp-sha256; protocol="application/pgp-signature"`, plain(long), pgpSignature)),
			Reads: []string{"a long line about the kittiwake"}, Says: []string{saysCut, SaysSignature, saysSigned},
		},
		{
			Name: "pgp-encrypted", Body: letter("pgp-encrypted", multi("encrypted", "=_1", `; protocol="application/pgp-encrypted"`,
				entity("Content-Type: application/pgp-encrypted", "Version: 1\r\n"),
				entity(`Content-Type: application/octet-stream; name="encrypted.asc"`, "-----BEGIN PGP MESSAGE-----\r\n\r\n"+strings.Repeat("hQEMA9notreallyencryptedatall0123456789\r\n", 900)+"-----END PGP MESSAGE-----\r\n"))),
			Reads: []string{"Version: 1"}, Says: []string{saysEncrypted, "Nobody has changed it"},
		},
		{
			Name: "pgp-inline", Body: letter("pgp-inline", plain("-----BEGIN PGP MESSAGE-----\r\n\r\n"+strings.Repeat("hQEMA9notreallyencryptedatall0123456789\r\n", 900)+"-----END PGP MESSAGE-----\r\n")),
			Says: []string{saysEncrypted},
		},
		{
			Name: "smime-signed", Body: letter("smime-signed", multi("signed", "=_s", `; micalg=sha-256; protocol="application/pkcs7-signature"`,
				multi("mixed", "=_1", "", plain("what was signed by S/MIME\r\n"), blob(9, "application/pdf", "attachment; filename=deed.pdf")), smimeSignature)),
			Reads: []string{"what was signed by S/MIME"}, Says: []string{saysPart, SaysSignature, saysSigned}, Names: []string{"deed.pdf", "smime.p7s"},
		},
		{Name: "smime-envelope", Whole: true, Body: letter("smime-envelope", blob(10, "application/pkcs7-mime; smime-type=enveloped-data; name=smime.p7m", "attachment; filename=smime.p7m"))},
		{Name: "smime-opaque", Whole: true, Body: letter("smime-opaque", blob(12, "application/x-pkcs7-mime; smime-type=signed-data; name=smime.p7m", "attachment; filename=smime.p7m"))},
		{
			Name: "smime-forwarded", Body: letter("smime-forwarded", multi("mixed", "=_1", "", plain("the envelope below\r\n"),
				entity("Content-Type: message/rfc822", inner("sealed", blob(13, "application/pkcs7-mime; smime-type=enveloped-data; name=smime.p7m", ""))))),
			Reads: []string{"the envelope below"}, Says: []string{saysPart},
		},
		{
			Name: "eight-bit", Body: letter("eight-bit", multi("mixed", "=_1", "", entity("Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit", "größe, 日本語\r\n"),
				entity("Content-Type: text/plain; charset=iso-8859-1\nContent-Transfer-Encoding: 8bit", "gr\xf6\xdfe\r\n"),
				entity("Content-Type: application/x-tar; name=eight.tar\nContent-Transfer-Encoding: 8bit\nContent-Disposition: attachment; filename=eight.tar", strings.Repeat("\xe4\xf6\xfc\xdf line of eight bits\r\n", 1500)))),
			Reads: []string{"größe, 日本語", "gr\xf6\xdfe"}, Says: []string{saysPart}, Names: []string{"eight.tar"},
		},
		{
			Name: "binary", Refused: true, Body: letter("binary", multi("mixed", "=_1", "", plain("beside something binary\r\n"),
				entity("Content-Type: application/octet-stream; name=raw.bin\nContent-Transfer-Encoding: binary\nContent-Disposition: attachment; filename=raw.bin", raw))),
			Reads: []string{"beside something binary"}, Says: []string{saysPart}, Names: []string{"raw.bin"},
		},
		{
			Name: "rfc2231", Body: letter("rfc2231", multi("mixed", "=_1", "", plain("names\r\n"),
				blob(14, "application/pdf", "attachment;\n filename*0*=utf-8'de'gr%C3%B6%C3%9Fe%20%3B;\n filename*1=\"of the \\\"pieces\\\".pdf\""),
				blob(15, "application/pdf;\n name*=iso-8859-1''gr%F6%DFe.pdf", "attachment"),
				blob(16, "application/pdf", `attachment; filename="=?utf-8?q?gr=C3=B6=C3=9Fe=5Fin_words.pdf?="`),
				blob(17, "application/pdf", `attachment; filename="semi;colon, comma.pdf"`),
				blob(18, "application/pdf", "attachment; filename*=utf-8''"+strings.Repeat("%E9%95%B7", 30)+".pdf"))),
			Reads: []string{"names"}, Says: []string{saysPart},
			Names: []string{`größe ;of the "pieces".pdf`, "größe.pdf", "größe_in words.pdf", "semi;colon, comma.pdf", strings.Repeat("長", 30) + ".pdf"},
		},
		{
			Name: "long-texts", Body: letter("long-texts", multi("mixed", "=_1", "", plain(long),
				entity("Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: quoted-printable", strings.Repeat("gr=C3=B6=C3=9Fe, with a soft =\r\nbreak in it\r\n", 1000)),
				entity("Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: base64", strings.Repeat("YSBwZXRyZWwgaW4gYmFzZTY0LCBvZnRlbgo=\r\n", 1000)))),
			Reads: []string{"a long line about the kittiwake", "gr=C3=B6=C3=9Fe", "YSBwZXRyZWwg"}, Says: []string{saysCut},
		},
		{
			Name: "text-alone", Body: letter("text-alone", plain(long+"the last word is puffin\r\n")), Reads: []string{"a long line about the kittiwake"}, Says: []string{saysCut},
		},
		{Name: "attachment-alone", Body: letter("attachment-alone", blob(19, "application/pdf; name=alone.pdf", "attachment; filename=alone.pdf"))},
		{
			Name: "odd-borders", Body: letter("odd-borders", "Content-Type: multipart/mixed; (a comment)\r\n\tboundary=\"=_odd (border)'+,-./:=?\"\r\n\r\n"+
				"This is the preamble.\r\n--=_odd (border)'+,-./:=?\t \r\n\r\na part without a header\r\n--=_odd (border)'+,-./:=?\r\n"+
				blob(20, "image/gif", "attachment; filename=odd.gif")+"--=_odd (border)'+,-./:=?\r\nContent-Type: text/plain\r\n\r\n--=_odd (border)'+,-./:=?--\r\nThis is the epilogue.\r\n"),
			Reads: []string{"a part without a header"}, Says: []string{saysPart}, Names: []string{"odd.gif"},
		},
		{
			Name: "no-last-border", Body: letter("no-last-border", "Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n\r\nit just ends\r\n--x\r\n"+blob(21, "image/gif", "attachment; filename=ends.gif")),
			Reads: []string{"it just ends"}, Says: []string{saysPart}, Names: []string{"ends.gif"},
		},
	}
}
