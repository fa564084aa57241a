//go:build !(crashpoints && unix)

package main

import "time"

// crashStep is nil: only a build for tests kills itself (build tag crashpoints).
var crashStep func(string) error

// patience is nil: as long as package sync has it.
var patience []time.Duration
