package mvcc

import (
	"fmt"
	"slices"
	"testing"
)

// TestKeyTree compares with a sorted slice.
func TestKeyTree(t *testing.T) {
	g := seeded(t)
	for _, space := range []int{50, 5000} {
		x := &index{}
		var keys []string
		for i := range 12_000 {
			key := fmt.Sprintf("%06d", g.IntN(space))
			if i < 3000 && space > 50 {
				key = fmt.Sprintf("%06d", i) // in order
			}
			at, found := slices.BinarySearch(keys, key)
			if (x.tree.get(key) != nil) != found {
				t.Fatalf("key %s: found %v", key, !found)
			}
			switch {
			case found && g.IntN(3) > 0:
				x.tree.remove(key)
				keys = slices.Delete(keys, at, at+1)
			case !found:
				x.tree.remove(key) // does nothing
				x.tree.insert(&keyItem{key: key, version: 1})
				keys = slices.Insert(keys, at, key)
			}
			if i%500 == 0 {
				compareTree(t, x, keys, fmt.Sprintf("%06d", g.IntN(space)), fmt.Sprintf("%06d", g.IntN(space)))
			}
		}
		for _, key := range keys {
			x.tree.remove(key)
		}
		compareTree(t, x, nil, "", "z")
	}
}

func compareTree(t *testing.T, x *index, keys []string, from, to string) {
	t.Helper()
	x.live = len(keys)
	var v violations
	checkTree(x, &v)
	if err := v.err(); err != nil {
		t.Fatal(err)
	}
	list := func(from, to string) (got []string) {
		x.tree.ascend(from, to, func(k *keyItem) bool {
			got = append(got, k.key)
			return true
		})
		return got
	}
	if got := list("", "\x00"); !slices.Equal(got, keys) {
		t.Fatalf("%d keys, want %d", len(got), len(keys))
	}
	a, _ := slices.BinarySearch(keys, from)
	b, _ := slices.BinarySearch(keys, to)
	if got := list(from, to); !slices.Equal(got, keys[a:max(a, b)]) {
		t.Fatalf("[%s, %s): %v, want %v", from, to, got, keys[a:max(a, b)])
	}
}
