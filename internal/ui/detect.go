package ui

import (
	"fmt"
	"os"
	"strings"

	"github.com/mattn/go-isatty"
)

// Detect tells what an output can show: whether a person watches it, whether
// colours are welcome (NO_COLOR, TERM=dumb), and whether it shows Unicode.
// progress is "auto", "always" or "never"; empty is "auto".
func Detect(out, err *os.File, progress string, environment func(string) string) (Options, error) {
	o := Options{Out: out, Err: err, OutTerminal: terminal(out), ErrTerminal: terminal(err)}
	dumb := environment("TERM") == "dumb" || environment("TERM") == ""
	o.Color = environment("NO_COLOR") == "" && !dumb
	o.Unicode = unicodeLocale(environment)
	switch progress {
	case "", "auto":
		o.Progress = o.ErrTerminal && !dumb
	case "always":
		o.Progress = true
	case "never":
	default:
		return o, fmt.Errorf("--progress is %q, and none of auto, always, never", progress)
	}
	return o, nil
}

func terminal(f *os.File) bool {
	return f != nil && (isatty.IsTerminal(f.Fd()) || isatty.IsCygwinTerminal(f.Fd()))
}

// unicodeLocale tells whether the locale writes UTF-8; the first variable that
// is set decides (POSIX, 8.2).
func unicodeLocale(environment func(string) string) bool {
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if value := environment(name); value != "" {
			value = strings.ToUpper(value)
			return strings.Contains(value, "UTF-8") || strings.Contains(value, "UTF8")
		}
	}
	return false
}
