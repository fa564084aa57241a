package mail

import (
	"bytes"
	"crypto/sha256"
	"testing"

	"pgregory.net/rapid"
)

const sample = "Date: Sat, 21 Nov 2026 10:00:00 +0000\r\nMessage-ID:\r\n <a@example.org>\r\nSubject: s\r\n\r\nbody\r\n"

func contentOf(pieces ...[]byte) Content {
	c := NewContentReader()
	for _, p := range pieces {
		c.Write(p)
	}
	return c.Content()
}

func TestContentDoesNotDependOnHowItIsCut(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		raw := []byte(rapid.SampledFrom([]string{
			sample, "", "\r\n", "\r\nbody", "no header at all", "A: b\r\n\r\n", "A: b\r\n", "A: b\n\nbare\n", "\r\n\r\n",
		}).Draw(t, "message"))
		whole := contentOf(raw)
		var pieces [][]byte
		for rest := raw; len(rest) > 0; {
			n := rapid.IntRange(1, len(rest)).Draw(t, "piece")
			pieces, rest = append(pieces, rest[:n]), rest[n:]
		}
		if got := contentOf(pieces...); got != whole {
			t.Fatalf("in pieces %+v, whole %+v", got, whole)
		}
		if whole.Size != int64(len(raw)) || whole.Hash != Hash(sha256.Sum256(raw)) {
			t.Fatalf("size or hash of %q is wrong", raw)
		}
	})
}

func TestHeaderAloneNamesTheSameMessage(t *testing.T) {
	whole := contentOf([]byte(sample))
	c := NewContentReader()
	c.Write([]byte(sample[:bytes.Index([]byte(sample), []byte("\r\n\r\n"))+4]))
	head := c.HeaderContent(int64(len(sample)))
	if head.Compare(whole) != Same {
		t.Errorf("header %+v and message %+v do not compare as the same", head, whole)
	}
	if whole.MessageID != "<a@example.org>" {
		t.Errorf("Message-ID is %q", whole.MessageID)
	}
}

func TestWeakHeadersDecideNothing(t *testing.T) {
	a := contentOf([]byte("Subject: x\r\n\r\none\r\n"))
	b := contentOf([]byte("Subject: x\r\n\r\ntwo\r\n"))
	if a.Compare(b) != Different {
		t.Error("two bodies compare as the same")
	}
	b.Hash = Hash{}
	if got := a.Compare(b); got != Unsure {
		t.Errorf("without a hash they compare as %v, want Unsure", got)
	}
	b.Size++
	if got := a.Compare(b); got != Different {
		t.Errorf("of different sizes they compare as %v, want Different", got)
	}
}
