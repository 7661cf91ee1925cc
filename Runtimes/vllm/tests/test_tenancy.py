"""Whose a worker is, told without processes."""

import random

import pytest

from worker_controller_vllm.attachment import Attach
from worker_controller_vllm.messages import Generation, Lease
from worker_controller_vllm.tenancy import Phase, Refusal, ResetOutcome, Tenancy

FIRST, SECOND = Generation(4, 9), Generation(4, 10)


def lease(generation: Generation = FIRST, pid: int = 77) -> Lease:
    return Lease(id=1, engine="e-3", generation=generation, executor_pid=pid, cores=[])


def attach(generation: Generation = FIRST) -> Attach:
    return Attach("e-3", generation, 0)


def leased() -> Tenancy:
    made = Tenancy()
    made.take(lease())
    return made


def test_a_whole_life() -> None:
    tenancy = leased()
    assert tenancy.admit(77, attach()).engine == "e-3"
    assert not tenancy.freed(None)
    assert tenancy.reset(FIRST) is ResetOutcome.DONE
    tenancy.take(lease(SECOND))
    assert tenancy.phase is Phase.LEASED


def test_a_reset_may_come_before_the_executor_and_while_it_is_here() -> None:
    tenancy = leased()
    assert tenancy.reset(FIRST) is ResetOutcome.DONE and tenancy.phase is Phase.IDLE
    tenancy.take(lease())
    tenancy.admit(77, attach())
    assert tenancy.reset(FIRST) is ResetOutcome.WAIT
    with pytest.raises(Refusal, match="being reset already"):
        tenancy.reset(FIRST)
    assert tenancy.freed(None) and tenancy.phase is Phase.IDLE
    assert tenancy.reset(FIRST) is ResetOutcome.DONE


def test_a_worker_with_something_left_is_never_idle_again() -> None:
    tenancy = leased()
    tenancy.admit(77, attach())
    tenancy.freed("threads")
    for _ in range(2):
        with pytest.raises(Refusal, match="threads"):
            tenancy.reset(FIRST)
    with pytest.raises(Refusal, match=r"not idle: e-3 is here \(spent\)"):
        tenancy.take(lease(SECOND))


@pytest.mark.parametrize(
    ("pid", "generation", "reason"),
    [(78, FIRST, "leased to process 77, not to 78"), (77, SECOND, "in generation 4.9, not to e-3 in 4.10")],
)
def test_nobody_else_is_admitted(pid: int, generation: Generation, reason: str) -> None:
    tenancy = leased()
    with pytest.raises(Refusal, match=reason):
        tenancy.admit(pid, attach(generation))
    assert tenancy.admit(77, attach()).engine == "e-3"


def test_an_executor_comes_once() -> None:
    tenancy = leased()
    tenancy.admit(77, attach())
    for _ in range(2):
        with pytest.raises(Refusal, match="e-3 came already"):
            tenancy.admit(77, attach())
        tenancy.freed(None)


def test_an_old_generation_resets_nothing() -> None:
    tenancy = leased()
    with pytest.raises(Refusal, match=r"leased in generation 4.9, not in 4.8"):
        tenancy.reset(Generation(4, 8))
    assert tenancy.phase is Phase.LEASED


@pytest.mark.parametrize("seed", range(20))
def test_any_order_of_events_leaves_at_most_one_lease_and_one_answer_for_each_reset(seed: int) -> None:
    chance = random.Random(seed)
    tenancy = Tenancy()
    open_resets = 0
    for _ in range(2_000):
        event = chance.choice(("take", "admit", "freed", "reset"))
        generation = chance.choice((FIRST, SECOND))
        before = (tenancy.lease, tenancy.phase)
        try:
            if event == "take":
                tenancy.take(lease(generation))
                assert before[1] is Phase.IDLE
            elif event == "admit":
                tenancy.admit(chance.choice((77, 78)), attach(generation))
                assert before[1] is Phase.LEASED and tenancy.lease and tenancy.lease.generation == generation
            elif event == "freed":
                if before[1] is Phase.ATTACHED:  # Only then does the main thread say so.
                    open_resets -= tenancy.freed(chance.choice((None, None, "threads")))
            else:
                open_resets += tenancy.reset(generation) is ResetOutcome.WAIT
        except Refusal:
            assert (tenancy.lease, tenancy.phase) == before
        assert (tenancy.lease is None) == (tenancy.phase is Phase.IDLE)
        assert open_resets in (0, 1) and (open_resets == 0 or tenancy.phase is Phase.ATTACHED)
        if tenancy.phase is Phase.SPENT and tenancy.left_behind:
            tenancy = Tenancy()  # Retired, and replaced.
