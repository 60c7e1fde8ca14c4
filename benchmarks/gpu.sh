#!/bin/bash
# Everything worth measuring on a GPU, in one call of under ten minutes, without network. The tables go to $OUT, or here.
set -euo pipefail
cd "$(dirname "$0")/.."
export TOKENIZERS_PARALLELISM=false HF_HUB_OFFLINE=1 PYTHONUNBUFFERED=1
exec "${PYTHON:-python3}" benchmarks/gpu/run.py --output "${OUT:-benchmarks/gpu}/results.md" "$@"
