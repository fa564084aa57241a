// Package contract holds, for each interface that the engine consumes, one suite
// of what its comments promise. The fakes and the real sides all pass the same
// suite, so that a test of the engine with fakes means something.
package contract
