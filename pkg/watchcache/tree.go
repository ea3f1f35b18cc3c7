package watchcache

import "sort"

// A cache's state is a persistent B-tree of objects in key order. Published
// nodes never change; an edit copies the nodes on its path once and changes its
// own copies in place until it is published in turn.
const (
	maxItems = 63
	minItems = maxItems / 2
)

type node struct {
	items []*Object
	kids  []*node // len(items)+1 of them, none of a leaf
	live  int     // decodable objects in the subtree
	edit  *editID // the edit that may change this node in place
}

// editID is an identity; it has a size so that no two share an address.
type editID struct{ _ byte }

// edit is a tree being changed by one goroutine.
type edit struct {
	root *node
	id   *editID
}

func (n *node) startEdit() edit { return edit{root: n, id: new(editID)} }

func (o *Object) live() int {
	if o == nil || o.bad {
		return 0
	}
	return 1
}

// search returns the index of the first item whose key is not below key.
func (n *node) search(key string) (i int, found bool) {
	lo, hi := 0, len(n.items)
	for lo < hi {
		mid := int(uint(lo+hi) >> 1)
		if n.items[mid].key < key {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	return lo, lo < len(n.items) && n.items[lo].key == key
}

func (n *node) get(key string) *Object {
	for n != nil {
		i, found := n.search(key)
		if found {
			return n.items[i]
		}
		if n.kids == nil {
			return nil
		}
		n = n.kids[i]
	}
	return nil
}

// rank returns the number of decodable objects with a key below key, or at it.
func (n *node) rank(key string, inclusive bool) int {
	count := 0
	for n != nil {
		i, found := n.search(key)
		for j := range i {
			count += n.items[j].live()
		}
		if n.kids != nil {
			for j := range i {
				count += n.kids[j].live
			}
		}
		if found {
			if n.kids != nil {
				count += n.kids[i].live
			}
			if inclusive {
				count += n.items[i].live()
			}
			return count
		}
		if n.kids == nil {
			return count
		}
		n = n.kids[i]
	}
	return count
}

// ascend calls fn for the objects with a key above after, in order, until fn
// returns false.
func (n *node) ascend(after string, fn func(*Object) bool) bool {
	if n == nil {
		return true
	}
	i, found := n.search(after)
	if found {
		i++
	}
	if n.kids != nil && !found && !n.kids[i].ascend(after, fn) {
		return false
	}
	if n.kids != nil && found && !n.kids[i].each(fn) {
		return false
	}
	return n.eachFrom(i, fn)
}

func (n *node) each(fn func(*Object) bool) bool {
	if n.kids != nil && !n.kids[0].each(fn) {
		return false
	}
	return n.eachFrom(0, fn)
}

func (n *node) eachFrom(i int, fn func(*Object) bool) bool {
	for ; i < len(n.items); i++ {
		if !fn(n.items[i]) || n.kids != nil && !n.kids[i+1].each(fn) {
			return false
		}
	}
	return true
}

// own returns n if this edit made it, else a copy.
func (e *edit) own(n *node) *node {
	if n.edit == e.id {
		return n
	}
	c := &node{items: append(make([]*Object, 0, maxItems), n.items...), live: n.live, edit: e.id}
	if n.kids != nil {
		c.kids = append(make([]*node, 0, maxItems+1), n.kids...)
	}
	return c
}

func (e *edit) ownKid(n *node, i int) *node {
	n.kids[i] = e.own(n.kids[i])
	return n.kids[i]
}

// put adds o or replaces the object of the same key.
func (e *edit) put(o *Object) {
	if e.root == nil {
		e.root = &node{items: append(make([]*Object, 0, maxItems), o), live: o.live(), edit: e.id}
		return
	}
	e.root = e.own(e.root)
	if len(e.root.items) == maxItems {
		top := &node{items: make([]*Object, 0, maxItems), kids: append(make([]*node, 0, maxItems+1), e.root), live: e.root.live, edit: e.id}
		e.split(top, 0)
		e.root = top
	}
	e.insert(e.root, o)
}

// insert works on a node of this edit that has room for one more item, and
// returns by how much the number of live objects grew.
func (e *edit) insert(n *node, o *Object) int {
	i, found := n.search(o.key)
	if !found && n.kids == nil {
		n.items = insertAt(n.items, i, o)
		n.live += o.live()
		return o.live()
	}
	if !found && len(n.kids[i].items) == maxItems {
		e.split(n, i)
		i, found = n.search(o.key)
	}
	grown := 0
	if found {
		grown = o.live() - n.items[i].live()
		n.items[i] = o
	} else {
		grown = e.insert(e.ownKid(n, i), o)
	}
	n.live += grown
	return grown
}

// split halves the full i-th kid of n, which has room.
func (e *edit) split(n *node, i int) {
	left := e.ownKid(n, i)
	middle := left.items[minItems]
	right := &node{items: append(make([]*Object, 0, maxItems), left.items[minItems+1:]...), edit: e.id}
	if left.kids != nil {
		right.kids = append(make([]*node, 0, maxItems+1), left.kids[minItems+1:]...)
		clear(left.kids[minItems+1:])
		left.kids = left.kids[:minItems+1]
	}
	clear(left.items[minItems:])
	left.items = left.items[:minItems]
	right.count()
	left.live -= right.live + middle.live()
	n.items = insertAt(n.items, i, middle)
	n.kids = insertAt(n.kids, i+1, right)
}

func (n *node) count() {
	n.live = 0
	for _, o := range n.items {
		n.live += o.live()
	}
	for _, k := range n.kids {
		n.live += k.live
	}
}

// remove takes the object with the given key out, if there is one.
func (e *edit) remove(key string) {
	if e.root.get(key) == nil {
		return
	}
	e.root = e.own(e.root)
	e.delete(e.root, key)
	if len(e.root.items) == 0 {
		if e.root.kids == nil {
			e.root = nil
		} else {
			e.root = e.root.kids[0]
		}
	}
}

// delete works on a node of this edit that can spare an item (or is the root)
// and holds the key somewhere below it.
func (e *edit) delete(n *node, key string) (gone *Object) {
	i, found := n.search(key)
	if n.kids == nil {
		gone = n.items[i]
		n.items = removeAt(n.items, i)
		n.live -= gone.live()
		return gone
	}
	if len(n.kids[i].items) <= minItems {
		e.refill(n, i)
		return e.delete(n, key)
	}
	kid := e.ownKid(n, i)
	if found {
		gone = n.items[i]
		n.items[i] = e.deleteMax(kid)
	} else {
		gone = e.delete(kid, key)
	}
	n.live -= gone.live()
	return gone
}

func (e *edit) deleteMax(n *node) (gone *Object) {
	last := len(n.items)
	if n.kids == nil {
		gone = n.items[last-1]
		n.items = removeAt(n.items, last-1)
	} else if len(n.kids[last].items) <= minItems {
		e.refill(n, last)
		return e.deleteMax(n)
	} else {
		gone = e.deleteMax(e.ownKid(n, last))
	}
	n.live -= gone.live()
	return gone
}

// refill gives the i-th kid of n another item, from a neighbour or by joining
// the two.
func (e *edit) refill(n *node, i int) {
	switch {
	case i > 0 && len(n.kids[i-1].items) > minItems:
		e.rotateRight(n, i-1)
	case i < len(n.items) && len(n.kids[i+1].items) > minItems:
		e.rotateLeft(n, i)
	case i < len(n.items):
		e.join(n, i)
	default:
		e.join(n, i-1)
	}
}

// rotateRight moves an item from the i-th kid over n's i-th item to the next kid.
func (e *edit) rotateRight(n *node, i int) {
	from, to := e.ownKid(n, i), e.ownKid(n, i+1)
	last := len(from.items) - 1
	down, up := n.items[i], from.items[last]
	to.items = insertAt(to.items, 0, down)
	from.items = removeAt(from.items, last)
	n.items[i] = up
	moved := 0
	if from.kids != nil {
		kid := from.kids[last+1]
		from.kids = removeAt(from.kids, last+1)
		to.kids = insertAt(to.kids, 0, kid)
		moved = kid.live
	}
	from.live -= up.live() + moved
	to.live += down.live() + moved
}

// rotateLeft moves an item from the (i+1)-th kid over n's i-th item to the i-th kid.
func (e *edit) rotateLeft(n *node, i int) {
	to, from := e.ownKid(n, i), e.ownKid(n, i+1)
	down, up := n.items[i], from.items[0]
	to.items = append(to.items, down)
	from.items = removeAt(from.items, 0)
	n.items[i] = up
	moved := 0
	if from.kids != nil {
		kid := from.kids[0]
		from.kids = removeAt(from.kids, 0)
		to.kids = append(to.kids, kid)
		moved = kid.live
	}
	from.live -= up.live() + moved
	to.live += down.live() + moved
}

// join puts the i-th kid, n's i-th item and the next kid together.
func (e *edit) join(n *node, i int) {
	left, right, middle := e.ownKid(n, i), n.kids[i+1], n.items[i]
	left.items = append(append(left.items, middle), right.items...)
	left.kids = append(left.kids, right.kids...)
	left.live += middle.live() + right.live
	n.items = removeAt(n.items, i)
	n.kids = removeAt(n.kids, i+1)
}

func insertAt[T any](s []T, i int, v T) []T {
	var zero T
	s = append(s, zero)
	copy(s[i+1:], s[i:])
	s[i] = v
	return s
}

func removeAt[T any](s []T, i int) []T {
	var zero T
	copy(s[i:], s[i+1:])
	s[len(s)-1] = zero
	return s[:len(s)-1]
}

// buildTree makes a tree of objects that are sorted by key.
func buildTree(objects []*Object) *node {
	if !sort.SliceIsSorted(objects, func(i, j int) bool { return objects[i].key < objects[j].key }) {
		panic("watchcache: a store returned a range out of order")
	}
	if len(objects) == 0 {
		return nil
	}
	items, kids := objects, []*node(nil)
	for {
		level, between := buildLevel(items, kids)
		if len(level) == 1 {
			return level[0]
		}
		items, kids = between, level
	}
}

// buildLevel spreads items, and the kids between them, evenly over as few nodes
// as hold them, and returns the nodes and the items that separate them.
func buildLevel(items []*Object, kids []*node) (level []*node, between []*Object) {
	nodes := (len(items) + 1 + maxItems) / (maxItems + 1)
	for left := nodes; left > 0; left-- {
		n := (len(items) - (left - 1)) / left
		made := &node{items: append([]*Object(nil), items[:n]...)}
		if kids != nil {
			made.kids = append([]*node(nil), kids[:n+1]...)
			kids = kids[n+1:]
		}
		made.count()
		level = append(level, made)
		items = items[n:]
		if left > 1 {
			between = append(between, items[0])
			items = items[1:]
		}
	}
	return level, between
}
