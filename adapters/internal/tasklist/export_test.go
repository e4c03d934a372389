package tasklist

// Groups returns how many groups of tasks the set has, beside that of all.
func (s *Set) Groups() int { return len(s.indexes.byKey) }

// MaxRead is how many tasks a page looks at.
const MaxRead = maxRead
