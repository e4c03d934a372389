"""Tasks of heliograph in Python, with nothing but its standard library (3.9 or later). Copy this file as it is.

A worker claims tasks, one after the other, until SIGTERM:

    heliograph.Worker(heliograph.Service("http://localhost:8080"), {"count": count}).run()

A job of a queue that you have already shows its progress:

    with service.start("count", key=job_id) as task:
        task.report(text="half", value=0.5)
"""
from __future__ import annotations

import contextlib
import http.client
import json
import logging
import os
import signal
import socket
import threading
import time
import urllib.error
import urllib.request
import uuid
from types import FrameType, TracebackType
from typing import Any, Callable, Iterator, Mapping, Optional

log = logging.getLogger("heliograph")  # one line for each task, at the level INFO


class Stopped(Exception):
    """The work is to stop: the task was cancelled, or is another worker's by now."""


class Permanent(Exception):
    """Raise it in your work: the task has failed with this message, and another attempt would, too."""


class Refused(Permanent):
    """The service does not take what it was sent; the message is the service's."""


class Away(Exception):
    """The service did not answer for a whole lease, or for a minute."""


class Shutdown(BaseException):
    """The process is to end. No Exception, so that only what cleans up sees it."""


class Service:
    """Where tasks are. token is an API key; without one HELIOGRAPH_TOKEN of the environment counts. name is what the
    service shows as the worker of a task: this machine and process if it is left out."""

    def __init__(self, url: str, token: Optional[str] = None, name: Optional[str] = None) -> None:
        self.url = url.rstrip("/")
        self.name = name or f"{socket.gethostname()}/{os.getpid()}"
        self.headers = {"Content-Type": "application/json"}
        token = token or os.environ.get("HELIOGRAPH_TOKEN")
        if token:
            self.headers["Authorization"] = "Bearer " + token

    def post(self, path: str, body: Any, timeout: float = 10, key: str = "") -> tuple[int, Any]:
        """Returns the status and what was answered: of a refusal the service's words. Without an answer it is 503.
        bytes are sent as they are, anything else as JSON."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        headers = {**self.headers, "Idempotency-Key": key} if key else self.headers
        request = urllib.request.Request(self.url + path, data, headers)
        try:
            with urllib.request.urlopen(request, timeout=timeout) as answer:
                return answer.status, json.loads(answer.read() or "null")
        except urllib.error.HTTPError as refusal:
            return refusal.code, _words(refusal.read().decode(errors="replace"))
        except (OSError, http.client.HTTPException, ValueError) as error:
            return 503, str(error)

    def claim(self, types: list[str], wait: float = 20) -> Optional[Task]:
        """Waits for a task of one of the types; None if none came. Raises Refused."""
        status, answer = self.post("/api/workers/claim", {"types": types, "wait": wait, "worker": self.name}, timeout=wait + 10)
        if status == 200:
            return Task(self, answer)
        if _again(status):
            time.sleep(1)
        elif status >= 400:
            raise Refused(f"the service refuses the claim: {answer}")
        return None

    def start(self, type: str, params: Optional[Mapping[str, Any]] = None, key: Optional[str] = None, **more: Any) -> Task:
        """Starts a task that the caller runs itself. key should name the job and its attempt: called again with it, while
        the first call's attempt goes on, it is the same task. more may be labels and audience. Raises Refused and Away."""
        body = {"type": type, "params": params, "claim": True, "worker": self.name, **more}
        key = key or str(uuid.uuid4())
        give_up = time.monotonic() + 60
        while True:
            status, answer = self.post("/api/tasks", body, key=key)
            if status == 202 and "lease" in answer:
                return Task(self, {"type": type, "params": params, "labels": more.get("labels"), "attempt": 1, **answer}, started=True)
            if status == 202:
                raise Refused(f"the task {answer['task_id']} was started with this key before, and is {answer['status']}")
            if not _again(status):
                raise Refused(f"the service refuses the start: {answer}")
            if time.monotonic() > give_up:
                raise Away(f"the service does not start the task: {answer}")
            time.sleep(0.5)


class Task:
    """A task that this process runs. Its lease is renewed in the background until it has ended.

    In a with statement its end is the task's: completed with result, or failed with the exception's message."""

    def __init__(self, service: Service, claim: Mapping[str, Any], started: bool = False) -> None:
        self.id: str = claim["task_id"]
        self.type: str = claim["type"]
        self.params: Mapping[str, Any] = claim["params"] or {}
        self.labels: Mapping[str, str] = claim["labels"] or {}
        self.attempt: int = claim["attempt"]
        self.result: Any = None
        self.cancelled = False  # somebody asked for it: stop soon
        self.lost = False  # it is another worker's by now: stop, nothing that is said of it counts
        self._service, self._lease, self._term, self._started = service, claim["lease"], claim["lease_seconds"], started
        self._begin, self._over = time.monotonic(), threading.Event()
        self._printing, self._printed = threading.Lock(), -1
        threading.Thread(target=self._renew, daemon=True).start()

    def report(self, **update: Any) -> None:
        """Says how it goes: text, value, stage, stages, done, total, unit. Raises Stopped, and Refused for what makes no sense."""
        refusal = self._progress(update)
        if refusal:
            raise Refused(f"the service refuses the progress: {refusal}")
        if self.cancelled or self.lost:
            raise Stopped("cancelled" if self.cancelled else "the task is another worker's by now")

    def output(self, text: str) -> None:
        """Appends to what the task prints. It returns when the service has it. Raises Stopped, Refused and Away."""
        with self._printing:
            offset, self._printed = self._printed, -1
            if offset < 0:  # an attempt before may have printed
                offset = self._append("", b"")
            rest = text.encode(errors="replace")
            while rest:
                piece, rest = _divide(rest)
                offset = self._append(f"&offset={offset}", piece)
            self._printed = offset

    def complete(self, result: Any = None) -> None:
        """Ends the task. If the service refuses the result, the task has failed with its words. Raises Refused and Away."""
        try:
            self._end("complete", {"result": result}, "completed")
        except Refused as refusal:
            self.fail(str(refusal), retry=False)
            raise

    def fail(self, error: str, retry: bool = True) -> None:
        """Ends the task as failed, or as cancelled if it was asked to stop. retry: another attempt may do better."""
        self._end("fail", {"error": error or "failed", "retry": retry}, "cancelled" if self.cancelled else f"failed: {error}")

    def release(self) -> None:
        """Gives the task back: another worker may begin it at once, and no attempt is used up."""
        self._end("release", {}, "given back")

    def __enter__(self) -> Task:
        return self

    def __exit__(self, kind: Optional[type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]) -> None:
        if self._over.is_set():
            return
        if error is None:
            self.complete(self.result)
        elif isinstance(error, Exception) or self._started:
            self._fail_with(error)
        else:
            self.release()

    def _fail_with(self, error: BaseException) -> None:
        self.fail(str(error) or type(error).__name__, retry=not isinstance(error, Permanent))

    def _progress(self, update: Mapping[str, Any]) -> Optional[str]:
        status, answer = self._service.post(f"/api/tasks/{self.id}/progress", {"lease": self._lease, **update})
        if status == 200:
            self.cancelled = self.cancelled or answer["cancel_requested"]
        self.lost = self.lost or status in (404, 409)
        return str(answer) if status >= 400 and not _again(status) and not self.lost else None

    def _renew(self) -> None:
        """Reports in time, however long a step of the work takes."""
        while not self._over.wait(self._term / 3):
            self._progress({})

    def _end(self, how: str, body: Mapping[str, Any], outcome: str) -> None:
        """Says how it ended."""
        status, answer = self._repeat(f"{how}?lease={self._lease}", {"lease": self._lease, **body})
        self.lost = self.lost or status in (404, 409)
        refusal = f"the service does not take it: {how}: {answer}" if status >= 400 and not self.lost else ""
        if refusal and how == "complete" and not _again(status):
            raise Refused(refusal)
        self._over.set()
        if refusal:
            outcome += "; " + refusal
        elif self.lost and how != "release":
            outcome = "another worker's by now"
        log.info("%s %s, attempt %d: %s after %.1f s", self.type, self.id, self.attempt, outcome, time.monotonic() - self._begin)
        if _again(status):
            raise Away(refusal)


    def _append(self, offset: str, text: bytes) -> int:
        status, answer = self._repeat(f"output?lease={self._lease}{offset}", text)
        if status == 200:
            return int(answer["offset"])
        self.report()  # which says whether the task is still this worker's
        raise (Away if _again(status) else Refused)(f"the service does not take it: output: {answer}")

    def _repeat(self, path: str, body: Any) -> tuple[int, Any]:
        """Posts something about the task, and again while no answer comes, which does no harm."""
        give_up = time.monotonic() + self._term
        while True:
            status, answer = self._service.post(f"/api/tasks/{self.id}/{path}", body)
            if not _again(status) or time.monotonic() > give_up:
                return status, answer
            time.sleep(0.5)


class Worker:
    """Runs tasks, each with the function of its type, whose exception is the task's error. Several workers share the tasks."""

    def __init__(self, service: Service, work: Mapping[str, Callable[[Task], Any]]) -> None:
        self.service, self.work = service, work
        self._stopping = self._interruptible = False

    def run(self) -> None:
        """Claims tasks until SIGTERM or SIGINT (Ctrl-C), which gives the task that runs back. Call it in the main thread.
        Raises Refused if the service refuses the claim."""
        with self._signals(), contextlib.suppress(Shutdown):
            while True:
                with self._interrupt():
                    task = self.service.claim(list(self.work))
                if task:
                    self._run(task)

    def _run(self, task: Task) -> None:
        try:
            with self._interrupt():
                result = self.work[task.type](task)
            task.complete(result)
        except Shutdown:
            with contextlib.suppress(Away):
                task.release()
        except Exception as error:  # Stopped, too: the service knows that it asked for it
            if not task._over.is_set():  # else complete was refused, and has said so
                with contextlib.suppress(Away):
                    task._fail_with(error)

    @contextlib.contextmanager
    def _interrupt(self) -> Iterator[None]:
        """Lets signals end what is done meanwhile."""
        self._interruptible = True
        try:
            if self._stopping:
                raise Shutdown
            yield
        finally:
            self._interruptible = False

    @contextlib.contextmanager
    def _signals(self) -> Iterator[None]:
        def stop(_number: int, _frame: Optional[FrameType]) -> None:
            self._stopping = True
            if self._interruptible:
                self._interruptible = False
                raise Shutdown

        before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def _again(status: int) -> bool:
    """Whether the same request may do better later."""
    return status >= 500 or status == 429


def _divide(text: bytes) -> tuple[bytes, bytes]:
    """Takes what one call may print, which splits no character."""
    end = 64 << 10
    while end < len(text) and text[end] & 0xC0 == 0x80:
        end -= 1
    return text[:end], text[end:]


def _words(text: str) -> str:
    """Takes the service's words out of an error's body; a proxy's page is cut."""
    try:
        return str(json.loads(text)["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return text[:200]
