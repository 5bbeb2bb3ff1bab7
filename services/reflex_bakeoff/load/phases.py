"""Closed and open loop: who is sent when. locust's users do the sending."""

import os
import time

import gevent
from gevent.event import Event
from gevent.queue import Queue
from locust import FastHttpUser, constant, task
from locust.env import Environment

from reflex_bakeoff.load.asking import Job, ask
from reflex_bakeoff.load.watch import Watch
from reflex_bakeoff.speed.plan import LoadPlan, PlannedPhase
from reflex_bakeoff.speed.schedule import due_times
from reflex_bakeoff.speed.timing import Trace
from reflex_bakeoff.speed.traces import Watched

_SPAWN_SECONDS = 30.0


class Load:
    """One run of a plan."""

    def __init__(self, plan: LoadPlan) -> None:
        self._plan = plan
        self._jobs: Queue[Job] = Queue()
        self._done: Queue[Trace | Exception] = Queue()
        self._ready = Event()
        self._started = 0
        self._users = max(
            plan.open_streams if phase.rate else phase.streams for phase in plan.phases
        )

    def run(self, web_port: int = 0) -> tuple[list[Trace], Watched]:
        """Send everything and return what was seen.

        Raises:
            TimeoutError: the users did not start.
        """
        environment = Environment(user_classes=[self._user_class()], catch_exceptions=False)
        runner = environment.create_local_runner()
        if web_port:
            environment.create_web_ui("127.0.0.1", web_port)
        runner.start(self._users, spawn_rate=float(self._users))
        if not self._ready.wait(_SPAWN_SECONDS):
            raise TimeoutError(f"{self._started} of {self._users} users started")
        watch = Watch()
        traces: list[Trace] = []
        for phase in self._plan.phases:
            traces += self._closed(phase) if phase.streams else self._open(phase)
        watched = watch.stop()
        runner.quit()
        return traces, watched

    def _closed(self, phase: PlannedPhase) -> list[Trace]:
        """Keep so many running: a request is due when a stream becomes free."""
        seen: list[Trace] = []
        for index, request in enumerate(phase.requests):
            if index >= phase.streams:
                seen.append(self._take())
            self._jobs.put(Job(phase=phase, request=request, due=time.monotonic()))
        while len(seen) < len(phase.requests):
            seen.append(self._take())
        return seen

    def _open(self, phase: PlannedPhase) -> list[Trace]:
        """Send when due, whatever became of the earlier ones."""
        begin = time.monotonic()
        offsets = due_times(len(phase.requests), phase.rate, self._plan.seed)
        for request, offset in zip(phase.requests, offsets, strict=True):
            due = begin + offset
            gevent.sleep(max(0.0, due - time.monotonic()))
            self._jobs.put(Job(phase=phase, request=request, due=due))
        return [self._take() for _ in phase.requests]

    def _take(self) -> Trace:
        seen: Trace | Exception = self._done.get()
        if isinstance(seen, Exception):
            raise seen
        return seen

    def _user_class(self) -> type[FastHttpUser]:
        load, plan = self, self._plan
        key = os.environ.get(plan.api_key_env, "") if plan.api_key_env else ""

        class Stream(FastHttpUser):
            host = plan.base_url
            wait_time = constant(0)
            network_timeout = plan.timeout_seconds
            connection_timeout = min(10.0, plan.timeout_seconds)
            insecure = False
            concurrency = 1

            def on_start(self) -> None:
                load._started += 1
                if load._started == load._users:
                    load._ready.set()

            @task
            def serve(self) -> None:
                job = load._jobs.get()
                try:
                    load._done.put(ask(self.client, plan, job, key))
                except Exception as error:
                    # Else nobody would ever hear of this request, and the run would hang.
                    load._done.put(error)

        return Stream
