// Package fill holds the ways in which a kind's defaults fill in what a client
// left out. They leave alone what is there, so that defaulting twice is
// defaulting once.
package fill

// Pointer sets *p to v where *p is nil.
func Pointer[T any](p **T, v T) {
	if *p == nil {
		*p = &v
	}
}

// NoEmpty makes an empty list nil, which is what it is once it has been stored.
func NoEmpty[T any](list *[]T) {
	if len(*list) == 0 {
		*list = nil
	}
}

// Value sets *p to v where *p is the zero value.
func Value[T comparable](p *T, v T) {
	var zero T
	if *p == zero {
		*p = v
	}
}
