#!/bin/sh
# Every test, two at a time. What fails then is asked once more with the machine to itself, for many
# tests wait for real processes on real sockets, and a busy machine may be slower than they allow.
# Both runs are printed, a test that fails twice fails, and more than MOST are not asked again.
#
# Usage: tests/every.sh PYTEST
set -u
MOST=4
"$1" -n 2
code=$?
[ "$code" -eq 1 ] || exit "$code" # 0: all passed; others: they could not be run

failed=$("$1" --last-failed --collect-only --quiet --no-header | grep -c '::')
if [ "$failed" -lt 1 ] || [ "$failed" -gt "$MOST" ]; then
    exit 1
fi
echo "Asking once more, alone: $failed of the tests"
exec "$1" --last-failed --last-failed-no-failures none -ra
