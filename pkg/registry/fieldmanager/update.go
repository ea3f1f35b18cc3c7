package fieldmanager

import (
	"reflect"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/structured-merge-diff/v6/fieldpath"
)

// maxUpdateManagers is how many entries of updates the library keeps apart.
const maxUpdateManagers = 10

// updateQuick is Update without the library; false: the library must do it, and
// nothing has changed.
func (m *Manager) updateQuick(live, obj Object, manager string, now metav1.Time) bool {
	p := m.plan()
	if p == nil {
		return false
	}
	kept := live.GetManagedFields()
	if m.Subresource == "" {
		if given := obj.GetManagedFields(); isReset(given) {
			kept = nil
		} else if len(given) > 0 && !sameEntries(given, kept) {
			return false // the client's own ideas
		}
	}
	if len(kept) == 0 {
		if live.GetUID() == "" {
			return false // a create of sorts
		}
		obj.SetManagedFields(nil) // nobody keeps track of this object
		return true
	}
	if !m.usual(kept) {
		return false
	}
	d := differ{path: make(fieldpath.Path, 0, 16)}
	d.object(p.plan, side{reflect.ValueOf(live).Elem()}, side{reflect.ValueOf(obj).Elem()}, p.ignored)
	if d.failed {
		return false
	}
	if d.changed.Empty() && d.removed.Empty() {
		obj.SetManagedFields(kept)
		return true
	}
	entries, ok := m.reassign(p, kept, &d, manager, now)
	if ok {
		obj.SetManagedFields(entries)
	}
	return ok
}

// sameEntries reports whether entries are the same to the last byte.
func sameEntries(a, b []metav1.ManagedFieldsEntry) bool {
	return slices.EqualFunc(a, b, func(a, b metav1.ManagedFieldsEntry) bool {
		return a.Manager == b.Manager && a.Operation == b.Operation && a.APIVersion == b.APIVersion && a.FieldsType == b.FieldsType &&
			a.Subresource == b.Subresource && a.Time.Equal(b.Time) && a.FieldsV1 != nil && b.FieldsV1 != nil && a.FieldsV1.Equal(*b.FieldsV1)
	})
}

// usual reports whether entries are of this version, well-formed and each of a
// manager of its own.
func (m *Manager) usual(entries []metav1.ManagedFieldsEntry) bool {
	for i := range entries {
		e := &entries[i]
		if e.APIVersion != m.apiVersion || e.FieldsType != "FieldsV1" || e.FieldsV1 == nil ||
			e.Operation != metav1.ManagedFieldsOperationApply && e.Operation != metav1.ManagedFieldsOperationUpdate {
			return false
		}
		for j := range i {
			if o := &entries[j]; o.Manager == e.Manager && o.Operation == e.Operation && o.Subresource == e.Subresource {
				return false
			}
		}
	}
	return slices.IsSortedFunc(entries, compareEntries)
}

// compareEntries is the order in which entries are stored.
func compareEntries(a, b metav1.ManagedFieldsEntry) int {
	if c := strings.Compare(string(a.Operation), string(b.Operation)); c != 0 {
		return c
	}
	if x, y := seconds(a.Time), seconds(b.Time); x != y {
		if x < y {
			return -1
		}
		return 1
	}
	if c := strings.Compare(a.Manager, b.Manager); c != 0 {
		return c
	}
	if c := strings.Compare(a.APIVersion, b.APIVersion); c != 0 {
		return c
	}
	return strings.Compare(a.Subresource, b.Subresource)
}

func seconds(t *metav1.Time) int64 {
	if t == nil {
		return 0
	}
	return t.Unix()
}

// reassign takes what has changed from all who own it and gives it to manager.
func (m *Manager) reassign(p *rootPlan, kept []metav1.ManagedFieldsEntry, d *differ, manager string, now metav1.Time) ([]metav1.ManagedFieldsEntry, bool) {
	if manager == "" {
		manager = "unknown"
	}
	entries := make([]metav1.ManagedFieldsEntry, 0, len(kept)+1)
	own := -1 // manager's entry among entries
	updates := 0
	for i := range kept {
		e := kept[i]
		owned, ok := p.parse(e.FieldsV1)
		if !ok {
			return nil, false
		}
		mine := e.Manager == manager && e.Operation == metav1.ManagedFieldsOperationUpdate && e.Subresource == m.Subresource
		left := owned.Difference(&d.removed)
		if !mine {
			left = left.Difference(&d.changed)
		} else if !d.changed.Empty() {
			left = left.Union(&d.changed)
			e.Time = &now
		}
		if left.Empty() {
			continue
		}
		if !left.Equals(owned) {
			if e.FieldsV1, ok = serialize(left); !ok {
				return nil, false
			}
		}
		if mine {
			own = len(entries)
		}
		if e.Operation == metav1.ManagedFieldsOperationUpdate {
			updates++
		}
		entries = append(entries, e)
	}
	if own < 0 && !d.changed.Empty() {
		fields, ok := serialize(&d.changed)
		if !ok {
			return nil, false
		}
		e := m.entry(manager, nil, now)
		e.FieldsV1 = fields
		entries = append(entries, e)
		updates++
	}
	if updates > maxUpdateManagers {
		return nil, false
	}
	slices.SortFunc(entries, compareEntries)
	if len(entries) == 0 {
		entries = nil
	}
	return entries, true
}

// parse reads a field set; false for one that this schema cannot have made.
func (p *rootPlan) parse(fields *metav1.FieldsV1) (*fieldpath.Set, bool) {
	s := &fieldpath.Set{}
	if err := s.FromJSON(fields.GetRawReader()); err != nil || s.Empty() {
		return nil, false
	}
	return s, p.reaches(s, p.unowned)
}

func serialize(s *fieldpath.Set) (*metav1.FieldsV1, bool) {
	raw, err := s.ToJSON()
	if err != nil {
		return nil, false
	}
	f := &metav1.FieldsV1{}
	f.SetRawBytes(raw)
	return f, true
}
