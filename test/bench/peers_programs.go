//go:build linux

package bench

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

const nchanModule = "/usr/lib/nginx/modules/ngx_nchan_module.so"

func nchan() Subject {
	return Subject{
		Name:     "nchan",
		Settings: "nginx module; two workers with their own listening sockets, no access log, TCP_NODELAY, a buffer of 5,000 messages (20,000 for replay)",
		Version: func() string {
			return programVersion("dpkg-query", "-W", "-f", "libnginx-mod-nchan ${Version}", "libnginx-mod-nchan")() + ", " +
				programVersion("nginx", "-v")()
		},
		Path: "/stream",
		Publish: func(payload string) Request {
			return Request{Path: "/publish", Type: jsonType, Header: []string{"X-EventSource-Event: version"}, Body: payload}
		},
		Resumes: true,
		Command: func(p Place) (Command, error) {
			buffer := 5000
			if p.History {
				buffer = 20000
			}
			path, err := write(p, "nginx.conf", fmt.Sprintf(nchanConfig, nchanModule, p.Streams, p.Publish, buffer))
			return Command{Args: []string{"nginx", "-p", p.Dir, "-c", path, "-e", "stderr"}}, err
		},
	}
}

// nchanConfig wants the module, both ports and the number of messages kept.
const nchanConfig = `
load_module %s;
daemon off;
user root;
pid nginx.pid;
worker_processes 2;
worker_rlimit_nofile 20000;
events { worker_connections 19900; }
http {
	access_log off;
	error_log stderr crit;
	tcp_nodelay on;
	client_body_temp_path body;
	proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;
	keepalive_requests 100000000;
	nchan_shared_memory_size 256M;
	server {
		listen 127.0.0.1:%d reuseport backlog=4096;
		listen 127.0.0.1:%d;
		location = /stream {
			nchan_subscriber eventsource;
			nchan_channel_id bench;
			nchan_subscriber_first_message newest;
			nchan_subscriber_timeout 0;
		}
		location = /publish {
			nchan_publisher;
			nchan_channel_id bench;
			nchan_message_buffer_length %d;
			nchan_message_timeout 10m;
		}
	}
}
`

func pushpin() Subject {
	return Subject{
		Name:     "pushpin",
		Settings: "its internal test origin, which costs it nothing; no limit of the message rate",
		Version:  programVersion("pushpin", "--version"),
		Path:     "/stream",
		Publish: func(payload string) Request {
			frame, _ := json.Marshal("id: pushpinpushpin1-1\nevent: version\ndata: " + payload + "\n\n") // text always encodes
			return Request{
				Path: "/publish/", Type: jsonType,
				Body: fmt.Sprintf(`{"items":[{"channel":"test","formats":{"http-stream":{"content":%s}}}]}`, frame),
			}
		},
		Command: func(p Place) (Command, error) {
			if _, err := write(p, "routes", "* test\n"); err != nil {
				return Command{}, err
			}
			path, err := write(p, "pushpin.conf", fmt.Sprintf(pushpinConfig, p.Dir, p.Streams, p.Publish, p.Publish%1000))
			return Command{Args: []string{"pushpin", "--config=" + path}}, err
		},
	}
}

// pushpinConfig wants the folder, both ports and a number that sets the names
// of its sockets apart.
const pushpinConfig = `
[global]
include={libdir}/internal.conf
rundir=%[1]s
ipc_prefix=bench-%[4]d-
port_offset=0
[runner]
services=condure,pushpin-proxy,pushpin-handler
http_port=127.0.0.1:%[2]d
logdir=%[1]s
log_level=1
client_buffer_size=8192
client_maxconn=19500
condure_bin=condure
[proxy]
routesfile=routes
debug=false
auto_cross_origin=false
accept_x_forwarded_protocol=false
set_x_forwarded_protocol=proto-only
orig_headers_need_mark=
sig_iss=pushpin
sig_key=changeme
updates_check=off
[handler]
push_in_http_addr=127.0.0.1
push_in_http_port=%[3]d
push_in_http_max_headers_size=10000
push_in_http_max_body_size=1000000
stats_spec=ipc://{rundir}/{ipc_prefix}stats
command_spec=ipc://{rundir}/{ipc_prefix}command
message_rate=1000000000
message_hwm=1000000000
message_wait=5000
id_cache_ttl=60
connection_subscription_max=20
subscription_linger=60
stats_connection_ttl=120
stats_subscription_ttl=60
stats_report_interval=10
stats_format=tnetstring
`

const secret = "a-secret-for-the-benchmark-of-at-least-32-bytes"

func mercure(program string) Subject {
	return Subject{
		Name:     "Mercure",
		Settings: "PEER_MERCURE; local transport, anonymous subscribers, no heartbeat, no write time-out",
		Version:  programVersion(program, "version"),
		Path:     "/.well-known/mercure?topic=bench",
		Publish: func(payload string) Request {
			return Request{
				Streams: true, Path: "/.well-known/mercure", Type: "application/x-www-form-urlencoded",
				Header: []string{"Authorization: Bearer " + token(`{"mercure":{"publish":["*"]}}`)},
				Body:   "topic=bench&type=version&data=" + strings.ReplaceAll(payload, `"`, "%22"),
			}
		},
		Command: func(p Place) (Command, error) {
			path, err := write(p, "Caddyfile", fmt.Sprintf(mercureConfig, p.Streams, secret))
			return Command{Args: []string{program, "run", "--config", path, "--adapter", "caddyfile"}}, err
		},
	}
}

// mercureConfig wants the port and the key.
const mercureConfig = `
{
	admin off
	auto_https off
	log { level ERROR }
}
http://127.0.0.1:%[1]d {
	mercure {
		publisher_jwt %[2]s
		subscriber_jwt %[2]s
		anonymous
		heartbeat 0s
		write_timeout 0s
		transport local
	}
}
`

// token is a JWT with HMAC-SHA256.
func token(claims string) string {
	encode := base64.RawURLEncoding.EncodeToString
	body := encode([]byte(`{"alg":"HS256","typ":"JWT"}`)) + "." + encode([]byte(claims))
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(body))
	return body + "." + encode(mac.Sum(nil))
}

func centrifugo(program string) Subject {
	return Subject{
		Name:     "Centrifugo",
		Settings: "PEER_CENTRIFUGO; unidirectional SSE, anonymous, memory engine, no pings, no history",
		Version:  programVersion(program, "version"),
		Path:     "/connection/uni_sse?cf_connect=%7B%22subs%22%3A%7B%22bench%22%3A%7B%7D%7D%7D",
		Publish: func(payload string) Request {
			return Request{
				Streams: true, Path: "/api/publish", Type: jsonType, Header: []string{"X-API-Key: " + secret},
				Body: `{"channel":"bench","data":` + payload + `}`,
			}
		},
		Command: func(p Place) (Command, error) {
			path, err := write(p, "config.json", fmt.Sprintf(centrifugoConfig, p.Streams, secret))
			return Command{Args: []string{program, "--config=" + path}}, err
		},
	}
}

// centrifugoConfig is of version 6; it wants the port and the key.
const centrifugoConfig = `{
	"http_server": {"address": "127.0.0.1", "port": %d},
	"http_api": {"key": %q},
	"log": {"level": "error"},
	"uni_sse": {"enabled": true, "ping_interval": "-1s"},
	"client": {"allow_anonymous_connect_without_token": true, "allowed_origins": ["*"], "connection_limit": 0},
	"channel": {"without_namespace": {"allow_subscribe_for_client": true, "allow_subscribe_for_anonymous": true}}
}
`

// write puts a file into the server's folder and returns its path.
func write(p Place, name, text string) (string, error) {
	path := filepath.Join(p.Dir, name)
	return path, os.WriteFile(path, []byte(text), 0o600)
}
