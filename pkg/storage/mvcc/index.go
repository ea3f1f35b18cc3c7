package mvcc

import (
	"slices"
	"sort"
)

// keyItem is what the index knows of a key: its newest change in full, and of
// the older ones where they are. Values are not here. With one revision it is
// 64 bytes and its place in a leaf.
type keyItem struct {
	key     string
	newest  revision // of the newest change, a tombstone when version is 0
	create  int64    // of the newest put
	version int64    // of the newest put, 0 for a tombstone
	lease   int64
	older   *[]pastRevision // ascending, nil when there are none
}

// pastRevision is a superseded change. sub keeps the tombstone mark in its
// lowest bit.
type pastRevision struct {
	main    int64
	subTomb int64
}

func past(r revision, tomb bool) pastRevision {
	p := pastRevision{main: r.main, subTomb: r.sub << 1}
	if tomb {
		p.subTomb |= 1
	}
	return p
}

func (p pastRevision) rev() revision { return revision{p.main, p.subTomb >> 1} }
func (p pastRevision) tomb() bool    { return p.subTomb&1 != 0 }

func (k *keyItem) tomb() bool { return k.version == 0 }

// at returns the newest change at or below main revision rev; false when there
// is none or it is a tombstone.
func (k *keyItem) at(rev int64) (revision, bool) {
	if k.newest.main <= rev {
		return k.newest, !k.tomb()
	}
	if k.older == nil {
		return revision{}, false
	}
	list := *k.older
	i := sort.Search(len(list), func(i int) bool { return list[i].main > rev })
	if i == 0 {
		return revision{}, false
	}
	return list[i-1].rev(), !list[i-1].tomb()
}

// before returns the change just below r; false when there is none or it is a
// tombstone.
func (k *keyItem) before(r revision) (revision, bool) {
	if k.newest.less(r) {
		return k.newest, !k.tomb()
	}
	if k.older == nil {
		return revision{}, false
	}
	list := *k.older
	i := sort.Search(len(list), func(i int) bool { return !list[i].rev().less(r) })
	if i == 0 {
		return revision{}, false
	}
	return list[i-1].rev(), !list[i-1].tomb()
}

// push makes the newest change an older one.
func (k *keyItem) push() {
	if k.older == nil {
		k.older = new([]pastRevision)
	}
	*k.older = append(*k.older, past(k.newest, k.tomb()))
}

// compact forgets what the mark hides: everything below the newest change at or
// under mark, and that one too when it is a tombstone. It appends what it
// forgot to gone and says whether nothing is left of the key.
func (k *keyItem) compact(mark int64, gone []pastRevision) (_ []pastRevision, empty bool) {
	if k.newest.main <= mark {
		if k.older != nil {
			gone = append(gone, *k.older...)
			k.older = nil
		}
		if k.tomb() {
			return append(gone, past(k.newest, true)), true
		}
		return gone, false
	}
	if k.older == nil {
		return gone, false
	}
	list := *k.older
	i := sort.Search(len(list), func(i int) bool { return list[i].main > mark })
	if i > 0 && !list[i-1].tomb() {
		i-- // the state at the mark stays
	}
	gone = append(gone, list[:i]...)
	switch {
	case i == 0:
	case i == len(list):
		k.older = nil
	default:
		rest := slices.Clone(list[i:])
		k.older = &rest
	}
	return gone, false
}

// visible says whether the change r of the key is part of the history that the
// mark leaves: above it, or the state at it.
func (k *keyItem) visible(r revision, tomb bool, mark int64) bool {
	if r.main > mark {
		return true
	}
	at, ok := k.at(mark)
	return ok && at == r && !tomb
}

// index is the ordered set of keys with a history.
type index struct {
	tree keyTree
	live int // keys whose newest change is a put
}

// put records a put and returns the key's item. prev is what it replaced; false
// when the key did not exist.
func (x *index) put(key string, r revision, lease int64) (k *keyItem, prev revision, existed bool) {
	k = x.tree.get(key)
	if k == nil {
		k = &keyItem{key: key, newest: r, create: r.main, version: 1, lease: lease}
		x.tree.insert(k)
		x.live++
		return k, revision{}, false
	}
	prev, existed = k.newest, !k.tomb()
	k.push()
	k.newest, k.lease = r, lease
	if !existed {
		k.create = r.main
		x.live++
	}
	k.version++ // a tombstone's is 0
	return k, prev, existed
}

// tombstone records the delete of k, which exists.
func (x *index) tombstone(k *keyItem, r revision) (prev revision) {
	prev = k.newest
	k.push()
	k.newest, k.version, k.create, k.lease = r, 0, 0, 0
	x.live--
	return prev
}
