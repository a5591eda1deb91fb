"""Strict simulators of the four push services, behind their real host names, and of FCM's HTTP v1 API for phones.

A sender reaches them through two ordinary production settings, an outbound proxy and a CA bundle, so that its
https-only rule, its list of known hosts and its certificate checks stay on. `Simulators` runs everything in a thread of
the calling process; `python -m dev.simulators --state DIR` runs the same as a process of its own. All of it listens on
127.0.0.1 only.

sender -- CONNECT host:443 --> egress proxy --> TLS server (test CA) --> strict engine --> user agent, or a real browser
                                    `-- any other host: 403

TLS ends here for every known host, so that a simulated subscription and one of the laptop's own browser can stand
side by side. A token that was never handed out here is unknown: 404, or, with `--forward-unknown` (for `make dev` and
the browser one already has), the same POST is repeated to the real host over ordinary https and its answer is passed
back. A token handed out here stays known when its subscription has ended, and answers 410; it is never forwarded.

control API (JSON; errors are {"error": text})
  POST   /user-agents                 {"service": mozilla|fcm|apple|wns, "application_server_key"?: base64url} -> 201
  GET    /user-agents                 all, with "gone"
  GET    /user-agents/{id}            one, with "answers": [{at, status}] to the POSTs at its endpoint since the start
  DELETE /user-agents/{id}            unsubscribed: 410 from now on
  PUT    /user-agents/{id}/behaviour  {"status"?, "headers"?, "body"?, "times"?, "delay_ms"?, "hang"?, "most_bytes"?};
                                      {} is normal; {"status": 429, "headers": {"Retry-After": "15"}, "times": 1}
                                      puts the next one off
  GET    /user-agents/{id}/messages   [{id, received_at, headers, vapid, text, json, error}]; ?wait=SECONDS&count=N
  DELETE /user-agents/{id}/messages   forget them
  POST   /user-agents/{id}/events     {"event": displayed|clicked|dismissed, "app": its id, "message"?: 0 is the oldest,
                                      -1 the latest and what it is unless told, "origin"?: of the app's site}; tells
                                      the API so, as a service worker does, and answers as the API did
  GET    /answers                     {id: [{at, status}]}, the same of all user agents that were sent to
  GET    /firefox                     {clients, channels, acks, nacks, unregisters} of real Firefoxes
  POST   /firefox/kick                drop their sockets
  GET    /chromium                    {clients, channels} of real Chromiums
  POST   /fcm/projects                a Firebase project -> 201 the file of its service account
  DELETE /fcm/projects/{id}           delete the service account; /access-tokens below it: end its access tokens
  POST   /fcm/projects/{id}/devices   a phone with its app -> 201 {id, token}
  DELETE /fcm/devices/{id}            uninstalled: UNREGISTERED from now on; /behaviour and /messages as above
  GET    /healthz
"""

from dev.simulators.server import Simulators

__all__ = ["Simulators"]
