package core

import (
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestNamespaceCreate(t *testing.T) {
	const unqualified = "name is neither a standard finalizer name nor is it fully qualified"
	for _, c := range []creates{
		{name: "nothing", body: `{}`,
			want: `{metadata: {labels: {kubernetes.io/metadata.name: x}}, spec: {finalizers: [kubernetes]}, status: {phase: Active}}`},
		{name: "no false name", body: `{metadata: {labels: {a: b, kubernetes.io/metadata.name: lie}}, spec: {finalizers: [example.com/f]}, status: {phase: Terminating}}`,
			want: `{metadata: {labels: {a: b, kubernetes.io/metadata.name: x}}, spec: {finalizers: [example.com/f, kubernetes]}, status: {phase: Active}}`},
		{name: "standard finalizers", body: `{spec: {finalizers: [kubernetes, orphan, foregroundDeletion]}}`},
		{name: "bad finalizer", body: `{spec: {finalizers: [nope]}}`, err: `spec.finalizers: Invalid value: "nope": ` + unqualified},
	} {
		c.run(t, Namespaces())
	}
}

// A generated name is known only after the defaults have run.
func TestNamespaceGenerateName(t *testing.T) {
	r := Namespaces()
	o := r.New()
	o.SetGenerateName("x-")
	r.Default(o)
	if len(o.GetLabels()) != 0 {
		t.Errorf("labels %v without a name", o.GetLabels())
	}
	o.SetName("x-1")
	created(r, o)
	if o.GetLabels()["kubernetes.io/metadata.name"] != "x-1" {
		t.Errorf("labels %v", o.GetLabels())
	}
}

func TestNamespaceUpdate(t *testing.T) {
	for _, c := range []updates{
		{name: "label removed", old: `{}`, body: `{metadata: {labels: {a: b}}, spec: {finalizers: []}, status: {phase: Terminating}}`,
			want: `{metadata: {labels: {a: b, kubernetes.io/metadata.name: x}}, spec: {finalizers: [kubernetes]}, status: {phase: Active}}`},
	} {
		c.run(t, Namespaces())
	}
}

func TestNamespaceFinalize(t *testing.T) {
	r := Namespaces()
	p := r.Parts[0]
	if p.Name != "finalize" || len(p.Verbs) != 1 || p.Verbs[0] != "update" {
		t.Fatalf("part %+v", p)
	}
	old := read(t, r, `{spec: {finalizers: [kubernetes]}}`)
	obj := read(t, r, `{spec: {finalizers: [example.com/a]}, status: {phase: Terminating}}`)
	p.Prepare(request(), obj, old)
	if errs := p.Validate(obj, old); len(errs) > 0 {
		t.Fatal(text(errs))
	}
	if got, want := show(t, obj), tidy(t, `{metadata: {labels: {kubernetes.io/metadata.name: x}}, spec: {finalizers: [example.com/a]}, status: {phase: Active}}`); got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
	bad := read(t, r, `{spec: {finalizers: [example.com/a, bad]}}`)
	if got := text(p.Validate(bad, old)); got != `spec.finalizers[1]: Invalid value: "bad": name is neither a standard finalizer name nor is it fully qualified` {
		t.Error(got)
	}
}

func TestNamespaceStatus(t *testing.T) {
	r := Namespaces()
	active, deleting := read(t, r, `{status: {phase: Active}}`), read(t, r, `{status: {phase: Terminating}}`)
	if got := text(r.ValidateStatus(deleting, active)); got != "status.Phase: Invalid value: \"Terminating\": may only be 'Active' if `deletionTimestamp` is empty" {
		t.Error(got)
	}
	active.SetDeletionTimestamp(&testNow)
	deleting.SetDeletionTimestamp(&testNow)
	if got := text(r.ValidateStatus(active, deleting)); got != "status.Phase: Invalid value: \"Active\": may only be 'Terminating' if `deletionTimestamp` is not empty" {
		t.Error(got)
	}
	if errs := r.ValidateStatus(deleting, deleting); len(errs) > 0 {
		t.Error(text(errs))
	}
}

func TestNamespaceDelete(t *testing.T) {
	r := Namespaces()
	for name, refused := range map[string]bool{
		metav1.NamespaceDefault: true, metav1.NamespaceSystem: true, metav1.NamespacePublic: true, "kube-node-lease": false, "x": false,
	} {
		o := read(t, r, `{}`)
		o.SetName(name)
		err := r.BeforeDelete(request(), o)
		if (err != nil) != refused {
			t.Errorf("%s: %v", name, err)
		}
		if refused && (!apierrors.IsForbidden(err) || err.Error() != `namespaces "`+name+`" is forbidden: this namespace may not be deleted`) {
			t.Errorf("%s: %v", name, err)
		}
	}
	o := read(t, r, `{spec: {finalizers: []}}`)
	if err := r.BeforeDelete(request(), o); err != nil {
		t.Fatal(err)
	}
	if r.Finalized(o) {
		t.Error("a namespace without finalizers goes before it was marked")
	}
	o.SetDeletionTimestamp(&testNow)
	if !r.Finalized(o) {
		t.Error("a marked namespace without finalizers stays")
	}
	held := read(t, r, `{spec: {finalizers: [kubernetes]}}`)
	held.SetDeletionTimestamp(&testNow)
	if r.Finalized(held) {
		t.Error("a namespace goes in spite of its finalizers")
	}
	rows{"terminating", `{status: {phase: Terminating}}`, []any{"x", "Terminating", "<age>"}}.run(t, r)
}
