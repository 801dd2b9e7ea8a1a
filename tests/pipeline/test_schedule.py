"""The scheduler alone: planted work instead of DVC, plain threads instead of Prefect."""

import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import pairwise
from statistics import median

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isogloss.pipeline.host.slots import HostSlots
from isogloss.pipeline.host.tickets import OVERTAKEN
from isogloss.pipeline.outcome import Outcome
from isogloss.pipeline.plan import Plan, Reason, Stage
from isogloss.pipeline.schedule import Schedule

STALE = (Reason("never run"),)
DIAMOND = {"top": [], "left": ["top"], "right": ["top"], "bottom": ["left", "right"]}


class Record:
    """A listener that remembers the order of events."""

    def __init__(self):
        self.events: list[tuple[str, str]] = []

    def started(self, stage):
        self.events.append(("started", stage.name))

    def line(self, stage, text):
        raise AssertionError("no stage prints here")

    def ended(self, outcome):
        self.events.append((outcome.state, outcome.stage))


def walk(plan, work, *, cores=2, devices=()):
    record = Record()
    with ThreadPoolExecutor() as pool:
        schedule = Schedule(
            plan,
            slots=HostSlots(cores=cores, devices={device: device for device in devices}),
            work=work,
            submit=lambda _stage, job: pool.submit(job),
            listener=record,
        )
        return schedule.run(), record.events


def succeed(stage, _share):
    return Outcome(stage.name, "executed", 1.0)


def test_each_stage_starts_after_what_it_needs_has_ended(make_plan):
    outcomes, events = walk(make_plan(DIAMOND), succeed)
    assert {outcome.stage for outcome in outcomes} == {*DIAMOND}
    for stage, needs in DIAMOND.items():
        for needed in needs:
            assert events.index(("executed", needed)) < events.index(("started", stage))


def test_what_much_depends_on_does_not_wait_behind_what_nothing_does(make_plan):
    """As `measure_cost`, which the graph names first, and `discover`, on which mitigation and evaluation wait."""
    needs = {
        "base": [],
        "cost": ["base"],
        "discover": ["base"],
        "mitigate": ["discover"],
        "evaluate": ["mitigate"],
        "report": ["cost", "evaluate"],
    }
    _, events = walk(make_plan(needs).longest_chain_first({}), succeed, cores=1)
    started = [name for what, name in events if what == "started"]
    assert started == ["base", "discover", "mitigate", "cost", "evaluate", "report"]


GRAPHS = st.dictionaries(st.integers(0, 12), st.sets(st.integers(0, 12), max_size=4), min_size=1)
SECONDS = st.dictionaries(st.integers(0, 12).map(str), st.integers(0, 90), max_size=13)


@given(graph=GRAPHS, seconds=SECONDS)
def test_the_order_keeps_each_stage_after_what_it_needs(graph, seconds):
    stages = [
        Stage(str(number), tuple(str(need) for need in sorted(graph[number]) if need < number and need in graph), STALE)
        for number in sorted(graph)
    ]
    names = [stage.name for stage in Plan(tuple(stages)).longest_chain_first(seconds).stages]
    assert sorted(names) == sorted(stage.name for stage in stages)
    assert all(names.index(need) < names.index(stage.name) for stage in stages for need in stage.needs)


def test_a_stage_that_took_long_goes_before_a_chain_of_short_ones(make_plan):
    needs = {
        "base": [],
        "short": ["base"],
        "after-short": ["short"],
        "long": ["base"],
        "report": ["after-short", "long"],
    }
    plan = make_plan(needs)
    assert [one.name for one in plan.longest_chain_first({}).stages][:2] == ["base", "short"]
    seconds = {"base": 5.0, "short": 2.0, "then": 2.0, "long": 60.0, "report": 1.0}
    assert [one.name for one in plan.longest_chain_first(seconds).stages][:2] == ["base", "long"]
    assert plan.critical_path(seconds) == ("base", "long", "report")


@given(graph=GRAPHS, seconds=SECONDS)
def test_no_chain_of_stages_takes_longer_than_the_critical_path(graph, seconds):
    """Against every chain of a small graph, by brute force; a stage without a time counts as the median."""
    needs = {str(n): [str(m) for m in sorted(graph[n]) if m < n and m in graph] for n in sorted(graph)}
    plan = Plan(tuple(Stage(name, tuple(of), STALE) for name, of in needs.items()))
    known = [seconds[name] for name in needs if name in seconds]
    times = {name: seconds.get(name, median(known) if known else 1.0) for name in needs}

    def chains(name):
        return [[*before, name] for need in needs[name] for before in chains(need)] or [[name]]

    longest = max(sum(times[name] for name in chain) for last in needs for chain in chains(last))
    path = plan.critical_path(seconds)
    assert sum(times[name] for name in path) == pytest.approx(longest)
    assert all(before in needs[name] for before, name in pairwise(path))


def test_siblings_run_side_by_side(make_plan):
    """Each sibling waits at a barrier for the other: alone, neither would get past it."""
    barrier = threading.Barrier(2, timeout=20)

    def work(stage, share):
        if stage.name in ("left", "right"):
            barrier.wait()
        return succeed(stage, share)

    outcomes, _ = walk(make_plan(DIAMOND), work, cores=2)
    assert all(outcome.succeeded for outcome in outcomes)


def test_siblings_do_not_run_side_by_side_where_the_cores_do_not_suffice(make_plan):
    plan = make_plan(DIAMOND, cores={"left": 2, "right": 2})
    _, events = walk(plan, succeed, cores=2)
    middle = [event for event in events if event[1] in ("left", "right")]
    assert middle == [("started", "left"), ("executed", "left"), ("started", "right"), ("executed", "right")]


def test_a_large_stage_is_not_overtaken_for_ever(make_plan):
    """It needs both cores, and there is always a small stage that needs only the one that has just become free."""
    small = {f"small{number}": [] for number in range(60)}
    plan = make_plan({"first": [], "large": [], **small}, cores={"large": 2})
    turns = threading.Semaphore(1)

    def work(stage, share):
        with turns:  # never do both cores become free at the same moment
            time.sleep(0.005)
        return succeed(stage, share)

    _, events = walk(plan, work, cores=2)
    started = [name for what, name in events if what == "started"]
    assert 2 <= started.index("large") <= 2 + OVERTAKEN


def test_the_end_of_a_run_does_not_wait_for_a_wide_stage_that_came_earlier(make_plan):
    """A sweep saves a run's results by a job without a core; a wide stage of the next run waits since before."""
    plan = make_plan(
        {"one/report": [], "one/save": ["one/report"], "two/train": []}, cores={"one/save": 0, "two/train": 2}
    )
    _, events = walk(plan, succeed, cores=2)
    assert events.index(("started", "one/save")) < events.index(("started", "two/train"))


def test_stages_that_want_a_gpu_get_different_ones(make_plan):
    barrier, seen = threading.Barrier(2, timeout=20), []

    def work(stage, share):
        seen.append(share.devices)
        barrier.wait()
        return succeed(stage, share)

    walk(make_plan({"a": [], "b": []}, gpus=1), work, devices=("0", "1"))
    assert sorted(seen) == [("0",), ("1",)]


def test_who_waits_for_a_gpu_holds_up_nobody_that_wants_none(make_plan):
    """One GPU, two stages for it; all that need no GPU are done while the first has it."""
    small = {f"small{number}": [] for number in range(3 * OVERTAKEN)}
    stages = [Stage(name, (), (Reason("never run"),), gpus=name in ("a", "b")) for name in ("a", "b", *small)]
    done, rest = threading.Event(), set(small)

    def work(stage, share):
        if stage.name == "a":
            assert done.wait(20)
        rest.discard(stage.name)
        if not rest:
            done.set()
        return succeed(stage, share)

    outcomes, _ = walk(Plan(tuple(stages)), work, cores=4, devices=("0",))
    assert all(outcome.succeeded for outcome in outcomes)


def test_what_another_run_holds_is_waited_for_and_told_once(make_plan):
    others = HostSlots(cores=2, devices={})
    share = others.take(Stage("theirs", cores=2))
    told = []

    class Told(Record):
        def line(self, stage, text):
            told.append((stage.name, text))
            threading.Timer(0.5, others.give_back, [share]).start()

    with ThreadPoolExecutor() as pool:
        outcomes = Schedule(
            make_plan({"a": [], "b": ["a"]}),
            slots=HostSlots(cores=2, devices={}),
            work=succeed,
            submit=lambda _stage, job: pool.submit(job),
            listener=Told(),
        ).run()
    assert [outcome.stage for outcome in outcomes] == ["a", "b"]
    assert [name for name, _ in told] == ["a"]
    assert told[0][1].startswith("waits for cores of this host, after theirs of process ")


def test_a_failure_leaves_the_siblings_and_skips_what_depends_on_it(make_plan):
    plan = make_plan({**DIAMOND, "after bottom": ["bottom"], "after right": ["right"]})

    def work(stage, share):
        return Outcome(stage.name, "failed", 1.0, "left broke") if stage.name == "left" else succeed(stage, share)

    outcomes, _ = walk(plan, work)
    states = {outcome.stage: outcome.state for outcome in outcomes}
    assert states == {
        "top": "executed",
        "left": "failed",
        "right": "executed",
        "after right": "executed",
        "bottom": "skipped",
        "after bottom": "skipped",
    }
    assert next(o for o in outcomes if o.stage == "bottom").message.endswith("because it needs left")


def test_up_to_date_stages_are_not_waited_for():
    plan = Plan((Stage("top"), Stage("bottom", ("top",), (Reason("command changed"),))))
    outcomes, _ = walk(plan, succeed)
    assert [outcome.stage for outcome in outcomes] == ["bottom"]


def test_a_task_that_never_reaches_the_work_is_a_failure_and_no_hang(make_plan):
    def submit(_stage, _job):
        future = Future()
        future.set_exception(RuntimeError("the server is gone"))
        return future

    schedule = Schedule(
        make_plan({"a": [], "b": ["a"]}), slots=HostSlots(cores=1), work=succeed, submit=submit, listener=Record()
    )
    outcomes = schedule.run()
    assert [(outcome.stage, outcome.state) for outcome in outcomes] == [("a", "failed"), ("b", "failed")]


def test_an_interrupt_starts_nothing_more(make_plan):
    plan, schedules = make_plan(DIAMOND), []

    def work(stage, share):
        schedules[0].interrupt()
        return succeed(stage, share)

    with ThreadPoolExecutor() as pool:
        schedules.append(
            Schedule(
                plan,
                slots=HostSlots(cores=2),
                work=work,
                submit=lambda _stage, job: pool.submit(job),
                listener=Record(),
            )
        )
        outcomes = schedules[0].run()
    assert [(outcome.stage, outcome.state) for outcome in outcomes] == [
        ("top", "executed"),
        ("left", "interrupted"),
        ("right", "interrupted"),
        ("bottom", "interrupted"),
    ]


@st.composite
def graphs(draw):
    count = draw(st.integers(1, 9))
    stages = []
    for number in range(count):
        needs = draw(st.sets(st.integers(0, number - 1))) if number else set()
        stages.append(
            Stage(
                str(number),
                tuple(str(n) for n in sorted(needs)),
                (Reason("never run"),),
                cores=draw(st.integers(1, 4)),
                gpus=draw(st.integers(0, 2)),
            )
        )
    return Plan(tuple(stages)), draw(st.sets(st.integers(0, count - 1)))


@settings(deadline=None, max_examples=40)
@given(graphs(), st.integers(1, 4), st.integers(0, 2))
def test_in_any_graph_every_stage_ends_once_and_exactly_the_downstream_of_failures_is_skipped(graph, cores, gpus):
    plan, failing = graph
    lock, held, most = threading.Lock(), [0], [0]

    def work(stage, share):
        with lock:
            held[0] += share.cores
            most[0] = max(most[0], held[0])
        outcome = Outcome(stage.name, "failed" if int(stage.name) in failing else "unchanged", 1.0, "planted")
        with lock:
            held[0] -= share.cores
        return outcome

    outcomes, _ = walk(plan, work, cores=cores, devices=tuple(map(str, range(gpus))))
    states = {outcome.stage: outcome.state for outcome in outcomes}
    assert len(outcomes) == len(states) == len(plan.stages)
    assert most[0] <= cores
    for stage in plan.stages:
        if any(states[name] in ("failed", "skipped") for name in stage.needs):
            assert states[stage.name] == "skipped"
        else:
            assert states[stage.name] == ("failed" if int(stage.name) in failing else "unchanged")


def test_a_submit_that_raises_is_not_swallowed(make_plan):
    def submit(_stage, _job):
        raise RuntimeError("no server")

    with pytest.raises(RuntimeError, match="no server"):
        Schedule(make_plan({"a": []}), slots=HostSlots(cores=1), work=succeed, submit=submit, listener=Record()).run()


def test_a_job_that_raises_is_a_failure_that_says_what_it_was(make_plan):
    def raise_for_left(stage, share):
        if stage.name == "left":
            raise IndexError("string index\nout of range")
        return succeed(stage, share)

    outcomes, _ = walk(make_plan(DIAMOND), raise_for_left)
    by_name = {outcome.stage: outcome for outcome in outcomes}
    assert by_name["left"].message == "stage left could not be run: IndexError: string index out of range"
    assert (by_name["right"].state, by_name["bottom"].state) == ("executed", "skipped")


def test_a_reason_shows_lists_whole_so_that_two_that_differ_at_the_end_look_different():
    methods = ["finetune", "ewc", "oversample", "cohort_input"]
    reason = Reason("param changed", "mitigation.methods", methods, [*methods, "wise_ft"])
    assert str(reason) == f"mitigation.methods: {methods} → {[*methods, 'wise_ft']}"
    assert str(Reason("param changed", "whisper.window_seconds", None, 8)) == "whisper.window_seconds: null → 8"
