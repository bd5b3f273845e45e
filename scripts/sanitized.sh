#!/bin/bash
# Builds a copy of the extensions with sanitizers in a temporary folder and runs tests under it. The first finding
# ends the run with a report.
#
#   scripts/sanitized.sh [PYTEST ARGUMENT...]      without arguments: kernels, codecs, archives, fuzzing
#   SANITIZER=thread scripts/sanitized.sh          kernels that several threads call on shared buffers
#
#   SANITIZER         address,undefined (the default) or thread
#   PYTHON            the Python that has what building and testing need; python3 without it
#   SANITIZED_BUILD   a folder for the copy that is kept, and used again while sources stay the same
set -eu

here=$(cd "$(dirname "$0")/.." && pwd)
python=$(command -v "${PYTHON:-python3}")
compiler=${CC:-cc}
sanitizer=${SANITIZER:-address,undefined}
if [ -n "${SANITIZED_BUILD:-}" ]; then
    work=$SANITIZED_BUILD
    mkdir -p "$work"
else
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
fi
if [ $# -eq 0 ] && [ "$sanitizer" = thread ]; then
    set -- tests/threads
elif [ $# -eq 0 ]; then
    set -- tests/codec tests/lz tests/mix tests/dictionary tests/patterns tests/references tests/segments \
        tests/similarity tests/archive tests/golden tests/fuzz
fi

# Times of files are kept, so that only what changed is compiled again.
(cd "$here" && git ls-files -z | xargs -0 tar -cf -) | tar -xf - -C "$work"

# A wrapper has the last word on flags: `setup.py` asks for no symbols and for speed.
printf '#!/bin/sh\nexec %s "$@" -O1 -g -fno-omit-frame-pointer -fsanitize=%s -fno-sanitize-recover=all\n' \
    "$compiler" "$sanitizer" >"$work/cc"
chmod +x "$work/cc"
(cd "$work" && CC="$work/cc" LDSHARED="$work/cc -shared" "$python" setup.py -q build_ext --inplace)

# Python's own allocator would hide what is read behind small objects, and its leaks at exit are not ours.
# Freed memory that a sanitizer holds back counts towards the limits that runs within pytest keep: not too much.
# Reports go to the descriptor that pytest would take over: hence `--capture=sys`.
cd "$work"
export PYTHONMALLOC=malloc PYTHONPATH="$work/src" PYTHONDONTWRITEBYTECODE=1
set -- "$python" -m pytest -q -p no:cacheprovider --capture=sys "$@"
if [ "$sanitizer" = thread ]; then
    # Its shadow memory wants addresses that are not shuffled. Locks of Python that are never freed are not ours.
    LD_PRELOAD="$("$compiler" -print-file-name=libtsan.so)" \
        TSAN_OPTIONS=halt_on_error=1:report_mutex_bugs=0:report_thread_leaks=0:exitcode=66 setarch -R "$@"
else
    LD_PRELOAD="$("$compiler" -print-file-name=libasan.so) $("$compiler" -print-file-name=libstdc++.so.6)" \
        ASAN_OPTIONS=detect_leaks=0:allocator_may_return_null=1:quarantine_size_mb=32 UBSAN_OPTIONS=print_stacktrace=1 "$@"
fi
