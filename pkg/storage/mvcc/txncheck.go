package mvcc

import (
	"fmt"
	"slices"
	"strings"

	"github.com/binnacle-io/binnacle/pkg/storage"
)

// CheckTxn refuses what no state could accept: a key put twice, or put and
// deleted (storage.ErrDuplicateKey; the two branches of a nested transaction
// exclude each other), an empty key, ErrTooDeep, ErrTooManyOps. Apply checks
// the same, so a proposer that checks first only saves a log entry.
func CheckTxn(t *storage.Txn) error {
	left := MaxTxnOps - 1
	if err := checkShape(t, 1, &left); err != nil {
		return err
	}
	return checkDuplicates(t)
}

func checkShape(t *storage.Txn, depth int, left *int) error {
	if t == nil {
		return fmt.Errorf("%w: nil txn", ErrBadRequest)
	}
	if depth > MaxTxnDepth {
		return ErrTooDeep
	}
	if *left -= len(t.Compares) + len(t.Success) + len(t.Failure); *left < 0 {
		return ErrTooManyOps
	}
	for i := range t.Compares {
		c := &t.Compares[i]
		if c.Key == "" && c.RangeEnd == "" || c.Target > storage.CompareLease || c.Result > storage.Less {
			return fmt.Errorf("%w: compare %d", ErrBadRequest, i)
		}
	}
	for _, ops := range [2][]storage.Op{t.Success, t.Failure} {
		for i := range ops {
			if err := checkOp(&ops[i], depth, left); err != nil {
				return err
			}
		}
	}
	return nil
}

func checkOp(o *storage.Op, depth int, left *int) error {
	switch o.Type {
	case storage.OpTxn:
		return checkShape(o.Txn, depth+1, left)
	case storage.OpPut:
		if o.Key == "" || o.RangeEnd != "" || o.IgnoreValue && len(o.Value) > 0 || o.IgnoreLease && o.Lease != 0 {
			return fmt.Errorf("%w: put of key %q", ErrBadRequest, o.Key)
		}
	case storage.OpDelete:
		if o.Key == "" && o.RangeEnd == "" {
			return fmt.Errorf("%w: delete without a key", ErrBadRequest)
		}
	case storage.OpRange:
		if o.Key == "" && o.RangeEnd == "" || o.Limit < 0 || o.Revision < 0 {
			return fmt.Errorf("%w: range of key %q", ErrBadRequest, o.Key)
		}
	default:
		return fmt.Errorf("%w: operation %d", ErrBadRequest, o.Type)
	}
	return nil
}

func checkDuplicates(t *storage.Txn) error {
	for _, ops := range [2][]storage.Op{t.Success, t.Failure} {
		if len(ops) == 0 || len(ops) == 1 && ops[0].Type != storage.OpTxn {
			continue
		}
		if _, err := collectWrites(ops); err != nil {
			return err
		}
	}
	return nil
}

// writes is what a list of operations may change: keys put, and ranges deleted
// as disjoint intervals in order.
type writes struct {
	puts map[string]struct{}
	dels []interval
}

// interval is [start, end); an open one has no end.
type interval struct {
	start, end string
	open       bool
}

func intervalOf(key, end string) interval {
	switch end {
	case "":
		return interval{start: key, end: key + "\x00"}
	case "\x00":
		return interval{start: key, open: true}
	}
	return interval{start: key, end: end}
}

// collectWrites returns what ops may write, or ErrDuplicateKey when two of them
// that can both run write the same key. Deletes may overlap deletes.
func collectWrites(ops []storage.Op) (writes, error) {
	w := writes{puts: map[string]struct{}{}}
	for i := range ops {
		if o := &ops[i]; o.Type == storage.OpDelete {
			w.dels = append(w.dels, intervalOf(o.Key, o.RangeEnd))
		}
	}
	var nested []map[string]struct{} // puts of each nested txn, its branches joined
	for i := range ops {
		if ops[i].Type != storage.OpTxn {
			continue
		}
		then, err := collectWrites(ops[i].Txn.Success)
		if err != nil {
			return w, err
		}
		otherwise, err := collectWrites(ops[i].Txn.Failure)
		if err != nil {
			return w, err
		}
		for k := range otherwise.puts {
			then.puts[k] = struct{}{}
		}
		nested = append(nested, then.puts)
		// A nested branch was checked against its own deletes. Against those of
		// its siblings it is checked below, and so, as etcd does, the put of one
		// branch is refused for a delete in the other.
		w.dels = append(append(w.dels, then.dels...), otherwise.dels...)
	}
	w.dels = mergeIntervals(w.dels)
	add := func(key string) error {
		if _, twice := w.puts[key]; twice || covers(w.dels, key) {
			return storage.ErrDuplicateKey
		}
		w.puts[key] = struct{}{}
		return nil
	}
	for _, puts := range nested {
		for key := range puts {
			if err := add(key); err != nil {
				return w, err
			}
		}
	}
	for i := range ops {
		if o := &ops[i]; o.Type == storage.OpPut {
			if err := add(o.Key); err != nil {
				return w, err
			}
		}
	}
	return w, nil
}

// mergeIntervals sorts list and joins what overlaps.
func mergeIntervals(list []interval) []interval {
	slices.SortFunc(list, func(a, b interval) int { return strings.Compare(a.start, b.start) })
	out := list[:0]
	for _, iv := range list {
		if n := len(out); n > 0 && (out[n-1].open || iv.start <= out[n-1].end) {
			out[n-1].open = out[n-1].open || iv.open
			out[n-1].end = max(out[n-1].end, iv.end)
			continue
		}
		out = append(out, iv)
	}
	return out
}

func covers(list []interval, key string) bool {
	i, found := slices.BinarySearchFunc(list, key, func(iv interval, key string) int {
		return strings.Compare(iv.start, key)
	})
	if !found {
		i--
	}
	return i >= 0 && (list[i].open || key < list[i].end)
}

// Locals collects Op.Local of every put in ts, both branches, nested ones
// included, in encoding order, as Entry.Local wants it; nil when there is none.
func Locals(ts []*storage.Txn) []any {
	var list []any
	some := false
	eachPut(ts, func(o *storage.Op) {
		list = append(list, o.Local)
		some = some || o.Local != nil
	})
	if !some {
		return nil
	}
	return list
}

// eachPut calls fn with every put of ts in encoding order.
func eachPut(ts []*storage.Txn, fn func(*storage.Op)) {
	for _, t := range ts {
		for _, ops := range [2][]storage.Op{t.Success, t.Failure} {
			for i := range ops {
				switch o := &ops[i]; o.Type {
				case storage.OpPut:
					fn(o)
				case storage.OpTxn:
					eachPut([]*storage.Txn{o.Txn}, fn)
				}
			}
		}
	}
}

// attachLocals is the inverse of Locals. A list of another length is not of
// these transactions and is left out.
func attachLocals(ts []*storage.Txn, locals []any) {
	n := 0
	eachPut(ts, func(*storage.Op) { n++ })
	if n != len(locals) {
		return
	}
	n = 0
	eachPut(ts, func(o *storage.Op) {
		o.Local = locals[n]
		n++
	})
}
