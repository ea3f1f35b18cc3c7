package watchcache

import "strings"

// router finds the cache of a key: the one with the longest prefix. Prefixes
// end in a slash, so it is enough to try, deepest first, the few depths that
// occur. It is immutable.
type router struct {
	caches map[string]*Cache
	// depths says of each number of slashes whether a prefix has it.
	depths  [maxDepth]bool
	deepest int
}

const maxDepth = 16 // slashes in a prefix; deeper ones are refused by View.Validate

func newRouter(caches map[string]*Cache) *router {
	r := &router{caches: make(map[string]*Cache, len(caches))}
	for prefix, c := range caches {
		r.caches[prefix] = c
		depth := strings.Count(prefix, "/")
		r.depths[depth] = true
		r.deepest = max(r.deepest, depth)
	}
	return r
}

// route returns nil for a key that no cache wants.
func (r *router) route(key string) *Cache {
	var ends [maxDepth]int
	depth := 0
	for i := 0; i < len(key) && depth < r.deepest; i++ {
		if key[i] == '/' {
			depth++
			ends[depth] = i + 1
		}
	}
	for ; depth > 0; depth-- {
		if r.depths[depth] {
			if c := r.caches[key[:ends[depth]]]; c != nil {
				return c
			}
		}
	}
	return nil
}
