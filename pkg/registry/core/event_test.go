package core

import (
	"reflect"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/randfill"
	"sigs.k8s.io/yaml"

	"github.com/binnacle-io/binnacle/pkg/registry"
)

func TestEventCreate(t *testing.T) {
	const controller = "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
	for _, c := range []creates{
		{name: "least", body: `{involvedObject: {namespace: ns}}`,
			want: `{involvedObject: {namespace: ns}, eventTime: null, firstTimestamp: null, lastTimestamp: null, reportingComponent: "", reportingInstance: "", source: {}}`},
		{name: "any type and length", body: `{involvedObject: {namespace: ns}, type: Odd, action: ` + strings.Repeat("a", 200) + `}`},
		{name: "other namespace", body: `{involvedObject: {namespace: other}}`,
			err: `involvedObject.namespace: Invalid value: "other": does not match event.namespace`},
		{name: "no namespace", body: `{}`, err: `involvedObject.namespace: Invalid value: "": does not match event.namespace`},
		{name: "no namespace in default", body: `{metadata: {namespace: default}}`},
		{name: "with a time the newer fields are needed", body: `{involvedObject: {namespace: ns}, eventTime: "2024-01-01T00:00:00.000000Z"}`,
			err: "[reportingComponent: Required value, reportingComponent: Invalid value: \"\": name part must be non-empty, reportingComponent: Invalid value: \"\": " + controller +
				", reportingInstance: Required value, action: Required value, reason: Required value]"},
		{name: "long texts", body: `{involvedObject: {namespace: ns}, eventTime: "2024-01-01T00:00:00.000000Z", reportingComponent: a.b/c, action: A, reason: R, reportingInstance: ` +
			strings.Repeat("i", 129) + `, message: ` + strings.Repeat("m", 1025) + `}`,
			err: `[reportingInstance: Invalid value: "": can have at most 128 characters, message: Invalid value: "": can have at most 1024 characters]`},
	} {
		c.run(t, Events())
	}
}

// newEvent reads an event of events.k8s.io in its stored form.
func newEvent(t *testing.T, r *registry.Resource, text string) registry.Object {
	t.Helper()
	e := &eventsv1.Event{}
	if err := yaml.UnmarshalStrict([]byte(text), e); err != nil {
		t.Fatal(err)
	}
	o, err := r.Also[0].ToStored(e)
	if err != nil {
		t.Fatal(err)
	}
	o.SetNamespace("ns")
	o.SetName("x")
	return o
}

func TestNewEventCreate(t *testing.T) {
	const good = `eventTime: "2024-01-01T00:00:00.000000Z", regarding: {kind: Pod, name: p, namespace: ns}, type: Normal, `
	const sound = good + `reason: R, reportingController: a.b/c, `
	r := Events()
	for _, c := range []struct{ name, body, err string }{
		{"good", sound + `action: A, reportingInstance: i`, ""},
		{"no time", `regarding: {namespace: ns}, type: Normal`, "eventTime: Required value"},
		{"bad controller", good + `reason: R, action: A, reportingInstance: i, reportingController: a b`,
			`reportingController: Invalid value: "a b": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')`},
		{"no instance", sound + `action: A`, "reportingInstance: Required value"},
		{"no action", sound + `reportingInstance: i`, "action: Required value"},
		{"type", strings.Replace(sound, "Normal", "Foo", 1) + `action: A, reportingInstance: i`, `type: Invalid value: "": has invalid value: Foo`},
		{"series of one", sound + `action: A, reportingInstance: i, series: {count: 1, lastObservedTime: "2024-01-01T00:00:00.000000Z"}`,
			`series.count: Invalid value: "": should be at least 2`},
		{"series without time", sound + `action: A, reportingInstance: i, series: {count: 2, lastObservedTime: null}`, `series.lastObservedTime: Required value`},
		{"deprecated fields", sound + `action: A, reportingInstance: i, deprecatedCount: 3, deprecatedSource: {component: x}`,
			`[count: Invalid value: "": needs to be unset, source: Invalid value: "": needs to be unset]`},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := text(created(r, newEvent(t, r, "{"+c.body+"}"))); got != c.err {
				t.Errorf("errors:\n got %s\nwant %s", got, c.err)
			}
		})
	}
}

func TestNewEventUpdate(t *testing.T) {
	const was = `{eventTime: "2024-01-01T00:00:00.000000Z", regarding: {namespace: ns}, type: Normal, action: A, reason: R, reportingController: a.b/c, reportingInstance: i}`
	r := Events()
	for _, c := range []struct{ name, from, to, err string }{
		{"series", "}", `, series: {count: 9, lastObservedTime: "2024-01-01T00:00:00.000000Z"}}`, ""},
		{"series of one", "}", `, series: {count: 1, lastObservedTime: "2024-01-01T00:00:00.000000Z"}}`, `series.count: Invalid value: "": should be at least 2`},
		{"reason", "reason: R", "reason: S", `reason: Invalid value: "S": field is immutable`},
		{"note", "}", `, note: hello}`, `message: Invalid value: "hello": field is immutable`},
		{"action", "action: A", "action: B", `action: Invalid value: "B": field is immutable`},
		{"time", "01-01T00", "01-02T00", `eventTime: Invalid value: "2024-01-02T00:00:00.000000Z": field is immutable`},
	} {
		t.Run(c.name, func(t *testing.T) {
			old := newEvent(t, r, was)
			i := strings.LastIndex(was, c.from)
			obj := newEvent(t, r, was[:i]+c.to+was[i+len(c.from):])
			if got := text(updated(r, obj, old)); got != c.err {
				t.Errorf("errors:\n got %s\nwant %s", got, c.err)
			}
		})
	}
	// Through core/v1 all may change.
	updates{name: "core/v1", old: `{involvedObject: {namespace: ns}, reason: A, count: 1}`,
		body: `{involvedObject: {namespace: ns}, reason: B, message: m, count: 2}`}.run(t, r)
	// What was written through core/v1 stays updatable when it is old and odd.
	old := read(t, r, `{involvedObject: {namespace: ns}, type: Odd, count: 2}`)
	served, err := r.Also[0].FromStored(old)
	if err != nil {
		t.Fatal(err)
	}
	obj, err := r.Also[0].ToStored(served.DeepCopyObject())
	if err != nil {
		t.Fatal(err)
	}
	if errs := updated(r, obj, old); len(errs) > 0 {
		t.Error(text(errs))
	}
}

// TestEventConversion: no field is lost on the way there and back.
func TestEventConversion(t *testing.T) {
	r := Events()
	f := filler(1).NilChance(0).Funcs(func(s *string, c randfill.Continue) { *s = "s" + c.String(5) })
	for range 50 {
		e := &corev1.Event{}
		f.Fill(e)
		e.TypeMeta = metav1.TypeMeta{}
		served, err := r.Also[0].FromStored(e.DeepCopy())
		if err != nil {
			t.Fatal(err)
		}
		v := reflect.ValueOf(served).Elem()
		for i := range v.NumField() {
			if v.Field(i).IsZero() {
				t.Fatalf("%s is not converted", v.Type().Field(i).Name)
			}
		}
		back, err := r.Also[0].ToStored(served)
		if err != nil {
			t.Fatal(err)
		}
		back.(*corev1.Event).TypeMeta = metav1.TypeMeta{}
		if !equality.Semantic.DeepEqual(e, back) {
			t.Fatalf("%+v\nbecame\n%+v", e, back)
		}
	}
	if _, err := r.Also[0].ToStored(&corev1.Pod{}); err == nil {
		t.Error("a Pod became an Event")
	}
}

func TestEventFields(t *testing.T) {
	r := Events()
	o := read(t, r, `{involvedObject: {kind: Pod, namespace: ns, name: p, uid: u, apiVersion: v1, resourceVersion: "5", fieldPath: f}, reason: R, type: T, reportingComponent: c, source: {host: h}}`)
	got := map[string]string{}
	for _, f := range r.Fields {
		got[f.Name] = f.Get(o)
	}
	want := map[string]string{"involvedObject.kind": "Pod", "involvedObject.namespace": "ns", "involvedObject.name": "p", "involvedObject.uid": "u",
		"involvedObject.apiVersion": "v1", "involvedObject.resourceVersion": "5", "involvedObject.fieldPath": "f", "reason": "R", "type": "T",
		"reportingComponent": "c", "source": "c"}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
	for label, stored := range r.Also[0].Fields {
		if _, ok := want[stored]; !ok {
			t.Errorf("%s selects by %s, which is no field", label, stored)
		}
	}
}

func TestEventCells(t *testing.T) {
	r := Events()
	for _, c := range []rows{
		{"counted", `{involvedObject: {kind: Pod, name: p, fieldPath: f}, type: Normal, reason: R, message: " m\n", count: 3, source: {component: c, host: h}}`,
			[]any{"<age>", "Normal", "R", "pod/p", "f", "c, h", "m", "<age>", int64(3), "x"}},
		{"series", `{involvedObject: {kind: Node}, reportingComponent: c, series: {count: 4, lastObservedTime: null}}`,
			[]any{"<age>", "", "", "node", "", "c", "", "<age>", int64(4), "x"}},
		{"once", `{}`, []any{"<age>", "", "", "", "", "", "", "<age>", int64(1), "x"}},
	} {
		c.run(t, r)
	}
	at := func(h int) metav1.Time { return metav1.NewTime(time.Date(2026, 1, 1, h, 0, 0, 0, time.UTC)) }
	for _, c := range []struct {
		name        string
		e           corev1.Event
		last, first metav1.Time
	}{
		{"both times", corev1.Event{FirstTimestamp: at(1), LastTimestamp: at(2)}, at(2), at(1)},
		{"event time", corev1.Event{EventTime: metav1.MicroTime{Time: at(1).Time}}, at(1), at(1)},
		{"series", corev1.Event{EventTime: metav1.MicroTime{Time: at(1).Time}, Series: &corev1.EventSeries{LastObservedTime: metav1.MicroTime{Time: at(3).Time}}}, at(3), at(1)},
		{"none", corev1.Event{}, metav1.Time{}, metav1.Time{}},
	} {
		cells := eventCells(&c.e)
		if cells[0] != (registry.Age{Time: c.last}) || cells[7] != (registry.Age{Time: c.first}) {
			t.Errorf("%s: last %v, first %v", c.name, cells[0], cells[7])
		}
	}
}

func TestEventLife(t *testing.T) {
	r := Events()
	if ttl := r.TTL(read(t, r, `{}`)); ttl != time.Hour {
		t.Errorf("events live %v", ttl)
	}
	if msgs := r.ValidateName("Bad_Name!", false); len(msgs) > 0 {
		t.Error(msgs)
	}
	if msgs := r.ValidateName("a/b", false); len(msgs) == 0 {
		t.Error("a/b is a name")
	}
}
