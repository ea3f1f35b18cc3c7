package batch

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// scheduleField is a field of a cron line: the values that it may have, and their
// names if they have some.
type scheduleField struct {
	min, max uint
	names    []string // of min, min+1, ...
}

var scheduleFields = [...]scheduleField{
	{min: 0, max: 59}, // minute
	{min: 0, max: 23}, // hour
	{min: 1, max: 31}, // day of the month
	{min: 1, max: 12, names: []string{"jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"}},
	{min: 0, max: 6, names: []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"}},
}

// checkSchedule says what is wrong with a cron line of five fields, or with a
// descriptor: @hourly, @every 1h30m.
func checkSchedule(s string) error {
	if s == "" {
		return errors.New("empty spec string")
	}
	if strings.HasPrefix(s, "@") {
		return checkDescriptor(s)
	}
	parts := strings.Fields(s)
	if len(parts) != len(scheduleFields) {
		return fmt.Errorf("expected exactly %d fields, found %d: %s", len(scheduleFields), len(parts), parts)
	}
	for i, p := range parts {
		for expr := range strings.FieldsFuncSeq(p, func(r rune) bool { return r == ',' }) {
			if err := scheduleFields[i].check(expr); err != nil {
				return err
			}
		}
	}
	return nil
}

func checkDescriptor(s string) error {
	switch s {
	case "@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly":
		return nil
	}
	if every, ok := strings.CutPrefix(s, "@every "); ok {
		if _, err := time.ParseDuration(every); err != nil {
			return fmt.Errorf("failed to parse duration %s: %s", s, err)
		}
		return nil
	}
	return fmt.Errorf("unrecognized descriptor: %s", s)
}

// check says what is wrong with one expression: *, 5, 1-5, */2, 10-20/3.
func (f *scheduleField) check(expr string) error {
	bounds, step, hasStep := strings.Cut(expr, "/")
	if strings.Contains(step, "/") {
		return fmt.Errorf("too many slashes: %s", expr)
	}
	start, end, err := f.bounds(bounds, expr)
	if err != nil {
		return err
	}
	if hasStep {
		n, err := parseNumber(step)
		if err != nil {
			return err
		}
		if !strings.Contains(bounds, "-") {
			end = f.max // 5/10 is 5-59/10
		}
		if n == 0 {
			return fmt.Errorf("step of range should be a positive number: %s", expr)
		}
	}
	switch {
	case start < f.min:
		return fmt.Errorf("beginning of range (%d) below minimum (%d): %s", start, f.min, expr)
	case end > f.max:
		return fmt.Errorf("end of range (%d) above maximum (%d): %s", end, f.max, expr)
	case start > end:
		return fmt.Errorf("beginning of range (%d) beyond end of range (%d): %s", start, end, expr)
	}
	return nil
}

func (f *scheduleField) bounds(s, expr string) (start, end uint, err error) {
	low, high, isRange := strings.Cut(s, "-")
	if low == "*" || low == "?" {
		return f.min, f.max, nil
	}
	if start, err = f.value(low); err != nil {
		return 0, 0, err
	}
	if !isRange {
		return start, start, nil
	}
	if strings.Contains(high, "-") {
		return 0, 0, fmt.Errorf("too many hyphens: %s", expr)
	}
	end, err = f.value(high)
	return start, end, err
}

func (f *scheduleField) value(s string) (uint, error) {
	for i, name := range f.names {
		if strings.EqualFold(name, s) {
			return f.min + uint(i), nil
		}
	}
	return parseNumber(s)
}

func parseNumber(s string) (uint, error) {
	n, err := strconv.Atoi(s)
	if err != nil {
		return 0, fmt.Errorf("failed to parse int from %s: %s", s, err)
	}
	if n < 0 {
		return 0, fmt.Errorf("negative number (%d) not allowed: %s", n, s)
	}
	return uint(n), nil
}
