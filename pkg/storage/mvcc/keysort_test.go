package mvcc

import (
	"cmp"
	"slices"
	"strings"
	"testing"
)

func TestSortItems(t *testing.T) {
	g := seeded(t)
	for range 300 {
		var items []*keyItem
		seen := map[string]bool{}
		for range g.IntN(200) {
			key := strings.Repeat("/registry/", g.IntN(3))
			for range g.IntN(20) {
				key += string(rune("\x00\x01ab"[g.IntN(4)]))
			}
			if !seen[key] {
				seen[key] = true
				items = append(items, &keyItem{key: key})
			}
		}
		want := slices.Clone(items)
		slices.SortFunc(want, func(a, b *keyItem) int { return cmp.Compare(a.key, b.key) })
		sortItems(items)
		if !slices.Equal(items, want) {
			t.Fatalf("not sorted: %d items", len(items))
		}
	}
}
