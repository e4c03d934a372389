package snapshots

import (
	"bytes"
	"encoding/json"

	"heliograph/domain/event"
	"heliograph/domain/gateway"
	"heliograph/domain/task"
)

// entry is what a snapshot says of one task, as JSON.
type entry struct {
	place

	text    []byte
	written int // bytes of it in a JSON string
}

// encode returns the entries of tasks.
func encode(tasks []task.Task) ([]entry, error) {
	var all bytes.Buffer
	enc := json.NewEncoder(&all)
	enc.SetEscapeHTML(false) // five bytes more for each of <, > and &
	ends := make([]int, len(tasks))
	for i := range tasks {
		if err := enc.Encode(tasks[i].InSnapshot()); err != nil {
			return nil, err
		}
		ends[i] = all.Len()
	}
	entries, begin := make([]entry, len(tasks)), 0
	for i, end := range ends {
		text := all.Bytes()[begin : end-len("\n")]
		entries[i] = entry{place: placeOf(&tasks[i]), text: text, written: event.Written(text)}
		begin = end
	}
	return entries, nil
}

// part is a piece of a snapshot, with the place of its last task.
type part struct {
	*gateway.Part

	last place
}

// snapshotMore is what a part has beside its entries, at most.
const snapshotMore = `{"tasks":[],"more":true}`

// pack makes as few parts of the entries as the limits allow; all but the last say that
// there are more (rule E8). So does the last one if others follow.
func pack(entries []entry, maxBytes int, followed bool) (parts []part) {
	for len(entries) > 0 {
		n := fitting(entries, maxBytes)
		parts = append(parts, newPart(entries[:n], followed || n < len(entries)))
		entries = entries[n:]
	}
	return parts
}

// fitting returns how many of the entries a part takes, at least one.
func fitting(entries []entry, maxBytes int) int {
	size, written := len(snapshotMore)-len(","), 2*len(snapshotMore)-len(",")
	for i, e := range entries {
		size, written = size+len(",")+len(e.text), written+len(",")+e.written
		if i > 0 && (size > maxBytes || written > event.MaxWritten) {
			return i
		}
	}
	return len(entries)
}

func newPart(entries []entry, more bool) part {
	size := len(snapshotMore)
	for _, e := range entries {
		size += len(e.text) + len(",")
	}
	data := append(make([]byte, 0, size), `{"tasks":[`...)
	for i, e := range entries {
		if i > 0 {
			data = append(data, ',')
		}
		data = append(data, e.text...)
	}
	if more {
		data = append(data, `],"more":true}`...)
	} else {
		data = append(data, `]}`...)
	}
	return part{Part: gateway.NewPart(toSnapshot(data)), last: entries[len(entries)-1].place}
}

func toSnapshot(data []byte) event.Event {
	return event.Event{Service: event.ServiceTask, Name: task.SnapshotName, Data: data}
}
