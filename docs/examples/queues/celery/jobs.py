"""A program that has its jobs in Celery, and shows them with heliograph.

    celery -A jobs worker                                   runs jobs
    python3 -c 'import jobs; print(jobs.import_rows.delay(10).id)'    puts one into the queue, and says its ID

HELIOGRAPH_URL and REDIS_URL say where both are; heliograph.py of docs/examples/workers is beside this file, or in PYTHONPATH.
"""
from __future__ import annotations

import os
import time
from typing import Optional

import celery

import heliograph
from adapter import shown

app = celery.Celery("jobs", broker=os.environ.get("REDIS_URL", "redis://localhost:6379"))
service = heliograph.Service(os.environ.get("HELIOGRAPH_URL", "http://localhost:8080"))


@app.task(bind=True, autoretry_for=(ConnectionError,), retry_kwargs={"max_retries": 1, "countdown": 1})
def import_rows(self: celery.Task, rows: int, error: Optional[str] = None) -> None:
    """The job. It has been there before; the lines with task are new."""
    with shown(service, self, "import", rows=rows) as task:
        for row in range(1, rows + 1):
            time.sleep(0.05)  # the work
            task.report(done=row, total=rows, unit="rows")
        if error:
            raise ConnectionError(error)
        task.result = {"rows": rows}
