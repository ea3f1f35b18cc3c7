package core

import (
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	utilvalidation "k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/binnacle-io/binnacle/pkg/registry/internal/corevalidation"
)

// How long the texts of an event may be, in bytes.
const (
	eventNameLimit = 128 // reportingInstance, action, reason
	eventNoteLimit = 1024
)

// isNewEvent reports whether an event is being written through events.k8s.io.
func isNewEvent(e *corev1.Event) bool {
	return e.APIVersion == eventsv1.SchemeGroupVersion.String()
}

func validateEvent(e *corev1.Event) field.ErrorList {
	errs := validateAnyEvent(e)
	if isNewEvent(e) && e.ResourceVersion == "" { // a create: an update may keep what is there
		errs = append(errs, validateNewEvent(e)...)
	}
	return errs
}

// validateAnyEvent holds in both groups. An event with an eventTime is of the
// newer shape even when it comes through core/v1.
func validateAnyEvent(e *corev1.Event) (errs field.ErrorList) {
	about := e.InvolvedObject.Namespace
	mismatch := field.Invalid(field.NewPath("involvedObject", "namespace"), about, "does not match event.namespace")
	if e.EventTime.IsZero() {
		// Objects without a namespace have their events in default.
		if about == "" && e.Namespace != metav1.NamespaceDefault || about != "" && about != e.Namespace {
			errs = append(errs, mismatch)
		}
	} else {
		if about == "" && e.Namespace != metav1.NamespaceDefault && e.Namespace != metav1.NamespaceSystem {
			errs = append(errs, mismatch)
		}
		errs = append(errs, validateTimedEvent(e)...)
	}
	for _, msg := range utilvalidation.IsDNS1123Subdomain(e.Namespace) {
		errs = append(errs, field.Invalid(field.NewPath("namespace"), e.Namespace, msg))
	}
	return errs
}

func validateTimedEvent(e *corev1.Event) (errs field.ErrorList) {
	controller := field.NewPath("reportingComponent")
	if isNewEvent(e) {
		controller = field.NewPath("reportingController")
	}
	if e.ReportingController == "" {
		errs = append(errs, field.Required(controller, ""))
	}
	errs = append(errs, corevalidation.QualifiedName(e.ReportingController, controller)...)
	for _, text := range []struct{ name, value string }{
		{"reportingInstance", e.ReportingInstance}, {"action", e.Action}, {"reason", e.Reason},
	} {
		if text.value == "" {
			errs = append(errs, field.Required(field.NewPath(text.name), ""))
		}
		errs = append(errs, atMost(text.value, eventNameLimit, field.NewPath(text.name))...)
	}
	return append(errs, atMost(e.Message, eventNoteLimit, field.NewPath("message"))...)
}

func atMost(text string, limit int, path *field.Path) field.ErrorList {
	if len(text) <= limit {
		return nil
	}
	return field.ErrorList{field.Invalid(path, "", fmt.Sprintf("can have at most %d characters", limit))}
}

// validateNewEvent holds for what is created through events.k8s.io.
func validateNewEvent(e *corev1.Event) field.ErrorList {
	var errs field.ErrorList
	for _, msg := range validation.NameIsDNSSubdomain(e.Name, false) {
		if e.Name != "" { // missing is reported already
			errs = append(errs, field.Invalid(field.NewPath("metadata", "name"), e.Name, msg))
		}
	}
	errs = append(errs, validateSeries(e)...)
	if e.EventTime.IsZero() {
		errs = append(errs, field.Required(field.NewPath("eventTime"), ""))
	}
	if e.Type != corev1.EventTypeNormal && e.Type != corev1.EventTypeWarning {
		errs = append(errs, field.Invalid(field.NewPath("type"), "", "has invalid value: "+e.Type))
	}
	for _, old := range []struct {
		name string
		set  bool
	}{
		{"firstTimestamp", !e.FirstTimestamp.IsZero()},
		{"lastTimestamp", !e.LastTimestamp.IsZero()},
		{"count", e.Count != 0},
		{"source", e.Source != corev1.EventSource{}},
	} {
		if old.set {
			errs = append(errs, field.Invalid(field.NewPath(old.name), "", "needs to be unset"))
		}
	}
	return errs
}

func validateSeries(e *corev1.Event) (errs field.ErrorList) {
	if e.Series == nil {
		return nil
	}
	if e.Series.Count < 2 {
		errs = append(errs, field.Invalid(field.NewPath("series.count"), "", "should be at least 2"))
	}
	if e.Series.LastObservedTime.IsZero() {
		errs = append(errs, field.Required(field.NewPath("series.lastObservedTime"), ""))
	}
	return errs
}

// validateEventUpdate: through events.k8s.io nothing but the series may change.
func validateEventUpdate(obj, old *corev1.Event) (errs field.ErrorList) {
	if !isNewEvent(obj) {
		return nil
	}
	if !equality.Semantic.DeepEqual(obj.Series, old.Series) {
		errs = append(errs, validateSeries(obj)...)
	}
	for _, f := range []struct {
		name     string
		now, was any
	}{
		{"involvedObject", obj.InvolvedObject, old.InvolvedObject},
		{"reason", obj.Reason, old.Reason},
		{"message", obj.Message, old.Message},
		{"firstTimestamp", obj.FirstTimestamp, old.FirstTimestamp},
		{"lastTimestamp", obj.LastTimestamp, old.LastTimestamp},
		{"count", obj.Count, old.Count},
		{"reason", obj.Reason, old.Reason}, // twice, as clients know it
		{"type", obj.Type, old.Type},
	} {
		errs = append(errs, validation.ValidateImmutableField(f.now, f.was, field.NewPath(f.name))...)
	}
	// JSON carries microseconds, protobuf more.
	if !obj.EventTime.Truncate(time.Microsecond).Equal(old.EventTime.Truncate(time.Microsecond)) {
		errs = append(errs, validation.ValidateImmutableField(obj.EventTime, old.EventTime, field.NewPath("eventTime"))...)
	}
	for _, f := range []struct {
		name     string
		now, was any
	}{
		{"action", obj.Action, old.Action},
		{"related", obj.Related, old.Related},
		{"reportingController", obj.ReportingController, old.ReportingController},
		{"reportingInstance", obj.ReportingInstance, old.ReportingInstance},
	} {
		errs = append(errs, validation.ValidateImmutableField(f.now, f.was, field.NewPath(f.name))...)
	}
	return errs
}
