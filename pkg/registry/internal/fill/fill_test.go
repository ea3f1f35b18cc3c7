package fill

import "testing"

func TestFill(t *testing.T) {
	var p *int
	Pointer(&p, 3)
	Pointer(&p, 4)
	s := ""
	Value(&s, "a")
	Value(&s, "b")
	list := []int{}
	NoEmpty(&list)
	if *p != 3 || s != "a" || list != nil {
		t.Errorf("got %d %q %v", *p, s, list)
	}
}
