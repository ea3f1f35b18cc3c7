package mvcc

import (
	"bytes"
	"cmp"
	"context"

	"github.com/binnacle-io/binnacle/pkg/storage"
)

// plan is a transaction whose compares have been evaluated: all of them, nested
// ones too, against the state before it, as etcd does.
type plan struct {
	succeeded bool
	ops       []storage.Op
	nested    []*plan // of the OpTxn among ops, in order
}

// txn runs t. refused is the reason why t did nothing, which is part of the
// answer; err is a failure of the store.
func (x *execution) txn(t *storage.Txn) (res *storage.TxnResult, refused, err error) {
	if refused = CheckTxn(t); refused != nil {
		return nil, refused, nil
	}
	p, err := x.plan(t)
	if err != nil {
		return nil, nil, err
	}
	x.s.mu.RLock()
	refused = x.check(p)
	x.s.mu.RUnlock()
	if refused != nil {
		return nil, refused, nil
	}
	x.txns++
	x.begin()
	if res, err = x.run(p); err != nil {
		return nil, nil, err
	}
	x.end()
	setRevision(res, x.rev)
	return res, nil, nil
}

// begin opens the revision that the next writes share.
func (x *execution) begin() { x.main, x.sub = x.rev+1, 0 }

// end closes it; without writes it was never taken.
func (x *execution) end() {
	if x.sub > 0 {
		x.rev = x.main
	}
}

func setRevision(res *storage.TxnResult, rev int64) {
	res.Revision = rev
	for i := range res.Results {
		if t := res.Results[i].Txn; t != nil {
			setRevision(t, rev)
		}
	}
}

func (x *execution) plan(t *storage.Txn) (*plan, error) {
	p := &plan{succeeded: true, ops: t.Success}
	for i := range t.Compares {
		ok, err := x.holds(&t.Compares[i])
		if err != nil {
			return nil, err
		}
		if !ok {
			p.succeeded, p.ops = false, t.Failure
			break
		}
	}
	for i := range p.ops {
		if p.ops[i].Type == storage.OpTxn {
			n, err := x.plan(p.ops[i].Txn)
			if err != nil {
				return nil, err
			}
			p.nested = append(p.nested, n)
		}
	}
	return p, nil
}

// holds evaluates c. An absent key has zeros, and fails every compare of values.
func (x *execution) holds(c *storage.Compare) (ok bool, err error) {
	s := x.s
	if c.Target == storage.CompareValue {
		return x.holdsValue(c)
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	if c.RangeEnd == "" {
		k := s.state.index.tree.get(c.Key)
		if k == nil || k.tomb() {
			k = &keyItem{}
		}
		return holdsFor(c, k), nil
	}
	found, ok := false, true
	s.state.index.tree.ascend(c.Key, c.RangeEnd, func(k *keyItem) bool {
		if !k.tomb() {
			found = true
			ok = holdsFor(c, k)
		}
		return ok
	})
	if !found {
		return holdsFor(c, &keyItem{}), nil
	}
	return ok, nil
}

func holdsFor(c *storage.Compare, k *keyItem) bool {
	var v int64
	switch c.Target {
	case storage.CompareMod:
		v = k.newest.main
	case storage.CompareVersion:
		v = k.version
	case storage.CompareCreate:
		v = k.create
	case storage.CompareLease:
		v = k.lease
	}
	return related(cmp.Compare(v, c.Int), c.Result)
}

func (x *execution) holdsValue(c *storage.Compare) (bool, error) {
	res, err := x.s.rangeAt(context.Background(), storage.RangeRequest{Key: c.Key, RangeEnd: c.RangeEnd}, x.rev)
	if err != nil {
		return false, err
	}
	for _, kv := range res.KVs {
		if !related(bytes.Compare(kv.Value, c.Bytes), c.Result) {
			return false, nil
		}
	}
	return len(res.KVs) > 0, nil
}

func related(order int, want storage.CompareResult) bool {
	switch want {
	case storage.Equal:
		return order == 0
	case storage.NotEqual:
		return order != 0
	case storage.Greater:
		return order > 0
	}
	return order < 0
}

// check refuses a plan of which any operation could fail, before any of them
// runs. As no key is written twice, the state before the transaction says for
// each put what there will be. The caller holds mu.
func (x *execution) check(p *plan) error {
	st := &x.s.state
	nested := p.nested
	for i := range p.ops {
		o := &p.ops[i]
		var err error
		switch o.Type {
		case storage.OpPut:
			err = st.checkPut(o)
		case storage.OpRange:
			_, err = x.s.checkRev(o.Revision, x.rev)
		case storage.OpTxn:
			err = x.check(nested[0])
			nested = nested[1:]
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (st *state) checkPut(o *storage.Op) error {
	if st.noSpace() {
		return storage.ErrNoSpace
	}
	if o.IgnoreValue || o.IgnoreLease {
		if k := st.index.tree.get(o.Key); k == nil || k.tomb() {
			return storage.ErrKeyNotFound
		}
	}
	if o.Lease != 0 && st.leases[o.Lease] == nil {
		return storage.ErrLeaseNotFound
	}
	return nil
}

func (x *execution) run(p *plan) (*storage.TxnResult, error) {
	res := &storage.TxnResult{Succeeded: p.succeeded}
	if len(p.ops) > 0 {
		res.Results = make([]storage.OpResult, len(p.ops))
	}
	nested := p.nested
	for i := range p.ops {
		o, r := &p.ops[i], &res.Results[i]
		var err error
		switch o.Type {
		case storage.OpPut:
			err = x.runPut(o, r)
		case storage.OpDelete:
			err = x.runDelete(o, r)
		case storage.OpRange:
			err = x.runRange(o, r)
		case storage.OpTxn:
			r.Txn, err = x.run(nested[0])
			nested = nested[1:]
		}
		if err != nil {
			return nil, err
		}
	}
	return res, nil
}

func (x *execution) runPut(o *storage.Op, r *storage.OpResult) error {
	value, lease := o.Value, o.Lease
	if o.PrevKV || o.IgnoreValue || o.IgnoreLease {
		prev, err := x.s.rangeAt(context.Background(), storage.RangeRequest{Key: o.Key}, x.main)
		if err != nil {
			return err
		}
		if o.IgnoreValue {
			value = prev.KVs[0].Value
		}
		if o.IgnoreLease {
			lease = prev.KVs[0].Lease
		}
		if o.PrevKV {
			r.KVs = prev.KVs
		}
	}
	x.put(o, value, lease)
	return nil
}

func (x *execution) put(o *storage.Op, value []byte, lease int64) {
	s := x.s
	kv := &storage.KeyValue{Value: make([]byte, len(value)), ModRevision: x.main, Lease: lease}
	copy(kv.Value, value)
	rev := revision{x.main, x.sub}
	x.sub++
	x.puts++

	s.mu.Lock()
	defer s.mu.Unlock()
	st := &s.state
	if k := st.index.tree.get(o.Key); k != nil && k.lease != 0 {
		st.detach(k)
	}
	k, prev, _ := st.index.put(o.Key, rev, lease)
	st.attach(k)
	kv.Key, kv.CreateRevision, kv.Version = k.key, k.create, k.version
	s.recent.append(record{rev: rev, prev: prev, kv: kv, local: o.Local})
}

func (x *execution) runDelete(o *storage.Op, r *storage.OpResult) error {
	req := storage.RangeRequest{Key: o.Key, RangeEnd: o.RangeEnd, KeysOnly: !o.PrevKV}
	found, err := x.s.rangeAt(context.Background(), req, x.main)
	if err != nil {
		return err
	}
	for _, kv := range found.KVs {
		x.delete(kv.Key)
	}
	r.Count = int64(len(found.KVs))
	if o.PrevKV {
		r.KVs = found.KVs
	}
	return nil
}

// delete writes the tombstone of key, which exists.
func (x *execution) delete(key string) {
	s := x.s
	rev := revision{x.main, x.sub}
	x.sub++
	x.deletes++
	s.mu.Lock()
	defer s.mu.Unlock()
	k := s.state.index.tree.get(key)
	s.state.detach(k)
	prev := s.state.index.tombstone(k, rev)
	kv := &storage.KeyValue{Key: k.key, ModRevision: x.main}
	s.recent.append(record{rev: rev, prev: prev, kv: kv, tomb: true})
}

func (x *execution) runRange(o *storage.Op, r *storage.OpResult) error {
	x.ranges++
	rev := o.Revision
	if rev == 0 {
		rev = x.main // what this transaction has written so far included
	}
	found, err := x.s.rangeAt(context.Background(), storage.RangeRequest{
		Key: o.Key, RangeEnd: o.RangeEnd, Limit: o.Limit, KeysOnly: o.KeysOnly, CountOnly: o.CountOnly,
	}, rev)
	if err != nil {
		return err
	}
	r.KVs, r.Count, r.More = found.KVs, found.Count, found.More
	return nil
}
