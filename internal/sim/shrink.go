package sim

import "slices"

// Shrink leaves out of a case whatever it still fails without.
func Shrink(c Case, fails func(Case) bool) Case {
	for {
		small := shrinkOnce(c, fails)
		if size(small) == size(c) {
			return small
		}
		c = small
	}
}

// size is how much there is to leave out.
func size(c Case) int {
	n := len(c.Acts) + c.Workers
	for _, a := range c.Acts {
		if a.Run != nil {
			n += len(a.Run.Events) + len(a.Run.Faults)
		}
	}
	return n
}

func shrinkOnce(c Case, fails func(Case) bool) Case {
	for part := (len(c.Acts) + 1) / 2; part > 0; part /= 2 {
		for i := 0; i+part <= len(c.Acts); {
			less := c
			less.Acts = slices.Delete(slices.Clone(c.Acts), i, i+part)
			if fails(less) {
				c = less
			} else {
				i++
			}
		}
	}
	for i := range c.Acts {
		r := c.Acts[i].Run
		if r == nil {
			continue
		}
		with := func(f func(*Run)) Case {
			less, changed := c, *c.Acts[i].Run
			changed.Events, changed.Faults = slices.Clone(changed.Events), slices.Clone(changed.Faults)
			f(&changed)
			less.Acts = slices.Clone(c.Acts)
			less.Acts[i].Run = &changed
			return less
		}
		for j := len(r.Events) - 1; j >= 0; j-- {
			if less := with(func(r *Run) { r.Events = slices.Delete(r.Events, j, j+1) }); fails(less) {
				c = less
			}
		}
		for j := len(r.Faults) - 1; j >= 0; j-- {
			if less := with(func(r *Run) { r.Faults = slices.Delete(r.Faults, j, j+1) }); fails(less) {
				c = less
			}
		}
		for _, f := range [...]func(*Run){
			func(r *Run) { r.Full = false }, func(r *Run) { r.AllowDeletes = false }, func(r *Run) { r.Recreate = false },
		} {
			if less := with(f); fails(less) {
				c = less
			}
		}
	}
	for c.Workers > 1 {
		less := c
		less.Workers--
		if !fails(less) {
			break
		}
		c = less
	}
	return c
}
