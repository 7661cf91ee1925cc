"""The executor that leases its workers, under the name that vLLM is given:
``--distributed-executor-backend worker_controller_vllm.remote_executor.RemoteExecutor``.

With `WORKER_CONTROLLER_SOCKET` in its environment any vLLM of the runtime's version leases workers from the controller
there, and gives them back when it ends, however it does.
"""

from worker_controller_vllm.compat.remote_executor import RemoteExecutor

__all__ = ["RemoteExecutor"]
