#!/usr/bin/env bash
# fuzz/run.sh TARGET [SECONDS]: fuzzes one target (a file of fuzz/targets/) without a panic, a hang or more than 64 MB.
# Needs the nightly compiler and `cargo install cargo-fuzz`. Everything it makes is under target/fuzz/.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
target=$1 seconds=${2:-600}
work=$PWD/target/fuzz
python3 fuzz/seeds.py "$work/seeds"
mkdir -p "$work/corpus/$target" "$work/artifacts/$target"
exec cargo +nightly fuzz run --fuzz-dir fuzz --target-dir "$work/build" "$target" "$work/corpus/$target" "$work/seeds/$target" -- \
    -max_total_time="$seconds" -timeout=10 -malloc_limit_mb=64 -rss_limit_mb=1024 -max_len=65536 \
    -artifact_prefix="$work/artifacts/$target/" -print_final_stats=1
