package standin

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
)

// order is one thing that a Control asks a Server to do; what is not set is
// left as it is.
type order struct {
	Callback *string   `json:",omitempty"`
	Announce *[]string `json:",omitempty"`
	Faults   *Faults   `json:",omitempty"`
	Forget   *string   `json:",omitempty"`
	Away     *bool     `json:",omitempty"` // false: come back
}

// ControlHandler serves a Control: POST takes an order, GET returns the State.
func (s *Server) ControlHandler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var o order
		if r.Method == http.MethodPost {
			if err := json.NewDecoder(r.Body).Decode(&o); err != nil {
				refuse(w, http.StatusBadRequest, "INVALID_JSON", err.Error())
				return
			}
		}
		if err := s.obey(r.Context(), o); err != nil {
			refuse(w, http.StatusInternalServerError, "FAILED", err.Error())
			return
		}
		answer(w, http.StatusOK, s.State())
	})
}

func (s *Server) obey(ctx context.Context, o order) error {
	if o.Callback != nil {
		s.SetCallback(*o.Callback)
	}
	if o.Announce != nil {
		s.Announce(*o.Announce...)
	}
	if o.Faults != nil {
		s.SetFaults(*o.Faults)
	}
	if o.Forget != nil {
		s.Forget(*o.Forget)
	}
	switch {
	case o.Away == nil:
		return nil
	case *o.Away:
		return s.Away()
	}
	return s.Back(ctx, "")
}

// Control drives a Server in another process. It is safe for concurrent use;
// every method's error says that the process could not be reached or did not
// obey.
type Control struct {
	// URL is that of the process's control port.
	URL string
	// Client makes the requests.
	Client *http.Client
}

// SetCallback does what Gateway.SetCallback does.
func (c *Control) SetCallback(ctx context.Context, url string) error {
	return c.order(ctx, order{Callback: &url})
}

// Announce does what Gateway.Announce does.
func (c *Control) Announce(ctx context.Context, extensions ...string) error {
	return c.order(ctx, order{Announce: &extensions})
}

// SetFaults does what Gateway.SetFaults does.
func (c *Control) SetFaults(ctx context.Context, f Faults) error {
	return c.order(ctx, order{Faults: &f})
}

// Forget does what Gateway.Forget does.
func (c *Control) Forget(ctx context.Context, match string) error {
	return c.order(ctx, order{Forget: &match})
}

// Away does what Server.Away does, and with away = false what Server.Back does.
func (c *Control) Away(ctx context.Context, away bool) error {
	return c.order(ctx, order{Away: &away})
}

// State returns what Gateway.State returns.
func (c *Control) State(ctx context.Context) (State, error) {
	return c.do(ctx, http.MethodGet, http.NoBody)
}

func (c *Control) order(ctx context.Context, o order) error {
	body, err := json.Marshal(o)
	if err != nil {
		return err
	}
	_, err = c.do(ctx, http.MethodPost, bytes.NewReader(body))
	return err
}

func (c *Control) do(ctx context.Context, method string, body io.Reader) (state State, err error) {
	req, err := http.NewRequestWithContext(ctx, method, c.URL, body)
	if err != nil {
		return State{}, err
	}
	resp, err := c.Client.Do(req)
	if err != nil {
		return State{}, fmt.Errorf("control the stand-in: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return State{}, fmt.Errorf("control the stand-in: %w", err)
	}
	if resp.StatusCode != http.StatusOK {
		return State{}, fmt.Errorf("control the stand-in: status %d: %s", resp.StatusCode, text)
	}
	return state, json.Unmarshal(text, &state)
}
