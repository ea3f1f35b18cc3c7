package e2e

import (
	"bufio"
	"crypto/sha256"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/binnacle-io/binnacle/test/internal/process"
)

func apiserver(t testing.TB) string {
	t.Helper()
	binary, err := commands.Command("cmd/apiserver")
	if err != nil {
		t.Fatal(err)
	}
	return binary
}

// tree describes everything in a directory, so that two moments can be compared.
func tree(t testing.TB, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		what := info.Mode().String()
		if info.Mode().IsRegular() {
			content, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			what += fmt.Sprintf(" %d bytes %x of %v", len(content), sha256.Sum256(content), info.ModTime())
		}
		all[strings.TrimPrefix(path, dir)] = what
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// untouched fails the test when a directory is not as it was.
func untouched(t testing.TB, dir string, before map[string]string) {
	t.Helper()
	after := tree(t, dir)
	names := slices.Sorted(maps.Keys(before))
	for name := range after {
		if before[name] == "" {
			names = append(names, name)
		}
	}
	for _, name := range names {
		if before[name] != after[name] {
			t.Errorf("%s%s was %q and is %q", dir, name, before[name], after[name])
		}
	}
}

// stoppedData is a data directory whose server has ended.
func stoppedData(t testing.TB) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "data")
	s := process.Start(t, apiserver(t), "--data-dir", dir, "--secure-port", "0")
	s.Signal(t, syscall.SIGTERM)
	if code := s.Wait(t); code != 0 {
		t.Fatalf("exit code %d:\n%s", code, s.Log())
	}
	return dir
}

// TestRefusals starts the server where it must not start: it says why in one
// line, exits with 1 and leaves everything as it was.
func TestRefusals(t *testing.T) {
	data := stoppedData(t)
	foreign := write(t, map[string]string{"thesis.tex": "years of work"})
	newer := write(t, map[string]string{"BINNACLE": "binnacle data format 99\nwhatever\n"})
	damaged := write(t, map[string]string{"BINNACLE": "binnacle data format 1\ncluster\n"})
	file := write(t, map[string]string{"file": ""})
	files := write(t, map[string]string{"garbage.pem": "not PEM", "tokens.csv": "only-a-token\n"})
	broken := write(t, map[string]string{"ca.crt": "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "ca.key": "nothing"})
	half := write(t, map[string]string{"ca.crt": readFile(t, data, "pki/ca.crt")})
	fresh, empty := t.TempDir(), t.TempDir()
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	_, busyPort, _ := net.SplitHostPort(busy.Addr().String())
	garbage := filepath.Join(files, "garbage.pem")

	// Those that get as far as to listen must not meet another server.
	const anyPort = " --secure-port 0"
	for _, c := range []struct {
		name string
		args string
		want string // of the one line
	}{
		{"port in use", "--secure-port " + busyPort + " --data-dir " + fresh + "/data", `127\.0\.0\.1:` + busyPort + ` is in use: .*--secure-port`},
		{"port in use, data there", "--secure-port " + busyPort + " --data-dir " + data, `is in use`},
		{"address of another machine", "--bind-address 192.0.2.1 --data-dir " + fresh + "/data", `cannot listen on 192\.0\.2\.1:6443`},
		{"data directory below a file", "--data-dir " + file + "/file/data" + anyPort, `data directory .*/file/data cannot be (made|read): .*`},
		{"data directory is a file", "--data-dir " + file + "/file" + anyPort, `data directory .*/file cannot be (made|read): .*`},
		{"data directory cannot be made", "--data-dir /proc/data" + anyPort, `data directory /proc/data cannot be made: .*`},
		{"foreign data directory", "--data-dir " + foreign + anyPort, `data directory \S+ holds other things \(thesis\.tex, \.\.\.\) and no BINNACLE file`},
		{"data of a newer version", "--data-dir " + newer + anyPort, `use a newer version`},
		{"damaged marker", "--data-dir " + damaged + anyPort, `has a damaged BINNACLE file`},
		{"unknown flag", "--data-dri x", `flag provided but not defined: -data-dri`},
		{"flag without value", "--data-dir", `flag needs an argument: -data-dir`},
		{"port is no number", "--secure-port https", `invalid value "https" for flag -secure-port`},
		{"port out of range", "--secure-port 65536", `--secure-port 65536 is not between 0 and 65535`},
		{"address is none", "--bind-address localhost", `--bind-address "localhost" is not an IP address`},
		{"two faults in one line", "--bind-address x --service-cluster-ip-range y", `--bind-address "x" .*--service-cluster-ip-range "y"`},
		{"log level", "--log-level loud", `--log-level "loud": need debug, info, warn or error`},
		{"unknown command", "serve", `unknown command "serve"`},
		{"argument", "--secure-port 0 now", `unexpected argument "now"`},
		{"broken CA", "--pki-dir " + broken + " --data-dir " + fresh + "/data" + anyPort, `ca\.crt`},
		{"broken CA, data there", "--pki-dir " + broken + " --data-dir " + data + anyPort, `ca\.crt`},
		{"CA without its key", "--pki-dir " + half + " --data-dir " + fresh + "/data" + anyPort, `ca\.key`},
		{"broken certificate", "--tls-cert-file " + garbage + " --tls-private-key-file " + garbage + " --data-dir " + fresh + "/data" + anyPort, `garbage\.pem|--tls-cert-file`},
		{"certificate without key", "--tls-cert-file " + garbage, `--tls-cert-file and --tls-private-key-file go together`},
		{"missing certificate", "--tls-cert-file /none.crt --tls-private-key-file /none.key --data-dir " + fresh + "/data" + anyPort, `/none\.crt: no such file`},
		{"key of another certificate", "--tls-cert-file " + data + "/pki/admin.crt --tls-private-key-file " + data + "/pki/ca.key --data-dir " + fresh + "/data" + anyPort, `private key does not match public key`},
		{"broken client CA", "--client-ca-file " + garbage + " --data-dir " + fresh + "/data" + anyPort, `garbage\.pem`},
		{"broken token file", "--token-auth-file " + files + "/tokens.csv --data-dir " + fresh + "/data" + anyPort, `tokens\.csv`},
		{"missing token file", "--token-auth-file /none --data-dir " + fresh + "/data" + anyPort, `/none: no such file`},
		{"check of nothing", "check --data-dir " + fresh + "/none", `data directory \S+ does not exist`},
		{"check of an empty directory", "check --data-dir " + empty, `is not a data directory of this server`},
		{"check of a foreign directory", "check --data-dir " + foreign, `holds other things|is not a data directory`},
	} {
		t.Run(c.name, func(t *testing.T) {
			dirs := []string{data, foreign, newer, damaged, file, files, broken, half, fresh, empty}
			var before []map[string]string
			for _, d := range dirs {
				before = append(before, tree(t, d))
			}
			args := strings.Fields(c.args)
			r := process.Run(t, apiserver(t), args...)
			equal(t, "exit code", r.Code, 1)
			equal(t, "standard output", r.Stdout, "")
			want(t, r.Stderr, `\Aapiserver: .*`+c.want+`.*\n\z`)
			for i, d := range dirs {
				untouched(t, d, before[i])
			}
		})
	}
	if os.Geteuid() != 0 { // root may write everywhere
		t.Run("unwritable data directory", func(t *testing.T) {
			dir := t.TempDir()
			if err := os.Chmod(dir, 0o500); err != nil {
				t.Fatal(err)
			}
			before := tree(t, dir)
			r := process.Run(t, apiserver(t), "--data-dir", dir, "--secure-port", "0")
			equal(t, "exit code", r.Code, 1)
			want(t, r.Stderr, `\Aapiserver: data directory \S+ is not writable: .*\n\z`)
			untouched(t, dir, before)
		})
	}
}

func readFile(t testing.TB, elements ...string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(elements...))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestSecondProcess starts a second server on the data of one that runs, and
// checks the data meanwhile: both are refused, and the first goes on.
func TestSecondProcess(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	first := process.Start(t, apiserver(t), "--data-dir", dir, "--secure-port", "0")
	kubeconfig := readFile(t, dir, "admin.kubeconfig")
	second := process.Run(t, apiserver(t), "--data-dir", dir, "--secure-port", "0")
	equal(t, "exit code", second.Code, 1)
	want(t, second.Stderr, `\Aapiserver: data directory \S+ is in use by another process\n\z`)
	check := process.Run(t, apiserver(t), "check", "--data-dir", dir)
	equal(t, "exit code of check", check.Code, 1)
	want(t, check.Stderr, `\Aapiserver: .*is in use by another process\n\z`)
	equal(t, "kubeconfig", readFile(t, dir, "admin.kubeconfig"), kubeconfig)
	c := kubernetes.NewForConfigOrDie(clientConfig(t, first.Kubeconfig, asJSON))
	if _, err := c.CoreV1().ConfigMaps("default").Create(t.Context(), &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "a"}}, metav1.CreateOptions{}); err != nil {
		t.Error(err)
	}
}

// TestSignals ends a server that has work: requests finish, watches end cleanly,
// the exit code is 0 and everything is there after the next start.
func TestSignals(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	for i, sig := range []os.Signal{syscall.SIGTERM, os.Interrupt} {
		s := process.Start(t, apiserver(t), "--data-dir", dir, "--secure-port", "0", "--log-level", "warn")
		config := clientConfig(t, s.Kubeconfig, asJSON)
		c := kubernetes.NewForConfigOrDie(config)
		list, err := c.CoreV1().ConfigMaps("default").List(t.Context(), metav1.ListOptions{})
		if err != nil {
			t.Fatal(err)
		}
		equal(t, "ConfigMaps from before", len(list.Items), i)
		watches := openWatches(t, config, list.ResourceVersion, 20)
		name := fmt.Sprintf("cm-%d", i)
		if _, err := c.CoreV1().ConfigMaps("default").Create(t.Context(), &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: name}}, metav1.CreateOptions{}); err != nil {
			t.Fatal(err)
		}
		for _, w := range watches { // every one is served
			line, err := w.ReadString('\n')
			if err != nil || !strings.Contains(line, `"name":"`+name+`"`) {
				t.Fatalf("a watch said %q, %v", line, err)
			}
		}
		s.Signal(t, sig)
		for _, w := range watches {
			rest, err := io.ReadAll(w)
			if err != nil {
				t.Errorf("a watch ended with %v", err)
			}
			for line := range strings.Lines(string(rest)) {
				if !strings.Contains(line, `"type":"BOOKMARK"`) {
					t.Errorf("a watch ended with %q", line)
				}
			}
		}
		equal(t, "exit code", s.Wait(t), 0)
		equal(t, "further output", s.Output(), "")
		equal(t, "warnings and errors", s.Log(), "")
	}
	before := tree(t, dir)
	r := process.Run(t, apiserver(t), "check", "--data-dir", dir)
	equal(t, "exit code of check", r.Code, 0)
	want(t, r.Stdout, `: no faults found$`)
	untouched(t, dir, before)
}

// openWatches opens watches of ConfigMaps, several to a connection.
func openWatches(t *testing.T, config *rest.Config, resourceVersion string, n int) (all []*bufio.Reader) {
	t.Helper()
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		t.Fatal(err)
	}
	for range n {
		resp, err := client.Get(config.Host + configMapsPath + "?watch=true&resourceVersion=" + resourceVersion)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { resp.Body.Close() })
		equal(t, "status of a watch", resp.StatusCode, 200)
		all = append(all, bufio.NewReader(resp.Body))
	}
	return all
}

// TestCheck damages stopped data in ways that a disk can: check says so, and
// changes nothing.
func TestCheck(t *testing.T) {
	dir := stoppedData(t)
	damage := func(t *testing.T, pattern string, change func([]byte) []byte) {
		copied := filepath.Join(t.TempDir(), "data")
		if err := os.CopyFS(copied, os.DirFS(dir)); err != nil {
			t.Fatal(err)
		}
		paths, err := filepath.Glob(filepath.Join(copied, pattern))
		if err != nil || len(paths) == 0 {
			t.Fatalf("no %s in %v", pattern, tree(t, dir))
		}
		b, err := os.ReadFile(paths[0])
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(paths[0], change(b), 0o600); err != nil {
			t.Fatal(err)
		}
		before := tree(t, copied)
		r := process.Run(t, apiserver(t), "check", "--data-dir", copied)
		equal(t, "exit code", r.Code, 1)
		want(t, r.Stderr, `\Aapiserver: .*\n\z`)
		untouched(t, copied, before)
	}
	flip := func(at int) func([]byte) []byte {
		return func(b []byte) []byte { b[len(b)*at/100] ^= 0x10; return b }
	}
	t.Run("database cut", func(t *testing.T) { damage(t, "db", func(b []byte) []byte { return b[:len(b)/1000] }) })
	t.Run("database emptied", func(t *testing.T) { damage(t, "db", func(b []byte) []byte { return make([]byte, len(b)) }) })
	t.Run("log with a flipped bit", func(t *testing.T) { damage(t, "wal/*", flip(0)) })
}

func TestVersion(t *testing.T) {
	r := process.Run(t, apiserver(t), "version")
	equal(t, "exit code", r.Code, 0)
	want(t, r.Stdout, `\Aapiserver v\d+\.\d+\.\d+\S* go1\.\d+\S* \w+/\w+\n\z`)
	equal(t, "standard error", r.Stderr, "")
	help := process.Run(t, apiserver(t), "help")
	equal(t, "exit code of help", help.Code, 0)
	want(t, help.Stdout, `-data-dir`, `-secure-port`, `-auto-compaction-retention`)
}
