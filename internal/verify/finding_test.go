package verify

import (
	"strings"
	"testing"
)

func TestEveryKindOfDifferenceHasItsNameAndItsSentence(t *testing.T) {
	names, texts := map[string]bool{}, map[string]bool{}
	for k := Kind(1); k < kinds; k++ {
		f := Finding{Mailbox: "INBOX", Kind: k, UID: 7, Key: "1.a.b", Detail: "so"}
		text := f.Text()
		if k.String() == "" || names[k.String()] || texts[text] {
			t.Errorf("kind %d is called %q and told as %q: no name, or that of another", k, k, text)
		}
		names[k.String()], texts[text] = true, true
		if !strings.HasSuffix(text, ": so") || strings.Contains(text, "%") {
			t.Errorf("%s is told as %q", k, text)
		}
		switch about := strings.Split(k.String(), "-")[0]; {
		case about == "file" && !strings.Contains(text, "1.a.b"):
			t.Errorf("%s is told as %q, without its file", k, text)
		case about == "message" && !strings.Contains(text, "UID 7"):
			t.Errorf("%s is told as %q, without its UID", k, text)
		}
	}
}
