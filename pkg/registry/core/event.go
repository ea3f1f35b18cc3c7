package core

import (
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	"k8s.io/apimachinery/pkg/api/validation/path"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/binnacle-io/binnacle/pkg/registry"
	"github.com/binnacle-io/binnacle/pkg/registry/internal/columns"
)

// eventTTL is how long an event is kept after its last write.
const eventTTL = time.Hour

// Events is the Event kind, served as core/v1 and as events.k8s.io/v1. Events
// are kept for an hour. What may be written depends on the group through which
// it is written: events.k8s.io is strict, core/v1 takes nearly everything, since
// it is older than the rules.
func Events() *registry.Resource {
	return registry.Define(registry.Kind[*corev1.Event]{
		Version: "v1", Kind: "Event",
		Resource: "events", ShortNames: []string{"ev"}, Namespaced: true,
		Also: []registry.Served[*corev1.Event]{{
			Group: eventsv1.GroupName, Version: "v1", Kind: "Event",
			ToStored:   eventToStored,
			FromStored: eventFromStored,
			Fields: map[string]string{
				"regarding.kind":            "involvedObject.kind",
				"regarding.namespace":       "involvedObject.namespace",
				"regarding.name":            "involvedObject.name",
				"regarding.uid":             "involvedObject.uid",
				"regarding.apiVersion":      "involvedObject.apiVersion",
				"regarding.resourceVersion": "involvedObject.resourceVersion",
				"regarding.fieldPath":       "involvedObject.fieldPath",
				"reason":                    "reason",
				"reportingController":       "reportingComponent",
				"type":                      "type",
			},
		}},
		Fields:  eventFields(),
		Columns: eventColumns(),
		Cells:   eventCells,
		// Names of core/v1 events were never checked.
		ValidateName:        path.ValidatePathSegmentName,
		Validate:            validateEvent,
		ValidateUpdate:      validateEventUpdate,
		AllowCreateOnUpdate: true,
		NoGarbageCollection: true,
		TTL:                 func(*corev1.Event) time.Duration { return eventTTL },
	})
}

func eventFields() []registry.Field[*corev1.Event] {
	type event = corev1.Event
	return []registry.Field[*event]{
		{Name: "involvedObject.kind", Get: func(e *event) string { return e.InvolvedObject.Kind }},
		{Name: "involvedObject.namespace", Get: func(e *event) string { return e.InvolvedObject.Namespace }},
		{Name: "involvedObject.name", Get: func(e *event) string { return e.InvolvedObject.Name }},
		{Name: "involvedObject.uid", Get: func(e *event) string { return string(e.InvolvedObject.UID) }},
		{Name: "involvedObject.apiVersion", Get: func(e *event) string { return e.InvolvedObject.APIVersion }},
		{Name: "involvedObject.resourceVersion", Get: func(e *event) string { return e.InvolvedObject.ResourceVersion }},
		{Name: "involvedObject.fieldPath", Get: func(e *event) string { return e.InvolvedObject.FieldPath }},
		{Name: "reason", Get: func(e *event) string { return e.Reason }},
		{Name: "reportingComponent", Get: func(e *event) string { return e.ReportingController }},
		{Name: "source", Get: func(e *event) string { return firstOf(e.Source.Component, e.ReportingController) }},
		{Name: "type", Get: func(e *event) string { return e.Type }},
	}
}

// firstOf returns the first string that is not empty.
func firstOf(all ...string) string {
	for _, s := range all {
		if s != "" {
			return s
		}
	}
	return ""
}

func eventColumns() []registry.Column {
	doc := corev1.Event{}.SwaggerDoc()
	name := columns.Name()
	return []registry.Column{
		columns.Text("Last Seen", doc["lastTimestamp"]),
		columns.Text("Type", doc["type"]),
		columns.Text("Reason", doc["reason"]),
		columns.Text("Object", doc["involvedObject"]),
		columns.Wide(columns.Text("Subobject", corev1.ObjectReference{}.SwaggerDoc()["fieldPath"])),
		columns.Wide(columns.Text("Source", doc["source"])),
		columns.Text("Message", doc["message"]),
		columns.Wide(columns.Text("First Seen", doc["firstTimestamp"])),
		columns.Wide(columns.Text("Count", doc["count"])),
		columns.Wide(name),
	}
}

func eventCells(e *corev1.Event) []any {
	first := e.FirstTimestamp
	if first.IsZero() {
		first = metav1.Time{Time: e.EventTime.Time}
	}
	last, count := e.LastTimestamp, e.Count
	if last.IsZero() {
		last = first
	}
	switch {
	case e.Series != nil:
		last, count = metav1.Time{Time: e.Series.LastObservedTime.Time}, e.Series.Count
	case count == 0: // an event of events.k8s.io that happened once
		count = 1
	}
	object := strings.ToLower(e.InvolvedObject.Kind)
	if e.InvolvedObject.Name != "" {
		object += "/" + e.InvolvedObject.Name
	}
	return []any{registry.Age{Time: last}, e.Type, e.Reason, object, e.InvolvedObject.FieldPath, eventSource(e),
		strings.TrimSpace(e.Message), registry.Age{Time: first}, int64(count), e.Name}
}

func eventSource(e *corev1.Event) string {
	component := firstOf(e.Source.Component, e.ReportingController)
	if host := firstOf(e.Source.Host, e.ReportingInstance); host != "" {
		return component + ", " + host
	}
	return component
}

// eventToStored converts from events.k8s.io/v1. It leaves that group's name on
// the object, by which validation knows that the strict rules apply; the stored
// form does not have it.
func eventToStored(o runtime.Object) (*corev1.Event, error) {
	in, ok := o.(*eventsv1.Event)
	if !ok {
		return nil, fmt.Errorf("converting %T to a core/v1 Event", o)
	}
	out := &corev1.Event{
		TypeMeta:            metav1.TypeMeta{Kind: "Event", APIVersion: eventsv1.SchemeGroupVersion.String()},
		ObjectMeta:          in.ObjectMeta,
		EventTime:           in.EventTime,
		ReportingController: in.ReportingController,
		ReportingInstance:   in.ReportingInstance,
		Action:              in.Action,
		Reason:              in.Reason,
		InvolvedObject:      in.Regarding,
		Related:             in.Related,
		Message:             in.Note,
		Type:                in.Type,
		Source:              in.DeprecatedSource,
		FirstTimestamp:      in.DeprecatedFirstTimestamp,
		LastTimestamp:       in.DeprecatedLastTimestamp,
		Count:               in.DeprecatedCount,
	}
	if s := in.Series; s != nil {
		out.Series = &corev1.EventSeries{Count: s.Count, LastObservedTime: s.LastObservedTime}
	}
	return out, nil
}

// eventFromStored converts to events.k8s.io/v1. The result shares memory with e.
func eventFromStored(e *corev1.Event) (runtime.Object, error) {
	out := &eventsv1.Event{
		TypeMeta:                 metav1.TypeMeta{Kind: "Event", APIVersion: eventsv1.SchemeGroupVersion.String()},
		ObjectMeta:               e.ObjectMeta,
		EventTime:                e.EventTime,
		ReportingController:      e.ReportingController,
		ReportingInstance:        e.ReportingInstance,
		Action:                   e.Action,
		Reason:                   e.Reason,
		Regarding:                e.InvolvedObject,
		Related:                  e.Related,
		Note:                     e.Message,
		Type:                     e.Type,
		DeprecatedSource:         e.Source,
		DeprecatedFirstTimestamp: e.FirstTimestamp,
		DeprecatedLastTimestamp:  e.LastTimestamp,
		DeprecatedCount:          e.Count,
	}
	if s := e.Series; s != nil {
		out.Series = &eventsv1.EventSeries{Count: s.Count, LastObservedTime: s.LastObservedTime}
	}
	return out, nil
}
