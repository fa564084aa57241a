package config

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"
	"github.com/pelletier/go-toml/v2/unstable"
)

// maxFile is how long a configuration may be; what is longer is none.
const maxFile = 4 << 20

func readAll(r io.Reader) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxFile+1))
	if err == nil && len(data) > maxFile {
		err = fmt.Errorf("longer than %d bytes", maxFile)
	}
	return data, err
}

// path is where a value stands in the file: the keys that lead to it.
type path []string

func (p path) with(key string) path { return append(slices.Clip(p), key) }

// String writes a path as TOML does.
func (p path) String() string {
	parts := make([]string, len(p))
	for i, key := range p {
		parts[i] = key
		if key == "" || strings.ContainsFunc(key, func(r rune) bool {
			return r > '~' || !strings.ContainsRune(bare, r)
		}) {
			parts[i] = fmt.Sprintf("%q", key)
		}
	}
	return strings.Join(parts, ".")
}

const bare = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"

// reader turns a parsed file into a Config and collects what is wrong with it.
type reader struct {
	home     string
	lines    map[string]int // by path, with NUL between the keys
	problems []Problem
}

func (r *reader) line(p path) int {
	for ; len(p) > 0; p = p[:len(p)-1] {
		if line, known := r.lines[strings.Join(p, "\x00")]; known {
			return line
		}
	}
	return 0
}

// has tells whether the file says anything at a path.
func (r *reader) has(p path) bool {
	_, known := r.lines[strings.Join(p, "\x00")]
	return known
}

func (r *reader) add(p path, err error) {
	problem := Problem{Line: r.line(p), Text: p.String() + ": " + err.Error()}
	if f, ok := errors.AsType[*fault](err); ok {
		problem.Hint = f.hint
	}
	r.problems = append(r.problems, problem)
}

func parse(data []byte, file, home string, exposed bool) (*Config, error) {
	raw := map[string]any{}
	if err := toml.Unmarshal(data, &raw); err != nil {
		problem := Problem{Text: strings.TrimPrefix(err.Error(), "toml: ")}
		if at, ok := errors.AsType[*toml.DecodeError](err); ok {
			problem.Line, _ = at.Position()
		}
		return nil, &Error{file, []Problem{problem}}
	}
	r := &reader{home: home, lines: index(data)}
	c := &Config{Path: file}
	r.config(c, raw)
	if exposed {
		r.exposed()
	}
	if len(r.problems) > 0 {
		return nil, &Error{file, sorted(r.problems)}
	}
	return c, nil
}

// index finds the line of every key in a file that is known to be TOML.
func index(data []byte) map[string]int {
	lines := map[string]int{}
	var parser unstable.Parser
	parser.Reset(data)
	var table path
	note := func(p path, key *unstable.Node) {
		place := strings.Join(p, "\x00")
		if _, known := lines[place]; !known {
			lines[place] = parser.Shape(key.Raw).Start.Line
		}
	}
	keys := func(below path, node *unstable.Node) path {
		for key := node.Key(); key.Next(); {
			below = below.with(string(key.Node().Data))
			note(below, key.Node())
		}
		return below
	}
	var pair func(below path, node *unstable.Node)
	pair = func(below path, node *unstable.Node) {
		below = keys(below, node)
		if value := node.Value(); value.Kind == unstable.InlineTable {
			for inner := value.Children(); inner.Next(); {
				if inner.Node().Kind == unstable.KeyValue {
					pair(below, inner.Node())
				}
			}
		}
	}
	for parser.NextExpression() {
		switch node := parser.Expression(); node.Kind {
		case unstable.Table, unstable.ArrayTable:
			table = keys(nil, node)
		case unstable.KeyValue:
			pair(table, node)
		}
	}
	return lines
}

// inOrder returns a table's keys in the order of the file, so that messages and
// accounts come as the user wrote them.
func (r *reader) inOrder(at path, table map[string]any) []string {
	return slices.SortedStableFunc(maps.Keys(table), func(a, b string) int {
		if d := r.line(at.with(a)) - r.line(at.with(b)); d != 0 {
			return d
		}
		return strings.Compare(a, b)
	})
}

// table returns the value at a path as a table, or says that it is none.
func (r *reader) table(at path, value any) (map[string]any, bool) {
	t, ok := value.(map[string]any)
	if !ok {
		r.add(at, faultf("", "want a table, [%s], got %s", at, kind(value)))
	}
	return t, ok
}

// setter takes a value of the file into a struct, or says why it cannot.
type setter[T any] func(r *reader, into *T, value any) error

// fill gives every value of a table to its setter. tables are keys that the
// caller takes care of. A key that nobody knows is a problem; elsewhere tells
// for a key in which other table it belongs, or nothing.
func fill[T any](r *reader, at path, raw map[string]any, into *T, keys map[string]setter[T], tables []string, elsewhere func(key string) string) {
	for _, key := range r.inOrder(at, raw) {
		set, known := keys[key]
		switch {
		case known:
			if err := set(r, into, raw[key]); err != nil {
				r.add(at.with(key), err)
			}
		case slices.Contains(tables, key):
		default:
			r.unknown(at, key, slices.AppendSeq(slices.Clone(tables), maps.Keys(keys)), elsewhere)
		}
	}
}

func (r *reader) unknown(at path, key string, known []string, elsewhere func(string) string) {
	hint := ""
	if elsewhere != nil {
		hint = elsewhere(key)
	}
	if hint == "" {
		if like, found := Nearest(key, known); found {
			hint = fmt.Sprintf("did you mean %q?", like)
		}
	}
	r.problems = append(r.problems, Problem{
		Line: r.line(at.with(key)),
		Text: at.with(key).String() + ": unknown key",
		Hint: hint,
	})
}
