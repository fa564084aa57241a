package mail

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"strconv"
	"strings"
)

// markName begins the last line of a message that is here only in part.
const (
	markName = "godwit-partial:1:"
	inBase64 = "Z29kd2l0LXBhcnRpYWw6" // how that begins in base64
)

// tailSize is how much of a message's end is looked at for its mark.
const tailSize = 128

// PartialMark is the last line, without its end, of a message that is here only
// in part: it names the size of the whole and, by a hash, the message's header,
// BODY[HEADER]. Nobody can write it into a message that is still on its way, whose
// header the last server completes; and in a message that quotes, forwards or
// contains another's, it is not the mark of that one.
//
// A file so marked is recognised without any record of it.
func PartialMark(header []byte, size int64) string {
	sum := sha256.Sum256(header)
	return markName + strconv.FormatInt(size, 10) + ":" + hex.EncodeToString(sum[:8])
}

// markedSize reads the mark at a message's end, as it stands or in base64; zero
// when there is none, or it is another header's.
func markedSize(tail []byte, head Head) int64 {
	line := bytes.TrimRight(tail, "\r\n")
	if i := bytes.LastIndexByte(line, '\n'); i >= 0 {
		line = line[i+1:]
	}
	text := string(line)
	if strings.HasPrefix(text, inBase64) {
		plain, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			return 0
		}
		text = strings.TrimRight(string(plain), "\r\n")
	}
	rest, found := strings.CutPrefix(text, markName)
	digits, sum, two := strings.Cut(rest, ":")
	size, err := strconv.ParseInt(digits, 10, 64)
	if !found || !two || err != nil || size <= 0 || sum != hex.EncodeToString(head[:8]) {
		return 0
	}
	return size
}

// keepTail remembers the last octets of what was written.
func (c *ContentReader) keepTail(p []byte) {
	if len(p) >= tailSize {
		c.tail = append(c.tail[:0], p[len(p)-tailSize:]...)
		return
	}
	if len(c.tail)+len(p) > 2*tailSize {
		c.tail = append(c.tail[:0], c.tail[len(c.tail)-tailSize:]...)
	}
	c.tail = append(c.tail, p...)
}
