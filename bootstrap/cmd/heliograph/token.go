package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"heliograph/adapters/outbound/jwtauth"
	"heliograph/bootstrap"
	"heliograph/domain/access"
)

type tokenCommand struct {
	New     tokenNewCommand     `cmd:"" default:"withargs" help:"Print a JWT for development, signed with AUTH_JWT_KEY. This is what happens without a command, too."`
	Explain tokenExplainCommand `cmd:"" help:"Show what a credential says, and why it would be refused."`
}

type tokenNewCommand struct {
	Subject string   `required:"" help:"Whom it names."`
	Role    []string `sep:"," placeholder:"ROLE,..." help:"The subject's roles."`
	Scope   []string `sep:"," placeholder:"SCOPE,..." help:"What it may do; without it, AUTH_DEFAULT_SCOPES."`
	Expires string   `default:"1h" placeholder:"WHEN" help:"When it ends: 1h, 90d, or 2027-01-31."`
}

// Run prints the token.
func (c tokenNewCommand) Run(p *program) error {
	cfg, err := bootstrap.Load(p.environ, p.host)
	if err != nil {
		return err
	}
	now := time.Now()
	expires, err := parseEnd(c.Expires, now)
	if err == nil && expires.IsZero() {
		err = errors.New("a JWT has to end")
	}
	if err != nil {
		return fmt.Errorf("--expires: %w", err)
	}
	if err := access.CheckName(c.Subject); err != nil {
		return fmt.Errorf("--subject: %w", err)
	}
	who := &access.Principal{Subject: c.Subject, Roles: c.Role, Expires: expires}
	who.Scopes, who.OtherScopes = access.ParseScopes(strings.Join(c.Scope, " "))
	token, err := bootstrap.MintToken(cfg, who)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(p.stdout, token)
	return err
}

type tokenExplainCommand struct {
	Token string `arg:"" help:"A JWT or an API key; - reads it from standard input."`
}

// Help is shown by "heliograph token explain --help".
func (tokenExplainCommand) Help() string {
	return `It is judged by the variables that the service has. Exit status 1 says that it would be refused.`
}

// explainTime is for fetching keys.
const explainTime = 10 * time.Second

// Run shows what the token says and what becomes of it.
func (c tokenExplainCommand) Run(ctx context.Context, p *program) error {
	token := c.Token
	if token == "-" {
		text, err := io.ReadAll(io.LimitReader(p.stdin, maxStdin))
		if err != nil {
			return err
		}
		token = string(text)
	}
	token = strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(token), "Bearer "))
	cfg, err := bootstrap.Load(p.environ, p.host)
	if err != nil {
		return err
	}
	if header, payload, err := jwtauth.Read(token); err == nil {
		show(p.stdout, "header", header)
		show(p.stdout, "claims", payload)
		showTimes(p.stdout, payload)
	}
	ctx, cancel := context.WithTimeout(ctx, explainTime)
	defer cancel()
	who, err := bootstrap.ExplainCredential(ctx, cfg, token)
	if refused, ok := errors.AsType[*access.RefusedError](err); ok {
		_, _ = fmt.Fprintf(p.stdout, "refused: %s, %s\n", refused.Code, refused.Reason)
		return statusError(1)
	}
	if err != nil {
		return err
	}
	_, err = fmt.Fprint(p.stdout, describe(who))
	return err
}

// maxStdin is more than any token has.
const maxStdin = 64 << 10

func show(w io.Writer, what string, text []byte) {
	var indented bytes.Buffer
	if json.Indent(&indented, text, "", "  ") == nil {
		_, _ = fmt.Fprintf(w, "%s %s\n", what, indented.Bytes())
	}
}

// showTimes writes the times in a form that people read.
func showTimes(w io.Writer, payload []byte) {
	var times struct{ Iat, Nbf, Exp float64 }
	_ = json.Unmarshal(payload, &times) // what is wrong is said by who verifies
	all := map[string]float64{"iat": times.Iat, "nbf": times.Nbf, "exp": times.Exp}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if seconds := all[name]; seconds > 0 && seconds < maxSeconds {
			_, _ = fmt.Fprintf(w, "%s is %s\n", name, time.Unix(int64(seconds), 0).UTC().Format(time.RFC3339))
		}
	}
}

// maxSeconds is the end of the year 9999.
const maxSeconds = 253402300799

// describe says who a principal is.
func describe(who *access.Principal) string {
	var b strings.Builder
	line := func(name, value string) {
		if value != "" {
			fmt.Fprintf(&b, "%s %s\n", name, value)
		}
	}
	line("good: it is of", who.Subject)
	line("with the roles", strings.Join(who.Roles, ", "))
	line("with the scopes", strings.TrimSpace(who.Scopes.String()+" "+strings.Join(who.OtherScopes, " ")))
	line("for tasks of the types", strings.Join(who.TaskTypes, ", "))
	if !who.Expires.IsZero() {
		line("until", who.Expires.UTC().Format(time.RFC3339))
	}
	return b.String()
}
