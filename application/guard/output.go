package guard

import (
	"context"

	"heliograph/domain/access"
	"heliograph/domain/output"
	"heliograph/domain/task"
)

// OutputWriter is an output.Writer for principals: it needs tasks:work, as all that workers
// outside call. It is safe for concurrent use.
type OutputWriter struct {
	workers *Workers
	writer  output.Writer
}

var _ output.Writer = (*OutputWriter)(nil)

// NewOutputWriter returns a guard of writer, for those that workers lets work.
func NewOutputWriter(workers *Workers, writer output.Writer) *OutputWriter {
	return &OutputWriter{workers: workers, writer: writer}
}

// Append implements output.Writer.
func (g *OutputWriter) Append(ctx context.Context, id task.ID, lease task.Lease, offset int64, text []byte) (length int64, err error) {
	err = g.workers.leased(ctx, id, func() error {
		length, err = g.writer.Append(ctx, id, lease, offset, text)
		return err
	})
	return length, err
}

// OutputReader is an output.Reader for principals: it needs tasks:read, for a task that the
// principal may see (rule A9). It is safe for concurrent use.
type OutputReader struct {
	reader output.Reader
	tasks  task.Reader
	policy access.Policy
}

var _ output.Reader = (*OutputReader)(nil)

// NewOutputReader returns a guard of reader. tasks sees every task.
func NewOutputReader(reader output.Reader, tasks task.Reader, policy access.Policy) *OutputReader {
	return &OutputReader{reader: reader, tasks: tasks, policy: policy}
}

// Read implements output.Reader.
func (g *OutputReader) Read(ctx context.Context, id task.ID, from int64, limit int) (output.Chunk, error) {
	if err := g.check(ctx, id); err != nil {
		return output.Chunk{}, err
	}
	return g.reader.Read(ctx, id, from, limit)
}

// Await implements output.Reader. It looks at the principal once: those that wait do so for
// a minute at most.
func (g *OutputReader) Await(ctx context.Context, id task.ID, from int64, limit int) (output.Chunk, error) {
	if err := g.check(ctx, id); err != nil {
		return output.Chunk{}, err
	}
	return g.reader.Await(ctx, id, from, limit)
}

func (g *OutputReader) check(ctx context.Context, id task.ID) error {
	p, err := permit(ctx, g.policy, access.TasksRead, access.TaskKind{})
	if err != nil {
		return err
	}
	_, err = visible(ctx, g.tasks, g.policy, p, id)
	return err
}
