package statedb

import (
	"embed"
	"fmt"
	"io/fs"
	"strings"
	"sync"
)

//go:embed sql
var embedded embed.FS

// statements returns the text of statements.sql by name.
var statements = sync.OnceValues(func() (map[string]string, error) {
	text, err := fs.ReadFile(embedded, "sql/statements.sql")
	if err != nil {
		return nil, err
	}
	found := map[string]string{}
	name := ""
	for line := range strings.Lines(string(text)) {
		switch after, isName := strings.CutPrefix(line, "-- :"); {
		case isName:
			name = strings.TrimSpace(after)
			if _, twice := found[name]; twice || name == "" {
				return nil, fmt.Errorf("statedb: statement name %q twice or empty", name)
			}
			found[name] = ""
		case strings.HasPrefix(line, "--") || name == "":
		default:
			found[name] += line
		}
	}
	for name, text := range found {
		// The driver takes whatever follows a statement, be it a line end, for
		// another statement, and then parses both on every call.
		found[name] = strings.TrimRight(text, ";\n")
	}
	return found, nil
})
