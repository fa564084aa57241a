package sim

import (
	"math/rand/v2"

	"godwit/sync"
)

// GenerateLarge makes a case in which most messages are large, and the runs that
// fetch them are cut, stopped, killed and out of power while they do.
func GenerateLarge(seed uint64) Case {
	g := generator{rand.New(rand.NewPCG(seed, 5)), true, sync.Steps}
	c := Case{
		Seed:    7*seed + 3, // see keeps
		Profile: g.pick("plain", "uidplus", "condstore", "qresync", "modern"),
		Mode:    "two-way", Workers: 1 + g.IntN(4), Files: "disk", Base: "memory",
	}
	if seed%8 == 0 {
		c.Base = "sqlite"
	}
	for range 2 + g.IntN(2) {
		for range 1 + g.IntN(4) {
			c.Acts = append(c.Acts, Act{Op: g.op("server.deliver", "server.deliver", "server.deliver", "server.copy", "local.add")})
		}
		for range 1 + g.IntN(4) {
			c.Acts = append(c.Acts, Act{Run: g.cutRun()})
			if g.IntN(3) == 0 {
				c.Acts = append(c.Acts, Act{Op: g.op()})
			}
		}
		c.Acts = append(c.Acts, Act{})
	}
	return c
}

// cutRun is a run that does not get far with what it fetches.
func (g generator) cutRun() *Run {
	r := &Run{}
	if g.IntN(3) > 0 {
		e := Event{At: 1 + g.IntN(3)*g.IntN(4), Do: g.pick("kill", "kill", "power", "power", "stop")}
		e.Point = g.pick("FS.write", "FS.write", "FS.fsync", "FS.fsync", "FS.create", "FS.unlink", "FS.open", "FS.readdir",
			"Server.Fetch body", "Server.Fetch rest", "Server.Fetch done", "Local.Stage", "deliver.staged", "deliver.placed", "deliver.recorded")
		if e.Do == "power" {
			e.Keep = g.Uint64()
		}
		r.Events = append(r.Events, e)
	}
	if g.IntN(2) == 0 {
		r.Faults = append(r.Faults, Fault{Method: "Fetch", Call: 1 + g.IntN(2), Effect: "partly", Items: g.IntN(3), Err: "offline"})
	}
	if g.IntN(4) == 0 {
		r.Faults = append(r.Faults, Fault{
			Method: "FS." + g.pick("write", "write", "create", "fsync", "unlink", "open", "readdir"), Call: 1 + g.IntN(6),
			Effect: g.pick("before", "after"), Err: g.pick("disk", "io"),
		})
	}
	return r
}
