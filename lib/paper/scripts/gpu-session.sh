#!/usr/bin/env bash
# For someone who has a GPU for a short time: looks at it, tests the kernels on it, times the steps, and spends the rest
# on the article's scale. What a session computed is kept, so that the next one goes on; run it as often as you like.
#
#     lib/paper/scripts/gpu-session.sh [--minutes 9] [--profile paper] [--skip-tests] [--skip-bench]
#
# --minutes  of `reproduce`, after the rest; it ends between two steps. OABN_DATA_DIR names the data, PYTHON a Python
#            with PyTorch to compare with. What was printed stays in report/gpu-session-<time>.log.
# Ends with 0 when every run is done, 75 when some are left, else with the code of what failed.
set -uo pipefail
cd "$(dirname "$0")/../../.."

minutes=9 profile=paper tests=yes bench=yes
while [ $# -gt 0 ]; do
  case "$1" in
    --minutes) minutes=${2:?--minutes needs a number}; shift 2 ;;
    --profile) profile=${2:?--profile needs a name}; shift 2 ;;
    --skip-tests) tests=no; shift ;;
    --skip-bench) bench=no; shift ;;
    *) echo "gpu-session: unknown option $1; the head of $0 lists them" >&2; exit 2 ;;
  esac
done

[ -d node_modules/oabn ] || { echo 'gpu-session: run «npm ci» first' >&2; exit 2; }
[ -f lib/paper/dist/index.js ] || npm run --silent build || exit

mkdir -p report
log=report/gpu-session-$(date -u +%Y%m%dT%H%M%SZ).log
exec > >(tee -a "$log") 2>&1
oabn() { node lib/oabn/bin/oabn.js "$@"; }
say() { printf '\n== %s  %s\n' "$(date -u +%H:%M:%S)" "$*"; }

say 'What is here'
command -v nvidia-smi >/dev/null && nvidia-smi
oabn doctor || exit

# The mocha files that start a device take the real one where there is one, and say which they took.
if [ $tests = yes ]; then
  say 'Kernels on this GPU, against the CPU'
  files=$(find lib/*/test -path '*webgpu*' -name '*.test.ts'; find lib/tensor/test/engines/tensorflow -name '*.test.ts')
  npx mocha $files || { echo 'gpu-session: kernels compute wrongly here; results would be worthless' >&2; exit 1; }
fi

if [ $bench = yes ]; then
  say 'Steps against PyTorch'
  npm run --silent bench:gpu || echo 'gpu-session: no benchmark; going on'
fi

say "reproduce --profile $profile for $minutes minutes"
oabn reproduce --profile "$profile" --minutes "$minutes"
code=$?
say "Ended with $code; the log is $log"
exit $code
