package storage

// PrefixEnd returns the RangeEnd of the range of all keys that begin with
// prefix; "\x00" (all keys from prefix on) when no such key exists.
func PrefixEnd(prefix string) string {
	end := []byte(prefix)
	for i := len(end) - 1; i >= 0; i-- {
		if end[i] < 0xff {
			end[i]++
			return string(end[:i+1])
		}
	}
	return "\x00"
}

// InRange reports whether key lies in the range of (start, end) as Op reads it.
func InRange(key, start, end string) bool {
	switch end {
	case "":
		return key == start
	case "\x00":
		return key >= start
	}
	return key >= start && key < end
}
