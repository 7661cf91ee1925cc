"""A worker as its controller sees it: leased to one executor after the other, and reset in between."""

import os
import socket
import threading

from worker_controller_vllm.attachment import Attach
from worker_controller_vllm.control import EXIT_ALONE
from worker_controller_vllm.executor_link import LET_GO_SECONDS, ExecutorLink
from worker_controller_vllm.forked_process import ForkedProcess
from worker_controller_vllm.messages import Accepted, Done, Failed, Hello, Lease, Message, Reset, ResetInPlace
from worker_controller_vllm.process_log import flush_output, logger
from worker_controller_vllm.runtime import Birth
from worker_controller_vllm.tenancy import Refusal, ResetOutcome, Tenancy


class WorkerProcess(ForkedProcess):
    """Takes `lease` and `reset` on the control thread; the main thread works for the executor that comes."""

    def __init__(self, birth: Birth, reset: ResetInPlace | None) -> None:
        self._in_place = reset
        self._tenancy = Tenancy()
        self._lock = threading.Lock()
        self._link: ExecutorLink | None = None
        self._reset_id = 0
        super().__init__(birth)

    def expects(self, pid: int) -> None:
        """Raises `Refusal` for a visitor that is not this worker's executor."""
        with self._lock:
            self._tenancy.expects(pid)

    def admit(self, pid: int, attach: Attach, connection: socket.socket) -> Lease:
        """Takes in the executor; raises `Refusal`."""
        with self._lock:
            lease = self._tenancy.admit(pid, attach)
            self._link = ExecutorLink(connection, self._end_stuck)
            return lease

    @property
    def link(self) -> ExecutorLink:
        """To the executor that was admitted last."""
        assert self._link is not None, "nobody was admitted"
        return self._link

    def freed(self, left_behind: str | None) -> None:
        """Everything of the last executor's engine is gone, but for what `left_behind` says."""
        with self._lock:
            self._link = None
            request = self._reset_id if self._tenancy.freed(left_behind) else None
        if request is not None:
            done = Done(re=request) if left_behind is None else Failed(re=request, reason=left_behind)
            self._control.send(done)

    def _hello(self, request: int) -> Hello:
        with self._lock:
            lease = self._tenancy.lease
        return self._identity.hello(
            request,
            self.role,
            "idle" if lease is None else "assigned",
            device=self._device,
            engine=lease.engine if lease else None,
            generation=lease.generation if lease else None,
            reset=self._in_place,
        )

    def _handle(self, message: Message) -> None:
        if isinstance(message, Lease):
            self._take(message)
        elif isinstance(message, Reset):
            self._reset(message)
        else:
            super()._handle(message)

    def _take(self, lease: Lease) -> None:
        try:
            with self._lock:
                self._tenancy.take(lease)
        except Refusal as refusal:
            return self._control.send(Failed(re=lease.id, reason=str(refusal)))
        self._control.send(Accepted(re=lease.id))

    def _reset(self, order: Reset) -> None:
        try:
            with self._lock:
                outcome = self._tenancy.reset(order.generation)
                link = self._link
                if outcome is ResetOutcome.WAIT:
                    self._reset_id = order.id
        except Refusal as refusal:
            return self._control.send(Failed(re=order.id, reason=str(refusal)))
        if outcome is ResetOutcome.DONE:
            return self._control.send(Done(re=order.id))
        if link is not None:
            link.hang_up()

    def _end_stuck(self) -> None:
        logger.error("the executor has gone, and the work for it did not end in %g s: ending", LET_GO_SECONDS)
        flush_output()
        os._exit(EXIT_ALONE)
