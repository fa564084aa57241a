package main

import (
	"fmt"
	"io"
	"strconv"
	"time"

	"godwit/internal/wan"
)

// cost is what one run cost, on this machine and on the line.
type cost struct {
	usage
	wan.Counts
}

func seconds(d time.Duration) string { return strconv.FormatFloat(d.Seconds(), 'f', 2, 64) }

func mebibytes(kib int64) string { return strconv.FormatInt((kib+512)/1024, 10) }

// thousands writes a number with commas.
func thousands(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// cells are the columns that every table has.
func (c cost) cells() []string {
	return []string{
		seconds(c.Wall), seconds(c.CPU), mebibytes(c.RSS), thousands(c.Down), thousands(c.Up),
		strconv.Itoa(c.Turns), strconv.Itoa(c.Connections),
	}
}

var costs = []string{"wall s", "CPU s", "MiB", "octets down", "octets up", "turns", "connections"}

// row writes one row of a Markdown table.
func row(w io.Writer, cells ...string) {
	for _, c := range cells {
		fmt.Fprintf(w, "| %s ", c)
	}
	fmt.Fprintln(w, "|")
}

// head writes a table's first two rows. The first left columns are text.
func head(w io.Writer, left int, cells ...string) {
	row(w, cells...)
	for i := range cells {
		if i < left {
			fmt.Fprint(w, "|---")
		} else {
			fmt.Fprint(w, "|--:")
		}
	}
	fmt.Fprintln(w, "|")
}
