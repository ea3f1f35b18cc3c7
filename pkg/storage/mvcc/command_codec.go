package mvcc

import (
	"encoding/binary"
	"fmt"
	"time"

	"github.com/binnacle-io/binnacle/pkg/storage"
)

// A command is: version, member, seq (8 bytes big endian each), kind, term, and
// what the kind asks for. Numbers are varints, signed ones zigzag; strings and
// bytes follow their length. It must end where the bytes end.
const (
	commandVersion = 1
	commandHeader  = 1 + 8 + 8 + 1
)

// Flags of an operation.
const (
	flagIgnoreValue = 1 << iota
	flagIgnoreLease
	flagPrevKV
	flagKeysOnly
	flagCountOnly
	flagRangeEnd
	flagLease
	opFlags = 1<<iota - 1
)

// AppendCommand appends c's encoding to dst. It returns ErrBadCommand for a
// kind it does not know and for transactions that DecodeCommand would refuse.
func AppendCommand(dst []byte, c *Command) ([]byte, error) {
	dst = append(dst, commandVersion)
	dst = binary.BigEndian.AppendUint64(dst, c.ID.Member)
	dst = binary.BigEndian.AppendUint64(dst, c.ID.Seq)
	dst = append(dst, byte(c.Kind))
	dst = binary.AppendUvarint(dst, c.Term)
	switch c.Kind {
	case CommandTxns:
		e := encoder{buf: dst, ops: MaxTxnOps}
		e.count(len(c.Txns))
		for _, t := range c.Txns {
			e.txn(t, 1)
		}
		return e.buf, e.err
	case CommandLeaseGrant:
		dst = binary.AppendVarint(dst, c.Lease.ID)
		return binary.AppendVarint(dst, int64(c.Lease.TTL/time.Second)), nil
	case CommandLeaseRevoke:
		if len(c.Leases) > MaxTxnOps {
			return nil, fmt.Errorf("%w: %w", ErrBadCommand, ErrTooManyOps)
		}
		dst = binary.AppendUvarint(dst, uint64(len(c.Leases)))
		for _, id := range c.Leases {
			dst = binary.AppendVarint(dst, id)
		}
		return dst, nil
	case CommandCompact:
		return binary.AppendVarint(dst, c.Revision), nil
	case CommandAlarm:
		dst = append(dst, byte(c.Alarm.Type), boolByte(c.Activate))
		return binary.AppendUvarint(dst, c.Alarm.Member), nil
	case CommandClusterVersion:
		return appendString(dst, c.ClusterVersion), nil
	}
	return nil, fmt.Errorf("%w: kind %d", ErrBadCommand, c.Kind)
}

// PeekID returns the proposal id of an entry's data without decoding the rest;
// false when data is empty or no command of a known version.
func PeekID(data []byte) (ProposalID, bool) {
	if len(data) < commandHeader || data[0] != commandVersion {
		return ProposalID{}, false
	}
	return ProposalID{
		Member: binary.BigEndian.Uint64(data[1:]),
		Seq:    binary.BigEndian.Uint64(data[9:]),
	}, true
}

type encoder struct {
	buf []byte
	ops int // left to encode
	err error
}

func (e *encoder) fail(err error) {
	if e.err == nil {
		e.err = fmt.Errorf("%w: %w", ErrBadCommand, err)
	}
}

// count appends the length of a list and charges it to the bound.
func (e *encoder) count(n int) {
	if e.ops -= n; e.ops < 0 {
		e.fail(ErrTooManyOps)
	}
	e.buf = binary.AppendUvarint(e.buf, uint64(n))
}

func (e *encoder) txn(t *storage.Txn, depth int) {
	if depth > MaxTxnDepth {
		e.fail(ErrTooDeep)
		return
	}
	if t == nil {
		e.fail(fmt.Errorf("%w: nil txn", ErrBadRequest))
		return
	}
	e.count(len(t.Compares))
	for i := range t.Compares {
		e.compare(&t.Compares[i])
	}
	e.count(len(t.Success))
	for i := range t.Success {
		e.op(&t.Success[i], depth)
	}
	e.count(len(t.Failure))
	for i := range t.Failure {
		e.op(&t.Failure[i], depth)
	}
}

func (e *encoder) compare(c *storage.Compare) {
	e.buf = append(e.buf, byte(c.Target), byte(c.Result))
	e.buf = appendString(e.buf, c.Key)
	e.buf = appendString(e.buf, c.RangeEnd)
	if c.Target == storage.CompareValue {
		e.buf = appendString(e.buf, c.Bytes)
	} else {
		e.buf = binary.AppendVarint(e.buf, c.Int)
	}
}

func (e *encoder) op(o *storage.Op, depth int) {
	flags := opFlagsOf(o)
	e.buf = append(e.buf, byte(o.Type), flags)
	if o.Type == storage.OpTxn {
		e.txn(o.Txn, depth+1)
		return
	}
	e.buf = appendString(e.buf, o.Key)
	if flags&flagRangeEnd != 0 {
		e.buf = appendString(e.buf, o.RangeEnd)
	}
	switch o.Type {
	case storage.OpPut:
		e.buf = appendString(e.buf, o.Value)
		if flags&flagLease != 0 {
			e.buf = binary.AppendVarint(e.buf, o.Lease)
		}
	case storage.OpDelete:
	case storage.OpRange:
		e.buf = binary.AppendVarint(e.buf, o.Limit)
		e.buf = binary.AppendVarint(e.buf, o.Revision)
	default:
		e.fail(fmt.Errorf("%w: operation %d", ErrBadRequest, o.Type))
	}
}

// opFlagsOf returns the flags that mean something to o's type.
func opFlagsOf(o *storage.Op) (f byte) {
	set := func(on bool, bit byte) {
		if on {
			f |= bit
		}
	}
	switch o.Type {
	case storage.OpPut:
		set(o.IgnoreValue, flagIgnoreValue)
		set(o.IgnoreLease, flagIgnoreLease)
		set(o.PrevKV, flagPrevKV)
		set(o.Lease != 0, flagLease)
	case storage.OpDelete:
		set(o.PrevKV, flagPrevKV)
		set(o.RangeEnd != "", flagRangeEnd)
	case storage.OpRange:
		set(o.KeysOnly, flagKeysOnly)
		set(o.CountOnly, flagCountOnly)
		set(o.RangeEnd != "", flagRangeEnd)
	}
	return f
}

func appendString[T string | []byte](dst []byte, s T) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(s)))
	return append(dst, s...)
}

func boolByte(b bool) byte {
	if b {
		return 1
	}
	return 0
}

// DecodeCommand decodes an entry's data. Value and Bytes of the result alias
// data. Its memory is bounded by MaxTxnOps whatever data says. Errors are
// ErrBadCommand.
func DecodeCommand(data []byte) (*Command, error) {
	if len(data) == 0 {
		return nil, fmt.Errorf("%w: empty", ErrBadCommand)
	}
	if data[0] != commandVersion {
		return nil, fmt.Errorf("%w: version %d is not known to this release", ErrBadCommand, data[0])
	}
	id, ok := PeekID(data)
	if !ok {
		return nil, fmt.Errorf("%w: cut short", ErrBadCommand)
	}
	c := &Command{ID: id, Kind: CommandKind(data[commandHeader-1])}
	d := decoder{buf: data[commandHeader:], ops: MaxTxnOps}
	c.Term = d.uvarint()
	switch c.Kind {
	case CommandTxns:
		c.Txns = decodeList(&d, func(t **storage.Txn) { *t = d.txn(1) })
	case CommandLeaseGrant:
		c.Lease.ID = d.varint()
		ttl := d.varint()
		if ttl < 0 || ttl > maxTTL {
			d.fail("ttl")
		}
		c.Lease.TTL = time.Duration(ttl) * time.Second
	case CommandLeaseRevoke:
		c.Leases = decodeList(&d, func(id *int64) { *id = d.varint() })
	case CommandCompact:
		c.Revision = d.varint()
	case CommandAlarm:
		c.Alarm.Type = AlarmType(d.byte())
		c.Activate = d.bool()
		c.Alarm.Member = d.uvarint()
	case CommandClusterVersion:
		c.ClusterVersion = string(d.bytes())
	default:
		d.fail(fmt.Sprintf("kind %d", c.Kind))
	}
	if d.err == nil && len(d.buf) > 0 {
		d.fail("end: bytes follow")
	}
	if d.err != nil {
		return nil, d.err
	}
	return c, nil
}

// maxTTL is etcd's bound on a lease's time to live, in seconds.
const maxTTL = 9_000_000_000

type decoder struct {
	buf []byte
	ops int // left to decode
	err error
}

func (d *decoder) fail(what string) {
	if d.err == nil {
		d.err = fmt.Errorf("%w: bad %s", ErrBadCommand, what)
	}
	d.buf = nil
}

func (d *decoder) byte() byte {
	if len(d.buf) == 0 {
		d.fail("end: cut short")
		return 0
	}
	b := d.buf[0]
	d.buf = d.buf[1:]
	return b
}

func (d *decoder) bool() bool {
	b := d.byte()
	if b > 1 {
		d.fail("bool")
	}
	return b == 1
}

func (d *decoder) uvarint() uint64 {
	v, n := uvarint(d.buf)
	if n <= 0 {
		d.fail("number")
		return 0
	}
	d.buf = d.buf[n:]
	return v
}

func (d *decoder) varint() int64 {
	u := d.uvarint()
	return int64(u>>1) ^ -int64(u&1)
}

// bytes returns the next bytes, aliasing the input; nil when there are none.
func (d *decoder) bytes() []byte {
	n := d.uvarint()
	if n > uint64(len(d.buf)) {
		d.fail("length")
		return nil
	}
	if n == 0 {
		return nil
	}
	b := d.buf[:n:n]
	d.buf = d.buf[n:]
	return b
}

// decodeList decodes a counted list, charging it to the bound.
func decodeList[T any](d *decoder, one func(*T)) []T {
	n := d.uvarint()
	if n == 0 || d.err != nil {
		return nil
	}
	// Every element takes at least one byte.
	if n > uint64(d.ops) || n > uint64(len(d.buf)) {
		d.fail("count")
		return nil
	}
	d.ops -= int(n)
	list := make([]T, n)
	for i := range list {
		if one(&list[i]); d.err != nil {
			return nil
		}
	}
	return list
}

func (d *decoder) txn(depth int) *storage.Txn {
	if depth > MaxTxnDepth {
		d.fail("depth")
		return nil
	}
	op := func(o *storage.Op) { d.op(o, depth) }
	return &storage.Txn{
		Compares: decodeList(d, d.compare),
		Success:  decodeList(d, op),
		Failure:  decodeList(d, op),
	}
}

func (d *decoder) compare(c *storage.Compare) {
	c.Target = storage.CompareTarget(d.byte())
	c.Result = storage.CompareResult(d.byte())
	if c.Target > storage.CompareLease || c.Result > storage.Less {
		d.fail("compare")
		return
	}
	c.Key = string(d.bytes())
	c.RangeEnd = string(d.bytes())
	if c.Target == storage.CompareValue {
		c.Bytes = d.bytes()
	} else {
		c.Int = d.varint()
	}
}

func (d *decoder) op(o *storage.Op, depth int) {
	o.Type = storage.OpType(d.byte())
	flags := d.byte()
	if o.Type > storage.OpTxn || flags&^opFlags != 0 {
		d.fail("operation")
		return
	}
	if o.Type == storage.OpTxn {
		o.Txn = d.txn(depth + 1)
	} else {
		d.plainOp(o, flags)
	}
	// What was decoded must be what would be encoded: one command, one form.
	if d.err == nil && opFlagsOf(o) != flags {
		d.fail("flags")
	}
}

func (d *decoder) plainOp(o *storage.Op, flags byte) {
	o.Key = string(d.bytes())
	if flags&flagRangeEnd != 0 {
		o.RangeEnd = string(d.bytes())
	}
	o.IgnoreValue = flags&flagIgnoreValue != 0
	o.IgnoreLease = flags&flagIgnoreLease != 0
	o.PrevKV = flags&flagPrevKV != 0
	o.KeysOnly = flags&flagKeysOnly != 0
	o.CountOnly = flags&flagCountOnly != 0
	switch o.Type {
	case storage.OpPut:
		o.Value = d.bytes()
		if flags&flagLease != 0 {
			o.Lease = d.varint()
		}
	case storage.OpRange:
		o.Limit = d.varint()
		o.Revision = d.varint()
	}
}
