package e2e

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/rogpeppe/go-internal/testscript"

	"godwit/internal/corpus"
)

// breakMessage makes the server unable to read one of its messages, @N: its file
// is no file any more. mendMessage undoes it.
func (a *account) breakMessage(ts *testscript.TestScript, which string) {
	n, _ := span(ts, which[1:])
	id := []byte("<" + corpus.ID(n) + ">")
	found := ""
	ts.Check(filepath.WalkDir(a.server.MailDir(a.user), func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || found != "" || filepath.Base(filepath.Dir(path)) != "cur" && filepath.Base(filepath.Dir(path)) != "new" {
			return err
		}
		body, err := os.ReadFile(path)
		if err == nil && bytes.Contains(body, id) {
			found = path
		}
		return err
	}))
	if found == "" {
		ts.Fatalf("the server has no message %s", which)
	}
	a.broken = found
	ts.Check(os.Rename(found, filepath.Join(ts.Getenv("WORK"), "broken")))
	ts.Check(os.Mkdir(found, 0o700))
}

func (a *account) mendMessage(ts *testscript.TestScript) {
	ts.Check(os.Remove(a.broken))
	ts.Check(os.Rename(filepath.Join(ts.Getenv("WORK"), "broken"), a.broken))
}
