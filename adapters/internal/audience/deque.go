package audience

// deque is a list that grows at its end and shrinks at its front. Its zero value is
// empty.
type deque[T any] struct {
	items []T
	front int // index of the first; those before were removed
}

func (d *deque[T]) push(v T) { d.items = append(d.items, v) }

// all returns what is in it, oldest first. It is valid until the next change.
func (d *deque[T]) all() []T { return d.items[d.front:] }

func (d *deque[T]) len() int { return len(d.items) - d.front }

// pop removes the oldest and returns it. It costs a constant on average: what remains is
// moved to the front when it is not more than what was removed.
func (d *deque[T]) pop() T {
	v := d.items[d.front]
	var none T
	d.items[d.front] = none
	d.front++
	if d.front >= d.len() {
		d.compact()
	}
	return v
}

// compact moves what there is to the front, and into less memory if it was far more once.
func (d *deque[T]) compact() {
	rest := d.all()
	if len(rest) < cap(d.items)/8 { //nolint:mnd // so that it is rare
		d.items = append([]T(nil), rest...)
	} else {
		n := copy(d.items, rest)
		clear(d.items[n:])
		d.items = d.items[:n]
	}
	d.front = 0
}
