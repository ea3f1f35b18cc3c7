package watchcache

import (
	"errors"
	"fmt"
	"strings"

	"github.com/binnacle-io/binnacle/pkg/storage"
)

// View says which keys a Cache holds and how to read them. It is immutable.
type View struct {
	// Resource names the cache in statistics and logs: "pods", "widgets.example.com".
	Resource string
	// Prefix ends in a slash: "/registry/pods/". A key below it is
	// "<namespace>/<name>" when Namespaced, else "<name>"; other keys are ignored.
	Prefix     string
	Namespaced bool
	// FieldNames are the selectable fields besides metadata.name and
	// metadata.namespace; Meta.Fields is aligned with them.
	FieldNames []string
	// WatchField is the index of the field whose values have event chains of
	// their own (see WatchOptions.WatchFieldValue), -1 for none.
	WatchField int
	// Decode reads what selectors need from a stored value. It may be slow, is
	// called outside every lock that readers need, by several goroutines at
	// once, and must not keep or change kv. An error hides the object from lists
	// and watches until it is written again.
	Decode func(kv *storage.KeyValue) (Meta, error)
}

// Validate reports everything that is wrong with the view.
func (v View) Validate() error {
	var errs []error
	if v.Resource == "" {
		errs = append(errs, errors.New("no resource"))
	}
	if len(v.Prefix) < 2 || !strings.HasPrefix(v.Prefix, "/") || !strings.HasSuffix(v.Prefix, "/") {
		errs = append(errs, fmt.Errorf("prefix %q does not begin and end with a slash", v.Prefix))
	}
	if strings.Count(v.Prefix, "/") >= maxDepth {
		errs = append(errs, fmt.Errorf("prefix %q is too deep", v.Prefix))
	}
	if v.WatchField < -1 || v.WatchField >= len(v.FieldNames) {
		errs = append(errs, fmt.Errorf("watch field %d of %d fields", v.WatchField, len(v.FieldNames)))
	}
	if v.Decode == nil {
		errs = append(errs, errors.New("no decode function"))
	}
	if len(errs) > 0 {
		return fmt.Errorf("view of %q: %w", v.Resource, errors.Join(errs...))
	}
	return nil
}

// Meta is what selectors need of an object. The cache copies it.
type Meta struct {
	Labels map[string]string
	Fields []string // aligned with View.FieldNames
	// Verbatim says that the stored bytes are what the current encoder would
	// write: they may be sent without decoding them.
	Verbatim bool
}

// Local is what a writer attaches to its put (storage.Op.Local, as a *Local) so
// that its own process need not decode what it has just encoded.
type Local struct {
	Meta Meta
	// Forms holds encodings that the writer has made already, or is nil. The
	// object's revision was not known when they were made.
	Forms *Forms
}
