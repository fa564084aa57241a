package config

import (
	"fmt"
	"os"
	"path/filepath"
)

// DefaultPath is where the configuration is when nobody says otherwise:
// godwit/config.toml in $XDG_CONFIG_HOME, or in ~/.config.
func DefaultPath() (string, error) {
	dir, err := xdg("XDG_CONFIG_HOME", ".config")
	if err != nil {
		return "", fmt.Errorf("find the configuration: %w", err)
	}
	return filepath.Join(dir, "godwit", "config.toml"), nil
}

// StateDir is where an account's state is: godwit/ACCOUNT in $XDG_STATE_HOME, or
// in ~/.local/state. It may not be there yet.
func StateDir(account string) (string, error) {
	dir, err := xdg("XDG_STATE_HOME", ".local/state")
	if err != nil {
		return "", fmt.Errorf("find the state of %s: %w", account, err)
	}
	return filepath.Join(dir, "godwit", account), nil
}

// xdg reads one of the variables of the XDG Base Directory Specification, which
// has relative paths ignored. The defaults are the specification's on every
// system, so that one page describes them all.
func xdg(variable, below string) (string, error) {
	if dir := os.Getenv(variable); filepath.IsAbs(dir) {
		return dir, nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", err
	}
	return filepath.Join(home, filepath.FromSlash(below)), nil
}
