package main

import (
	"fmt"
	"io"
)

// result is what a phase measured.
type result struct {
	Phase          string  `json:"phase"`
	Ops            int     `json:"ops"`
	Errors         int     `json:"errors"`
	Seconds        float64 `json:"seconds"`
	PerSecond      float64 `json:"perSecond"`
	P50ms          float64 `json:"p50ms"`
	P99ms          float64 `json:"p99ms"`
	CPUMicrosPerOp float64 `json:"cpuMicrosPerOp"`
	RSSMB          float64 `json:"rssMB"`
	BytesPerOp     float64 `json:"bytesPerOp"`
	Comment        string  `json:"comment,omitempty"`
}

// printHead begins the table, in Markdown so that it can be pasted.
func printHead(w io.Writer, processes []int) {
	if u := usageOf(processes); u.rss > 0 {
		fmt.Fprintf(w, "resident at the start: %.0f MB\n\n", u.rss)
	}
	fmt.Fprintln(w, "| phase | ops | errors | per second | p50 ms | p99 ms | server CPU us/op | resident MB | bytes/op |")
	fmt.Fprintln(w, "|---|---|---|---|---|---|---|---|---|")
}

func (r *result) print(w io.Writer) {
	fmt.Fprintf(w, "| %s | %d | %d | %.0f | %.2f | %.2f | %.1f | %.0f | %.0f |", r.Phase, r.Ops, r.Errors, r.PerSecond, r.P50ms, r.P99ms, r.CPUMicrosPerOp, r.RSSMB, r.BytesPerOp)
	if r.Comment != "" {
		fmt.Fprint(w, " ", r.Comment)
	}
	fmt.Fprintln(w)
}
