package watchcache

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/binnacle-io/binnacle/pkg/storage"
)

// ErrRemoved is returned by a Cache and its Watchers once Set.Remove took it
// out: the resource is not served any more.
var ErrRemoved = errors.New("resource is no longer served")

// Source is the part of storage.Store that a Set reads from, with the meaning
// that storage.Store gives it.
type Source interface {
	Range(ctx context.Context, r storage.RangeRequest) (*storage.RangeResult, error)
	Events(ctx context.Context, r storage.EventsRequest) (storage.Batch, error)
	Revision() (current, compacted int64)
}

// Config is what a Set is made from. Zero values take the defaults named.
type Config struct {
	// Store is where the objects and their history are. Required.
	Store Source
	// Root is the prefix of all views: "/registry/".
	Root string
	// FormsBytes bounds the encodings of objects that are kept: 96 MiB.
	FormsBytes int64
	// FramesBytes bounds the encodings of whole watch events that are kept: 16 MiB.
	FramesBytes int64
	// LogBytes bounds the events that all caches together keep in memory, by the
	// stored size of the objects they hold: 16 MiB. Watchers that are further
	// behind read the store's history.
	LogBytes int64
	// HistoryBytes bounds the decoded history that lagging watchers share: 16 MiB.
	HistoryBytes int64
	// Remember bounds the snapshots kept for Cache.SnapshotAt, over all caches,
	// and RememberFor the time since they were last asked for: 64, 2 minutes.
	Remember    int
	RememberFor time.Duration
	// Parallel bounds the loads and reads of history at one time: 4.
	Parallel int
	// Now is the clock: time.Now.
	Now func() time.Time
	// Logger receives what nobody else is told of: slog.Default().
	Logger *slog.Logger
}

func (c Config) withDefaults() Config {
	setDefault(&c.Root, "/registry/")
	setDefault(&c.FormsBytes, 96<<20)
	setDefault(&c.FramesBytes, 16<<20)
	setDefault(&c.LogBytes, 16<<20)
	setDefault(&c.HistoryBytes, 16<<20)
	setDefault(&c.Remember, 64)
	setDefault(&c.RememberFor, 2*time.Minute)
	setDefault(&c.Parallel, 4)
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	return c
}

func setDefault[T comparable](p *T, value T) {
	var zero T
	if *p == zero {
		*p = value
	}
}

// Validate reports everything that is wrong with the configuration.
func (c Config) Validate() error {
	c = c.withDefaults()
	var errs []error
	if c.Store == nil {
		errs = append(errs, errors.New("no store"))
	}
	if !strings.HasPrefix(c.Root, "/") || !strings.HasSuffix(c.Root, "/") {
		errs = append(errs, fmt.Errorf("root %q does not begin and end with a slash", c.Root))
	}
	if min(c.FormsBytes, c.FramesBytes, c.LogBytes, c.HistoryBytes, int64(c.Remember), int64(c.RememberFor), int64(c.Parallel)) < 0 {
		errs = append(errs, errors.New("a bound is negative"))
	}
	if len(errs) > 0 {
		return fmt.Errorf("watch cache: %w", errors.Join(errs...))
	}
	return nil
}
