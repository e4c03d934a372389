#!/usr/bin/env python3
"""A worker for heliograph, with nothing but Python's standard library.

    worker.py URL TYPE...        for instance: worker.py http://localhost:8080 count
    HELIOGRAPH_TOKEN in the environment is its API key, where the service asks for one.
It claims one task after the other. Put your own work into work().
"""
import http.client
import json
import os
import sys
import threading
import time
import urllib.error
import urllib.request

URL, TYPES = sys.argv[1].rstrip("/"), sys.argv[2:]
HEADERS = {"Content-Type": "application/json"}
if os.environ.get("HELIOGRAPH_TOKEN"):
    HEADERS["Authorization"] = "Bearer " + os.environ["HELIOGRAPH_TOKEN"]
OFFLINE = (OSError, http.client.HTTPException)  # the service is away; it may come back


def work(task):
    """Counts steps; its exception is the task's error."""
    steps = task.params.get("steps", 10)
    for step in range(1, steps + 1):
        time.sleep(task.params.get("delay", 0.2))
        task.report(text=f"Step {step}/{steps}", value=step / steps)
    if "error" in task.params:
        raise RuntimeError(task.params["error"])
    return {"steps": steps, "attempt": task.attempt}


class Stop(Exception):
    """The work is to stop: the task was cancelled, or is not ours any more."""


class Refused(Exception):
    """The service does not take what it was sent; its message is the service's."""


class Task:
    def __init__(self, claim):
        self.params, self.attempt = claim["params"] or {}, claim["attempt"]
        self.lease, self.term = claim["lease"], claim["lease_seconds"]
        self.path = "/api/tasks/" + claim["task_id"]
        self.cancelled = self.lost = False
        self.over = threading.Event()

    def report(self, **update):
        """Says how it goes: text, value, stage, stages, done, total, unit. Raises Stop or Refused."""
        refusal = self.sign(update)
        if refusal:
            raise Refused(f"the service refuses the progress: {refusal}")
        if self.cancelled or self.lost:
            raise Stop("cancelled")

    def sign(self, update):
        try:
            status, answer = post(self.path + "/progress", {"lease": self.lease, **update})
        except OFFLINE:
            return None  # the next sign may come through
        self.lost = status in (404, 409)
        self.cancelled = status == 200 and answer["cancel_requested"]
        return answer if 400 <= status < 500 and not self.lost else None

    def renew(self):
        """Gives a sign in time, however long a step of the work takes."""
        while not self.over.wait(self.term / 3):
            self.sign({})

    def end(self, how, said):
        """Ends the task. Without an answer it says so again, which does no harm. Raises Refused."""
        answer, give_up = "no answer", time.monotonic() + self.term
        while time.monotonic() < give_up and not self.lost:
            try:
                status, answer = post(f"{self.path}/{how}?lease={self.lease}", {"lease": self.lease, **said})
                self.lost = status in (404, 409)
                if status < 300 or self.lost:
                    return
                if status < 500:
                    break
            except OFFLINE as error:
                answer = str(error)
            time.sleep(0.5)
        if not self.lost:
            raise Refused(f"the service does not take it: {how}: {answer}")

    def run(self):
        threading.Thread(target=self.renew, daemon=True).start()
        try:
            self.end("complete", {"result": work(self)})
        except Exception as error:  # Stop, too: the service knows that it asked for it
            self.fail(str(error) or type(error).__name__)
        self.over.set()

    def fail(self, error):
        try:
            self.end("fail", {"error": error})
        except Refused as refusal:  # nothing is left to do: the lease will run out
            print(f"{self.path}: {refusal}", file=sys.stderr)


def post(path, body, timeout=10):
    request = urllib.request.Request(URL + path, json.dumps(body).encode(), HEADERS)
    try:
        with urllib.request.urlopen(request, timeout=timeout) as answer:
            return answer.status, json.loads(answer.read() or "null")
    except urllib.error.HTTPError as refusal:
        return refusal.code, message(refusal.read().decode(errors="replace"))


def message(text):
    """Takes the service's words out of an error's body; a proxy's page is cut."""
    try:
        return json.loads(text)["error"]["message"]
    except (ValueError, KeyError, TypeError):
        return text[:200]


while True:
    try:
        status, claim = post("/api/workers/claim", {"types": TYPES, "wait": 20}, timeout=30)
    except OFFLINE:
        status = 503
    if status == 200:
        Task(claim).run()
    elif status >= 500:
        time.sleep(1)
    elif status >= 400:
        sys.exit(f"the service refuses the claim: {claim}")
