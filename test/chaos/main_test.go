package chaos_test

import (
	"hash/crc32"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"heliograph/test/natsserver"
	"heliograph/test/programs"
)

func TestMain(m *testing.M) { programs.Main(m, 2, natsserver.Leaks()...) }

// setting returns a variable of those that the package comment names, or CI.
func setting(name string) string {
	return os.Getenv(name) //nolint:forbidigo // the tests' own
}

// seeds returns the seed of the first round, and how long rounds are to go on. Without a
// seed that is always the same one: what new ones find is for make chaos, not for a change
// that has nothing to do with it.
func seeds(t *testing.T) (first uint64, during time.Duration) {
	t.Helper()
	first = 1
	number := func(name string, base int) uint64 {
		text := setting(name)
		if text == "" {
			return 0
		}
		n, err := strconv.ParseUint(text, base, 64)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		return n
	}
	if n := number("CHAOS_SEED", 10); n != 0 {
		first = n
	}
	return first, time.Duration(number("CHAOS_MINUTES", 10)) * time.Minute
}

// play plays a breakage once, and returns what was wrong.
func (b breakage) run(t *testing.T, name string, in browser, seed uint64, changes ...func(*world)) (faults []string, number string) {
	t.Helper()
	w := &world{t: t, ctx: t.Context(), name: name, browser: in, seed: seed, random: rand.New(rand.NewPCG(seed, uint64(crc32.ChecksumIEEE([]byte(b.name))))), patience: waitLimit}
	for _, change := range changes {
		change(w)
	}
	defer w.leave()
	defer func() {
		switch what := recover().(type) {
		case nil:
		case violation:
			faults = what.faults
			t.Logf("the tabs: %s", w.tabsNow())
			t.Logf("the streams, of the service: %s", w.streamsNow())
		case trouble:
			t.Fatalf("the harness: %v", what)
		default:
			panic(what)
		}
	}()
	b.play(w)
	w.settle()
	return nil, w.number
}

// Whatever breaks, as long as it is repaired in the end: every tab says what the service says,
// and has shown nothing twice or older.
func TestBreakages(t *testing.T) { // B2, B3, B4, B5, B6, B7, B8, B9, B10, B11, B17
	first, during := seeds(t)
	t.Parallel()
	t.Logf("to have this again: CHAOS_SEED=%d CHAOS_MINUTES=%d", first, int(during.Minutes()))
	table := newTable(t, first, during)
	for _, known := range browsers {
		t.Run(known.name, func(t *testing.T) {
			t.Parallel()
			in := known.launch(t, find(t, known.program))
			t.Cleanup(in.close)
			begin := time.Now()
			for seed := first; ; seed++ {
				for _, b := range breakages {
					if b.notIn[known.name] != "" || (seed > first && time.Since(begin) > during) {
						continue
					}
					t.Run(b.name, func(t *testing.T) {
						faults, number := b.run(t, known.name, in, seed)
						for _, fault := range faults {
							t.Error(fault)
						}
						if t.Failed() {
							t.Logf("to have this again: CHAOS_SEED=%d", seed)
						}
						table.played(b.name, known.name, !t.Failed(), number)
					})
				}
				if time.Since(begin) > during {
					return
				}
			}
		})
	}
}
