package natsbroker_test

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"heliograph/adapters/engine/natsbroker"
)

func TestAFailureThatLastsIsLoggedNowAndThen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		log := slog.New(slog.NewTextHandler(&out, nil))
		var retries natsbroker.RetryLogger
		began := time.Now()
		for time.Since(began) < 25*time.Second {
			retries.Wait(t.Context(), log, "s", errors.New("away"))
		}
		if got := strings.Count(out.String(), "stream=s error=away"); got != 3 {
			t.Errorf("it was logged %d times in 25 s, want 3", got)
		}
	})
}
