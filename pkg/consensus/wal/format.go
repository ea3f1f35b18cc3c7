package wal

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"strconv"
	"strings"
)

const (
	version    = 1
	magic      = "BINNWAL\n"
	headerSize = 64
	frameSize  = 24 // of a frame's fixed part
	alignment  = 8
	// maxBody bounds the body of a frame: room for the largest entry that a
	// member may be configured to take, and a chunk of small ones.
	maxBody = 128 << 20

	suffix    = ".wal"
	tmpSuffix = ".tmp"
	lockName  = "LOCK"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// header opens a segment.
type header struct {
	number     uint64 // of the segment
	first      uint64 // index
	frame      uint64 // number of the first frame
	cluster    uint64
	member     uint64
	prev       uint32 // CRC of the frame before
	crc        uint32 // of the header; the seed of the frames' CRCs
	versionNum uint32
}

func (h *header) encode(buf []byte) []byte {
	at := len(buf)
	buf = append(buf, magic...)
	buf = binary.LittleEndian.AppendUint32(buf, version)
	buf = binary.LittleEndian.AppendUint32(buf, headerSize)
	buf = binary.LittleEndian.AppendUint64(buf, h.number)
	buf = binary.LittleEndian.AppendUint64(buf, h.first)
	buf = binary.LittleEndian.AppendUint64(buf, h.frame)
	buf = binary.LittleEndian.AppendUint64(buf, h.cluster)
	buf = binary.LittleEndian.AppendUint64(buf, h.member)
	buf = binary.LittleEndian.AppendUint32(buf, h.prev)
	h.versionNum = version
	h.crc = crc32.Checksum(buf[at:], castagnoli)
	return binary.LittleEndian.AppendUint32(buf, h.crc)
}

// decodeHeader reads the header of the segment called name.
func decodeHeader(name string, data []byte) (header, error) {
	var h header
	if len(data) < headerSize {
		return h, corrupt(name, int64(len(data)), "the header is cut short")
	}
	if string(data[:8]) != magic {
		return h, corrupt(name, 0, "not a log segment")
	}
	// The version comes before the checksum: a newer header may be laid out
	// differently from here on.
	h.versionNum = binary.LittleEndian.Uint32(data[8:])
	if h.versionNum > version {
		return h, fmt.Errorf("%w: %s has version %d, this program reads up to %d", ErrVersion, name, h.versionNum, version)
	}
	h.crc = crc32.Checksum(data[:60], castagnoli)
	if h.crc != binary.LittleEndian.Uint32(data[60:]) || h.versionNum == 0 ||
		binary.LittleEndian.Uint32(data[12:]) != headerSize {
		return h, corrupt(name, 0, "the header is damaged")
	}
	h.number = binary.LittleEndian.Uint64(data[16:])
	h.first = binary.LittleEndian.Uint64(data[24:])
	h.frame = binary.LittleEndian.Uint64(data[32:])
	h.cluster = binary.LittleEndian.Uint64(data[40:])
	h.member = binary.LittleEndian.Uint64(data[48:])
	h.prev = binary.LittleEndian.Uint32(data[56:])
	return h, nil
}

// segmentName is the name of a segment's file.
func segmentName(number, first uint64) string {
	return fmt.Sprintf("%016x-%016x%s", number, first, suffix)
}

// parseName is the inverse of segmentName.
func parseName(name string) (number, first uint64, ok bool) {
	base, found := strings.CutSuffix(name, suffix)
	if !found || len(base) != 33 || base[16] != '-' {
		return 0, 0, false
	}
	number, err1 := strconv.ParseUint(base[:16], 16, 64)
	first, err2 := strconv.ParseUint(base[17:], 16, 64)
	ok = err1 == nil && err2 == nil && segmentName(number, first) == name
	return number, first, ok
}

// frame is a decoded frame. The body is a part of what it was decoded from.
type frame struct {
	number uint64
	prev   uint32
	crc    uint32
	items  uint32
	body   []byte
	size   int // with its fixed part and padding
}

// padded rounds n up to the alignment of frames.
func padded(n int) int { return (n + alignment - 1) &^ (alignment - 1) }

// beginFrame leaves room for the fixed part of a frame at the end of buf.
func beginFrame(buf []byte) []byte { return append(buf, make([]byte, frameSize)...) }

// endFrame completes the frame that begins at start of buf, pads it and returns
// its CRC.
func endFrame(buf []byte, start int, seed uint32, number uint64, prev, items uint32) ([]byte, uint32) {
	f := buf[start:]
	body := len(f) - frameSize
	binary.LittleEndian.PutUint32(f[0:], uint32(body))
	binary.LittleEndian.PutUint64(f[8:], number)
	binary.LittleEndian.PutUint32(f[16:], prev)
	binary.LittleEndian.PutUint32(f[20:], items)
	crc := frameCRC(seed, f)
	binary.LittleEndian.PutUint32(f[4:], crc)
	for range padded(body) - body {
		buf = append(buf, 0)
	}
	return buf, crc
}

// frameCRC is the CRC of f, a frame without its padding.
func frameCRC(seed uint32, f []byte) uint32 {
	crc := crc32.Update(seed, castagnoli, f[:4])
	return crc32.Update(crc, castagnoli, f[8:])
}

// decodeFrame reads the frame at the start of data; ok is false when there is
// no whole and undamaged one.
func decodeFrame(data []byte, seed uint32) (f frame, ok bool) {
	if len(data) < frameSize {
		return f, false
	}
	body := int64(binary.LittleEndian.Uint32(data))
	if body == 0 || body > maxBody || body > int64(len(data)-frameSize) {
		return f, false
	}
	end := frameSize + int(body)
	f.size = frameSize + padded(int(body))
	if f.size > len(data) {
		return f, false
	}
	f.crc = binary.LittleEndian.Uint32(data[4:])
	if f.crc != frameCRC(seed, data[:end]) {
		return f, false
	}
	for _, pad := range data[end:f.size] {
		if pad != 0 {
			return f, false
		}
	}
	f.number = binary.LittleEndian.Uint64(data[8:])
	f.prev = binary.LittleEndian.Uint32(data[16:])
	f.items = binary.LittleEndian.Uint32(data[20:])
	f.body = data[frameSize:end]
	return f, true
}

// frameNumber reads the number of what may be a frame at the start of data,
// cheaply: it is how a scan finds the places that are worth a checksum.
func frameNumber(data []byte) uint64 { return binary.LittleEndian.Uint64(data[8:]) }
