package authz

import (
	"sync"

	"github.com/rolecall-dev/rolecall/policy"
)

// documents keeps compiled session policies by their text, at most limit of them.
type documents struct {
	mu    sync.RWMutex
	m     map[string]*policy.Policy
	limit int
}

func newDocuments(limit int) *documents {
	return &documents{m: map[string]*policy.Policy{}, limit: limit}
}

// compiled returns the compiled form of text, which STS has validated when the session was made. Text
// that does not parse all the same compiles to nil, a policy without statements, which allows nothing.
func (d *documents) compiled(text string) *policy.Policy {
	d.mu.RLock()
	p, ok := d.m[text]
	d.mu.RUnlock()
	if ok {
		return p
	}
	if document, err := policy.ParseStored(policy.Session, []byte(text)); err == nil {
		p = policy.Compile(document, "session policy")
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.m) >= d.limit {
		for k := range d.m {
			delete(d.m, k)
			if len(d.m) < d.limit*7/8 {
				break
			}
		}
	}
	d.m[text] = p
	return p
}
