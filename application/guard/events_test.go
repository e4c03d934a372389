package guard_test

import (
	"context"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/mock/gomock"

	"heliograph/domain/access"
	"heliograph/domain/appevent"
)

func TestAnEventIsForWhomItNamesAndItsKeyIsThePrincipals(t *testing.T) { // E11, A8, A11
	t.Parallel()
	given := func(a *access.Audience) access.Choice { return access.Choice{Given: true, Audience: a} }
	for name, c := range map[string]struct {
		request, want appevent.Request
		own           bool // it needs no scope but events:publish
	}{
		"everyone": {want: appevent.Request{Audience: given(nil)}},
		"everyone, by that word": {
			request: appevent.Request{Audience: given(nil)}, want: appevent.Request{Audience: given(nil)},
		},
		"herself": {
			request: appevent.Request{Audience: given(subject("ann"))}, want: appevent.Request{Audience: given(subject("ann"))}, own: true,
		},
		"another, and her": {
			request: appevent.Request{Audience: given(subject("bob"))}, want: appevent.Request{Audience: given(subject("bob", "ann"))},
		},
		"one stream": {request: appevent.Request{RequestID: "tab-1"}, want: appevent.Request{RequestID: "tab-1"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t)
			c.request.Name, c.request.Key, c.request.Owner = "note", "key", "made up"
			c.want.Name, c.want.Key, c.want.Owner = "note", "key", "ann"
			f.events.EXPECT().Publish(gomock.Any(), gomock.Any()).AnyTimes().DoAndReturn(func(_ context.Context, got appevent.Request) (appevent.Receipt, error) {
				if diff := cmp.Diff(c.want, got); diff != "" {
					t.Errorf("published is (-want +got):\n%s", diff)
				}
				return appevent.Receipt{Delivered: true}, nil
			})
			receipt, err := f.Events.Publish(as(t, ann(access.EventsSend, access.AudienceAny)), c.request)
			if err != nil || !receipt.Delivered {
				t.Errorf("Publish returned %+v, %v", receipt, err)
			}
			err = second(f.Events.Publish(as(t, ann(access.EventsSend)), c.request))
			if c.own {
				wantError(t, err, nil)
			} else {
				wantForbidden(t, err, "audience")
			}
		})
	}
}

func TestNoEventIsForTheHolderOfATokenForOneTask(t *testing.T) { // E11, A12
	t.Parallel()
	r := appevent.Request{Name: "note", Audience: access.Choice{Given: true, Audience: subject("bob", access.TaskSubject+"t")}}
	wantError(t, second(newFixture(t).Events.Publish(as(t, ann(access.Admin)), r)), access.ErrInvalidAudience)
}
