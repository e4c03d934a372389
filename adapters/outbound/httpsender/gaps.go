package httpsender

// gaps says which streams have lost log events, and are to be told before the trunk goes
// on. Its zero value is none.
type gaps struct {
	all  bool // every stream
	some bool // those whose lanes know it
}

// note notes that m, a log or a control event, is lost for the streams that it is for.
func (g *gaps) note(m *message, ls *lanes) {
	switch {
	case m.ev.Control():
	case m.audience == nil && !m.named():
		g.all = true
	default:
		g.some = true
		ls.noteLost(m)
	}
}
