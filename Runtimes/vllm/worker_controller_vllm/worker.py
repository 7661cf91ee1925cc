"""A worker: a process with its device's context up, which becomes a rank of one engine after another."""

from collections.abc import Callable

from worker_controller_vllm.door import Door
from worker_controller_vllm.errors import one_line
from worker_controller_vllm.executor_link import ExecutorLink
from worker_controller_vllm.messages import Lease
from worker_controller_vllm.object_stream import StreamEnded
from worker_controller_vllm.process_log import flush_output, logger
from worker_controller_vllm.rank_order import RankFailed, RankOrder, RankReady
from worker_controller_vllm.runtime import Birth, NotClean, WorkerRuntime
from worker_controller_vllm.worker_process import WorkerProcess

REST_SECONDS = 2.0
"""How long a new worker does nothing: it often replaces one that was leased a moment ago, whose start wants the
processors."""


def run(birth: Birth, runtime: WorkerRuntime) -> int:
    """The main thread of a worker, from its birth to its end, which comes on the control thread."""
    if birth.socket is None:
        raise ValueError("a worker needs a socket")
    process = WorkerProcess(birth, runtime.reset_of(birth.device))
    process.measure_memory_with(runtime.owned_bytes)
    door = Door(birth.socket, process.expects, process.admit)
    runtime.attach(birth.device)
    process.start()
    if not door.is_knocked_at(within=REST_SECONDS):
        _rehearse(runtime, door.is_knocked_at)
    while True:
        _, lease = door.wait_for_executor()
        _work(process, runtime, lease)


def _rehearse(runtime: WorkerRuntime, is_wanted: Callable[[], bool]) -> None:
    """What a rehearsal leaves would be the next engine's, so this worker ends; all else is no reason against one."""
    try:
        runtime.rehearse(is_wanted)
    except NotClean:
        raise
    except Exception:
        logger.exception("no start can be rehearsed, and the first one here takes longer")
    flush_output()


def _work(process: WorkerProcess, runtime: WorkerRuntime, lease: Lease) -> None:
    """All of one executor's stay."""
    link = process.link
    logger.info("attached to %s", lease.engine)
    try:
        _serve(process, runtime, link, lease)
        logger.info("%s has gone", lease.engine)
    except StreamEnded as end:
        logger.warning("%s has gone: %s", lease.engine, end)
    except Exception as error:
        logger.exception("the rank of %s failed", lease.engine)
        _say_why(link, error)
    # The executor need not wait for the memory: nothing that it shares with this worker is touched any more.
    link.close()
    process.freed(_let_go(runtime))
    flush_output()


def _serve(process: WorkerProcess, runtime: WorkerRuntime, link: ExecutorLink, lease: Lease) -> None:
    order = link.receive_order()
    if not isinstance(order, RankOrder):
        raise StreamEnded(f"it wants {type(order).__name__}")
    link.watch()
    rank = runtime.make_rank(order, lease.cores, link.is_over)
    link.cancel_with(rank.cancel)
    steps_before = process.progress()
    process.count_progress_with(lambda: steps_before + rank.steps())
    process.measure_cache_with(rank.cache_bytes)
    try:
        link.tell(RankReady(rank.ready))
        rank.serve()
    finally:
        # Nothing may hold the rank any more, and a counter never falls.
        steps = process.progress()
        process.count_progress_with(lambda: steps)
        process.measure_cache_with(lambda: 0)


def _say_why(link: ExecutorLink, error: Exception) -> None:
    """Tells an executor that still waits for this rank why it will not come."""
    try:
        link.tell(RankFailed(one_line(error)))
    except StreamEnded:
        pass  # It has gone too.


def _let_go(runtime: WorkerRuntime) -> str | None:
    """Frees the engine; what it left behind, if anything."""
    try:
        runtime.let_go()
    except NotClean as error:
        logger.warning("not clean: %s", error)
        return str(error)
    except Exception as error:
        logger.exception("the engine could not be let go of")
        return one_line(error)
    return None
