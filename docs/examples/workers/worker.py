#!/usr/bin/env python3
"""A worker for heliograph: copy heliograph.py as it is, and this file with your own work in it.

    worker.py URL TYPE...        for instance: worker.py http://localhost:8080 count

HELIOGRAPH_TOKEN in the environment is its API key, where the service asks for one.
"""
from __future__ import annotations

import logging
import sys
import time
from typing import Any

import heliograph


def work(task: heliograph.Task) -> dict[str, Any]:
    """Counts steps; its exception is the task's error."""
    steps = task.params.get("steps", 10)
    for step in range(1, steps + 1):
        time.sleep(task.params.get("delay", 0.2))
        task.report(text=f"Step {step}/{steps}", value=step / steps)
    if "error" in task.params:
        raise heliograph.Permanent(task.params["error"])  # any other exception may be tried again
    return {"steps": steps, "attempt": task.attempt}


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    try:
        heliograph.Worker(heliograph.Service(sys.argv[1]), {name: work for name in sys.argv[2:]}).run()
    except heliograph.Refused as refusal:
        sys.exit(str(refusal))
