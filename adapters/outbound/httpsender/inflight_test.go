package httpsender_test

import (
	"testing"

	"heliograph/adapters/outbound/httpsender"
	"heliograph/domain/event"
)

// Only what a client can have got of the events in flight counts: it may say anything.
func TestWhatClientsHaveGotIsNotPostedAgain(t *testing.T) { // E7, G2
	at := func(seqs ...uint64) (ids []event.ID) {
		for _, seq := range seqs {
			ids = append(ids, event.ID{Epoch: "a", Seq: seq})
		}
		return ids
	}
	other := event.ID{Epoch: "b", Seq: 5}
	for name, test := range map[string]struct {
		flying, got []event.ID
		want        int
	}{
		"nothing":                     {at(4, 5, 6), nil, 0},
		"what was there before":       {at(4, 5, 6), at(3), 0},
		"the first":                   {at(4, 5, 6), at(4), 1},
		"two of them":                 {at(4, 5, 6), at(5), 2},
		"all":                         {at(4, 5, 6), at(6), 3},
		"more than there is":          {at(4, 5, 6), at(7), 0},
		"a place of another log":      {at(4, 5, 6), []event.ID{other}, 0},
		"less than another client":    {at(4, 5, 6), at(5, 4), 2},
		"more than another client":    {at(4, 5, 6), at(4, 5), 2},
		"one part of an event":        {at(4, 5, 5, 6), at(5), 1}, // which of them is not known
		"all after its parts":         {at(4, 5, 5, 6), at(6), 4},
		"none is in flight":           {nil, at(2), 0},
		"a control event in between":  {append(at(4), event.ID{}, event.ID{Epoch: "a", Seq: 5}), at(5), 1},
		"a log that begins in flight": {append(at(4), other), []event.ID{other}, 0},
	} {
		if got := httpsender.AlreadyTaken(event.ID{Epoch: "a", Seq: 3}, test.flying, test.got); got != test.want {
			t.Errorf("%s: %d events need not be posted, want %d", name, got, test.want)
		}
	}
}
