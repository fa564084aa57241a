package mail

import (
	"math"
	"regexp"
	"strconv"
	"strings"
)

var octets = regexp.MustCompile(`^([0-9]+)(?:\.([0-9]))? ?(|B|[KMG]i?B?)$`)

// MaxOctets is the largest size that [ParseOctets] reads.
const MaxOctets = 1 << 50

// ParseOctets reads a size as people write it: "2MB", "1.5 GB", "512KiB" (with an
// "i", powers of 1024), or a number of octets. ok is false for what is none;
// one beyond [MaxOctets] is returned as larger than that.
func ParseOctets(s string) (n int64, ok bool) {
	m := octets.FindStringSubmatch(strings.Replace(s, "k", "K", 1))
	if m == nil {
		return 0, false
	}
	f, err := strconv.ParseFloat(m[1]+"."+m[2]+"0", 64)
	step := 1000.0
	if strings.Contains(m[3], "i") {
		step = 1024
	}
	if m[3] != "" && m[3] != "B" {
		f *= math.Pow(step, float64(strings.IndexByte("KMG", m[3][0])+1))
	}
	if err != nil || f > MaxOctets {
		return MaxOctets + 1, true
	}
	return int64(f), true
}
