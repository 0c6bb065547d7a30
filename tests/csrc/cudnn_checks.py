"""Asks cuDNN about graphs, in a process of its own: what it does not like may end the process.

Standard input: JSON with the library, the compiled part, a stand-in for the driver ('' for none), properties of a
device ('' to check graphs without making plans), and lists of words. Standard output: a list of errors, '' for none.
"""

import ctypes
import json
import os
import sys


def main():
    """Answers on the descriptor that standard output had, which libraries then cannot write into."""
    asked = json.load(sys.stdin)
    answer = os.dup(1)
    os.dup2(2, 1)
    if asked["driver"]:
        ctypes.CDLL(asked["driver"], mode=ctypes.RTLD_GLOBAL)
    part = ctypes.CDLL(asked["part"])
    for name in ("gpukeras_open", "gpukeras_cudnn_graphs_validate", "gpukeras_cudnn_graphs_plan_for"):
        getattr(part, name).restype = ctypes.c_char_p
    error = part.gpukeras_open(asked["library"].encode())
    assert error is None, error
    found = []
    for words in asked["graphs"]:
        given = (ctypes.c_int64 * len(words))(*words)
        if asked["device"]:
            error = part.gpukeras_cudnn_graphs_plan_for(given, asked["device"].encode(), (ctypes.c_int64 * 2)())
        else:
            error = part.gpukeras_cudnn_graphs_validate(given)
        found.append("" if error is None else error.decode())
    os.write(answer, json.dumps(found).encode())
    os._exit(0)  # without the libraries' own ends, which look for a driver


if __name__ == "__main__":
    main()
