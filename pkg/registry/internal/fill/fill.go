// Package fill holds the two ways in which a kind's defaults fill in what a
// client left out. Both leave alone what is there, so that defaulting twice is
// defaulting once.
package fill

// Pointer sets *p to v where *p is nil.
func Pointer[T any](p **T, v T) {
	if *p == nil {
		*p = &v
	}
}

// Value sets *p to v where *p is the zero value.
func Value[T comparable](p *T, v T) {
	var zero T
	if *p == zero {
		*p = v
	}
}
