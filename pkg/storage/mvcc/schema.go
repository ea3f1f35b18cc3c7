package mvcc

import (
	"encoding/binary"
	"fmt"

	"github.com/binnacle-io/binnacle/pkg/storage"
)

// The buckets and keys of etcd's schema, and the one bucket of our own.
var (
	bucketKey            = []byte("key")
	bucketMeta           = []byte("meta")
	bucketLease          = []byte("lease")
	bucketAlarm          = []byte("alarm")
	bucketAuth           = []byte("auth")
	bucketAuthUsers      = []byte("authUsers")
	bucketAuthRoles      = []byte("authRoles")
	bucketMembers        = []byte("members")
	bucketMembersRemoved = []byte("members_removed")
	bucketCluster        = []byte("cluster")
	bucketOwn            = []byte("binnacle")

	etcdBuckets = [][]byte{bucketKey, bucketMeta, bucketLease, bucketAlarm, bucketAuth, bucketAuthUsers,
		bucketAuthRoles, bucketMembers, bucketMembersRemoved, bucketCluster}

	metaConsistentIndex     = []byte("consistent_index") // 8 bytes, big endian
	metaTerm                = []byte("term")             // 8 bytes, big endian
	metaScheduledCompactRev = []byte("scheduledCompactRev")
	metaFinishedCompactRev  = []byte("finishedCompactRev")
	metaStorageVersion      = []byte("storageVersion")
	clusterVersionKey       = []byte("clusterVersion")

	// ownFormat is the version of this package's use of the database, 8 bytes
	// big endian.
	ownFormat = []byte("format")
	// ownBase is the revision above which every revision was made here and so
	// is followed by its successor, 8 bytes big endian.
	ownBase = []byte("base_revision")
)

const (
	format         = 1
	storageVersion = "3.6.0" // the etcd schema that new files follow
)

// revision names a change: the transaction it belongs to, and its place there.
type revision struct {
	main int64
	sub  int64
}

func (a revision) less(b revision) bool {
	return a.main < b.main || a.main == b.main && a.sub < b.sub
}

const (
	revBytes     = 8 + 1 + 8
	tombMark     = 't'
	tombRevBytes = revBytes + 1
)

// appendRevKey appends the key of bucket "key" for r.
func appendRevKey(dst []byte, r revision, tomb bool) []byte {
	dst = binary.BigEndian.AppendUint64(dst, uint64(r.main))
	dst = append(dst, '_')
	dst = binary.BigEndian.AppendUint64(dst, uint64(r.sub))
	if tomb {
		dst = append(dst, tombMark)
	}
	return dst
}

func parseRevKey(k []byte) (r revision, tomb bool, err error) {
	switch {
	case len(k) == revBytes && k[8] == '_':
	case len(k) == tombRevBytes && k[8] == '_' && k[revBytes] == tombMark:
		tomb = true
	default:
		return r, false, fmt.Errorf("%w: %q is no revision key", ErrCorrupt, k)
	}
	r.main = int64(binary.BigEndian.Uint64(k))
	r.sub = int64(binary.BigEndian.Uint64(k[9:]))
	if r.main < 0 || r.sub < 0 {
		return r, false, fmt.Errorf("%w: negative revision %d_%d", ErrCorrupt, r.main, r.sub)
	}
	return r, tomb, nil
}

// encodeRev encodes a lone main revision, as etcd's compaction marks are.
func encodeRev(rev int64) []byte { return appendRevKey(nil, revision{main: rev}, false) }

// The fields of mvccpb.KeyValue, as protobuf tags.
const (
	tagKey     = 1<<3 | 2
	tagCreate  = 2 << 3
	tagMod     = 3 << 3
	tagVersion = 4 << 3
	tagValue   = 5<<3 | 2
	tagLease   = 6 << 3
)

// appendKV appends kv as mvccpb.KeyValue, byte for byte as its own marshaller
// would. A tombstone is one with a key only.
func appendKV(dst []byte, kv *storage.KeyValue, tomb bool) []byte {
	if kv.Key != "" {
		dst = append(dst, tagKey)
		dst = binary.AppendUvarint(dst, uint64(len(kv.Key)))
		dst = append(dst, kv.Key...)
	}
	if tomb {
		return dst
	}
	dst = appendIntField(dst, tagCreate, kv.CreateRevision)
	dst = appendIntField(dst, tagMod, kv.ModRevision)
	dst = appendIntField(dst, tagVersion, kv.Version)
	if len(kv.Value) > 0 {
		dst = append(dst, tagValue)
		dst = binary.AppendUvarint(dst, uint64(len(kv.Value)))
		dst = append(dst, kv.Value...)
	}
	return appendIntField(dst, tagLease, kv.Lease)
}

func appendIntField(dst []byte, tag byte, v int64) []byte {
	if v == 0 {
		return dst
	}
	return binary.AppendUvarint(append(dst, tag), uint64(v))
}

// rawKV is a decoded mvccpb.KeyValue whose bytes belong to the backend.
type rawKV struct {
	key, value                  []byte
	create, mod, version, lease int64
}

// parseKV decodes an mvccpb.KeyValue. Unknown fields are skipped.
func parseKV(b []byte) (kv rawKV, err error) {
	bad := func(what string) (rawKV, error) {
		return rawKV{}, fmt.Errorf("%w: key-value with a bad %s", ErrCorrupt, what)
	}
	for len(b) > 0 {
		tag, n := uvarint(b)
		if n <= 0 {
			return bad("tag")
		}
		b = b[n:]
		var num uint64
		var data []byte
		switch tag & 7 {
		case 0:
			if num, n = uvarint(b); n <= 0 {
				return bad("number")
			}
			b = b[n:]
		case 2:
			if num, n = uvarint(b); n <= 0 || num > uint64(len(b)-n) {
				return bad("length")
			}
			data, b = b[n:n+int(num):n+int(num)], b[n+int(num):]
		case 1, 5:
			size := 8
			if tag&7 == 5 {
				size = 4
			}
			if len(b) < size {
				return bad("fixed field")
			}
			b = b[size:]
			continue
		default:
			return bad("wire type")
		}
		switch tag {
		case tagKey:
			kv.key = data
		case tagValue:
			kv.value = data
		case tagCreate:
			kv.create = int64(num)
		case tagMod:
			kv.mod = int64(num)
		case tagVersion:
			kv.version = int64(num)
		case tagLease:
			kv.lease = int64(num)
		}
	}
	return kv, nil
}

// uvarint is binary.Uvarint with a fast path for one byte.
func uvarint(b []byte) (uint64, int) {
	if len(b) > 0 && b[0] < 0x80 {
		return uint64(b[0]), 1
	}
	return binary.Uvarint(b)
}

// own copies r out of the backend. key, when not empty, is its key as already
// held by the index.
func (r *rawKV) own(key string) *storage.KeyValue {
	if key == "" {
		key = string(r.key)
	}
	return &storage.KeyValue{
		Key: key, Value: append(make([]byte, 0, len(r.value)), r.value...),
		CreateRevision: r.create, ModRevision: r.mod, Version: r.version, Lease: r.lease,
	}
}

// appendLease appends l as leasepb.Lease: 1 id, 2 ttl in seconds.
func appendLease(dst []byte, id, ttl int64) []byte {
	dst = appendIntField(dst, 1<<3, id)
	return appendIntField(dst, 2<<3, ttl)
}

func parseLease(b []byte) (id, ttl int64, err error) {
	for len(b) > 0 {
		tag, n := uvarint(b)
		if n <= 0 || tag&7 != 0 {
			return 0, 0, fmt.Errorf("%w: bad lease", ErrCorrupt)
		}
		v, m := uvarint(b[n:])
		if m <= 0 {
			return 0, 0, fmt.Errorf("%w: bad lease", ErrCorrupt)
		}
		b = b[n+m:]
		switch tag >> 3 {
		case 1:
			id = int64(v)
		case 2:
			ttl = int64(v)
		}
	}
	return id, ttl, nil
}

// appendAlarm appends a as etcdserverpb.AlarmMember, which is the key of its
// bucket.
func appendAlarm(dst []byte, a Alarm) []byte {
	dst = appendIntField(dst, 1<<3, int64(a.Member))
	return appendIntField(dst, 2<<3, int64(a.Type))
}

func parseAlarm(b []byte) (Alarm, error) {
	id, typ, err := parseLease(b) // the same two fields
	if err != nil || typ < 0 || typ > 255 {
		return Alarm{}, fmt.Errorf("%w: bad alarm", ErrCorrupt)
	}
	return Alarm{Member: uint64(id), Type: AlarmType(typ)}, nil
}

func leaseKey(id int64) []byte { return binary.BigEndian.AppendUint64(nil, uint64(id)) }

func uint64Bytes(v uint64) []byte { return binary.BigEndian.AppendUint64(nil, v) }

// getUint64 reads an 8-byte number, 0 when absent.
func getUint64(r Reader, bucket, key []byte) (uint64, error) {
	v := r.Get(bucket, key)
	switch len(v) {
	case 0:
		return 0, nil
	case 8:
		return binary.BigEndian.Uint64(v), nil
	}
	return 0, fmt.Errorf("%w: %s/%s has %d bytes", ErrCorrupt, bucket, key, len(v))
}

// getRev reads a compaction mark, 0 when absent.
func getRev(r Reader, key []byte) (int64, error) {
	v := r.Get(bucketMeta, key)
	if v == nil {
		return 0, nil
	}
	rev, _, err := parseRevKey(v)
	if err != nil {
		return 0, fmt.Errorf("meta/%s: %w", key, err)
	}
	return rev.main, nil
}
