package main

import (
	"context"
	"errors"
	"slices"

	"godwit/imap"
	"godwit/internal/config"
	"godwit/mail"
	"godwit/sync"
)

// The exit codes.
const (
	exitDone    = 0 // both sides agree
	exitPart    = 1 // some of it failed and will be tried again
	exitUsage   = 2 // usage or configuration
	exitLogin   = 3 // the login was refused, or there is none
	exitOffline = 4 // network, TLS, or the server is unavailable
	exitGuard   = 5 // a guard refused: nothing was removed
	exitLocked  = 6 // another run holds the account
)

// precedence: where several codes apply, the first of these.
var precedence = []int{exitUsage, exitLogin, exitGuard, exitOffline, exitLocked, exitPart}

// worst is the one code for several.
func worst(codes ...int) int {
	for _, code := range precedence {
		if slices.Contains(codes, code) {
			return code
		}
	}
	return exitDone
}

// errPassword marks that no password was to be had.
var errPassword = errors.New("no password")

// exitCode is what an error means to the shell.
func exitCode(err error) int {
	var wrong *usage
	var bad *config.Error
	var told *reported
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &told):
		return told.code
	case errors.As(err, &wrong), errors.As(err, &bad), errors.Is(err, errConfig):
		return exitUsage
	case errors.Is(err, errInterrupted), errors.Is(err, context.Canceled):
		return exitPart
	case errors.Is(err, imap.ErrLogin), errors.Is(err, errPassword):
		return exitLogin
	case errors.Is(err, sync.ErrRefused):
		return exitGuard
	case errors.Is(err, imap.ErrTLS), errors.Is(err, mail.ErrOffline):
		return exitOffline
	case errors.Is(err, errLocked):
		return exitLocked
	}
	return exitPart
}

// exitOf is the code for a run: of what stopped it, what a guard held back, and
// what failed.
func exitOf(res sync.Result, err error) int {
	codes := []int{exitCode(err)}
	if res.Guarded() {
		codes = append(codes, exitGuard)
	}
	if res.Incomplete() {
		codes = append(codes, exitPart)
	}
	for _, f := range res.Failures {
		codes = append(codes, exitCode(f.Err))
	}
	return worst(codes...)
}

// reported is an error that the user was told of already.
type reported struct{ code int }

func (r *reported) Error() string { return "reported" }

// ended makes an exit code an error, for the command's action to return.
func ended(code int) error {
	if code == exitDone {
		return nil
	}
	return &reported{code}
}
