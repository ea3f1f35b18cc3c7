// Package gobuild builds this module's commands for tests that run them as
// processes of their own.
package gobuild

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"sync"
)

// Module is the import path of this module.
const Module = "github.com/binnacle-io/binnacle"

// Dir is a temporary directory of commands, each built when it is first asked
// for. A test binary makes one in TestMain and removes it at its end.
type Dir struct {
	path string

	mu       sync.Mutex
	commands map[string]func() (string, error)
}

// New makes the directory.
func New() (*Dir, error) {
	p, err := os.MkdirTemp("", "binnacle-commands-*")
	if err != nil {
		return nil, err
	}
	return &Dir{path: p, commands: map[string]func() (string, error){}}, nil
}

// Remove removes the directory and the commands in it.
func (d *Dir) Remove() error { return os.RemoveAll(d.path) }

// Command builds the command in pkg, a path below the module's root such as
// "cmd/apiserver", and returns the path of the binary. Later calls return the
// same binary, whatever their flags.
func (d *Dir) Command(pkg string, flags ...string) (string, error) {
	d.mu.Lock()
	build, ok := d.commands[pkg]
	if !ok {
		build = sync.OnceValues(func() (string, error) { return d.build(pkg, flags) })
		d.commands[pkg] = build
	}
	d.mu.Unlock()
	return build() // outside of the lock: two commands may be built at a time
}

func (d *Dir) build(pkg string, flags []string) (string, error) {
	binary := filepath.Join(d.path, path.Base(pkg))
	args := append([]string{"build", "-o", binary}, flags...)
	if _, err := run(append(args, Module+"/"+pkg)...); err != nil {
		return "", err
	}
	return binary, nil
}

// ModuleVersion is the version of a module that this one requires.
func ModuleVersion(module string) (string, error) {
	return run("list", "-m", "-f", "{{.Version}}", module)
}

// run runs the go command and returns its output.
func run(args ...string) (string, error) {
	cmd := exec.Command("go", args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("go %s: %w\n%s", args[0], err, stderr.Bytes())
	}
	return string(bytes.TrimSpace(out)), nil
}
