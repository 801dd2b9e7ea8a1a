"""The scheduler: a stage starts as soon as those it needs have succeeded and the host has cores and GPUs for it.

The scheduler knows neither DVC nor Prefect. It is told how to `submit` a job (to Prefect's task runner, or to any
executor) and what the work is; it decides the order, hands out cores and GPUs, and keeps going after a failure with
everything that does not depend on it.
"""

import queue
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any, Protocol

from isogloss.pipeline.console import ConsoleListener
from isogloss.pipeline.host.slots import HostSlots, NoSlotAvailable, Share
from isogloss.pipeline.outcome import Outcome
from isogloss.pipeline.plan import Plan, Stage

Job = Callable[[], Outcome]
Work = Callable[[Stage, Share], Outcome]

_LOOK_AGAIN_SECONDS = 0.2
"""Seconds between looks at the queue while a stage waits, since other runs on the host may have freed resources."""


class Submitted(Protocol):
    """What `submit` returns: a future of concurrent.futures or of Prefect."""

    def add_done_callback(self, fn: Callable[[Any], None], /) -> Any:
        """Call `fn` when the job is over, however it ended."""


Submit = Callable[[Stage, Job], Submitted]


class Schedule:
    """One walk over the stale stages of a plan, by the thread that calls `run`; `interrupt` may come from anywhere."""

    def __init__(self, plan: Plan, *, slots: HostSlots, work: Work, submit: Submit, listener: ConsoleListener):
        stale = {stage.name for stage in plan.stale}
        self._waiting = {stage.name: stage for stage in plan.stale}
        self._missing = {stage.name: {*stage.needs} & stale for stage in plan.stale}
        self._blocked: dict[str, NoSlotAvailable] = {}
        self._running: dict[str, Share] = {}
        self._results: dict[str, Outcome] = {}
        self._outcomes: list[Outcome] = []
        # A SimpleQueue, since a signal handler puts into it: its put() is reentrant.
        self._over: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._slots, self._work, self._submit, self._listener = slots, work, submit, listener

    def run(self) -> list[Outcome]:
        """Run until every stale stage has an outcome; returns the outcomes in the order in which the stages ended."""
        try:
            self._walk()
        finally:
            self._slots.leave()
        for name in self._waiting:
            self._record(Outcome(name, "interrupted", message=f"stage {name} was not started"))
        return self._outcomes

    def _walk(self) -> None:
        """Start what can be started and settle what has ended, until nothing is left or an interrupt has come."""
        interrupted = told = False
        self._start_what_can()
        while self._running or (self._blocked and not interrupted):
            if self._blocked and not self._running and not told:  # Other runs hold the resources.
                for name, lack in self._blocked.items():
                    self._listener.line(self._waiting[name], str(lack))
                told = True
            with suppress(queue.Empty):
                over = self._over.get(timeout=_LOOK_AGAIN_SECONDS if self._blocked else None)
                if over is None:
                    interrupted = True
                elif over in self._running:
                    self._settle(over)
            if not interrupted:
                self._start_what_can()

    def interrupt(self) -> None:
        """Start no more stages; the executor has to stop those that run. Safe in a signal handler."""
        self._over.put(None)

    def _start_what_can(self) -> None:
        """Submit each waiting stage whose inputs are ready and that gets a share.

        A stage that depends on one that did not succeed is submitted too, as a job that only reports that it was
        skipped.
        """
        failed = {outcome.stage for outcome in self._outcomes if not outcome.succeeded}
        self._blocked = {}
        refused: dict[tuple[int, int], NoSlotAvailable] = {}
        for stage in list(self._waiting.values()):
            lost = next((name for name in stage.needs if name in failed), None)
            if lost is not None:
                message = f"stage {stage.name} was skipped, because it needs {lost}"
                self._launch(stage, Share(cores=0), Outcome(stage.name, "skipped", message=message))
            elif not self._missing[stage.name]:
                request = (stage.cores, stage.gpus)
                share = refused.get(request) or self._slots.take(stage)
                if isinstance(share, NoSlotAvailable):
                    self._blocked[stage.name] = refused[request] = share
                else:
                    self._launch(stage, share)

    def _launch(self, stage: Stage, share: Share, skipped: Outcome | None = None) -> None:
        """Submit a stage, or only that it was skipped; the end of the job is noticed even if it fails to start."""

        def job() -> Outcome:
            try:
                if skipped is None:
                    self._listener.started(stage)
                self._results[stage.name] = outcome = skipped or self._work(stage, share)
            except Exception as error:  # A defect of Isogloss: the run continues without this stage and reports it.
                self._results[stage.name] = self._unfinished(stage.name, f"{type(error).__name__}: {error}")
                raise
            return outcome

        del self._waiting[stage.name]
        self._running[stage.name] = share
        self._submit(stage, job).add_done_callback(lambda _: self._over.put(stage.name))

    def _settle(self, name: str) -> None:
        """Handle the end of a job: free its share and release the stages that wait for it."""
        self._slots.give_back(self._running.pop(name))
        outcome = self._results.pop(name, None) or self._unfinished(name, "its task ended without a result")
        self._record(outcome)
        if outcome.succeeded:
            for missing in self._missing.values():
                missing.discard(name)

    @staticmethod
    def _unfinished(name: str, why: str) -> Outcome:
        """The outcome of a stage whose job ended without one."""
        return Outcome(name, "failed", message=f"stage {name} could not be run: {' '.join(why.split())}")

    def _record(self, outcome: Outcome) -> None:
        self._outcomes.append(outcome)
        self._listener.ended(outcome)


def retrying(work: Work, *, tell: Callable[[Stage, str], None]) -> Work:
    """Repeat `work` after failures, as often as `meta: {retries: n}` of a stage says; `tell` is called each time.

    A stage is not tried again if memory ran out or DVC refused it, since it would fail in the same way. (The loss of a
    worker is not a failure of its stage; `isogloss.pipeline.workers.pools` gives the stage to another worker.)
    """

    def worked(stage: Stage, share: Share) -> Outcome:
        seconds = 0.0
        for retry in range(1, stage.retries + 2):
            outcome = work(stage, share)
            seconds += outcome.seconds
            if outcome.state != "failed" or outcome.cause or retry > stage.retries:
                break
            tell(stage, f"{outcome.message}; trying it again ({retry} of {stage.retries})")
        return replace(outcome, seconds=seconds)

    return worked
