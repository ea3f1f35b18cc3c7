package consensus

import (
	"fmt"

	"github.com/binnacle-io/binnacle/pkg/consensus/vfs"
	"github.com/binnacle-io/binnacle/pkg/consensus/wal"
)

// Check verifies the log of a stopped member, and that it belongs to a state
// machine that has durably applied everything up to index. It changes nothing.
// Errors: those of wal.Verify, ErrMismatch.
func Check(fsys vfs.FS, dir string, index uint64) (*wal.Report, error) {
	report, err := wal.Verify(fsys, dir)
	if err != nil {
		return nil, err
	}
	if mark := report.State.Mark.Index; index < mark || index > report.Last {
		return report, fmt.Errorf("%w: the state machine has applied entry %d, the log goes from %d to %d",
			ErrMismatch, index, mark+1, report.Last)
	}
	return report, nil
}
