package mvcc

import (
	"encoding/binary"
	"fmt"
)

// loadAndAdopt reads the state through view. A new database, or one of etcd's,
// is marked as ours through commit first.
func loadAndAdopt(view func(func(Reader) error) error, commit interface{ Commit(*Batch) error }) (st state, err error) {
	err = guard(func() error {
		return view(func(r Reader) error {
			st, err = load(r)
			return err
		})
	})
	if err != nil || st.base > 0 {
		return st, err
	}
	st.base = st.rev
	st.applied = position{}
	b := &Batch{}
	b.put(bucketOwn, ownFormat, uint64Bytes(format))
	b.put(bucketOwn, ownBase, uint64Bytes(uint64(st.base)))
	b.put(bucketMeta, metaConsistentIndex, uint64Bytes(0))
	b.put(bucketMeta, metaTerm, uint64Bytes(0))
	if st.cluster == "" && st.index.tree.n == 0 {
		b.put(bucketMeta, metaStorageVersion, []byte(storageVersion))
	}
	return st, commit.Commit(b)
}

// load rebuilds the state from r. base is 0 when the database is not yet ours.
func load(r Reader) (state, error) {
	st := state{leases: map[int64]*lease{}, alarms: map[Alarm]struct{}{}}
	for _, step := range []func(Reader, *state) error{loadMeta, loadLeases, loadAlarms, loadKeys} {
		if err := step(r, &st); err != nil {
			return state{}, err
		}
	}
	return st, nil
}

func loadMeta(r Reader, st *state) error {
	if err := checkOwnFormat(r); err != nil {
		return err
	}
	var base uint64
	var errs [5]error
	st.applied.index, errs[0] = getUint64(r, bucketMeta, metaConsistentIndex)
	st.applied.term, errs[1] = getUint64(r, bucketMeta, metaTerm)
	base, errs[2] = getUint64(r, bucketOwn, ownBase)
	st.compacted, errs[3] = getRev(r, metaScheduledCompactRev)
	st.finished, errs[4] = getRev(r, metaFinishedCompactRev)
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	// A finished compaction was scheduled, whatever a repaired file says.
	st.compacted = max(st.compacted, st.finished)
	st.base = int64(base)
	st.cluster = string(r.Get(bucketCluster, clusterVersionKey))
	return nil
}

func loadLeases(r Reader, st *state) (err error) {
	r.Scan(bucketLease, nil, nil, func(k, v []byte) bool {
		var id, ttl int64
		if id, ttl, err = parseLease(v); err != nil {
			return false
		}
		if len(k) != 8 || int64(binary.BigEndian.Uint64(k)) != id {
			err = fmt.Errorf("%w: lease %x is stored under %x", ErrCorrupt, id, k)
			return false
		}
		st.leases[id] = newLease(id, ttl)
		return true
	})
	return err
}

func loadAlarms(r Reader, st *state) (err error) {
	r.Scan(bucketAlarm, nil, nil, func(k, _ []byte) bool {
		var a Alarm
		if a, err = parseAlarm(k); err != nil {
			return false
		}
		st.alarms[a] = struct{}{}
		return true
	})
	return err
}

// loadKeys rebuilds the index with one scan of bucket "key", which is in
// revision order, and one sort.
func loadKeys(r Reader, st *state) (err error) {
	items := make(map[string]*keyItem)
	st.rev = max(1, st.compacted)
	r.Scan(bucketKey, nil, nil, func(k, v []byte) bool {
		err = loadRecord(k, v, st, items)
		return err == nil
	})
	if err != nil {
		return err
	}
	sorted := make([]*keyItem, 0, len(items))
	for _, k := range items {
		sorted = append(sorted, k)
		if !k.tomb() {
			st.index.live++
			st.attach(k)
		}
	}
	sortItems(sorted)
	st.index.tree = newKeyTree(sorted)
	return nil
}

// loadRecord adds one pair of bucket "key" to items.
func loadRecord(k, v []byte, st *state, items map[string]*keyItem) error {
	rev, tomb, err := parseRevKey(k)
	if err != nil {
		return err
	}
	st.rev = max(st.rev, rev.main)
	if len(v) == 0 {
		return nil // etcd's bump record: it moves the revision and has no key
	}
	kv, err := parseKV(v)
	if err != nil {
		return fmt.Errorf("revision %d_%d: %w", rev.main, rev.sub, err)
	}
	item := items[string(kv.key)]
	if item == nil {
		item = &keyItem{key: string(kv.key)}
		items[item.key] = item
	} else {
		item.push()
	}
	if item.newest = rev; tomb {
		item.create, item.version, item.lease = 0, 0, 0
		return nil
	}
	if kv.version <= 0 {
		return fmt.Errorf("%w: revision %d_%d of %q has version %d", ErrCorrupt, rev.main, rev.sub, kv.key, kv.version)
	}
	item.create, item.version, item.lease = kv.create, kv.version, kv.lease
	return nil
}
