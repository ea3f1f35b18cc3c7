package fieldmanager

import (
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
