#!/bin/sh
# API and dashboard over the demo lake; Ctrl-C ends both. ABTEST, DEMO, PORT and UI_PORT come from the Makefile.
set -eu
[ -d "$DEMO/lake/ops" ] || sh scripts/demo.sh
ABTEST_REGISTRY="$DEMO/events.registry.yaml"
ABTEST_EVENT_COLUMNS='{price: double, device: string}'
ABTEST_METRICS="$DEMO/events.metrics.yaml"
ABTEST_API_LOG_REQUESTS=false
export ABTEST_REGISTRY ABTEST_EVENT_COLUMNS ABTEST_METRICS ABTEST_API_LOG_REQUESTS

"$ABTEST" serve --lake "$DEMO/lake" --port "$PORT" --cache-dir "$DEMO/cache" &
api=$!
"$ABTEST" dashboard --api "http://127.0.0.1:$PORT" --port "$UI_PORT" &
ui=$!
# The trap calls it.
# shellcheck disable=SC2317
stop() {
    trap - EXIT INT TERM
    kill "$api" "$ui" 2>/dev/null || true
    wait
}
trap stop EXIT
trap 'stop; exit 0' INT TERM

echo "API: http://127.0.0.1:$PORT/docs   dashboard: http://127.0.0.1:$UI_PORT   (Ctrl-C ends both)"
# When either ends, such as when its port is taken, the other ends too.
while kill -0 "$api" 2>/dev/null && kill -0 "$ui" 2>/dev/null; do sleep 1; done
echo "error: the API or the dashboard has ended; is one of the ports $PORT and $UI_PORT taken?" >&2
exit 1
