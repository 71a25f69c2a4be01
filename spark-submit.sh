#!/usr/bin/env bash
# The launcher: ./spark-submit.sh JOB [--profile NAME] [options] [job arguments]
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

usage() {
    cat <<TEXT
usage: ./spark-submit.sh JOB [--profile NAME] [options] [job arguments]

  JOB               a job by name, or the path or URL of its file; the jobs are
                    $(job_names)
  --profile NAME    settings to start from: $(names "$here"/conf/*.yaml | sed -E 's/\b(base|experiments) ?//g'); local unless given
  --config FILE     a YAML file whose settings override the profile's
  --master URL      where Spark runs, e.g. spark://HOST:7077; the profiles local, s3 and emr know it themselves
  --archive FILE    the packed environment for executors, a file or a URL (\`make package\` builds
                    dist/abtest-environment.tar.gz), or none where every machine has one; also ABTEST_ARCHIVE
  --conf KEY=VALUE  one more Spark setting, as often as needed
  --dry-run         print the command instead of running it

Everything else is passed on to the job (JOB --help tells what it takes), and its exit code is passed back:
0 success, 2 bad input or settings, 1 a failure after which running again is safe.

examples:
  ./spark-submit.sh run_pipeline --input events.csv --lake ./lake
  ./spark-submit.sh run_pipeline --profile standalone --master spark://HOST:7077 \\
      --archive dist/abtest-environment.tar.gz --input /data/events --lake /data/lake
TEXT
}

names() { basename --multiple --suffix=".${1##*.}" "$@" | paste --serial --delimiters=' '; }
job_names() { names "$here"/jobs/[a-z]*.py; }

fail() {
    echo "error: $1" >&2
    exit 2
}

if [ $# -eq 0 ] || [ "$1" = "--help" ] || [ "$1" = "-h" ]; then
    usage
    exit 0
fi

job=$1
shift
if [[ $job != *://* && ! -f $job ]]; then
    known="$here/jobs/$(basename "${job%.py}").py"
    [ -f "$known" ] || fail "no job $job: the jobs are $(job_names)"
    job=$known
fi

dry_run=false
submit_options=() # for abtest_lib.spark.submit_conf
conf=()           # for spark-submit, last, so that they win
arguments=()      # for the job
while [ $# -gt 0 ]; do
    case $1 in
    --dry-run)
        dry_run=true
        shift
        ;;
    --profile | --config | --master | --archive | --conf)
        [ $# -ge 2 ] || fail "$1 needs a value"
        case $1 in
        --conf) conf+=("$1" "$2") ;;
        --master | --archive) submit_options+=("$1" "$2") ;;
        *) submit_options+=("$1" "$2") arguments+=("$1" "$2") ;;
        esac
        shift 2
        ;;
    --profile=* | --config=* | --master=* | --archive=* | --conf=*)
        set -- "${1%%=*}" "${1#*=}" "${@:2}"
        ;;
    *)
        arguments+=("$1")
        shift
        ;;
    esac
done

# The driver's Python as Spark's own variables name it; a path that exists only on executors is none of ours.
for python in "${PYSPARK_DRIVER_PYTHON:-}" "${PYSPARK_PYTHON:-}" "$here/.venv/bin/python" python3; do
    [ -n "$python" ] && command -v "$python" >/dev/null && break
done
export PYTHONPATH="$here${PYTHONPATH:+:$PYTHONPATH}"
unset PYSPARK_DRIVER_PYTHON PYSPARK_PYTHON # the command says it all

submit=$("$python" -P -m abtest_lib.spark.submit_conf "${submit_options[@]}" -- "${arguments[@]}")
mapfile -t command <<<"$submit"
command+=("${conf[@]}" "$job" "${arguments[@]}")
if $dry_run; then
    printf 'PYTHONPATH=%q' "$PYTHONPATH"
    printf ' %q' "${command[@]}"
    echo
    exit 0
fi
exec "${command[@]}"
