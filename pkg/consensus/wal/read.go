package wal

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/binnacle-io/binnacle/pkg/consensus/vfs"
)

// maxSegment bounds the file that is read as one segment.
const maxSegment = 1 << 31

// segment is what is known of a file of the log.
type segment struct {
	name     string
	number   uint64
	maxIndex uint64 // of any entry in it, replaced ones too; 0 for none
	size     int64
}

// listing is what is in a log's directory.
type listing struct {
	segments []segment // consecutive
	// leftovers are segments before a gap in the numbers: their removal was
	// under way when the machine went down.
	leftovers []string
	temporary []string
}

// list reads the directory of a log. A directory without segments gives
// ErrNotExist.
func list(fsys vfs.FS, dir string) (*listing, error) {
	names, err := fsys.List(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%w in %s", ErrNotExist, dir)
	}
	if err != nil {
		return nil, err
	}
	l := &listing{}
	for _, name := range names {
		number, _, ok := parseName(name)
		switch {
		case strings.HasSuffix(name, tmpSuffix):
			l.temporary = append(l.temporary, name)
		case !ok:
			// not ours, not touched
		default:
			if n := len(l.segments); n > 0 && l.segments[n-1].number+1 != number {
				if l.segments[n-1].number == number {
					return nil, corrupt(name, 0, "there are two segments of this number")
				}
				for _, s := range l.segments {
					l.leftovers = append(l.leftovers, s.name)
				}
				l.segments = nil
			}
			l.segments = append(l.segments, segment{name: name, number: number})
		}
	}
	if len(l.segments) == 0 {
		return l, fmt.Errorf("%w in %s", ErrNotExist, dir)
	}
	return l, nil
}

// reading is the outcome of reading all segments.
type reading struct {
	segments []segment
	state    State
	header   header // of the last segment
	end      int64  // where its last valid frame ends
	size     int64  // of its file
	torn     int64  // bytes after end that are not zeros allocated ahead
	frame    uint64 // number of the next frame
	prev     uint32 // CRC of the last one
	newest   []byte // the last frame
	frames   int
}

// read reads and checks a whole log, keeping entries from index from on.
func read(fsys vfs.FS, dir string, segments []segment, from uint64) (*reading, error) {
	r := &reading{segments: segments}
	rep := &replay{from: from}
	var buf []byte
	for i := range segments {
		s := &segments[i]
		data, err := readFile(fsys, filepath.Join(dir, s.name), buf)
		if err != nil {
			return nil, fmt.Errorf("read segment: %w", err)
		}
		buf = data
		if err := r.segment(rep, s, data, i == 0, i == len(segments)-1); err != nil {
			return nil, err
		}
	}
	if err := rep.finish(); err != nil {
		return nil, corrupt(segments[len(segments)-1].name, r.end, "%v", err)
	}
	r.state = rep.state
	return r, nil
}

// segment reads one segment.
func (r *reading) segment(rep *replay, s *segment, data []byte, first, last bool) error {
	h, err := decodeHeader(s.name, data)
	if err != nil {
		return err
	}
	if segmentName(h.number, h.first) != s.name {
		return corrupt(s.name, 0, "the header says it is %s", segmentName(h.number, h.first))
	}
	if first {
		r.frame, r.prev = h.frame, h.prev
	}
	if h.frame != r.frame || h.prev != r.prev {
		return corrupt(s.name, 0, "it does not continue the segment before")
	}
	if err := rep.begin(&h); err != nil {
		return corrupt(s.name, 0, "%v", err)
	}
	at, newest := headerSize, 0
	for {
		f, ok := decodeFrame(data[at:], h.crc)
		if !ok {
			break
		}
		if f.number != r.frame || f.prev != r.prev {
			return corrupt(s.name, int64(at), "frame %d does not continue frame %d", f.number, r.frame-1)
		}
		if err := decodeItems(&f, rep); err != nil {
			return corrupt(s.name, int64(at), "%v", err)
		}
		r.frame, r.prev = f.number+1, f.crc
		r.frames++
		newest = at
		at += f.size
	}
	if at == headerSize {
		return corrupt(s.name, int64(at), "the first frame is damaged")
	}
	s.size, s.maxIndex = int64(at), rep.maxIndex
	r.header, r.end, r.size = h, int64(at), int64(len(data))
	if last {
		r.newest = bytes.Clone(data[newest:at])
	}
	tail := trimZeros(data[at:])
	if len(tail) == 0 {
		return nil
	}
	if !last {
		return corrupt(s.name, int64(at), "a frame is damaged")
	}
	if off, ok := findFrame(data[at:], h.crc, r.frame); ok {
		return corrupt(s.name, int64(at), "a frame is damaged, but a valid one follows at byte %d", at+off)
	}
	r.torn = int64(len(tail))
	return nil
}

// findFrame looks for a valid frame with number next or above.
func findFrame(data []byte, seed uint32, next uint64) (off int, ok bool) {
	// Frame n is synced before n+1 is written, so no more than a few numbers
	// are possible; the limit is wide because being wrong here costs data.
	const span = 1 << 32
	for off := 0; off+frameSize <= len(data); off += alignment {
		if number := frameNumber(data[off:]); number < next || number-next > span {
			continue
		}
		if _, ok := decodeFrame(data[off:], seed); ok {
			return off, true
		}
	}
	return 0, false
}

// trimZeros cuts the zeros off the end of data.
func trimZeros(data []byte) []byte {
	for len(data) > 0 && data[len(data)-1] == 0 {
		data = data[:len(data)-1]
	}
	return data
}

// readFile reads a whole file, into buf if it is large enough.
func readFile(fsys vfs.FS, name string, buf []byte) (data []byte, err error) {
	f, err := fsys.OpenRead(name)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	size, err := f.Size()
	if err != nil {
		return nil, err
	}
	if size > maxSegment {
		return nil, corrupt(filepath.Base(name), size, "the file is too large")
	}
	if int64(cap(buf)) < size {
		buf = make([]byte, size)
	}
	buf = buf[:size]
	if n, err := f.ReadAt(buf, 0); err != nil && !(errors.Is(err, io.EOF) && n == len(buf)) {
		return nil, err
	}
	return buf, nil
}
