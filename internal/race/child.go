package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// usage is what a run of a program cost this machine.
type usage struct {
	Exit int           // exit code; 128 and the signal's number when a signal ended it
	Wall time.Duration // from its start to its end
	CPU  time.Duration // user and system time
	RSS  int64         // largest resident memory, KiB
}

// launcher is the first argument by which this program starts itself to start a
// tool. A child has its parent's largest memory until it execs, and the kernel
// counts that as its own: a parent that has just compared a hundred thousand
// messages would make every tool look large. The launcher does nothing else, and
// so is the floor of what can be told apart: some 10 MiB.
const launcher = "-launch-and-measure"

// measure runs a command, with its output appended to the log file.
func measure(command, env []string, log string) (usage, error) {
	self, err := os.Executable()
	if err != nil {
		return usage{}, err
	}
	out, err := os.OpenFile(log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return usage{}, err
	}
	defer out.Close()
	read, write, err := os.Pipe()
	if err != nil {
		return usage{}, err
	}
	defer read.Close()
	c := exec.Command(self, append([]string{launcher}, command...)...)
	c.Env, c.Stdout, c.Stderr, c.ExtraFiles = append(os.Environ(), env...), out, out, []*os.File{write}
	if err := c.Start(); err != nil {
		write.Close()
		return usage{}, err
	}
	write.Close()
	var u usage
	err = errors.Join(json.NewDecoder(read).Decode(&u), c.Wait())
	if err != nil {
		return u, fmt.Errorf("running %s: %w", command[0], err)
	}
	return u, nil
}

// launch is the launcher: it runs the command and writes its usage to the file
// descriptor 3.
func launch(command []string) error {
	report := os.NewFile(3, "report")
	syscall.CloseOnExec(3)
	c := exec.Command(command[0], command[1:]...)
	c.Stdout, c.Stderr = os.Stdout, os.Stderr
	began := time.Now()
	err := c.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return err
	}
	state := c.ProcessState
	u := usage{Exit: state.ExitCode(), Wall: time.Since(began), CPU: state.UserTime() + state.SystemTime()}
	if w, ok := state.Sys().(syscall.WaitStatus); ok && w.Signaled() {
		u.Exit = 128 + int(w.Signal())
	}
	if r, ok := state.SysUsage().(*syscall.Rusage); ok {
		u.RSS = r.Maxrss
	}
	return json.NewEncoder(report).Encode(u)
}
