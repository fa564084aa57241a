package e2e

import (
	"database/sql"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"

	_ "modernc.org/sqlite"

	"godwit/internal/dovecot"
)

// folded is a set of flags for comparison: keywords that differ in case are one.
func folded(flags []string) string {
	lower := make([]string, len(flags))
	for i, f := range flags {
		lower[i] = strings.ToLower(f)
	}
	slices.Sort(lower)
	return strings.Join(lower, " ")
}

// differences compares both sides of the account: mailboxes, messages by bytes,
// how often each is there, flags and keywords. It returns a line for each
// difference.
func (a *account) differences(except ...string) []string {
	a.t.Helper()
	server := map[string][]dovecot.Message{}
	for name, messages := range a.server.Dump(a.t, a.user) {
		server[a.shown(name)] = messages
	}
	local := a.mailboxes()
	var out []string
	names := map[string]bool{}
	for _, name := range append(slices.Collect(maps.Keys(server)), local...) {
		names[name] = !slices.Contains(except, name)
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		_, there := server[name]
		switch {
		case !names[name]:
		case !there:
			out = append(out, fmt.Sprintf("%s: the server has no such mailbox", name))
		case !slices.Contains(local, name):
			out = append(out, fmt.Sprintf("%s: the Maildir has no such mailbox", name))
		default:
			out = append(out, messageDifferences(name, server[name], a.files(name))...)
		}
	}
	return out
}

// messageDifferences pairs messages and files one to one: first those that agree
// in bytes and flags, then those that agree in bytes.
func messageDifferences(mailbox string, server []dovecot.Message, local []file) []string {
	var out []string
	left := slices.Clone(local)
	take := func(fits func(file) bool) (file, bool) {
		at := slices.IndexFunc(left, fits)
		if at < 0 {
			return file{}, false
		}
		f := left[at]
		left = slices.Delete(left, at, at+1)
		return f, true
	}
	var unpaired []dovecot.Message
	for _, m := range server {
		if _, ok := take(func(f file) bool { return f.is(m.Sum) && folded(f.flags) == folded(m.Flags) }); !ok {
			unpaired = append(unpaired, m)
		}
	}
	for _, m := range unpaired {
		f, ok := take(func(f file) bool { return f.is(m.Sum) })
		if ok {
			out = append(out, fmt.Sprintf("%s: UID %d (%x, %d bytes) has flags %v, its file %v", mailbox, m.UID, m.Sum[:4], m.Size, m.Flags, f.flags))
		} else {
			out = append(out, fmt.Sprintf("%s: UID %d (%x, %d bytes, %v) is on the server only", mailbox, m.UID, m.Sum[:4], m.Size, m.Flags))
		}
	}
	for _, f := range left {
		out = append(out, fmt.Sprintf("%s: %s (%x, %v) is in the Maildir only", mailbox, filepath.Base(f.path), f.wire[:4], f.flags))
	}
	return out
}

// same ends the test unless both sides are the same.
func (a *account) same(except ...string) {
	a.t.Helper()
	if d := a.differences(except...); len(d) > 0 {
		a.t.Fatalf("the sides differ:\n%s", strings.Join(d, "\n"))
	}
}

// snapshot is everything there is of an account, by place, as sorted lines.
type snapshot map[string][]string

// take remembers both sides, the database and the rest of the state.
func (a *account) take() *snapshot {
	a.t.Helper()
	s := snapshot{
		"server":   a.serverLines(),
		"local":    a.tree(a.root),
		"database": a.databaseLines(),
	}
	for _, line := range a.tree(a.state) { // the database's own files and the lock may be touched by reading
		name, _, _ := strings.Cut(line, "\t")
		if !strings.HasPrefix(name, "state.db") && name != "lock" && name != "." {
			s["state"] = append(s["state"], line)
		}
	}
	return &s
}

func (a *account) serverLines() []string {
	a.t.Helper()
	c := a.server.Dial(a.t, a.user)
	defer c.Close()
	var lines []string
	for _, name := range c.Mailboxes() {
		selected := c.Select(name)
		lines = append(lines, fmt.Sprintf("%s\tUIDVALIDITY %d UIDNEXT %d", name, selected.UIDValidity, selected.UIDNext))
		for _, m := range c.Messages(name) {
			lines = append(lines, fmt.Sprintf("%s\tUID %d %x %v %v MODSEQ %d", name, m.UID, m.Sum[:8], m.Flags, m.Date.Unix(), m.ModSeq))
		}
	}
	return lines
}

// tree lists everything below a directory with all that can change of it.
func (a *account) tree(root string) []string {
	a.t.Helper()
	var lines []string
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		relative, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		size := info.Size()
		if d.IsDir() {
			size = 0
		}
		lines = append(lines, fmt.Sprintf("%s\t%v %d bytes, mtime %d, inode %d", relative, info.Mode(), size,
			info.ModTime().UnixNano(), info.Sys().(*syscall.Stat_t).Ino))
		return nil
	})
	if err != nil && !os.IsNotExist(err) {
		a.t.Fatalf("%v", err)
	}
	return lines
}

// databaseLines dumps every table of the state database.
func (a *account) databaseLines() []string {
	a.t.Helper()
	path := filepath.Join(a.state, "state.db")
	if _, err := os.Stat(path); err != nil {
		return nil
	}
	db, err := sql.Open("sqlite", "file:"+path+"?mode=ro&_pragma=busy_timeout(5000)")
	if err != nil {
		a.t.Fatalf("%v", err)
	}
	defer db.Close()
	var lines []string
	for _, table := range query(a, db, "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name") {
		for _, row := range query(a, db, "SELECT * FROM "+table) {
			lines = append(lines, table+"\t"+row)
		}
	}
	slices.Sort(lines)
	return lines
}

// query returns a line for each row.
func query(a *account, db *sql.DB, text string) []string {
	a.t.Helper()
	rows, err := db.Query(text)
	if err != nil {
		a.t.Fatalf("%s: %v", text, err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		a.t.Fatalf("%s: %v", text, err)
	}
	var lines []string
	for rows.Next() {
		values := make([]any, len(columns))
		pointers := make([]any, len(columns))
		for i := range values {
			pointers[i] = &values[i]
		}
		if err := rows.Scan(pointers...); err != nil {
			a.t.Fatalf("%s: %v", text, err)
		}
		var fields []string
		for i, v := range values {
			if b, ok := v.([]byte); ok {
				v = fmt.Sprintf("%x", b)
			}
			if len(columns) == 1 {
				fields = append(fields, fmt.Sprint(v))
			} else {
				fields = append(fields, fmt.Sprintf("%s=%v", columns[i], v))
			}
		}
		lines = append(lines, strings.Join(fields, " "))
	}
	if err := rows.Err(); err != nil {
		a.t.Fatalf("%s: %v", text, err)
	}
	return lines
}

// changes tells what differs between two snapshots, at the named places (all,
// when none is named).
func (s *snapshot) changes(now *snapshot, places ...string) []string {
	if len(places) == 0 {
		places = []string{"server", "local", "database", "state"}
	}
	var out []string
	for _, place := range places {
		before, after := (*s)[place], (*now)[place]
		for _, line := range before {
			if !slices.Contains(after, line) {
				out = append(out, place+" - "+line)
			}
		}
		for _, line := range after {
			if !slices.Contains(before, line) {
				out = append(out, place+" + "+line)
			}
		}
	}
	return out
}

// stamps are what a run may write into a checkpoint without having done anything: how the
// directories looked, and that they may be trusted now. The record of the run
// itself is news by nature.
var stamps = regexp.MustCompile(`(cur_|new_)(inode|mtime|ctime)=\d+|racy=\d+`)

// settled is a snapshot without what a run that does nothing may write.
func (s *snapshot) settled() *snapshot {
	out := maps.Clone(*s)
	out["database"] = nil
	for _, line := range (*s)["database"] {
		if !strings.HasPrefix(line, "run\t") {
			out["database"] = append(out["database"], stamps.ReplaceAllString(line, "…"))
		}
	}
	return &out
}

// changing are the commands by which a client changes an account.
var changing = regexp.MustCompile(`(?mi)^\S+ (?:UID )?(?:STORE|APPEND|COPY|MOVE|EXPUNGE|CREATE|DELETE|RENAME|SUBSCRIBE|UNSUBSCRIBE|REPLACE|CLOSE)\b.*$`)

// quiet runs godwit sync, which must find nothing to do: exit 0, no output, no
// command that changes anything, and nothing changed on either side or in what
// base knows.
func (a *account) quiet(args ...string) {
	a.t.Helper()
	if trouble := a.noise(args...); len(trouble) > 0 {
		a.t.Fatalf("a run with nothing to do was not quiet:\n%s", strings.Join(trouble, "\n"))
	}
}

func (a *account) noise(args ...string) []string {
	a.t.Helper()
	before := a.take().settled()
	a.proxy.Reset()
	r := a.run(nil, append([]string{"sync"}, args...)...)
	var trouble []string
	if r.exit != 0 || r.stdout != "" || r.stderr != "" {
		trouble = append(trouble, r.String())
	}
	for _, command := range changing.FindAllString(a.proxy.Sent(), -1) {
		trouble = append(trouble, "sent: "+command)
	}
	return append(trouble, before.changes(a.take().settled())...)
}
