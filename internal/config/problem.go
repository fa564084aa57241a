package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Error is everything that is wrong with a configuration file.
type Error struct {
	Path     string
	Problems []Problem // by line
}

// Problem is one fault.
type Problem struct {
	Line int    // from 1; zero: the file as a whole
	Text string // what is wrong
	Hint string // what to do about it; empty: Text says it
}

// Error shows every problem on a line of its own, as file:line: text.
func (e *Error) Error() string {
	var lines []string
	for _, p := range e.Problems {
		lines = append(lines, e.Show(p))
	}
	return strings.Join(lines, "\n")
}

// Show is one problem with its place.
func (e *Error) Show(p Problem) string {
	place := e.Path
	if p.Line > 0 {
		place = fmt.Sprintf("%s:%d", e.Path, p.Line)
	}
	if p.Hint == "" {
		return place + ": " + p.Text
	}
	return place + ": " + p.Text + "; " + p.Hint
}

// sorted puts problems into the order of the file and drops repetitions.
func sorted(problems []Problem) []Problem {
	slices.SortStableFunc(problems, func(a, b Problem) int { return cmp.Compare(a.Line, b.Line) })
	return slices.Compact(problems)
}

// fault is what a setter returns: a text and perhaps a hint.
type fault struct{ text, hint string }

func (f *fault) Error() string { return f.text }

func faultf(hint, format string, args ...any) error {
	return &fault{fmt.Sprintf(format, args...), hint}
}

// Nearest returns the candidate that is the likeliest meant by a misspelt word,
// and whether any is likely at all.
func Nearest(word string, candidates []string) (string, bool) {
	best, least := "", max(1, (len(word)+1)/3)+1
	for _, c := range slices.Sorted(slices.Values(candidates)) {
		d := distance(strings.ToLower(word), c)
		if strings.ReplaceAll(strings.ToLower(word), "-", "_") == c {
			d = 0
		}
		if d < least {
			best, least = c, d
		}
	}
	return best, best != ""
}

// distance is how many characters have to be added, taken away, replaced or
// exchanged with their neighbour to turn a into b.
func distance(a, b string) int {
	s, t := []rune(a), []rune(b)
	before, last, now := make([]int, len(t)+1), make([]int, len(t)+1), make([]int, len(t)+1)
	for j := range last {
		last[j] = j
	}
	for i := range s {
		now[0] = i + 1
		for j := range t {
			change := 1
			if s[i] == t[j] {
				change = 0
			}
			now[j+1] = min(last[j]+change, last[j+1]+1, now[j]+1)
			if i > 0 && j > 0 && s[i] == t[j-1] && s[i-1] == t[j] {
				now[j+1] = min(now[j+1], before[j-1]+1)
			}
		}
		before, last, now = last, now, before
	}
	return last[len(t)]
}
