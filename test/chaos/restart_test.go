package chaos_test

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/go-jose/go-jose/v4"

	"heliograph/test/chaos/check"
	"heliograph/test/clientbundle"
	"heliograph/test/jwt"
	"heliograph/test/natsserver"
)

var serviceBreakages = []breakage{
	{
		name: "the service is restarted", what: "killed or stopped in order, with a memory that is empty then or one that is kept, twice",
		play: func(w *world) {
			var env []string
			if w.below(2) == 0 {
				env = append(env, "DATA_DIR="+w.t.TempDir())
			}
			w.begin(env...)
			w.open(3, w.sharing())
			for range 2 {
				w.traffic(5)
				if w.below(2) == 0 {
					w.service.kill()
				} else {
					w.service.terminate()
				}
				w.traffic(1 + w.below(6))
				must(w.service.start(w.ctx))
			}
			w.traffic(4)
		},
	},
	{
		name: "a service that is full", what: "somebody else has the only stream that it gives, before the tabs come and when theirs has broken; then there is room",
		play: (*world).full,
	},
	{
		name: "output that is read", what: "while the stream is cut and held back, the worker or the tab that leads is killed, and the service too",
		play: (*world).outputs,
	},
	{
		name: "a rolling deploy", what: "of two nodes, one after the other, each with a new version",
		play: func(w *world) {
			cluster := "NATS_URL=" + natsserver.Start(w.t).URL()
			w.begin(cluster)
			other := newService(w.t, cluster)
			w.open(3, w.sharing())
			for range 2 {
				w.traffic(4)
				w.site.pointTo(other.url)
				w.service.terminate()
				w.service, other = other, w.service
				w.traffic(4)
				must(other.start(w.ctx, "FRONTEND_VERSION=2"))
			}
			w.traffic(4)
			w.number = fmt.Sprintf("%d tabs show the new version", len(w.tabs))
		},
	},
	{
		name: "a deploy and its roll-back", what: "a new version with another build of the library, which speaks another protocol, and back, while tabs of both are open",
		play: func(w *world) {
			w.begin("DATA_DIR=" + w.t.TempDir())
			how := []string{"", "worker=no"}[w.below(2)]
			w.apart = true // pages of two builds share nothing
			w.open(2, how)
			w.traffic(4)
			w.restartAs("2")
			next := append([]clientbundle.Mutation{{File: "shared/protocol.ts", Old: "PROTOCOL = ", New: "PROTOCOL = 1 + "}}, w.mutation...)
			w.site.deploy(build(w.t, next...))
			w.open(1, how)
			w.reload(w.tabs[1])
			w.traffic(4)
			w.site.deploy(w.library)
			w.restartAs("1")
			w.reload(w.tabs[2])
			w.open(1, how)
			w.traffic(4)
		},
	},
}

func (w *world) restartAs(version string) {
	w.service.terminate()
	must(w.service.start(w.ctx, "FRONTEND_VERSION="+version))
}

// secret signs the tokens of users.
const secret = "a-secret-of-these-tests-with-48-bytes-in-all-1234"

// logIn has a user be logged in, on the site and in what the harness asks; "" is nobody.
func (w *world) logIn(user string) {
	if user == "" {
		w.site.token.Store(nil)
		return
	}
	scopes := "stream tasks:read tasks:start tasks:cancel events:publish audience metrics"
	token := jwt.SignClaims(w.t, jose.HS256, []byte(secret), nil, jwt.Claims(user, map[string]any{"scope": scopes}))
	w.site.token.Store(&token)
	w.service.headers.Set("Authorization", "Bearer "+token)
}

// secured is the environment of a service that asks for tokens.
var secured = []string{"AUTH=required", "AUTH_JWT_KEY=" + secret}

func (w *world) logOut() {
	w.begin(secured...)
	w.logIn("ann")
	how := "token=/token&" + w.sharing()
	w.open(3, how)
	w.traffic(5)
	w.logIn("")
	w.eval(w.tabs[1], "chaos.reconnect()") // the page's log-out
	if how[len(how)-4:] == "none" {
		for _, i := range []int{0, 2} { // each has a stream of its own
			w.eval(w.tabs[i], "chaos.reconnect()")
		}
	}
	w.awaitEach("signed-out")
	w.long = nil
	w.logIn("bob")
	for _, t := range w.tabs {
		w.mustShowNothing(t)
	}
	if w.below(2) == 0 {
		w.reload(w.tabs[0])
	}
	for _, t := range w.tabs {
		w.eval(t, "chaos.reconnect()")
	}
	w.awaitEach("open")
	w.traffic(6)
}

// mustShowNothing fails if a tab still shows tasks of who was logged in.
func (w *world) mustShowNothing(t tab) {
	err := until(w.ctx, w.patience, func(ctx context.Context) error { // it is shown with the next frame
		var views struct{ List, Mine []check.View }
		text, err := t.eval(ctx, "chaos.views()")
		if err == nil {
			err = json.Unmarshal([]byte(text), &views)
		}
		if n := len(views.List) + len(views.Mine); err == nil && n > 0 {
			err = fmt.Errorf("after a log-out a tab shows %d tasks", n)
		}
		return err
	})
	if err != nil {
		panic(violation{[]string{"B8: " + err.Error()}})
	}
}

func (w *world) reloads() {
	w.begin(append(secured, "DATA_DIR="+w.t.TempDir())...)
	w.logIn("ann")
	w.open(2, "token=/token")
	t := w.tabs[0]
	states := map[string]func(){
		"open": func() {},
		"connecting": func() {
			ctx, cancel := w.in()
			defer cancel()
			must(t.navigate(ctx, w.page("token=/token")))
		},
		"silent": func() {
			w.untilSilent("half-open")
		},
		"reconnecting": func() {
			w.service.kill()
			w.awaitState(t, "reconnecting", "silent")
		},
		"signed out": func() {
			w.logIn("")
			w.eval(t, "chaos.reconnect()")
			w.awaitEach("signed-out")
		},
		"starting": func() {
			w.service.kill()
			w.eval(t, `chaos.start('demo_task', {steps: 1, delay: 0.01, message: 'once'})`)
		},
		"cancelling": func() {
			ctx, cancel := w.in()
			defer cancel()
			id := w.startLong(ctx)
			w.eval(t, fmt.Sprintf("chaos.cancel(%q) && ''", id))
		},
		"a result that is fetched": func() {
			w.site.breakNow("buffer")
			w.eval(t, `chaos.start('demo_task', {steps: 1, delay: 0.01, message: 'large '.repeat(15000)})`)
			w.traffic(1)
		},
	}
	names := []string{"open", "connecting", "silent", "reconnecting", "signed out", "starting", "cancelling", "a result that is fetched"}
	w.random.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
	for _, name := range names {
		w.t.Logf("reload while %s", name)
		w.traffic(2)
		states[name]()
		w.reload(t)
		w.site.repair()
		if w.site.token.Load() == nil {
			w.logIn("ann")
			w.eval(w.tabs[1], "chaos.reconnect()")
			w.eval(t, "chaos.reconnect()")
		}
		if _, err := w.service.ask(w.ctx, "GET", "/readyz", nil, nil); err != nil {
			must(w.service.start(w.ctx))
		}
		w.awaitEach("open")
		if name == "starting" {
			w.await(t, "the start is answered", func(s state) bool { return s.Unanswered == 0 })
			w.mustBeOnce(w.ctx)
		}
	}
}

// mustBeOnce fails unless the start that a reload interrupted is one task.
func (w *world) mustBeOnce(ctx context.Context) {
	count := 0
	err := until(ctx, w.patience, func(ctx context.Context) error {
		tasks, err := w.service.tasks(ctx)
		count = 0
		for _, task := range tasks {
			var result struct{ Message string }
			if json.Unmarshal(task.Result, &result) == nil && result.Message == "once" {
				count++
			}
		}
		if err == nil && count == 0 {
			err = fmt.Errorf("the task has not ended")
		}
		return err
	})
	if err != nil || count > 1 {
		panic(violation{[]string{fmt.Sprintf("B9: a start that a reload interrupted is %d tasks (%v)", count, err)}})
	}
}
