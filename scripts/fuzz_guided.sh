#!/bin/bash
# Coverage-guided fuzzing: the native decoders and round trips by libFuzzer with AddressSanitizer and
# UndefinedBehaviorSanitizer, what is written in Python by Atheris. Each target runs for SECONDS, from what is kept in
# tests/fuzz/corpus and what runs before have found; the first failing input ends the run, and its path is told.
#
#   scripts/fuzz_guided.sh [TARGET...]               all targets, or these
#   scripts/fuzz_guided.sh --keep [TARGET...]        no run: the smallest of what was found into tests/fuzz/corpus
#   scripts/fuzz_guided.sh --coverage [TARGET...]    no run: lines of the kernels that the native corpora reach
#
#   SECONDS_EACH   seconds for each target (60)
#   CLANG          the compiler, with libFuzzer; clang or the newest of clang-14 and later without it
#   PYTHON         a Python with the package's groups `test` and `fuzz`; python3 without it
#   FUZZ_BUILD     the folder of what is built and found; build/fuzz without it
#
# Exit status 2: Clang, libFuzzer or Atheris is missing.
set -eu

cd "$(dirname "$0")/.."
python=${PYTHON:-python3}
work=${FUZZ_BUILD:-build/fuzz}
kernels=src/ucompress/_kernels
native=tests/fuzz/native
corpus=tests/fuzz/corpus
seconds=${SECONDS_EACH:-60}
export PYTHONPATH="${PYTHONPATH:+$PYTHONPATH:}tests:."
export ASAN_OPTIONS=allocator_may_return_null=1 UBSAN_OPTIONS=print_stacktrace=1
compiler=
export TMPDIR
TMPDIR=$(mktemp -d)
trap 'rm -rf "$TMPDIR"' EXIT
checks="-fsanitize=address,undefined -fno-sanitize-recover=all -D__SANITIZE_ADDRESS__"

missing() {
    echo "fuzz_guided.sh: $1" >&2
    exit 2
}

find_clang() {
    local name names=(clang clang-{22..14})
    for name in ${CLANG:-"${names[@]}"}; do
        if command -v "$name"; then
            return
        fi
    done
    missing "no clang: install clang and libclang-rt-dev, or name it: CLANG=/path/to/clang"
}

# compile FLAGS FOLDER TARGET: the mixing codec is compiled once for its targets, for that takes minutes.
compile() {
    local flags=$1 folder=$2 target=$3 objects=()
    compiler=${compiler:-$(find_clang)}
    [ -n "$compiler" ] || exit 2
    local command=("$compiler" -std=c11 -O1 -gline-tables-only $flags -I"$kernels")
    mkdir -p "$folder"
    if [ "${target%%_*}" = mix ]; then
        objects=("$folder/mix_coders.o")
        if is_older "${objects[0]}"; then
            "${command[@]}" -fsanitize=fuzzer-no-link -c "$native/mix_coders.c" -o "${objects[0]}"
        fi
    fi
    if is_older "$folder/$target"; then
        "${command[@]}" -fsanitize=fuzzer "$native/$target.c" "${objects[@]}" -o "$folder/$target"
    fi
}

is_older() {
    local source
    for source in "$kernels"/*.h "$native"/*; do
        if [ ! -e "$1" ] || [ "$source" -nt "$1" ]; then
            return 0
        fi
    done
    return 1
}

# fuzzer TARGET: the command that takes libFuzzer's arguments.
fuzzer() {
    if [ -e "$native/$1.c" ]; then
        compile "$checks" "$work/bin" "$1"
        command=("$work/bin/$1")
    else
        "$python" -c 'import atheris' 2>/dev/null ||
            missing "no Atheris in $python: pip install --group fuzz, or name native targets: $natives"
        command=("$python" -m fuzz.guided "$1")
    fi
}

run() {
    local folders=("$work/found/$1" "$work/seeds/$1")
    if [ -d "$corpus/$1" ]; then
        folders+=("$corpus/$1")
    fi
    mkdir -p "$work/found/$1" "$work/failed"
    fuzzer "$1"
    echo "== $1: $seconds s"
    "${command[@]}" -max_total_time="$seconds" -timeout=60 -rss_limit_mb=2048 -print_final_stats=1 \
        -artifact_prefix="$work/failed/$1-" "${folders[@]}" >"$work/$1.log" 2>&1 || { tail -40 "$work/$1.log"; exit 1; }
    grep -E ' cov: ' "$work/$1.log" | tail -1
    grep -E 'number_of_executed_units|Done ' "$work/$1.log"
}

keep() {
    local chosen
    chosen=$(mktemp -d)
    mkdir -p "$corpus/$1" "$work/found/$1"
    fuzzer "$1"
    "${command[@]}" -set_cover_merge=1 -use_counters=0 -max_len=4096 "$chosen" "$corpus/$1" "$work/found/$1" \
        "$work/seeds/$1" >"$work/$1.log" 2>&1
    cp "$chosen"/* "$corpus/$1"
    rm -r "$chosen"
    echo "$1: $(ls "$corpus/$1" | wc -l) inputs kept"
}

coverage() {
    mkdir -p "$work/found/$1"
    compile "-fprofile-instr-generate -fcoverage-mapping" "$work/coverage" "$1"
    LLVM_PROFILE_FILE="$work/coverage/$1.raw" "$work/coverage/$1" -runs=0 "$work/found/$1" "$corpus/$1" \
        "$work/seeds/$1" 2>/dev/null
    "${compiler%clang*}llvm-profdata${compiler##*clang}" merge "$work/coverage/$1.raw" -o "$work/coverage/$1.profile"
    "${compiler%clang*}llvm-cov${compiler##*clang}" report "$work/coverage/$1" -instr-profile="$work/coverage/$1.profile"
}

natives=$(cd "$native" && ls *_block.c *_trip.c | sed 's/\.c$//' | tr '\n' ' ')
action=run
case "${1:-}" in
--keep | --coverage)
    action=${1#--}
    shift
    ;;
esac
if [ $# -eq 0 ] && [ "$action" = coverage ]; then
    set -- $natives
elif [ $# -eq 0 ]; then
    set -- $natives $("$python" -m fuzz.guided --list parsers) $([ "$action" = keep ] || "$python" -m fuzz.guided --list choices)
fi
"$python" -m fuzz.guided --seeds "$work/seeds"
for target in "$@"; do
    "$action" "$target"
done
