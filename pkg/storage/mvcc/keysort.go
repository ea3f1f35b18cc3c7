package mvcc

import (
	"cmp"
	"encoding/binary"
	"slices"
)

// sortItems sorts items by key. Keys of objects have long prefixes in common,
// over which plain comparisons go again and again; this sorts by eight bytes at
// a time, held beside the item, and takes the next eight only among equals. It
// is most of the difference between a fast and a slow start.
func sortItems(items []*keyItem) {
	list := make([]chunkedItem, len(items))
	for i, k := range items {
		list[i].item = k
	}
	sortChunks(list, 0)
	for i := range list {
		items[i] = list[i].item
	}
}

// chunkedItem is an item with the eight bytes of its key that are being looked
// at, padded with zeros.
type chunkedItem struct {
	chunk uint64
	item  *keyItem
}

// fewItems are sorted by plain comparison.
const fewItems = 12

// sortChunks sorts items whose keys agree in the first depth bytes.
func sortChunks(list []chunkedItem, depth int) {
	if len(list) <= fewItems {
		slices.SortFunc(list, func(a, b chunkedItem) int { return cmp.Compare(a.item.key, b.item.key) })
		return
	}
	for i := range list {
		list[i].chunk = chunkAt(list[i].item.key, depth)
	}
	slices.SortFunc(list, func(a, b chunkedItem) int { return cmp.Compare(a.chunk, b.chunk) })
	for len(list) > 0 {
		n := 1
		for n < len(list) && list[n].chunk == list[0].chunk {
			n++
		}
		if n > 1 {
			sortChunks(endedFirst(list[:n], depth+8), depth+8)
		}
		list = list[n:]
	}
}

// endedFirst moves the keys shorter than depth to the front of list, whose keys
// agree in their first depth bytes when padded with zeros, and returns the
// others. What pads the one is a zero byte in the other, so the shorter is a
// prefix of the longer and comes first.
func endedFirst(list []chunkedItem, depth int) []chunkedItem {
	n := 0
	for i := range list {
		if len(list[i].item.key) < depth {
			list[n], list[i] = list[i], list[n]
			n++
		}
	}
	slices.SortFunc(list[:n], func(a, b chunkedItem) int { return cmp.Compare(len(a.item.key), len(b.item.key)) })
	return list[n:]
}

func chunkAt(key string, depth int) uint64 {
	if len(key) >= depth+8 {
		k := key[depth : depth+8]
		return uint64(k[7]) | uint64(k[6])<<8 | uint64(k[5])<<16 | uint64(k[4])<<24 |
			uint64(k[3])<<32 | uint64(k[2])<<40 | uint64(k[1])<<48 | uint64(k[0])<<56
	}
	var b [8]byte
	copy(b[:], key[depth:])
	return binary.BigEndian.Uint64(b[:])
}
