"""What runs next: fair between people, by priority among one's own, within limits."""

from collections import Counter, deque
from dataclasses import dataclass

import pytest
from hypothesis import given, strategies as st

from ftcore.errors import UsageError
from ftcore.runs.queue_order import PRIORITIES, Limits, next_run, order
from tests.helpers.fuzzing import examples


@dataclass(frozen=True)
class Run:
    person: str
    place: float
    priority: str = "normal"


def runs(people, *places):
    return [Run(person, place) for person, place in zip(people, places or range(99), strict=False)]


people, sizes = st.sampled_from("ABCDE"), st.one_of(st.none(), st.integers(1, 4))
waiting_runs = st.lists(
    st.builds(Run, people, st.integers(0, 99).map(float), st.sampled_from(PRIORITIES)), max_size=30
)
limits = st.builds(Limits, sizes, sizes)


def starts(waiting, limits, slots=1):
    """Start runs until none waits, and yield each with what runs then; the first to begin ends first."""
    waiting, running, turns, clock = list(waiting), deque(), {}, 0
    while waiting:
        run = next_run(waiting, running, turns, limits) if len(running) < slots else None
        if run is None:
            assert running, "nothing runs, and nothing may start"
            running.popleft()
            continue
        clock += 1
        waiting.remove(run)
        running.append(run)
        turns[run.person] = clock
        yield run, list(running)


def test_people_take_turns_however_many_runs_one_has_queued():
    queued = runs("AAAABBC")
    assert [run.person for run, _ in starts(queued, Limits())] == list("ABCABAA")
    assert [run.person for run in order(queued, [], {}, Limits(total=1))] == list("ABCABAA")


def test_who_began_a_run_longest_ago_is_next_wherever_their_runs_stand():
    assert next_run(runs("AB"), [], {"A": 5.0, "B": 4.0}, Limits()) == Run("B", 1)
    assert next_run(runs("ABC"), [], {"A": 5.0, "B": 4.0}, Limits()) == Run("C", 2)


def test_who_has_fewest_running_runs_is_next_so_that_long_runs_take_no_more_than_their_share():
    assert next_run(runs("AB"), runs("AAB"), {"A": 1.0, "B": 9.0}, Limits()) == Run("B", 1)


def test_a_priority_orders_ones_own_runs_and_takes_no_turn_of_another():
    low, normal, high = (
        Run("A", place, name) for place, name in enumerate(("low", "normal", "high"))
    )
    other = Run("B", 3, "low")
    expected = [high, other, normal, low]
    assert [run for run, _ in starts([low, normal, high, other], Limits())] == expected


def test_a_person_at_the_limit_lets_others_pass():
    assert next_run(runs("AB"), runs("A"), {}, Limits(per_person=1)) == Run("B", 1)
    assert next_run(runs("A"), runs("A"), {}, Limits(per_person=1)) is None
    assert next_run(runs("A"), runs("B"), {}, Limits(total=1)) is None


@given(waiting_runs, limits, st.integers(1, 4))
@examples(100)
def test_limits_hold_and_every_run_starts(waiting, limits, slots):
    started = []
    for run, running in starts(waiting, limits, slots):
        started.append(run)
        assert limits.total is None or len(running) <= limits.total
        most = max(Counter(each.person for each in running).values())
        assert limits.per_person is None or most <= limits.per_person
    assert Counter(started) == Counter(waiting)


@given(waiting_runs)
@examples(100)
def test_nobody_waits_for_two_turns_of_another_person(waiting):
    left = Counter(run.person for run in waiting)
    since = {person: Counter() for person in left}
    for run, _ in starts(waiting, Limits()):
        left[run.person] -= 1
        since[run.person].clear()
        for person, turns in since.items():
            if left[person] and person != run.person:
                turns[run.person] += 1
                assert turns[run.person] <= 1


@given(waiting_runs, waiting_runs.map(lambda runs: runs[:4]), limits)
@examples(100)
def test_the_order_that_is_shown_begins_with_what_is_started(waiting, running, limits):
    ordered = order(waiting, running, {}, limits)
    assert Counter(ordered) == Counter(waiting)
    if first := next_run(waiting, running, {}, limits):
        assert ordered[0] == first


def test_a_limit_that_is_no_number_is_refused(monkeypatch):
    assert Limits.of_environment() == Limits()
    monkeypatch.setenv("UNFREEZE_RUNS_PER_PERSON", "2")
    assert Limits.of_environment() == Limits(None, 2)
    for text in ("0", "-1", "two", "1.5", "9" * 30):
        monkeypatch.setenv("UNFREEZE_RUNS_AT_ONCE", text)
        with pytest.raises(UsageError, match="UNFREEZE_RUNS_AT_ONCE"):
            Limits.of_environment()
