package statedb

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net/url"

	"modernc.org/sqlite"
)

// conn is one connection to the file, with the statements prepared on it so
// far. It belongs to one goroutine at a time.
type conn struct {
	raw      driver.Conn
	prepared map[string]driver.Stmt
	args     []driver.NamedValue // reused from call to call
}

// connect opens the file and runs the pragmas.
func connect(ctx context.Context, path, pragmas string) (*conn, error) {
	// As a URI, because in a plain name the driver takes what follows a "?" for
	// parameters. mode=rw: a file that was moved away is not made again, empty.
	connector, err := sqlite.NewConnector("file:" + (&url.URL{Path: path}).EscapedPath() + "?mode=rw")
	if err != nil {
		return nil, err
	}
	raw, err := connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	c := &conn{raw: raw, prepared: map[string]driver.Stmt{}}
	if err := c.script(pragmas); err != nil {
		return nil, errors.Join(err, raw.Close())
	}
	return c, nil
}

// script runs any number of statements that take and return nothing.
func (c *conn) script(sql string) error {
	_, err := c.raw.(driver.ExecerContext).ExecContext(context.Background(), sql, nil)
	return err
}

// single runs a statement, given as SQL, that returns one value.
func (c *conn) single(sql string) (driver.Value, error) {
	rows, err := c.raw.(driver.QueryerContext).QueryContext(context.Background(), sql, nil)
	if err != nil {
		return nil, err
	}
	value := make([]driver.Value, 1)
	err = errors.Join(rows.Next(value), rows.Close())
	return value[0], err
}

// number is single for an integer.
func (c *conn) number(sql string) (int64, error) {
	value, err := c.single(sql)
	n, _ := value.(int64)
	return n, err
}

func (c *conn) prepare(name string) (driver.Stmt, error) {
	if s, ok := c.prepared[name]; ok {
		return s, nil
	}
	all, err := statements()
	if err != nil {
		return nil, err
	}
	text, ok := all[name]
	if !ok {
		return nil, fmt.Errorf("no statement named %q", name)
	}
	s, err := c.raw.Prepare(text)
	if err != nil {
		return nil, fmt.Errorf("prepare %s: %w", name, err)
	}
	c.prepared[name] = s
	return s, nil
}

func (c *conn) bind(args []any) []driver.NamedValue {
	c.args = c.args[:0]
	for i, a := range args {
		c.args = append(c.args, driver.NamedValue{Ordinal: i + 1, Value: a})
	}
	return c.args
}

// exec runs a statement that returns no rows. Arguments are int64, string,
// []byte or nil.
func (c *conn) exec(name string, args ...any) (driver.Result, error) {
	s, err := c.prepare(name)
	if err != nil {
		return nil, err
	}
	// Never with the caller's context: the driver would start a goroutine for
	// each call, and could interrupt a transaction half way.
	return s.(driver.StmtExecContext).ExecContext(context.Background(), c.bind(args))
}

// query runs a statement that returns rows; the caller closes the result.
func (c *conn) query(name string, args ...any) (*result, error) {
	s, err := c.prepare(name)
	if err != nil {
		return nil, err
	}
	rows, err := s.(driver.StmtQueryContext).QueryContext(context.Background(), c.bind(args))
	if err != nil {
		return nil, err
	}
	return &result{rows: rows, values: make([]driver.Value, len(rows.Columns()))}, nil
}

// close ends the connection; with the last one to a file, SQLite folds the
// write-ahead log into it.
func (c *conn) close() error {
	var errs []error
	for _, s := range c.prepared {
		errs = append(errs, s.Close())
	}
	c.prepared = nil
	return errors.Join(append(errs, c.raw.Close())...)
}

// result is the rows of one query.
type result struct {
	rows   driver.Rows
	values []driver.Value
	err    error
}

// next goes to the next row; false at the end and after a failure.
func (r *result) next() bool {
	r.err = r.rows.Next(r.values)
	return r.err == nil
}

// close ends the query, and returns what ended its rows early, if anything did.
func (r *result) close() error {
	if r.err == io.EOF {
		r.err = nil
	}
	return errors.Join(r.err, r.rows.Close())
}

// The columns of a row; NULL is the zero value.

func (r *result) integer(i int) int64 {
	v, _ := r.values[i].(int64)
	return v
}

func (r *result) text(i int) string {
	v, _ := r.values[i].(string)
	return v
}

func (r *result) blob(i int) []byte {
	v, _ := r.values[i].([]byte)
	return v
}
