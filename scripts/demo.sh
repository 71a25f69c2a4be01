#!/bin/sh
# The pipeline on generated traffic, or on your own events: ABTEST, DEMO and INPUT come from the Makefile.
set -eu
if [ -n "$INPUT" ]; then
    exec "$ABTEST" run --input "$INPUT" --lake "$DEMO/own-lake"
fi
mkdir -p "$DEMO"
"$ABTEST" generate --users 20000 --days 14 --seed 7 --dirty 0.01 --out "$DEMO/events.csv"
ABTEST_REGISTRY="$DEMO/events.registry.yaml"
ABTEST_REPORTING_TIMEZONE=America/New_York
ABTEST_FALLBACK_VARIANTS=DEFAULT
export ABTEST_REGISTRY ABTEST_REPORTING_TIMEZONE ABTEST_FALLBACK_VARIANTS
exec "$ABTEST" run --input "$DEMO/events.csv" --lake "$DEMO/lake"
