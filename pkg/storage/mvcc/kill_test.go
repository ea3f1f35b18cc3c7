package mvcc

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/binnacle-io/binnacle/pkg/storage"
)

// killPath tells the child process of TestKill where its database is.
const killPath = "MVCC_TEST_KILL_PATH"

// killEntry is the entry of an index: every process makes the same log. It
// writes one of 50 keys, and now and then compacts.
func killEntry(t testing.TB, index uint64) Entry {
	c := &Command{Kind: CommandTxns, Txns: []*storage.Txn{putTxn(fmt.Sprintf("/k/%d", index*7%50), strings.Repeat(fmt.Sprint(index), 100))}}
	if index%40 == 0 {
		c = &Command{Kind: CommandCompact, Revision: int64(index - index/40 - 20)}
	}
	data, err := AppendCommand(nil, c)
	if err != nil {
		t.Fatal(err)
	}
	return Entry{Index: index, Term: 1, Data: data}
}

// TestKillChild is the process that TestKill kills. It applies the log from
// where its database is and says how far that is durable.
func TestKillChild(t *testing.T) {
	path := os.Getenv(killPath)
	if path == "" {
		t.Skip("runs as the child of TestKill")
	}
	s, err := Open(Config{Path: path, FlushInterval: 1})
	if err != nil {
		t.Fatal(err)
	}
	stop := running(s)
	said := uint64(0)
	for index := s.AppliedIndex() + 1; index < 1_000_000; index++ {
		if _, err := s.Apply([]Entry{killEntry(t, index)}); err != nil {
			t.Fatal(err)
		}
		if i, _ := s.DurableIndex(); i != said {
			said = i
			fmt.Println("durable", i)
		}
		if index-said > 200 { // bounds how long the log gets
			if err := s.Flush(); err != nil {
				t.Fatal(err)
			}
		}
	}
	t.Fatal(stop())
}

// TestKill kills a process that writes, again and again, and checks each time
// that what it called durable is there, whole, and as the log says.
func TestKill(t *testing.T) {
	if testing.Short() {
		t.Skip("starts processes")
	}
	g := seeded(t)
	path := dbPath(t)
	for range 8 {
		durable := killAfter(t, path, 1+g.IntN(15))
		if _, err := CheckFile(path); err != nil {
			t.Fatal(err)
		}
		s, err := Open(Config{Path: path})
		if err != nil {
			t.Fatal(err)
		}
		index := s.AppliedIndex()
		if index < durable {
			t.Fatalf("applied index %d, but %d was durable", index, durable)
		}
		// The same log on an empty store leads to the same state.
		x := newTester(t, Config{})
		for i := range index {
			if _, err := x.Apply([]Entry{killEntry(t, i+1)}); err != nil {
				t.Fatal(err)
			}
		}
		got, err := s.HashKV(t.Context(), 0)
		if err != nil {
			t.Fatal(err)
		}
		if want := x.hash(0); got != want {
			t.Fatalf("hash %+v at index %d, want %+v", got, index, want)
		}
		if err := s.Check(); err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// killAfter starts the child, kills it after it spoke n times, and returns the
// last index that it called durable.
func killAfter(t *testing.T, path string, n int) (durable uint64) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestKillChild$")
	cmd.Env = append(os.Environ(), killPath+"="+path)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for n > 0 && lines.Scan() {
		if _, err := fmt.Sscanf(lines.Text(), "durable %d", &durable); err != nil {
			t.Error(lines.Text())
		}
		n--
	}
	if n > 0 {
		rest, _ := io.ReadAll(out)
		t.Errorf("child ended by itself: %s", rest)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Error(err)
	}
	// What it said before it died counts too.
	for lines.Scan() {
		if _, err := fmt.Sscanf(lines.Text(), "durable %d", &durable); err != nil {
			break // a line cut off
		}
	}
	_ = cmd.Wait() // it was killed
	return durable
}
