package main

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	"godwit/mail"
	"godwit/maildir"
	"godwit/statedb"
	"godwit/sync"
)

// TestACrashIsNotTakenForABackup goes through the steps by which a generation
// follows another, and looks after each as the next run would: whatever was written
// by then belongs together. A database from before does not.
func TestACrashIsNotTakenForABackup(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	directory := t.TempDir()
	local, err := maildir.Open(maildir.Options{Root: filepath.Join(directory, "Mail"), Account: "work"})
	if err != nil {
		t.Fatal(err)
	}
	open := func(name string) *account {
		t.Helper()
		base, err := statedb.Open(ctx, filepath.Join(directory, name, "state.db"))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := base.Close(); err != nil {
				t.Error(err)
			}
		})
		return &account{base: base, local: local}
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	look := func(a *account, when string, restored bool) generations {
		t.Helper()
		g, err := a.generations(ctx)
		must(err)
		if g.restored != restored {
			t.Fatalf("%s: restored %v, want %v (%+v)", when, g.restored, restored, g)
		}
		return g
	}
	row := mail.PutCheckpoint{Checkpoint: mail.Checkpoint{Mailbox: "INBOX", OnLocal: true}}
	changed := &sync.Result{Pushed: 1}

	a := open("now")
	look(a, "before the first run", false)
	must(local.Init(ctx))
	must(a.base.Commit(ctx, row))
	must(a.advance(ctx, look(a, "after a first run that died", false), sync.Options{}, changed, nil))
	first := look(a, "after the first run", false)
	if len(first.known) != 1 || first.marker != first.known[0] {
		t.Fatalf("after the first run: %+v", first)
	}
	must(a.advance(ctx, first, sync.Options{}, &sync.Result{}, nil))
	if g := look(a, "after a run without work", false); g.marker != first.marker {
		t.Error("a run without work began a generation")
	}

	// A run dies before the marker is written, …
	must(a.base.SetMeta(ctx, generationMeta, first.marker+" second"))
	look(a, "before the marker was written", false)
	// … after it was, …
	must(local.SetGeneration(ctx, "second"))
	half := look(a, "after the marker was written", false)
	// … and the next one, whether it changes anything or not, goes on from there.
	must(a.advance(ctx, half, sync.Options{}, &sync.Result{}, nil))
	third := look(a, "after the next run", false)
	if len(third.known) != 1 || third.marker == "second" {
		t.Errorf("after the next run: %+v", third)
	}

	old := open("old")
	must(old.base.Commit(ctx, row))
	must(old.base.SetMeta(ctx, generationMeta, first.marker))
	g := look(old, "an old database", true)
	must(old.advance(ctx, g, sync.Options{}, &sync.Result{Failures: []sync.Failure{{}}}, nil))
	must(old.advance(ctx, g, sync.Options{Only: func(mail.Mailbox) bool { return true }}, changed, nil))
	must(old.advance(ctx, g, sync.Options{DryRun: true}, changed, nil))
	g = look(old, "as long as not all was looked at", true)
	must(old.advance(ctx, g, sync.Options{}, &sync.Result{}, nil))
	look(old, "after a whole run", false)
	look(a, "the database that belonged there before", true)

	// A lost database is a new one: it takes the Maildir's generation.
	lost := open("lost")
	if g := look(lost, "a lost database", false); len(g.known) != 1 || strings.Contains(g.known[0], " ") {
		t.Errorf("a lost database knows %q", g.known)
	}
	must(lost.base.Commit(ctx, row))
	look(lost, "a lost database that is built again", false)
}
