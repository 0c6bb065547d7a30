#!/usr/bin/env bash
# Proves the CUDA engine on this machine and writes a dated report: see docs/gpu/README.md.
# Needs the checkout, Python with CuPy and pytest, and a compiler; nothing is installed.
cd "$(dirname "${BASH_SOURCE[0]}")/../.." && exec "${PYTHON:-python3}" tests/gpu/prove.py "$@"
