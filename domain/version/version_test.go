package version_test

import (
	"errors"
	"strings"
	"testing"

	"heliograph/domain/version"
)

func TestVersionPassesOtherFieldsThrough(t *testing.T) { // V4
	t.Parallel()
	v, err := version.Parse([]byte(` {"version": "1.4.2", "build": 12345678901234567890.10, "changelog": null, "x": {"b":1, "a":2}} `))
	if err != nil {
		t.Fatal(err)
	}
	want := `{"version":"1.4.2","build":12345678901234567890.10,"changelog":null,"x":{"b":1,"a":2}}`
	if v.Name() != "1.4.2" || string(v.Payload()) != want {
		t.Errorf("%s with %s, want %s", v.Name(), v.Payload(), want)
	}
}

func TestWhatIsNoVersionIsRefused(t *testing.T) { // V4, S3
	t.Parallel()
	for _, payload := range []string{
		``, `null`, `"1.0"`, `[]`, `{}`, `{"Version":"1"}`, `{"version":null}`, `{"version":""}`, `{"version":1}`,
		`{"version":"1","changelog":[]}`, `{"version":"1"`, `{"version":"1"} x`,
		"{\"version\":\"caf\xe9\"}", "{\"version\":\"1\",\"more\":{\"a\":\"\xff\"}}", "{\"version\":\"1\",\"\xe9\":1}", // Latin-1
	} {
		if v, err := version.Parse([]byte(payload)); !errors.Is(err, version.ErrInvalid) || !v.IsZero() {
			t.Errorf("%s: %v, %v; want ErrInvalid", payload, v, err)
		}
	}
}

func TestNamedVersionIsNothingButItsName(t *testing.T) { // V5
	t.Parallel()
	if v, err := version.Named(`1.0 "beta"`); err != nil || string(v.Payload()) != `{"version":"1.0 \"beta\""}` {
		t.Errorf("%s, %v", v.Payload(), err)
	}
	if _, err := version.Named(""); !errors.Is(err, version.ErrInvalid) {
		t.Errorf("no name: %v, want ErrInvalid", err)
	}
}

func TestAByteOrderMarkIsNamed(t *testing.T) { // V4
	t.Parallel()
	for encoding, payload := range map[string]string{
		"UTF-8": "\xef\xbb\xbf{\"version\":\"1\"}", "UTF-16": "\xff\xfe{\x00}\x00",
	} {
		_, err := version.Parse([]byte(payload))
		if !errors.Is(err, version.ErrInvalid) || !strings.Contains(err.Error(), "byte order mark (BOM) of "+encoding) {
			t.Errorf("%q: %v, want ErrInvalid that names the mark", payload, err)
		}
	}
}
