//go:build !unix || solaris || aix

package vfs

import (
	"errors"
	"os"
)

// Two processes on one log destroy it, so a system without a lock is refused.
func lockFile(*os.File) error { return errors.ErrUnsupported }
