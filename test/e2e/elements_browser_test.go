package e2e_test

import "testing"

// strictPolicy allows neither inline styles and scripts nor HTML made of text.
const strictPolicy = clientPolicy + "; style-src 'self'; require-trusted-types-for 'script'; trusted-types heliograph; base-uri 'none'; form-action 'none'"

// A browser with the strictest policy shows the elements with their styles.
func TestElementsNeedNothingThatAStrictPolicyForbids(t *testing.T) { // B2, B18
	t.Parallel()
	s := start(t, "FRONTEND_VERSION=1")
	site := newClientSite(t, s.url)
	site.policy.Store(new(strictPolicy))
	tabs := openTabs(t, 1, site.url+"/elements.html")
	mustShow(t, tabs, `body[data-ended="completed 1 1"][data-offered="Version 1 is there."]:not([data-violation])`)
	if sharing := attribute(tabs[0], t, "sharing"); sharing != "worker" {
		t.Errorf("B2: the stream is shared by %q, not by a worker", sharing)
	}
	mustShow(t, tabs, `heliograph-task[status="completed"]`)
	if violated := attribute(tabs[0], t, "violation"); violated != "" {
		t.Errorf("the policy's %s was violated", violated)
	}
}
