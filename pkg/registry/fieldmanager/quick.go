package fieldmanager

import (
	"reflect"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// createQuick is Create without the library; false: the library must do it, and
// nothing has changed.
func (m *Manager) createQuick(obj Object, manager string, now metav1.Time) bool {
	p := m.plan()
	if p == nil || len(obj.GetManagedFields()) > 0 && !isReset(obj.GetManagedFields()) {
		return false
	}
	e := emitter{buf: make([]byte, 1, 1024)}
	e.buf[0] = '{'
	any := e.object(p.plan, zero, reflect.ValueOf(obj).Elem(), p.ignored, false)
	if e.failed {
		return false
	}
	if !any {
		obj.SetManagedFields(nil)
		return true
	}
	e.buf = append(e.buf, '}')
	obj.SetManagedFields([]metav1.ManagedFieldsEntry{m.entry(manager, e.buf, now)})
	return true
}

// entry is the entry of a write that is not an apply. It keeps a copy of fields.
func (m *Manager) entry(manager string, fields []byte, now metav1.Time) metav1.ManagedFieldsEntry {
	if manager == "" {
		manager = "unknown"
	}
	owned := &metav1.FieldsV1{}
	owned.SetRawString(string(fields))
	return metav1.ManagedFieldsEntry{Manager: manager, Operation: metav1.ManagedFieldsOperationUpdate, APIVersion: m.apiVersion,
		Time: &now, FieldsType: "FieldsV1", FieldsV1: owned, Subresource: m.Subresource}
}

// isReset says that a client wants the entries gone: an empty list, or one of
// one empty entry.
func isReset(entries []metav1.ManagedFieldsEntry) bool {
	return entries != nil && len(entries) == 0 || len(entries) == 1 && entries[0] == (metav1.ManagedFieldsEntry{})
}
