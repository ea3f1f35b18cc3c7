package server

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// tree lists what is below a directory, "" for one that is not there.
func tree(t *testing.T, dir string) string {
	t.Helper()
	var out []string
	err := filepath.Walk(dir, func(path string, info os.FileInfo, err error) error {
		if errors.Is(err, os.ErrNotExist) {
			return nil
		}
		if err == nil && path != dir {
			rel, _ := filepath.Rel(dir, path)
			out = append(out, rel)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(out)
	return strings.Join(out, " ")
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestDataDirIsMadeAndKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a", "b", "data")
	d, err := openDataDir(path, true)
	if err != nil {
		t.Fatal(err)
	}
	id := d.id
	if id.cluster == 0 || id.member == 0 {
		t.Errorf("%+v", id)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if _, err := openDataDir(path, true); err == nil || !strings.Contains(err.Error(), "in use by another process") {
		t.Errorf("a second time: %v", err)
	}
	d.close()
	again, err := openDataDir(path, false)
	if err != nil {
		t.Fatal(err)
	}
	defer again.close()
	if again.id != id {
		t.Errorf("%+v, was %+v", again.id, id)
	}
}

func TestDataDirRefusals(t *testing.T) {
	for name, c := range map[string]struct {
		files  map[string]string
		create bool
		says   string
	}{
		"foreign":          {files: map[string]string{"letters.txt": "dear"}, create: true, says: "holds other things (letters.txt, ...) and no BINNACLE file"},
		"etcd's":           {files: map[string]string{"member/snap/db": "x"}, create: true, says: "holds other things"},
		"empty, to check":  {files: map[string]string{}, says: "is not a data directory of this server"},
		"newer":            {files: map[string]string{"BINNACLE": "binnacle data format 2\nthings\n"}, create: true, says: "use a newer version"},
		"damaged":          {files: map[string]string{"BINNACLE": "binnacle data format 1\ncluster x\n"}, create: true, says: "damaged BINNACLE file"},
		"zero":             {files: map[string]string{"BINNACLE": "binnacle data format 1\ncluster 0\nmember 0\n"}, create: true, says: "damaged BINNACLE file"},
		"an empty marker":  {files: map[string]string{"BINNACLE": ""}, create: true, says: "format"},
		"a marker to come": {files: map[string]string{"BINNACLE.tmp": "x"}, create: true, says: "holds other things"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			for f, text := range c.files {
				write(t, filepath.Join(dir, f), text)
			}
			before := tree(t, dir)
			_, err := openDataDir(dir, c.create)
			if err == nil || !strings.Contains(err.Error(), c.says) || !strings.Contains(err.Error(), dir) || strings.Contains(err.Error(), "\n") {
				t.Errorf("%v", err)
			}
			if after := tree(t, dir); after != before {
				t.Errorf("it left %q, there was %q", after, before)
			}
		})
	}
	if _, err := openDataDir(filepath.Join(t.TempDir(), "none"), false); err == nil || !strings.Contains(err.Error(), "does not exist") {
		t.Error(err)
	}
	file := filepath.Join(t.TempDir(), "file")
	write(t, file, "x")
	if _, err := openDataDir(file, true); err == nil || !strings.Contains(err.Error(), "cannot be read") {
		t.Error(err)
	}
	if _, err := openDataDir(filepath.Join(file, "below"), true); err == nil {
		t.Error("a directory below a file")
	}
}

// TestDataDirUndo: a failure after the directory was made leaves nothing, not
// even the parents.
func TestDataDirUndo(t *testing.T) {
	dir := t.TempDir()
	d, err := openDataDir(filepath.Join(dir, "x", "data"), true)
	if err != nil {
		t.Fatal(err)
	}
	d.undo()
	if left := tree(t, dir); left != "" {
		t.Errorf("left %q", left)
	}
}

// TestDataDirWithCertificates: certificates may be put there beforehand.
func TestDataDirWithCertificates(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "pki", "ca.crt"), "x")
	d, err := openDataDir(dir, true)
	if err != nil {
		t.Fatal(err)
	}
	d.undo()
	if left := tree(t, dir); left != "pki pki/ca.crt" {
		t.Errorf("left %q", left)
	}
}

func TestReadOnlyDataDir(t *testing.T) {
	if os.Getuid() == 0 {
		t.Skip("root may write everywhere")
	}
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o500); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{dir, filepath.Join(dir, "data")} {
		if _, err := openDataDir(path, true); !errors.Is(err, os.ErrPermission) {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func FuzzMarker(f *testing.F) {
	f.Add(identity{cluster: 1, member: 1<<64 - 1}.String())
	f.Add("binnacle data format 1\ncluster 1\nmember")
	f.Fuzz(func(t *testing.T, text string) {
		id, err := parseMarker(text)
		if err != nil {
			return
		}
		if again, err := parseMarker(id.String()); err != nil || again != id {
			t.Fatalf("%+v became %+v, %v", id, again, err)
		}
	})
}
