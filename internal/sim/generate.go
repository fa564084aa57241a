package sim

import (
	"math/rand/v2"
	"slices"

	"godwit/sync"
)

// Generate makes the case of a seed.
func Generate(seed uint64) Case {
	g := generator{rand.New(rand.NewPCG(seed, 1)), true, sync.Steps}
	if windowed(seed) {
		g.steps = slices.Concat(sync.Steps, sync.WindowSteps, sync.WindowSteps)
	}
	c := Case{
		Seed:    seed,
		Profile: g.pick("plain", "uidplus", "condstore", "condstore", "qresync", "qresync", "modern", "modern", "closed"),
		Mode:    "two-way",
		Trash:   g.IntN(2) == 0,
		Workers: 1 + g.IntN(4),
		Files:   "disk",
		Base:    "memory",
	}
	if seed%8 == 0 {
		c.Base = "sqlite"
	}
	if g.IntN(8) == 0 {
		c.Mode = g.pick("pull", "push", "archive")
	}
	if seed%3 == 0 && c.Mode == "two-way" {
		c.Remove = "both"
	}
	// The account as it is found, a first run, and a point from which on things
	// are known.
	for range 2 + g.IntN(7) {
		c.Acts = append(c.Acts, Act{Op: g.op("server.deliver", "server.deliver", "server.copy", "local.add", "local.copy")})
	}
	if g.IntN(3) == 0 {
		c.Acts = append(c.Acts, Act{Run: g.run()})
		for range g.IntN(3) {
			c.Acts = append(c.Acts, Act{Op: g.op()})
		}
	}
	c.Acts = append(c.Acts, Act{})
	for range 1 + g.IntN(2) {
		for range g.IntN(3) + g.IntN(4) {
			c.Acts = append(c.Acts, Act{Op: g.op()})
		}
		for range g.IntN(3) {
			c.Acts = append(c.Acts, Act{Run: g.run()})
			for g.IntN(3) == 0 {
				c.Acts = append(c.Acts, Act{Op: g.op()})
			}
		}
		c.Acts = append(c.Acts, Act{})
	}
	// A run that nothing disturbs, and a power cut soon after it: what it recorded
	// and did not make durable looks, if it is lost, like somebody's wish.
	if g.IntN(3) == 0 {
		for range 2 + g.IntN(3) {
			c.Acts = append(c.Acts, Act{Op: g.op("server.move", "server.move", "server.flag", "server.expunge", "server.deliver",
				"server.copy", "server.rename-mailbox", "local.flag", "local.move")})
		}
		cut := Event{At: 1 + int(g.ExpFloat64()*8), Do: "power", Keep: g.Uint64() & g.Uint64()}
		c.Acts = append(c.Acts, Act{Run: &Run{}}, Act{Run: &Run{Events: []Event{cut}}}, Act{})
	}
	return c
}

// generator draws from a seed. disk: for the real Maildir code.
type generator struct {
	*rand.Rand
	disk bool
	// steps are those of the engine at which something happens.
	steps []string
}

func (g generator) pick(all ...string) string { return all[g.IntN(len(all))] }

// op is one of the named ones, or any.
func (g generator) op(named ...string) *Op {
	o := &Op{A: g.IntN(1000), B: g.IntN(1000), C: g.IntN(1000)}
	if len(named) > 0 {
		o.Do = g.pick(named...)
		return o
	}
	all := 0
	for _, k := range ops {
		all += k.weight
	}
	n := g.IntN(all)
	for _, k := range ops {
		if n -= k.weight; n < 0 {
			o.Do = k.name
			break
		}
	}
	return o
}

func (g generator) run() *Run {
	r := &Run{Full: g.IntN(12) == 0, AllowDeletes: g.IntN(12) == 0, Recreate: g.IntN(12) == 0}
	for range g.IntN(3) * g.IntN(3) {
		e := g.event()
		e.Do, e.Op = "op", *g.op()
		r.Events = append(r.Events, e)
	}
	if g.IntN(2) == 0 {
		e := g.event()
		e.Do = g.pick("kill", "power", "power", "stop")
		if e.Do == "power" {
			e.Keep = g.Uint64() & (g.Uint64() | uint64(g.IntN(2)-1))
		}
		r.Events = append(r.Events, e)
	}
	for range g.IntN(3) * g.IntN(2) {
		r.Faults = append(r.Faults, g.fault())
	}
	return r
}

// inner are points within calls.
var inner = []string{
	"Server.Append", "Server.Append done", "Server.Copy done", "Server.Move", "Server.Move done", "Server.Store", "Server.Store done",
	"Server.Remove", "Server.Remove done", "Server.Fetch body", "Server.Fetch done", "Server.Create done", "Server.Observe", "Server.Rename", "Server.Delete",
	"Local.Stage", "Local.Stage done", "Local.Settle done", "Local.Place rename", "Local.Place flush", "Local.Place done",
	"Local.SetFlags rename", "Local.SetFlags flush", "Local.SetFlags done", "Local.Relocate flush", "Local.Relocate done",
	"Local.Remove rename", "Local.Remove flush", "Local.Remove done", "Local.Scan", "Local.Stamp", "Local.Read",
	"Base.Commit", "Base.Commit done",
}

// innerDisk are those that there are besides, where the Maildir is the real one.
var innerDisk = []string{
	"FS.create", "FS.write", "FS.utimes", "FS.fsync", "FS.fsync", "FS.fsync", "FS.syncfs", "FS.rename", "FS.rename", "FS.rename",
	"FS.link", "FS.unlink", "FS.stat", "FS.stat", "FS.readdir", "FS.readdir", "FS.readdir", "FS.replace", "FS.open", "FS.mkdir",
	"Local.Place", "Local.SetFlags", "Local.Relocate", "Local.Remove", "Local.Flush", "Local.Sweep", "Local.Locate",
	"Local.RenameMailbox", "Local.DeleteMailbox", "FS.renamedir", "FS.rmdir",
}

func (g generator) event() Event {
	switch g.IntN(3) {
	case 0:
		return Event{At: 1 + g.IntN(3)*g.IntN(3), Point: g.pick(g.steps...)}
	case 1:
		if g.disk && g.IntN(3) > 0 {
			return Event{At: 1 + int(g.ExpFloat64()*4), Point: g.pick(innerDisk...)}
		}
		return Event{At: 1 + g.IntN(3)*g.IntN(3), Point: g.pick(inner...)}
	}
	if g.disk {
		return Event{At: 1 + int(g.ExpFloat64()*120)}
	}
	return Event{At: 1 + int(g.ExpFloat64()*40)}
}

// fsCalls of the file system can be made to fail.
var fsCalls = []string{
	"create", "write", "utimes", "fsync", "fsync", "syncfs", "rename", "rename", "link", "unlink", "stat", "readdir", "replace", "open", "mkdir", "renamedir", "rmdir",
}

func (g generator) fault() Fault {
	f := Fault{Call: 1 + g.IntN(3), Effect: "before", Items: 1 + g.IntN(2)}
	switch g.IntN(5) {
	case 0:
		f.Method, f.Effect, f.Err = "Commit", g.pick("before", "after"), "other"
	case 1, 2:
		if g.disk {
			f.Method, f.Err, f.Call = "FS."+g.pick(fsCalls...), g.pick("disk", "io", "readonly"), 1+int(g.ExpFloat64()*3)
			if f.Err == "io" {
				f.Effect = g.pick("before", "after")
			}
			break
		}
		f.Method, f.Err = g.pick(localFaults...), g.pick("disk", "other")
		if f.Method != "Scan" && f.Method != "Read" && f.Method != "Locate" {
			f.Effect = g.pick("before", "partly", "after")
		}
	default:
		f.Method, f.Err = g.pick(serverFaults...), g.pick("offline", "other")
		switch f.Method {
		case "Append", "Copy", "Move":
			f.Effect = g.pick("before", "partly", "after")
			if f.Effect != "before" {
				f.Err = "uncertain"
			}
		case "Fetch", "Store", "Remove", "Create", "Rename", "Delete":
			f.Effect = g.pick("before", "partly", "after")
			if f.Effect != "before" {
				f.Err = "offline"
			}
		}
	}
	return f
}
