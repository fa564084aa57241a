//go:build crashpoints && unix

package main

import (
	"os"
	"strconv"
	"strings"
	gosync "sync"
	"syscall"
	"time"
)

// crashStep kills the process at a step of the engine's work, for tests of what a
// crash leaves: GODWIT_CRASH_AT=STEP:N is the N-th time that the engine comes to
// the step; without N the first.
var crashStep = crashAt(os.Getenv("GODWIT_CRASH_AT"))

// patience is for tests that see to it by other means that the server is not at
// work any more: GODWIT_PATIENCE is the one pause after which godwit looks again
// for what the server may have taken.
var patience = patienceOf(os.Getenv("GODWIT_PATIENCE"))

func patienceOf(text string) []time.Duration {
	pause, err := time.ParseDuration(text)
	if err != nil {
		return nil
	}
	return []time.Duration{pause}
}

func crashAt(where string) func(string) error {
	step, times, _ := strings.Cut(where, ":")
	left, err := strconv.Atoi(times)
	if err != nil {
		left = 1
	}
	var mu gosync.Mutex
	return func(name string) error {
		mu.Lock()
		defer mu.Unlock()
		if name != step {
			return nil
		}
		if left--; left > 0 {
			return nil
		}
		if err := syscall.Kill(os.Getpid(), syscall.SIGKILL); err != nil {
			return err
		}
		select {} // the signal comes when it comes; nothing may be done until then
	}
}
