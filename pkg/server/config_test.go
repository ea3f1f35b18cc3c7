package server

import (
	"strings"
	"testing"
	"time"
)

func TestConfigDefaults(t *testing.T) {
	c := Config{}.WithDefaults()
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	if c.DataDir != "data" || c.PKIDir != "data/pki" || c.BindAddress != "127.0.0.1" || c.SecurePort != 6443 || c.AutoCompactionRetention != 5*time.Minute || c.Logger == nil {
		t.Errorf("%+v", c)
	}
	if c := (Config{DataDir: "x", AnyPort: true}).WithDefaults(); c.PKIDir != "x/pki" || c.SecurePort != 0 {
		t.Errorf("%+v", c)
	}
}

// TestConfigFaults: every fault names the flag that made it, all at once.
func TestConfigFaults(t *testing.T) {
	c := Config{BindAddress: "localhost", AdvertiseAddress: "x", SecurePort: 70000, ServiceClusterIPRange: "10.0.0.0/31",
		TLSCertFile: "a", MaxRequestsInflight: -1, AutoCompactionRetention: time.Millisecond}.WithDefaults()
	err := c.Validate()
	if err == nil {
		t.Fatal("no faults")
	}
	for _, flag := range []string{"--bind-address", "--advertise-address", "--secure-port", "--service-cluster-ip-range", "--tls-cert-file", "--max-requests-inflight", "--auto-compaction-retention"} {
		if strings.Count(err.Error(), flag+" ") != 1 {
			t.Errorf("%s: %v", flag, err)
		}
	}
	for _, r := range []string{"10.0.0.0/24", "fd00::/108", "10.96.0.0/12", "10.0.0.0/30"} {
		if err := (Config{ServiceClusterIPRange: r}).WithDefaults().Validate(); err != nil {
			t.Error(err)
		}
	}
}
