package replicated_test

import (
	"testing"

	"github.com/binnacle-io/binnacle/pkg/consensus/vfs"
	"github.com/binnacle-io/binnacle/pkg/storage/mvcc"
	"github.com/binnacle-io/binnacle/pkg/storage/storagetest"
)

// TestSuiteOverConsensus runs the suite on all that is beneath a server.
// TestSuite runs it with a log that a test can hold, and with a clock.
func TestSuiteOverConsensus(t *testing.T) {
	for name, open := range map[string]func(t *testing.T) (*member, error){
		"memory": func(*testing.T) (*member, error) { return open(vfs.NewMem(1), mvcc.NewMemoryDisk(), 1, mvcc.Config{}) },
		"disk":   func(t *testing.T) (*member, error) { return openReal(t.TempDir()) },
	} {
		t.Run(name, func(t *testing.T) {
			storagetest.Run(t, func(t *testing.T) storagetest.Harness {
				m, err := open(t)
				if err != nil {
					t.Fatal(err)
				}
				stop := func() {
					if err := m.stop(); err != nil {
						t.Errorf("stop: %v", err)
					}
				}
				t.Cleanup(stop)
				<-m.node.Ready()
				return storagetest.Harness{Store: m, Stop: stop, MaxBytes: 3 << 19}
			})
		})
	}
}
