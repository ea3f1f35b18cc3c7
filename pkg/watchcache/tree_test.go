package watchcache

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"
)

// newRand returns a random source. It prints its seed; BINNACLE_SEED repeats a
// run. The seed is not the time, which stands still in a synctest bubble.
func newRand(t testing.TB) *rand.Rand {
	t.Helper()
	seed := rand.Uint64()
	if v := os.Getenv("BINNACLE_SEED"); v != "" {
		var err error
		if seed, err = strconv.ParseUint(v, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("BINNACLE_SEED=%d repeats this run", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

func treeObject(key string, rev int64, bad bool) *Object {
	return &Object{key: key, slash: -1, rev: rev, bad: bad}
}

// checkTree verifies the invariants of a tree against the sorted keys.
func checkTree(t *testing.T, root *node, want map[string]*Object) {
	t.Helper()
	keys := make([]string, 0, len(want))
	live := 0
	for k, o := range want {
		keys = append(keys, k)
		live += o.live()
	}
	slices.Sort(keys)
	var got []string
	root.ascend("", func(o *Object) bool {
		got = append(got, o.key)
		if want[o.key] != o {
			t.Fatalf("%s is another object", o.key)
		}
		return true
	})
	if !slices.Equal(keys, got) {
		t.Fatalf("keys differ: have %d, want %d", len(got), len(keys))
	}
	if root == nil {
		return
	}
	depth := -1
	var walk func(n *node, d int) int
	walk = func(n *node, d int) int {
		sum := 0
		for _, o := range n.items {
			sum += o.live()
		}
		if n.kids == nil {
			if depth >= 0 && d != depth {
				t.Fatalf("leaves at depth %d and %d", d, depth)
			}
			depth = d
		} else if len(n.kids) != len(n.items)+1 {
			t.Fatalf("%d kids for %d items", len(n.kids), len(n.items))
		}
		for _, k := range n.kids {
			sum += walk(k, d+1)
		}
		if len(n.items) == 0 || len(n.items) > maxItems || d > 0 && len(n.items) < minItems-1 {
			t.Fatalf("node of %d items at depth %d", len(n.items), d)
		}
		if sum != n.live {
			t.Fatalf("node says %d live, has %d", n.live, sum)
		}
		return sum
	}
	if got := walk(root, 0); got != live {
		t.Fatalf("%d live, want %d", got, live)
	}
}

func TestTreeRandom(t *testing.T) {
	r := newRand(t)
	for _, size := range []int{0, 1, 62, 63, 64, 127, 128, 4095, 4096, 5000} {
		want := map[string]*Object{}
		var sorted []*Object
		for i := range size {
			o := treeObject(fmt.Sprintf("k%06d", i*3), 0, r.IntN(10) == 0)
			sorted, want[o.key] = append(sorted, o), o
		}
		root := buildTree(sorted)
		checkTree(t, root, want)
		for round := range 20 {
			before, beforeWant := root, make(map[string]*Object, len(want))
			for k, v := range want {
				beforeWant[k] = v
			}
			e := root.startEdit()
			grow := r.IntN(3)
			for range r.IntN(400) {
				key := fmt.Sprintf("k%06d", r.IntN(3*size+30))
				if r.IntN(3) < grow {
					o := treeObject(key, int64(round), r.IntN(10) == 0)
					e.put(o)
					want[key] = o
				} else {
					e.remove(key)
					delete(want, key)
				}
			}
			root = e.root
			checkTree(t, root, want)
			checkTree(t, before, beforeWant)
			checkRank(t, r, root, want)
		}
		e := root.startEdit()
		for k := range want {
			e.remove(k)
			delete(want, k)
		}
		checkTree(t, e.root, want)
	}
}

func checkRank(t *testing.T, r *rand.Rand, root *node, want map[string]*Object) {
	t.Helper()
	for range 5 {
		key := fmt.Sprintf("k%06d", r.IntN(16000))
		below, upTo := 0, 0
		for k, o := range want {
			if k < key {
				below += o.live()
			}
			if k <= key {
				upTo += o.live()
			}
		}
		if got := root.rank(key, false); got != below {
			t.Fatalf("rank below %s is %d, want %d", key, got, below)
		}
		if got := root.rank(key, true); got != upTo {
			t.Fatalf("rank up to %s is %d, want %d", key, got, upTo)
		}
		if root.get(key) != want[key] {
			t.Fatalf("get %s differs", key)
		}
		n := 0
		root.ascend(key, func(o *Object) bool {
			if o.key <= key {
				t.Fatalf("ascend above %s gave %s", key, o.key)
			}
			n++
			return true
		})
		all := 0
		for k := range want {
			if k > key {
				all++
			}
		}
		if n != all {
			t.Fatalf("ascend above %s gave %d, want %d", key, n, all)
		}
	}
}

func TestDeque(t *testing.T) {
	r := newRand(t)
	var d deque[int]
	var want []int
	for i := range 20000 {
		if r.IntN(100) < 50+40*(1-2*((i/2000)%2)) {
			d.push(i)
			want = append(want, i)
		} else if len(want) > 0 {
			if got := d.pop(); got != want[0] {
				t.Fatalf("pop gave %d, want %d", got, want[0])
			}
			want = want[1:]
		}
		if d.len() != len(want) {
			t.Fatalf("length %d, want %d", d.len(), len(want))
		}
		if len(want) > 0 {
			if at := r.IntN(len(want)); d.at(at) != want[at] {
				t.Fatalf("at %d differs", at)
			}
		}
		if len(d.buf) > max(minDeque, 4*d.n+4) {
			t.Fatalf("%d slots for %d items", len(d.buf), d.n)
		}
	}
}
