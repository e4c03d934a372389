"""Shows the jobs of Celery with heliograph."""
from __future__ import annotations

import contextlib
from typing import Any, Iterator

import celery
from celery.exceptions import Ignore

import heliograph


@contextlib.contextmanager
def shown(service: heliograph.Service, job: celery.Task, type: str, **params: Any) -> Iterator[heliograph.Task]:
    """Shows this attempt at a job, whose task is bound, as a task of the type: the service learns of its progress and its end.
    A job that somebody cancels ends without a result."""
    key = f"{job.request.id}/{job.request.retries}"
    try:
        with service.start(type, params, key=key, labels={"job": job.request.id}) as task:
            yield task
    except heliograph.Stopped as stopped:
        raise Ignore(str(stopped)) from stopped
