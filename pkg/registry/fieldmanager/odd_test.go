package fieldmanager

import (
	"reflect"
	"slices"
	"testing"
)

// TestOnlyRawIsOdd: the library, which is slow, is left with raw JSON alone.
func TestOnlyRawIsOdd(t *testing.T) {
	raw := []string{"ControllerRevision.data", "ResourceClaim.status.devices[].data"}
	for _, m := range testKinds() {
		p := m.plan()
		if p == nil {
			continue
		}
		seen := map[*plan]bool{}
		var walk func(*plan, string)
		walk = func(p *plan, path string) {
			if p == nil || p.shape == odd {
				if !slices.Contains(raw, m.Kind.Kind+path) {
					t.Errorf("%s%s is left to the library", m.Kind.Kind, path)
				}
				return
			}
			if seen[p] {
				return
			}
			seen[p] = true
			for _, f := range p.fields {
				walk(f.plan, path+"."+f.name)
			}
			if p.elem != nil {
				walk(p.elem, path+"[]")
			}
		}
		walk(p.plan, "")
	}
}

// TestOmissions: a field is left out when the library leaves it out.
func TestOmissions(t *testing.T) {
	for _, m := range testKinds() {
		p := m.plan()
		if p == nil {
			continue
		}
		zero := reflect.ValueOf(m.empty(t)).Elem()
		for i := range p.fields {
			f := &p.fields[i]
			if f.omit == otherwise && f.name != "metadata" && f.index != nil {
				t.Logf("%s.%s by the library", m.Kind.Kind, f.name)
			}
			if got, want := f.absent(f.get(zero)), f.absentInZero; got != want {
				t.Errorf("%s.%s: %v, want %v", m.Kind.Kind, f.name, got, want)
			}
		}
	}
}
