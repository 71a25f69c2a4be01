#!/usr/bin/env bash
# The launcher: ./spark-submit.sh JOB [--profile NAME] [job arguments]
set -euo pipefail

usage() {
    cat <<'TEXT'
usage: ./spark-submit.sh JOB [--profile local] [--dry-run] [job arguments]

  JOB         a job by name (run_pipeline, ingest_bronze, …) or by path (jobs/run_pipeline.py)
  --dry-run   print the command instead of running it
  everything else is passed on to the job; JOB --help tells what it takes

example: ./spark-submit.sh run_pipeline --input events.csv --lake ./lake
TEXT
}

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
if [ $# -eq 0 ] || [ "$1" = "--help" ] || [ "$1" = "-h" ]; then
    usage
    exit 0
fi

job=$1
shift
[ -f "$job" ] || job="$here/jobs/${job%.py}.py"
if [ ! -f "$job" ]; then
    echo "error: no job $1 in $here/jobs: there are $(cd "$here/jobs" && ls [a-z]*.py | tr '\n' ' ')" >&2
    exit 2
fi

dry_run=false
arguments=()
for argument in "$@"; do
    if [ "$argument" = "--dry-run" ]; then dry_run=true; else arguments+=("$argument"); fi
done

python=${PYSPARK_PYTHON:-$here/.venv/bin/python}
[ -x "$python" ] || python=$(command -v python3)
submit=$("$python" -c 'import pathlib, pyspark; print(pathlib.Path(pyspark.__file__).parent / "bin" / "spark-submit")' 2>/dev/null) ||
    submit=${SPARK_HOME:+$SPARK_HOME/bin/}spark-submit

# The session's own settings come from the profile; what must be there before the JVM starts stands here.
mapfile -t conf < <(PYTHONPATH="$here${PYTHONPATH:+:$PYTHONPATH}" "$python" -m abtest_lib.spark.submit_conf)
command=("$submit" --master "${SPARK_MASTER:-local[*]}" "${conf[@]}" "$job" "${arguments[@]}")
if $dry_run; then
    printf '%q ' "${command[@]}"
    echo
    exit 0
fi
export PYSPARK_PYTHON="$python" PYTHONPATH="$here${PYTHONPATH:+:$PYTHONPATH}"
exec "${command[@]}"
