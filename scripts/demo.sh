#!/bin/sh
# The pipeline on generated traffic, or on your own events: ABTEST, DEMO and INPUT come from the Makefile.
set -eu
if [ -n "$INPUT" ]; then
    exec "$ABTEST" run --input "$INPUT" --lake "$DEMO/own-lake"
fi
mkdir -p "$DEMO"
"$ABTEST" generate --users 15000 --days 14 --seed 7 --dirty 0.01 --columns --out "$DEMO/events.csv"
ABTEST_EVENT_COLUMNS='{price: double, device: string}'
ABTEST_REGISTRY="$DEMO/events.registry.yaml"
ABTEST_METRICS="$DEMO/events.metrics.yaml"
ABTEST_REPORTING_TIMEZONE=America/New_York
ABTEST_FALLBACK_VARIANTS=DEFAULT
export ABTEST_EVENT_COLUMNS ABTEST_REGISTRY ABTEST_METRICS ABTEST_REPORTING_TIMEZONE ABTEST_FALLBACK_VARIANTS
exec "$ABTEST" run --input "$DEMO/events.csv" --lake "$DEMO/lake"
