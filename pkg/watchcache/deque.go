package watchcache

// deque is a first-in-first-out queue that can be indexed. Its memory follows
// its length, both ways.
type deque[T any] struct {
	buf  []T // length is zero or a power of two
	head int
	n    int
}

const minDeque = 8

func (d *deque[T]) len() int { return d.n }

func (d *deque[T]) at(i int) T { return d.buf[(d.head+i)&(len(d.buf)-1)] }

func (d *deque[T]) push(v T) {
	if d.n == len(d.buf) {
		d.resize(max(minDeque, 2*d.n))
	}
	d.buf[(d.head+d.n)&(len(d.buf)-1)] = v
	d.n++
}

func (d *deque[T]) pop() T {
	var zero T
	v := d.buf[d.head]
	d.buf[d.head] = zero
	d.head = (d.head + 1) & (len(d.buf) - 1)
	d.n--
	if d.n <= len(d.buf)/4 && len(d.buf) > minDeque {
		d.resize(len(d.buf) / 2)
	}
	return v
}

func (d *deque[T]) resize(size int) {
	buf := make([]T, size)
	for i := range d.n {
		buf[i] = d.at(i)
	}
	d.buf, d.head = buf, 0
}
