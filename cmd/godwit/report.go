package main

import (
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"godwit/imap"
	"godwit/internal/config"
	"godwit/internal/ui"
	"godwit/mail"
	"godwit/statedb"
	"godwit/sync"
)

// report shows an error with what can be done about it, and returns the exit
// code. scope is what it is about: an account, or nothing.
func report(p *ui.Printer, scope string, err error) int {
	code := exitCode(err)
	var told *reported
	if err == nil || errors.As(err, &told) {
		return code
	}
	var bad *config.Error
	if errors.As(err, &bad) {
		for _, problem := range bad.Problems {
			hint := problem.Hint
			problem.Hint = ""
			p.Error("", bad.Show(problem))
			if hint != "" {
				p.Hint(hint)
			}
		}
		return code
	}
	p.Error(scope, errorText(err))
	for _, hint := range hints(scope, err) {
		p.Hint(hint)
	}
	return code
}

// errorText is an error on one line.
func errorText(err error) string { return strings.ReplaceAll(err.Error(), "\n", "; ") }

// hints are what a user can do about an error.
func hints(scope string, err error) []string {
	var wrong *usage
	var unknown x509.UnknownAuthorityError
	var host x509.HostnameError
	var locked *lockedError
	switch {
	case errors.As(err, &wrong):
		if wrong.hint != "" {
			return []string{wrong.hint}
		}
		return []string{"godwit help"}
	case errors.Is(err, errInterrupted):
		return nil
	case errors.Is(err, errConfig) && errors.Is(err, fs.ErrNotExist):
		return []string{
			"write one; README.md shows a first account, docs/configuration.md every setting",
			"godwit demo shows godwit at work without any",
		}
	case errors.Is(err, errPassword):
		return []string{"run the program of password_command by hand to see what it says"}
	case errors.Is(err, imap.ErrLogin):
		return []string{"check user and password; many providers want an application password here"}
	case errors.As(err, &unknown):
		return []string{"if you trust this server's certificate, name its signer in tls_ca, or the certificate itself in tls_fingerprint"}
	case errors.As(err, &host):
		return []string{"the certificate is for another name than host"}
	case errors.Is(err, imap.ErrTLS):
		return []string{fmt.Sprintf("look at tls and port in [accounts.%s.imap]", orAny(scope))}
	case errors.Is(err, sync.ErrRefused):
		return []string{fmt.Sprintf("if the Maildir is as it should be: godwit sync --new-root %s (it fetches what is missing and removes nothing)", scope)}
	case errors.As(err, &locked):
		return []string{"godwit sync --wait waits for it"}
	case errors.Is(err, statedb.ErrNewer):
		return []string{"use the newer godwit that wrote it"}
	case errors.Is(err, mail.ErrDisk):
		return []string{"what was done is kept; the next run goes on"}
	case errors.Is(err, mail.ErrOffline):
		return []string{"nothing is lost; the next run goes on"}
	}
	return nil
}

// outcomeHints are what a user can do about a run that held something back.
func outcomeHints(account string, res *sync.Result, dry bool) []string {
	if res.Guarded() && res.Held > 0 {
		flag := "--dry-run shows them, "
		if dry {
			flag = ""
		}
		return []string{fmt.Sprintf("%sgodwit sync --allow-deletes %s carries them out", flag, account)}
	}
	return nil
}

func orAny(scope string) string {
	if scope == "" {
		return "NAME"
	}
	return scope
}
