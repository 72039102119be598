#!/usr/bin/python3
"""Every twentieth fault of tests/torture.py, within a bounded time; `make torture` injects them all."""

import os
import subprocess
import sys

SKIPPED = 77
TORTURE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "torture.py")

status = subprocess.call([sys.executable, TORTURE, "--every", "20", "--seconds", "240"])
sys.exit(0 if status == SKIPPED else status)
