"""vLLM's multiprocess executor over workers that are not its children: leased from the controller, and given back."""

import os
import threading
import weakref
from collections import deque
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, ClassVar

from vllm import envs
from vllm.distributed.device_communicators.shm_broadcast import MessageQueue
from vllm.logger import init_logger
from vllm.utils.torch_utils import set_torch_threads_for_runtime
from vllm.v1.executor.multiproc_executor import MultiprocExecutor, WorkerProcHandle

from worker_controller_vllm.compat import rendezvous, vllm_version
from worker_controller_vllm.compat.footprint import footprint_bytes
from worker_controller_vllm.compat.parallel_shape import check_shape
from worker_controller_vllm.compat.peers import reduce_with_nccl
from worker_controller_vllm.compat.queues import wait_in_naps, wait_within
from worker_controller_vllm.compat.shared_memory import use_anonymous_shared_memory
from worker_controller_vllm.lease_client import PARK, UNPARK, Home, LeaseClient
from worker_controller_vllm.messages import LeaseGrant
from worker_controller_vllm.object_stream import pickled
from worker_controller_vllm.parent_watch import ParentWatch, watch_parent
from worker_controller_vllm.rank_order import RankOrder
from worker_controller_vllm.worker_environment import for_workers
from worker_controller_vllm.worker_group import LET_GO_SECONDS, WorkerGroup

# Under vLLM's name, so that its lines are seen where vLLM's are: a user's process has no other logging of ours.
logger = init_logger("vllm.worker_controller")

OPENING = (
    "get_kv_cache_spec",
    "get_supported_kv_cache_layouts",
    "set_kv_cache_layout",
    "determine_available_memory",
    "update_max_model_len",
    "initialize_from_config",
    "compile_or_warm_up_model",
)
"""What an engine asks of its workers before it serves, the last one last; asked again of those that come later."""

ORDER_SECONDS = 30.0
JOIN_SECONDS = 10.0


def _nothing(stage: str) -> None:
    return None


class RemoteExecutor(MultiprocExecutor):
    """Asks the controller for workers, and drives them over vLLM's own message queues.

    In an engine of ours `home` says which; in a vLLM that a user started, the environment says where the controller is.
    """

    supports_pp = False
    home: ClassVar[Home | None] = None
    report_stage: Callable[[str], None] = staticmethod(_nothing)
    workers_return: Callable[[], AbstractContextManager[None]] = staticmethod(nullcontext)

    def _init_executor(self) -> None:
        self._finalizer = weakref.finalize(self, self.shutdown)
        self.is_failed = False
        self.failure_callback = None
        self.shutting_down = False
        self.workers = []
        self.response_mqs = []
        self.rpc_broadcast_mq = None
        self._client: LeaseClient | None = None
        self._group: WorkerGroup | None = None
        self._parent: ParentWatch | None = None
        self._rendezvous = ""
        self._is_shut = False
        self._is_staffing = False
        self._changed = threading.Condition()
        self._opening: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = []
        self._is_open = False
        self._get_parallel_sizes()
        check_shape(self.parallel_config)
        self._exchange = reduce_with_nccl(self.vllm_config)
        # Read before vLLM changes it: workers that come later get what the first ones got.
        self._config = pickled(self.vllm_config)
        use_anonymous_shared_memory()
        if self.device_config.device_type == "cpu":
            wait_in_naps()
        try:
            if self.home is None:
                self._parent = watch_parent(self._parent_ended)
            self._client = LeaseClient(self.home, self._revoke)
            self._staff()
        except BaseException:
            self.shutdown()
            raise
        set_torch_threads_for_runtime()
        self.output_rank = self._get_output_rank()

    def collective_rpc(self, method: Any, *values: Any, **named: Any) -> Any:
        if method == PARK:
            return self._park()
        if method == UNPARK:
            return self._unpark()
        if self._group is None and not self.is_failed:
            raise RuntimeError("the engine is parked: it has no workers")
        if not self._is_open and method in OPENING:
            self._opening.append((method, values, named))
            self._is_open = method == OPENING[-1]
        return super().collective_rpc(method, *values, **named)

    def shutdown(self) -> None:
        with self._changed:
            if self._is_shut:
                return
            self._is_shut = True
        self._let_workers_go(wait=not self.is_failed)
        if self._client is not None:
            self._client.release(wait=not self.is_failed)
            self._client.close()
        if self._parent is not None:
            self._parent.close()

    def _staff(self) -> None:
        """Leases workers and has them load the model."""
        assert self._client is not None
        self._is_staffing = True
        try:
            grant = self._client.request(
                {
                    "world_size": self.world_size,
                    "model": self.model_config.model,
                    "device_type": self.device_config.device_type,
                    "footprint_bytes": footprint_bytes(self.vllm_config),
                    "versions": {"vllm": vllm_version()},
                }
            )
            logger.info("leased %s", ", ".join(worker.process for worker in grant.workers))
            self._employ(grant)
            if self.is_failed:
                raise RuntimeError("the controller has taken the workers back")
        finally:
            with self._changed:
                self._is_staffing = False
                self._changed.notify_all()

    def _employ(self, grant: LeaseGrant) -> None:
        self.shutting_down = False
        self._rendezvous = rendezvous.new()
        self._group = group = WorkerGroup.connect(grant)
        if self.is_failed:
            group.hang_up()
        self.report_stage("attach")
        self.rpc_broadcast_mq = MessageQueue(
            self.world_size,
            self.local_world_size,
            max_chunk_bytes=envs.VLLM_MQ_MAX_CHUNK_BYTES_MB << 20,
            enable_shm_tensor_arena=self.parallel_config.enable_shm_tensor_arena,
        )
        group.order([self._order_of(rank) for rank in range(self.world_size)], ORDER_SECONDS)
        ready = group.wait_until_ready(envs.VLLM_ENGINE_READY_TIMEOUT_S)
        # They have met, and have the lock's file open: who is killed from now on leaves none of it.
        rendezvous.remove(self._rendezvous)
        self.response_mqs = [MessageQueue.create_from_handle(rank.answers, 0) for rank in ready]
        self.workers = [WorkerProcHandle(None, rank, queue, []) for rank, queue in enumerate(self.response_mqs)]
        group.watch(self._lost)
        self.futures_queue = deque()
        # In the order of the workers, or both sides wait for each other.
        for queue in (self.rpc_broadcast_mq, *self.response_mqs):
            wait_within(queue, JOIN_SECONDS)
        self.report_stage("load")

    def _order_of(self, rank: int) -> RankOrder:
        assert self.rpc_broadcast_mq is not None
        return RankOrder(
            rank=rank,
            environment=for_workers(os.environ, self.home.environment if self.home else ()) | self._exchange,
            config=self._config,
            rendezvous=self._rendezvous,
            steps=self.rpc_broadcast_mq.export_handle(),
            is_driver=self._is_driver_worker(rank),
            lock=rendezvous.lock_of(self._rendezvous),
        )

    def _let_workers_go(self, wait: bool) -> None:
        """Ends the workers' work for this engine; with `wait`, returns when they have left it."""
        with self._changed:
            group, self._group = self._group, None
            self.shutting_down = True
        self.workers = []
        if not wait:
            super().shutdown()  # First of all wake who waits for an answer.
        if group is not None:
            group.let_go(wait)
        super().shutdown()
        rendezvous.remove(self._rendezvous)

    def _park(self) -> list[None]:
        if self._group is None:
            raise RuntimeError("the engine is parked already")
        assert self._client is not None
        self._let_workers_go(wait=True)
        self._client.release()
        return [None] * self.world_size

    def _unpark(self) -> list[None]:
        if self._group is not None:
            raise RuntimeError("the engine has its workers")
        assert self._client is not None
        try:
            with self.workers_return():
                self._staff()
                for method, values, named in self._opening:
                    super().collective_rpc(method, *values, **named)
                # Of these calls a start, too, sees only the end of all; nothing comes after them here.
                self.report_stage("kv_cache")
                self.report_stage("warm_up")
        except BaseException:
            self._let_workers_go(wait=False)
            self._client.release()
            raise
        return [None] * self.world_size

    def _lost(self, reason: str) -> None:
        """A worker is gone: the engine ends, in milliseconds."""
        with self._changed:
            if self.shutting_down:
                return
            self.is_failed = True
        logger.error("%s; this engine ends", reason)
        self.shutdown()
        self._report_failure()

    def _revoke(self, done: Callable[[], None]) -> None:
        """The controller wants the workers back: the engine ends."""
        logger.error("the controller takes the workers back; this engine ends")
        with self._changed:
            self.is_failed = True
            if self._is_staffing and self._group is not None:
                self._group.hang_up()
            self._changed.wait_for(lambda: not self._is_staffing, LET_GO_SECONDS)
        self._let_workers_go(wait=True)
        done()
        self.shutdown()
        self._report_failure()

    def _parent_ended(self, pid: int) -> None:
        """Whom this engine answered is gone. vLLM's core does not look, and would keep its workers for ever."""
        logger.error("the process that started this engine (pid %d) has ended; this engine ends", pid)

    def _report_failure(self) -> None:
        callback, self.failure_callback = self.failure_callback, None
        if callback is not None:
            callback()


def of_core(
    home: Home,
    report_stage: Callable[[str], None],
    workers_return: Callable[[], AbstractContextManager[None]],
) -> type[RemoteExecutor]:
    """The executor of one of our own engines. It reports the stages of the start, and those within `workers_return`."""
    reporting = {"report_stage": staticmethod(report_stage), "workers_return": staticmethod(workers_return)}
    return type("CoreExecutor", (RemoteExecutor,), {"home": home, **reporting})
