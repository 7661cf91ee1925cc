"""How many threads compute, and where."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from worker_controller_vllm import threads
from worker_controller_vllm.compat import threads as counting
from worker_controller_vllm.threads import use_threads


@pytest.mark.parametrize(
    ("machine", "siblings", "expected"),
    [
        ("x86_64", ["0", "1"], 2),
        ("x86_64", ["0,2", "1,3", "0,2", "1,3"], 2),
        ("aarch64", ["0,2", "1,3", "0,2", "1,3"], 4),
        ("x86_64", ["0,1", None], 2),
    ],
)
def test_threads_are_counted_by_physical_core(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, machine: str, siblings: list[str | None], expected: int
) -> None:
    for number, text in enumerate(siblings):
        folder = tmp_path / f"cpu{number}" / "topology"
        folder.mkdir(parents=True)
        if text is not None:
            (folder / "thread_siblings_list").write_text(text + "\n")
    monkeypatch.setattr(counting.platform, "machine", lambda: machine)
    assert counting.threads_for(range(len(siblings)), tmp_path) == expected


def test_of_two_siblings_the_one_that_may_be_used_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for number, text in ((1, "1,3"), (2, "0,2")):
        (tmp_path / f"cpu{number}" / "topology").mkdir(parents=True)
        (tmp_path / f"cpu{number}" / "topology" / "thread_siblings_list").write_text(text)
    monkeypatch.setattr(counting.platform, "machine", lambda: "x86_64")
    assert counting.threads_for({1, 2}, tmp_path) == 2


@pytest.fixture
def counts(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """The numbers of threads that were set; the test's own processors are put back."""
    allowed = os.sched_getaffinity(0)
    found: list[int] = []
    monkeypatch.setattr(threads, "set_thread_count", found.append)
    monkeypatch.setattr(threads, "threads_for", lambda processors: 1000 + len(processors))
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    yield found
    os.sched_setaffinity(0, allowed)


def test_without_picked_processors_physical_cores_are_counted(counts: list[int]) -> None:
    allowed = os.sched_getaffinity(0)
    use_threads([])
    assert counts == [1000 + len(allowed)] and os.sched_getaffinity(0) == allowed


def test_picked_processors_are_used_with_a_thread_for_each(counts: list[int]) -> None:
    allowed = os.sched_getaffinity(0)
    if len(allowed) < 2:
        pytest.skip("needs two processors")
    picked = min(allowed)
    use_threads([picked])
    assert counts == [1] and os.sched_getaffinity(0) == {picked}


def test_all_processors_are_no_pick(counts: list[int]) -> None:
    allowed = os.sched_getaffinity(0)
    use_threads(sorted(allowed))
    assert counts == [1000 + len(allowed)]


@pytest.mark.parametrize(
    ("said", "expected"), [("3", 3), (" 7,2 ", 7), ("0", None), ("", None), ("many", None), ("99999", None)]
)
def test_no_more_threads_than_the_environment_allows(
    counts: list[int], monkeypatch: pytest.MonkeyPatch, said: str, expected: int | None
) -> None:
    wanted = expected or 1000 + len(os.sched_getaffinity(0))
    use_threads([], {"OMP_NUM_THREADS": said})
    monkeypatch.setenv("OMP_NUM_THREADS", said)
    use_threads([])
    assert counts == [wanted, wanted]


def test_the_given_environment_comes_before_the_process_own(counts: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "5")
    use_threads([], {"OMP_NUM_THREADS": "2"})
    assert counts == [2]
