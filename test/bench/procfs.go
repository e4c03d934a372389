//go:build linux

package bench

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// natsd and redis are the programs of which CPU time is counted apart.
const (
	natsd = "natsd"
	redis = "redis-server"
)

// usage is what a process and all its descendants have used. What servers of a store
// among them have is in store alone.
type usage struct {
	rss    int64 // bytes
	cpu    time.Duration
	store  time.Duration // CPU
	writes int64         // system calls of the write family
}

// tick is the unit of CPU time in /proc: USER_HZ is 100 on every Linux.
const tick = 10 * time.Millisecond

// usageOf adds up the process tree from pid down.
func usageOf(pid int) (usage, error) {
	var sum usage
	for _, one := range tree(pid) {
		u, err := readUsage(one)
		if err != nil {
			return usage{}, err
		}
		if name := program(one); name == natsd || name == redis {
			sum.store += u.cpu
			continue
		}
		sum.rss, sum.cpu, sum.writes = sum.rss+u.rss, sum.cpu+u.cpu, sum.writes+u.writes
	}
	return sum, nil
}

func readUsage(pid int) (usage, error) {
	fields, err := stat(pid)
	if err != nil {
		return usage{}, fmt.Errorf("look at the server: %w", err)
	}
	user, system := number(fields[11]), number(fields[12]) // utime and stime, proc(5) counts from pid
	return usage{
		rss:    keyed(pid, "status", "VmRSS:") << 10, // in kB
		cpu:    time.Duration(user+system) * tick,
		writes: keyed(pid, "io", "syscw:"),
	}, nil
}

// ThreadCPU is the CPU time of those threads of a process whose names begin with prefix.
func ThreadCPU(pid int, prefix string) (sum time.Duration, err error) {
	names, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/comm", pid))
	for _, name := range names {
		if comm, _ := os.ReadFile(name); !strings.HasPrefix(string(comm), prefix) { //nolint:gosec // one that has ended has none
			continue
		}
		b, err := os.ReadFile(filepath.Join(filepath.Dir(name), "schedstat"))
		if err != nil {
			return sum, fmt.Errorf("look at a thread: %w", err)
		}
		sum += time.Duration(number(strings.Fields(string(b))[0])) // nanoseconds on a CPU
	}
	return sum, err
}

// program is the name of what a process runs, or "".
func program(pid int) string {
	name, _ := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid)) // one that has ended has none
	return strings.TrimSpace(string(name))
}

// stat returns the fields of /proc/PID/stat from the state on; the name before
// it may hold anything.
func stat(pid int) ([]string, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return nil, err
	}
	_, rest, _ := strings.Cut(string(b), ") ")
	return strings.Fields(rest), nil
}

// keyed returns the number behind a key in one of a process's files.
func keyed(pid int, file, key string) int64 {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, file))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(b)) {
		if value, ok := strings.CutPrefix(line, key); ok {
			return number(strings.Fields(value)[0])
		}
	}
	return 0
}

func number(s string) int64 {
	n, _ := strconv.ParseInt(s, 10, 64) // the kernel writes numbers
	return n
}

// tree returns pid and its descendants.
func tree(pid int) []int {
	children := map[int][]int{}
	paths, _ := filepath.Glob("/proc/[0-9]*")
	for _, path := range paths {
		child := int(number(filepath.Base(path)))
		if fields, err := stat(child); err == nil {
			parent := int(number(fields[1]))
			children[parent] = append(children[parent], child)
		}
	}
	all := []int{pid}
	for i := 0; i < len(all); i++ {
		all = append(all, children[all[i]]...)
	}
	return all
}
