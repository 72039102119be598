#!/usr/bin/python3
"""The short form of tests/torture_kill.py: twelve kills; `make torture` makes 200."""

import os
import sys

KILL = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "torture_kill.py")

os.execv(sys.executable, [sys.executable, KILL, "--kills", "12", "--messages", "4000", "--seconds",
                          "36"] + sys.argv[1:])
