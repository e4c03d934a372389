//go:build linux

package bench

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

const (
	// printRate is what a task prints, in bytes a second, in so many calls.
	printRate  = 1_000_000
	printCalls = 20
	// printWait is how long what was printed may take to come.
	printWait = 20 * time.Second
	follower  = "follower" // the request_id of the stream
)

// printer is the worker of one task after the other, and a stream that follows them all.
type printer struct {
	base   string
	client *http.Client
	stream io.Closer
	come   chan printed // what the stream got
	ended  chan struct{}

	task    struct{ ID, Lease string }
	stop    context.CancelFunc
	printed chan result // of the one that prints
}

// printed is the data of an event task_output.
type printed struct {
	TaskID string `json:"task_id"`
	Offset int    `json:"offset"`
	Text   string `json:"text"`
	Gap    int    `json:"gap"`
	Closed bool   `json:"closed"`
}

type result struct {
	bytes int
	err   error
}

// newPrinter opens the stream, at a service on a port of this machine.
func newPrinter(ctx context.Context, port int) (*printer, error) {
	p := &printer{base: local(port), client: &http.Client{Transport: &http.Transport{}}, come: make(chan printed, 1000), ended: make(chan struct{})}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, p.base+"/api/sse/stream?request_id="+follower, nil)
	if err != nil {
		return nil, err
	}
	answer, err := p.client.Do(request) //nolint:bodyclose // close does
	if err != nil {
		return nil, fmt.Errorf("follow: %w", err)
	}
	p.stream = answer.Body
	go func() {
		defer close(p.ended)
		p.read(answer.Body)
	}()
	return p, nil
}

// read passes on what a task has printed, until the stream ends.
func (p *printer) read(stream io.Reader) {
	lines := bufio.NewReaderSize(stream, size)
	for output := false; ; {
		line, err := lines.ReadBytes('\n')
		if err != nil {
			return
		}
		if name, ok := bytes.CutPrefix(line, []byte("event: ")); ok {
			output = string(bytes.TrimSpace(name)) == "task_output"
		}
		data, ok := bytes.CutPrefix(line, []byte("data: "))
		var one printed
		if !ok || !output || json.Unmarshal(data, &one) != nil {
			continue
		}
		p.come <- one
	}
}

// size is what a line may have without another allocation.
const size = 128 << 10

// start starts a task, has the stream follow it, and prints so many bytes a second.
func (p *printer) start(ctx context.Context, rate int) error {
	if err := p.post(ctx, "/api/tasks", `{"type":"idle","claim":true}`, &struct {
		ID    *string `json:"task_id"`
		Lease *string `json:"lease"`
	}{&p.task.ID, &p.task.Lease}); err != nil {
		return err
	}
	if err := p.post(ctx, "/api/connections/"+follower+"/follow", `{"task_id":"`+p.task.ID+`"}`, nil); err != nil {
		return err
	}
	printing, stop := context.WithCancel(ctx)
	p.stop, p.printed = stop, make(chan result, 1)
	go func() {
		n, err := p.print(printing, rate)
		p.printed <- result{n, err}
	}()
	return nil
}

// print prints until ctx ends, and returns how much.
func (p *printer) print(ctx context.Context, rate int) (bytes int, err error) {
	if rate == 0 {
		return 0, nil
	}
	const line = "a line of a log that a task prints while it works, of about the usual length, in plain letters only\n"
	text := strings.Repeat(line, rate/printCalls/len(line))
	every := time.NewTicker(time.Second / printCalls)
	defer every.Stop()
	for {
		select {
		case <-every.C:
			where := fmt.Sprintf("/api/tasks/%s/output?lease=%s&offset=%d", p.task.ID, p.task.Lease, bytes)
			if err := p.post(context.WithoutCancel(ctx), where, text, nil); err != nil {
				return bytes, err
			}
			bytes += len(text)
		case <-ctx.Done():
			return bytes, nil
		}
	}
}

// end ends the printing and the task. It returns how much was printed, and how much of it has
// not come over the stream.
func (p *printer) end(ctx context.Context) (bytes, lost int, err error) {
	p.stop()
	all := <-p.printed
	end := p.post(ctx, "/api/tasks/"+p.task.ID+"/complete", `{"lease":"`+p.task.Lease+`"}`, nil)
	if err := errors.Join(all.err, end); err != nil {
		return all.bytes, 0, err
	}
	late := time.NewTimer(printWait)
	defer late.Stop()
	lost = all.bytes
	for {
		select {
		case one := <-p.come:
			lost -= len(one.Text)
			if one.Closed {
				return all.bytes, lost, nil
			}
		case <-p.ended:
			return all.bytes, lost, errors.New("the stream that follows has ended")
		case <-late.C:
			return all.bytes, lost, errors.New("the end of the output has not come")
		}
	}
}

// held is what the log of events has.
type held struct{ Events, Bytes int }

func (p *printer) held(ctx context.Context) (held, error) {
	var page struct{ Held held }
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, p.base+"/api/log?newest=1", nil)
	if err != nil {
		return held{}, err
	}
	err = p.do(request, &page)
	return page.Held, err
}

func (p *printer) post(ctx context.Context, path, body string, answer any) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, p.base+path, strings.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", jsonType)
	return p.do(request, answer)
}

func (p *printer) do(request *http.Request, into any) error {
	answer, err := p.client.Do(request)
	if err != nil {
		return fmt.Errorf("print: %w", err)
	}
	body, err := io.ReadAll(answer.Body)
	if err = errors.Join(err, answer.Body.Close()); err != nil || answer.StatusCode/100 != 2 {
		return errors.Join(fmt.Errorf("%s: %s: %s", request.URL.Path, answer.Status, body), err)
	}
	if into == nil {
		return nil
	}
	return json.Unmarshal(body, into)
}

// close ends the stream.
func (p *printer) close() {
	_ = p.stream.Close() // only its end was wanted
	<-p.ended
}
