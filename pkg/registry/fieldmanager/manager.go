package fieldmanager

import (
	"fmt"
	"slices"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/managedfields"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
)

// Object is what the objects of every kind are.
type Object interface {
	metav1.Object
	runtime.Object
}

// Config says what a Manager manages.
type Config struct {
	Types       *Types
	Kind        schema.GroupVersionKind // as it is served
	Subresource string                  // "" for the object itself
	Versions    Versions
	// Document is the group version whose document has the schema of Kind;
	// default: that of Kind.
	Document schema.GroupVersion
	// Default fills in the defaults of an object of Kind, nil: there are none.
	Default func(runtime.Object)
	// Ignored are paths ("spec", "metadata.labels") that a write leaves alone
	// whatever it sends, and so cannot own.
	Ignored []string
	// Only are the paths that a write can own, none: all. "*" is any item of a list.
	Only []string
}

// Manager keeps the managed fields of one kind, in one version, for the object
// or one subresource. It is safe for concurrent use.
type Manager struct {
	Config
	apiVersion string
	library    func() (*managedfields.FieldManager, error)
	plan       func() *rootPlan // nil when the kind needs the library for everything
}

// New makes a Manager. It reads no schema yet.
func New(c Config) *Manager {
	m := &Manager{Config: c, apiVersion: c.Kind.GroupVersion().String()}
	if m.Document.Empty() {
		m.Document = m.Kind.GroupVersion()
	}
	m.library = sync.OnceValues(m.newLibrary)
	m.plan = sync.OnceValue(m.newPlan)
	return m
}

func (m *Manager) newLibrary() (*managedfields.FieldManager, error) {
	if err := m.Types.Load(m.Document); err != nil {
		return nil, err
	}
	var filters map[fieldpath.APIVersion]fieldpath.Filter
	if f := filterOf(m.Ignored, m.Only); f != nil {
		filters = map[fieldpath.APIVersion]fieldpath.Filter{fieldpath.APIVersion(m.apiVersion): f}
	}
	c := conversion{versions: m.Versions, gvk: m.Kind}
	types := kindTypes{Types: m.Types, kind: m.Kind, document: m.Document}
	return managedfields.NewDefaultFieldManager(types, c, defaulter(m.Default), c, m.Kind, m.Kind.GroupVersion(), m.Subresource, filters)
}

// Create records in obj who made it, at the time now. obj is of the Manager's
// version and has no UID yet. manager is the client's name.
func (m *Manager) Create(obj Object, manager string, now metav1.Time) {
	if m.createQuick(obj, manager, now) {
		return
	}
	empty, err := m.Versions.New(m.Kind)
	if err != nil {
		obj.SetManagedFields(nil)
		return
	}
	m.updateLibrary(empty.(Object), obj, manager, now)
}

// Update records in obj, which is about to replace live, what of it is manager's
// work. Both are of the Manager's version. Managed fields that obj comes with
// are taken as the client's wish to change them.
func (m *Manager) Update(live, obj Object, manager string, now metav1.Time) {
	if m.updateQuick(live, obj, manager, now) {
		return
	}
	m.updateLibrary(live, obj, manager, now)
}

// updateLibrary is Update by the library, for objects of all sorts.
func (m *Manager) updateLibrary(live, obj Object, manager string, now metav1.Time) {
	f, err := m.library()
	if err != nil {
		obj.SetManagedFields(nil)
		return
	}
	defer m.naming(live)()
	defer m.naming(obj)()
	begun := time.Now()
	if err := guarded(func() error { _, err := f.Update(live, obj, manager); return err }); err != nil {
		obj.SetManagedFields(nil) // rather none than wrong ones
	}
	retime(obj.GetManagedFields(), begun, now)
}

// retime gives the entries that the library stamped since begun, by a clock of
// its own, the time of the write.
func retime(entries []metav1.ManagedFieldsEntry, begun time.Time, now metav1.Time) {
	ended := time.Now()
	for i := range entries {
		if t := entries[i].Time; t != nil && !t.Time.Before(begun) && !t.After(ended) {
			entries[i].Time = &now
		}
	}
	slices.SortFunc(entries, compareEntries)
}

// guarded turns a panic of the library into an error: values that are no JSON,
// which only a protobuf body can hold, are beyond it.
func guarded(f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the object cannot be converted: %v", p)
		}
	}()
	return f()
}

// naming makes an object say its kind, until the function that it returns is called.
func (m *Manager) naming(o Object) (restore func()) {
	kind := o.GetObjectKind()
	before := kind.GroupVersionKind()
	kind.SetGroupVersionKind(m.Kind)
	return func() { kind.SetGroupVersionKind(before) }
}

// Apply merges the configuration patch into live at the time now. live is of the
// Manager's version, and empty for a create. It returns the object to be written: of the
// Manager's version, with managed fields, without a kind of its own, sharing
// nothing with live. Errors are API statuses where the client is to blame
// (another kind, conflicts); all others mean that the configuration does not fit
// the schema and go to the client as they are.
func (m *Manager) Apply(live Object, patch *unstructured.Unstructured, manager string, force bool, now metav1.Time) (Object, error) {
	f, err := m.library()
	if err != nil {
		return nil, err
	}
	defer m.naming(live)()
	var out runtime.Object
	begun := time.Now()
	err = guarded(func() (err error) { out, err = f.Apply(live, patch, manager, force); return err })
	if err != nil {
		return nil, err
	}
	obj, ok := out.(Object)
	if !ok {
		return nil, fmt.Errorf("applying to a %s gave a %T", m.Kind.Kind, out)
	}
	obj.GetObjectKind().SetGroupVersionKind(schema.GroupVersionKind{})
	retime(obj.GetManagedFields(), begun, now)
	return obj, nil
}
