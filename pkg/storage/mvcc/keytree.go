package mvcc

import (
	"slices"
	"strings"
)

// keyTree holds keys in order. It is a B+ tree of height two: a slice of leaves,
// each a slice of keys. Ten million keys are some fifty thousand leaves, and a
// leaf joins the slice once in about a hundred inserts, so a third level would
// cost more in code than it saves in moves.
type keyTree struct {
	leaves []leaf
	n      int
}

// leaf is not empty. first is the key of keys[0], held here so that finding a
// leaf touches one array and the keys only.
type leaf struct {
	first string
	keys  []*keyItem
}

const maxLeaf = 256

// newKeyTree builds a tree of sorted keys with room to grow in each leaf.
func newKeyTree(sorted []*keyItem) keyTree {
	t := keyTree{n: len(sorted)}
	const fill = maxLeaf * 3 / 4
	for chunk := range slices.Chunk(sorted, fill) {
		keys := append(make([]*keyItem, 0, maxLeaf), chunk...)
		t.leaves = append(t.leaves, leaf{first: keys[0].key, keys: keys})
	}
	return t
}

// leafOf returns the only leaf that may hold key: the last one that does not
// begin above it, or the first.
func (t *keyTree) leafOf(key string) int {
	lo, hi := 0, len(t.leaves)
	for lo < hi {
		mid := int(uint(lo+hi) >> 1)
		if t.leaves[mid].first <= key {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return max(lo-1, 0)
}

func (l *leaf) search(key string) (int, bool) {
	return slices.BinarySearchFunc(l.keys, key, func(k *keyItem, key string) int {
		return strings.Compare(k.key, key)
	})
}

func (t *keyTree) get(key string) *keyItem {
	if t.n == 0 {
		return nil
	}
	l := &t.leaves[t.leafOf(key)]
	if i, ok := l.search(key); ok {
		return l.keys[i]
	}
	return nil
}

// insert adds k, whose key must be absent.
func (t *keyTree) insert(k *keyItem) {
	t.n++
	if len(t.leaves) == 0 {
		t.leaves = append(t.leaves, leaf{first: k.key, keys: []*keyItem{k}})
		return
	}
	at := t.leafOf(k.key)
	l := &t.leaves[at]
	i, _ := l.search(k.key)
	if len(l.keys) == maxLeaf {
		at, i = t.split(at, i)
		l = &t.leaves[at]
	}
	l.keys = slices.Insert(l.keys, i, k)
	l.first = l.keys[0].key
}

// split makes room for an insert at place i of leaf at, and returns where that
// place is now. An insert at the end, as when keys arrive in order, leaves the
// full leaf as it is.
func (t *keyTree) split(at, i int) (int, int) {
	cut := maxLeaf / 2
	if i == maxLeaf {
		cut = maxLeaf - 8
	}
	old := t.leaves[at].keys
	right := append(make([]*keyItem, 0, maxLeaf), old[cut:]...)
	clear(old[cut:])
	t.leaves[at].keys = old[:cut]
	t.leaves = slices.Insert(t.leaves, at+1, leaf{first: right[0].key, keys: right})
	if i > cut {
		return at + 1, i - cut
	}
	return at, i
}

// remove takes key out; it does nothing when the key is absent.
func (t *keyTree) remove(key string) {
	if t.n == 0 {
		return
	}
	at := t.leafOf(key)
	l := &t.leaves[at]
	i, ok := l.search(key)
	if !ok {
		return
	}
	t.n--
	l.keys = slices.Delete(l.keys, i, i+1)
	if len(l.keys) == 0 {
		t.leaves = slices.Delete(t.leaves, at, at+1)
		return
	}
	l.first = l.keys[0].key
	t.join(at)
}

// join merges leaf at with its right neighbour when both are small.
func (t *keyTree) join(at int) {
	if at+1 >= len(t.leaves) || len(t.leaves[at].keys)+len(t.leaves[at+1].keys) > maxLeaf/2 {
		return
	}
	t.leaves[at].keys = append(t.leaves[at].keys, t.leaves[at+1].keys...)
	t.leaves = slices.Delete(t.leaves, at+1, at+2)
}

// ascend calls fn with the keys of [start, end) in order (end as in
// storage.Op, but never "") until fn returns false.
func (t *keyTree) ascend(start, end string, fn func(*keyItem) bool) {
	if t.n == 0 {
		return
	}
	at := t.leafOf(start)
	i, _ := t.leaves[at].search(start)
	for ; at < len(t.leaves); at, i = at+1, 0 {
		for _, k := range t.leaves[at].keys[i:] {
			if end != "\x00" && k.key >= end {
				return
			}
			if !fn(k) {
				return
			}
		}
	}
}
