package core

import "strconv"

// decimal prints a number as selectors compare it.
func decimal(n int32) string { return strconv.FormatInt(int64(n), 10) }

// orZero returns what p points to, 0 for nil.
func orZero(p *int32) int32 {
	if p == nil {
		return 0
	}
	return *p
}
