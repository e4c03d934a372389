//go:build linux

package bench

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// taskWorkers is how many tasks run at the same time, where that is not the default.
const taskWorkers = 16

// ForTasks measures Tasks in some minutes.
func ForTasks() Options {
	o := Quick()
	o.Tasks, o.Sizes, o.Missed, o.WarmUp, o.Settle = true, []int{1}, 0, 2000, 500*time.Millisecond
	return o
}

// Tasks returns what shows the cost of a task from the call that starts it to
// its last event on a stream, with publishing an event beside it for comparison, on
// each broker; and asynq, if Redis is there, or why it is not.
func Tasks(bin string) (all []Subject, missing map[string]string) {
	event := heliograph(bin)
	event.Name, event.Resumes = "an event, POST /api/versions", false
	demo := event
	demo.Name = "memory: demo_task"
	demo.Settings += "; demo_task with 0 steps, which has three events: started, progress, completed"
	demo.Publish = demoTask
	full := doesNothing(bin, inFolder(bin), "DATA_DIR, 50,000 wait")
	full.Settings += "; 50,000 tasks of another type wait, and TASK_RETENTION_COUNT=10000 finished ones are kept"
	full.Waiting, full.Wait = 50_000, func(payload string) Request { return startTask("idle", payload) }
	all = []Subject{
		event, demo, doesNothing(bin, inMemory(bin), "memory"), doesNothing(bin, inFolder(bin), "DATA_DIR"), full,
		doesNothing(bin, onNATS(bin, "", 1, 1), "NATS_URL, one server"), doesNothing(bin, onNATS(bin, "", 1, 3), "NATS_URL, three servers"),
	}
	if peer := asynq(bin); there(redis) && there(bin+"/peer-asynq") {
		return append(all, peer), nil
	}
	return all, map[string]string{asynqName: "install redis-server, and see that the modules of test/bench/peers can be had"}
}

// doesNothing is a subject of Cluster with the program noop, whose tasks have two
// events: started and completed.
func doesNothing(bin string, s Subject, name string) Subject {
	command := s.Command
	s.Name = name + ": a task that does nothing"
	s.Settings += fmt.Sprintf("; TASK_MAX_WORKERS=%d", taskWorkers)
	s.Publish = func(payload string) Request { return startTask("noop", payload) }
	s.Command = func(p Place) (Command, error) {
		c, err := command(p)
		for i, arg := range c.Args {
			c.Args[i] = strings.ReplaceAll(arg, bin+"/heliograph serve", bin+"/noop")
		}
		if c.Args[0] == bin+"/heliograph" {
			c.Args = []string{bin + "/noop"}
		}
		c.Env = append(c.Env, fmt.Sprintf("TASK_MAX_WORKERS=%d", taskWorkers), "TASK_QUEUE_SIZE=100000")
		return c, err
	}
	return s
}

const asynqName = "asynq"

// asynq is a peer: what it does for an end is one write to an open stream.
func asynq(bin string) Subject {
	s := library(bin, asynqName, "github.com/hibiken/asynq", "/", false,
		fmt.Sprintf("redis-server in a process of its own, appendfsync everysec; %d workers, TaskCheckInterval 5 ms, Retention 10 minutes", taskWorkers))
	s.Name += ": a task that does nothing"
	return s
}

// demoTask is a task whose last event has the payload in it.
func demoTask(payload string) Request {
	return Request{
		Streams: true, Path: "/api/tasks", Type: jsonType,
		Body: `{"type":"demo_task","params":{"delay":0,"steps":0,"message":` + strconv.Quote(payload) + `}}`,
	}
}

// startTask starts a task with the payload as its params.
func startTask(typ, payload string) Request {
	return Request{Streams: true, Path: "/api/tasks", Type: jsonType, Body: `{"type":"` + typ + `","params":` + payload + `}`}
}

// taskColumns are of one stream, on which each delivery is the end of a task.
var taskColumns = []column{
	{title: "a second, 16 in flight", figure: DeliveriesPerSecond, show: whole, most: true, plain: true},
	{title: "CPU µs each", figure: PipelinedAll, show: whole, plain: true},
	{title: "of it NATS or Redis", figure: PipelinedStore, show: whole, plain: true},
	{title: "p50 at 10 a second", figure: PacedP50, show: millis, plain: true},
	{title: "p99", figure: PacedP99, show: millis, plain: true},
	{title: "MB", figure: UsedMegabytes, show: whole, plain: true},
	{title: "lost", figure: Lost, show: whole, plain: true},
}
