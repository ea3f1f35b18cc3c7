// Package crash kills servers under load, as kill -9 does, starts them again on
// the same data, and checks that every acknowledged write is found, that none
// is invented, and that revisions are in order and without a gap.
//
// It has tests only. A target is a process that can be killed: the store alone,
// served by this test's own binary over a loopback socket (store_test.go), or
// the real server, built from cmd/apiserver and written to through client-go
// (server_test.go). The load and the checks are the same (load_test.go,
// journal_test.go). A further target needs the six methods of the interface.
//
// Each test kills 50 times. BINNACLE_KILLS sets another number, BINNACLE_SEED
// repeats the choices of a run, though not its timing.
//
// What a killed process has written without a sync is still in the kernel: a
// power cut is the business of the crash tests of storage/replicated, which
// have disks that forget.
package crash
