package snapshots

import (
	"fmt"
	"slices"
	"sync"
	"weak"

	"heliograph/domain/access"
)

// viewers holds the series of what is not for everyone, for as long as calls or streams
// use them, so that those that see the same share one. It is safe for concurrent use.
type viewers struct {
	mu     sync.Mutex
	series map[string]weak.Pointer[series] // guarded by mu
	sweep  int                             // how many there may be before those that nothing uses are taken out; guarded by mu
}

// minSweep is how many series there may be without being looked through.
const minSweep = 64

func newViewers() *viewers {
	return &viewers{series: make(map[string]weak.Pointer[series]), sweep: minSweep}
}

// seriesOf returns the series of all that v sees, but for what is for its request_id
// alone; nil if that is nothing.
func (o *Observer) seriesOf(v access.Viewer) *series {
	if v.All {
		return o.others.get("all", func() *series { return newSeries(o, access.Viewer{All: true}, access.Viewer{Single: true}, nil) })
	}
	s := o.everyone
	if v.Single {
		s = nil
	}
	if len(v.Roles) == 0 && v.Subject == "" { // without authentication
		return s
	}
	roles := slices.Compact(slices.Sorted(slices.Values(v.Roles)))
	ofRoles := access.Viewer{Roles: roles, Single: true}
	if len(roles) > 0 {
		beneath := s
		s = o.others.get(fmt.Sprintf("%t %q", v.Single, roles), func() *series { return newSeries(o, ofRoles, access.Viewer{Single: true}, beneath) })
	}
	if v.Subject != "" {
		beneath, ofSubject := s, access.Viewer{Subject: v.Subject, Single: true}
		s = o.others.get(fmt.Sprintf("%t %q %q", v.Single, roles, v.Subject), func() *series { return newSeries(o, ofSubject, ofRoles, beneath) })
	}
	return s
}

// get returns the series of that name, which is made if there is none.
func (v *viewers) get(name string, make func() *series) *series {
	v.mu.Lock()
	defer v.mu.Unlock()
	if s := v.series[name].Value(); s != nil {
		return s
	}
	if len(v.series) >= v.sweep {
		v.sweepLocked()
	}
	s := make()
	v.series[name] = weak.Make(s)
	return s
}

// sweepLocked takes out what nothing uses any more, when there is twice as much as was
// left the last time.
func (v *viewers) sweepLocked() {
	for name, s := range v.series {
		if s.Value() == nil {
			delete(v.series, name)
		}
	}
	v.sweep = max(minSweep, 2*len(v.series)) //nolint:mnd // so that each costs a constant time
}
