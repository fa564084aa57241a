//go:build !(crashpoints && unix)

package main

// crashStep is nil: only a build for tests kills itself (build tag crashpoints).
var crashStep func(string) error
