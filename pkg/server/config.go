package server

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"time"
)

// Config is what can be chosen of a server. The zero value of a field takes the
// default named; flags carry the names of kube-apiserver and etcd.
type Config struct {
	// DataDir is where everything is kept: ./data.
	DataDir string
	// PKIDir holds certificates and keys: <DataDir>/pki. What is there is used,
	// what is missing is made.
	PKIDir string
	// BindAddress and SecurePort are where HTTPS is served: 127.0.0.1 and 6443.
	// SecurePort 0 with AnyPort picks a free port.
	BindAddress string
	SecurePort  int
	AnyPort     bool
	// AdvertiseAddress is what other machines reach this one by, for the
	// endpoints of the kubernetes Service: the first address of this host.
	AdvertiseAddress string
	// ServiceClusterIPRange is where the kubernetes Service takes its address
	// from: 10.0.0.0/24.
	ServiceClusterIPRange string
	// TLSCertFile and TLSPrivateKeyFile replace the serving certificate that the
	// server makes itself.
	TLSCertFile, TLSPrivateKeyFile string
	// ClientCAFile names a further CA whose client certificates are accepted.
	ClientCAFile string
	// TokenAuthFile names a file of bearer tokens.
	TokenAuthFile string
	// AutoCompactionRetention is how long history is kept: 5 minutes. KeepHistory
	// keeps all of it.
	AutoCompactionRetention time.Duration
	// MaxRequestsInflight and MaxMutatingRequestsInflight bound the reads and
	// writes served at one time: 400 and 200.
	MaxRequestsInflight, MaxMutatingRequestsInflight int
	// Profiling serves /debug/pprof.
	Profiling bool
	// Version is what /version and `apiserver version` say of this build.
	Version string
	Logger  *slog.Logger
}

// KeepHistory as AutoCompactionRetention switches compaction off.
const KeepHistory = time.Duration(-1)

// WithDefaults returns the configuration with its defaults filled in.
func (c Config) WithDefaults() Config {
	def(&c.DataDir, "data")
	def(&c.PKIDir, c.DataDir+"/pki")
	def(&c.BindAddress, "127.0.0.1")
	if c.SecurePort == 0 && !c.AnyPort {
		c.SecurePort = 6443
	}
	def(&c.ServiceClusterIPRange, "10.0.0.0/24")
	def(&c.AutoCompactionRetention, 5*time.Minute)
	def(&c.MaxRequestsInflight, 400)
	def(&c.MaxMutatingRequestsInflight, 200)
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}

func def[T comparable](p *T, value T) {
	var zero T
	if *p == zero {
		*p = value
	}
}

// Validate lists everything that is wrong with the configuration, each with the
// flag that sets it.
func (c Config) Validate() error {
	var errs []error
	if net.ParseIP(c.BindAddress) == nil {
		errs = append(errs, fmt.Errorf("--bind-address %q is not an IP address", c.BindAddress))
	}
	if c.AdvertiseAddress != "" && net.ParseIP(c.AdvertiseAddress) == nil {
		errs = append(errs, fmt.Errorf("--advertise-address %q is not an IP address", c.AdvertiseAddress))
	}
	if c.SecurePort < 0 || c.SecurePort > 65535 {
		errs = append(errs, fmt.Errorf("--secure-port %d is not between 0 and 65535", c.SecurePort))
	}
	if p, err := netip.ParsePrefix(c.ServiceClusterIPRange); err != nil || p.Bits() > p.Addr().BitLen()-2 {
		errs = append(errs, fmt.Errorf("--service-cluster-ip-range %q is not a range of at least four addresses such as 10.0.0.0/24", c.ServiceClusterIPRange))
	}
	if (c.TLSCertFile == "") != (c.TLSPrivateKeyFile == "") {
		errs = append(errs, errors.New("--tls-cert-file and --tls-private-key-file go together"))
	}
	if c.MaxRequestsInflight < 1 || c.MaxMutatingRequestsInflight < 1 {
		errs = append(errs, errors.New("--max-requests-inflight and --max-mutating-requests-inflight must be at least 1"))
	}
	if c.AutoCompactionRetention != KeepHistory && c.AutoCompactionRetention < time.Second {
		errs = append(errs, fmt.Errorf("--auto-compaction-retention %v is shorter than a second (0 keeps all history)", c.AutoCompactionRetention))
	}
	return errors.Join(errs...)
}
