package watchcache

import (
	"sync"
	"time"
)

// pages keeps snapshots for the next pages of lists: a few, for a while.
type pages struct {
	limit int
	ttl   time.Duration
	now   func() time.Time

	mu   sync.Mutex
	kept []page // least lately used first
}

type page struct {
	snapshot *Snapshot
	used     time.Time
}

func (p *pages) init(cfg *Config) { p.limit, p.ttl, p.now = cfg.Remember, cfg.RememberFor, cfg.Now }

func (p *pages) remember(s *Snapshot) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.expireLocked()
	for i := range p.kept {
		if k := p.kept[i].snapshot; k.cache == s.cache && k.root == s.root && k.since == s.since {
			wider := *k
			wider.Revision = max(k.Revision, s.Revision)
			p.useLocked(i, &wider)
			return
		}
	}
	if len(p.kept) >= p.limit {
		p.kept = removeAt(p.kept, 0)
	}
	p.kept = append(p.kept, page{snapshot: s, used: p.now()})
}

func (p *pages) find(c *Cache, rev int64) *Snapshot {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.expireLocked()
	for i := range p.kept {
		s := p.kept[i].snapshot
		if s.cache != c {
			continue
		}
		if at := s.at(rev); at != nil {
			p.useLocked(i, s)
			return at
		}
	}
	return nil
}

func (p *pages) useLocked(i int, s *Snapshot) {
	p.kept = append(removeAt(p.kept, i), page{snapshot: s, used: p.now()})
}

func (p *pages) expireLocked() {
	oldest := p.now().Add(-p.ttl)
	for len(p.kept) > 0 && p.kept[0].used.Before(oldest) {
		p.kept = removeAt(p.kept, 0)
	}
}

func (p *pages) sweep() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.expireLocked()
}

// forget drops the snapshots of a cache that is gone.
func (p *pages) forget(c *Cache) {
	p.mu.Lock()
	defer p.mu.Unlock()
	kept := p.kept[:0]
	for _, k := range p.kept {
		if k.snapshot.cache != c {
			kept = append(kept, k)
		}
	}
	clear(p.kept[len(kept):])
	p.kept = kept
}
