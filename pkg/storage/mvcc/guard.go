package mvcc

import (
	"fmt"
	"runtime/debug"
)

// guard runs fn over a file that may be damaged: what bbolt answers with a
// panic, or the memory map with a fault, comes back as ErrCorrupt.
func guard(fn func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%w: %v", ErrCorrupt, p)
		}
	}()
	return fn()
}
