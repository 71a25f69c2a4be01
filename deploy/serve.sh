#!/bin/sh
# Starts what SERVICE names, api (the default) or dashboard, on PORT (8000) of HOST (all addresses).
set -eu
cd "$(dirname "$0")/.."
service=${SERVICE:-api}
port=${PORT:-8000}
host=${HOST:-0.0.0.0}
export PYTHONPATH="$PWD${PYTHONPATH:+:$PYTHONPATH}"

case $service in
api)
    # Settings are variables: ABTEST_LAKE and ABTEST_API_…, listed in docs/api.md.
    exec python -P -m uvicorn api.main:create_app --factory --host "$host" --port "$port" \
        --workers "${WEB_CONCURRENCY:-1}" --no-access-log --no-server-header --timeout-graceful-shutdown 10 \
        --http api.connections:GuardedProtocol --log-level warning
    ;;
dashboard)
    # ABTEST_DASHBOARD_API says where the API is.
    exec python -P -m streamlit run "$PWD/dashboard/app.py" --server.address "$host" --server.port "$port" \
        --server.headless true --browser.gatherUsageStats false
    ;;
*)
    echo "error: no service $service: SERVICE must be api or dashboard" >&2
    exit 2
    ;;
esac
