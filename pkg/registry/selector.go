package registry

import (
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/selection"

	"github.com/binnacle-io/binnacle/pkg/watchcache"
)

// selector is a label and field selector compiled for one endpoint.
type selector struct {
	labels labels.Selector // nil: all
	fields []fieldTerm

	// name and namespace are what the field selector demands exactly, "" for
	// nothing: the read may go straight to them.
	name, namespace string
	// watchField is the exact value demanded of the resource's WatchField.
	watchField *string
}

// fieldTerm is "<field> = <value>" or, negated, "!=".
type fieldTerm struct {
	field   int // place in Resource.Fields, or one of the below
	value   string
	negated bool
}

const (
	fieldName      = -1
	fieldNamespace = -2
)

// compile checks a field selector against the endpoint's labels and prepares
// both selectors for matching. An unknown label is a BadRequest.
func (e *Endpoint) compile(ls labels.Selector, fs fields.Selector) (*selector, error) {
	s := &selector{}
	if ls != nil && !ls.Empty() {
		s.labels = ls
	}
	if fs == nil || fs.Empty() {
		return s, nil
	}
	for _, r := range fs.Requirements() {
		t := fieldTerm{value: r.Value, negated: r.Operator == selection.NotEquals}
		switch r.Field {
		case "metadata.name":
			t.field = fieldName
			if !t.negated && s.name == "" {
				s.name = r.Value
			}
		case "metadata.namespace":
			t.field = fieldNamespace
			if !t.negated && s.namespace == "" {
				s.namespace = r.Value
			}
		default:
			i, ok := e.fields.labels[r.Field]
			if !ok {
				return nil, e.unknownField(r.Field)
			}
			t.field = i
			if !t.negated && e.Fields[i].Name == e.WatchField && e.WatchField != "" {
				v := r.Value
				s.watchField = &v
			}
		}
		s.fields = append(s.fields, t)
	}
	return s, nil
}

func (e *Endpoint) unknownField(label string) error {
	if e.fields.custom {
		return apierrors.NewBadRequest("field label not supported: " + label)
	}
	return apierrors.NewBadRequest(fmt.Sprintf("%q is not a known field selector: only %q, %q", label, "metadata.name", "metadata.namespace"))
}

// all reports whether the selector selects everything.
func (s *selector) all() bool { return s.labels == nil && len(s.fields) == 0 }

// matches reports whether an object is selected.
func (s *selector) matches(o *watchcache.Object) bool {
	for i := range s.fields {
		t := &s.fields[i]
		var have string
		switch t.field {
		case fieldName:
			have = o.Name()
		case fieldNamespace:
			have = o.Namespace()
		default:
			have = o.Field(t.field)
		}
		if (have == t.value) == t.negated {
			return false
		}
	}
	return s.labels == nil || s.labels.Matches(o.Labels())
}

// coveredBy reports whether the scope of a watch demands all that the selector
// does, so that nothing is left to match.
func (s *selector) coveredBy(o watchcache.WatchOptions, e *Endpoint) bool {
	if s.labels != nil {
		return false
	}
	for i := range s.fields {
		t := &s.fields[i]
		covered := false
		switch t.field {
		case fieldName:
			covered = t.value == o.Name
		case fieldNamespace:
			covered = t.value == o.Namespace
		default:
			covered = o.WatchFieldValue != nil && e.Fields[t.field].Name == e.WatchField && t.value == *o.WatchFieldValue
		}
		if t.negated || !covered {
			return false
		}
	}
	return true
}
