package wal

import (
	"encoding/binary"
	"errors"

	"go.etcd.io/raft/v3/raftpb"
)

const (
	itemEntry     = 1
	itemHardState = 2
	itemMark      = 3

	// maxMembers bounds each list of a configuration.
	maxMembers = 1 << 10
)

// HardState is what raft must not forget: the term, the vote in it, and how far
// the log is known to be committed (which may lag).
type HardState struct {
	Term   uint64
	Vote   uint64
	Commit uint64
}

// Mark says that the log is needed only above Index.
type Mark struct {
	Index uint64
	Term  uint64            // of the entry at Index
	Conf  *raftpb.ConfState // as of Index
}

func appendEntry(buf []byte, e *raftpb.Entry) []byte {
	buf = append(buf, itemEntry)
	buf = binary.AppendUvarint(buf, e.GetTerm())
	buf = binary.AppendUvarint(buf, e.GetIndex())
	buf = append(buf, byte(e.GetType()))
	buf = binary.AppendUvarint(buf, uint64(len(e.GetData())))
	return append(buf, e.GetData()...)
}

func appendHardState(buf []byte, hs HardState) []byte {
	buf = append(buf, itemHardState)
	buf = binary.AppendUvarint(buf, hs.Term)
	buf = binary.AppendUvarint(buf, hs.Vote)
	return binary.AppendUvarint(buf, hs.Commit)
}

func appendMark(buf []byte, m *Mark) []byte {
	buf = append(buf, itemMark)
	buf = binary.AppendUvarint(buf, m.Index)
	buf = binary.AppendUvarint(buf, m.Term)
	for _, ids := range confLists(m.Conf) {
		buf = binary.AppendUvarint(buf, uint64(len(*ids)))
		for _, id := range *ids {
			buf = binary.AppendUvarint(buf, id)
		}
	}
	if m.Conf.GetAutoLeave() {
		return append(buf, 1)
	}
	return append(buf, 0)
}

// confLists are the lists of a configuration in the order of the format.
func confLists(c *raftpb.ConfState) [4]*[]uint64 {
	if c == nil {
		c = &raftpb.ConfState{}
	}
	return [4]*[]uint64{&c.Voters, &c.Learners, &c.VotersOutgoing, &c.LearnersNext}
}

// entry is a decoded entry. Its data is a part of the frame.
type entry struct {
	term, index uint64
	typ         raftpb.EntryType
	data        []byte
}

// proto copies e into the form that raft takes, in one allocation and one for
// the data.
func (e *entry) proto() *raftpb.Entry {
	kept := &struct {
		pb          raftpb.Entry
		term, index uint64
		typ         raftpb.EntryType
	}{term: e.term, index: e.index, typ: e.typ}
	kept.pb.Term, kept.pb.Index, kept.pb.Type = &kept.term, &kept.index, &kept.typ
	if len(e.data) > 0 {
		kept.pb.Data = append([]byte(nil), e.data...)
	}
	return &kept.pb
}

// visitor takes the items of a frame.
type visitor interface {
	entry(e *entry) error
	hardState(hs HardState) error
	mark(m Mark) error
}

var (
	errItem     = errors.New("an item is malformed")
	errItemType = errors.New("an item has an unknown type")
	errItems    = errors.New("the number of items is wrong")
)

// decodeItems hands the items of a frame to v in order and returns v's first
// error, or one of its own.
func decodeItems(f *frame, v visitor) error {
	d := decoder{rest: f.body}
	for n := uint32(0); ; n++ {
		if len(d.rest) == 0 {
			if n != f.items {
				return errItems
			}
			return nil
		}
		if err := d.item(v); err != nil {
			return err
		}
	}
}

// decoder takes numbers off the front of rest. After a failure it gives zeros.
type decoder struct {
	rest []byte
	bad  bool
}

func (d *decoder) item(v visitor) error {
	switch d.byte() {
	case itemEntry:
		e := entry{term: d.uvarint(), index: d.uvarint(), typ: raftpb.EntryType(d.byte())}
		e.data = d.bytes()
		if d.bad || raftpb.EntryType_name[int32(e.typ)] == "" {
			return errItem
		}
		return v.entry(&e)
	case itemHardState:
		hs := HardState{Term: d.uvarint(), Vote: d.uvarint(), Commit: d.uvarint()}
		if d.bad {
			return errItem
		}
		return v.hardState(hs)
	case itemMark:
		m := d.mark()
		if d.bad {
			return errItem
		}
		return v.mark(m)
	}
	return errItemType
}

func (d *decoder) mark() Mark {
	m := Mark{Index: d.uvarint(), Term: d.uvarint(), Conf: &raftpb.ConfState{}}
	for _, ids := range confLists(m.Conf) {
		n := d.uvarint()
		if n > maxMembers {
			d.bad = true
		}
		for range n {
			if d.bad {
				return m
			}
			*ids = append(*ids, d.uvarint())
		}
	}
	switch d.byte() {
	case 0:
	case 1:
		m.Conf.AutoLeave = new(true)
	default:
		d.bad = true
	}
	return m
}

func (d *decoder) byte() byte {
	if d.bad || len(d.rest) == 0 {
		d.bad = true
		return 0
	}
	b := d.rest[0]
	d.rest = d.rest[1:]
	return b
}

func (d *decoder) uvarint() uint64 {
	if d.bad {
		return 0
	}
	v, n := binary.Uvarint(d.rest)
	if n <= 0 {
		d.bad = true
		return 0
	}
	d.rest = d.rest[n:]
	return v
}

func (d *decoder) bytes() []byte {
	n := d.uvarint()
	if d.bad || n > uint64(len(d.rest)) {
		d.bad = true
		return nil
	}
	b := d.rest[:n]
	d.rest = d.rest[n:]
	return b
}
