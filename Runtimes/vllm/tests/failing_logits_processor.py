"""A logits processor that ends its engine's core: loaded by vLLM for one of the `real` tests."""

from typing import Any

from vllm.v1.sample.logits_processor import LogitsProcessor


class Failing(LogitsProcessor):
    """Raises as soon as a token is to be chosen for a request."""

    def __init__(self, vllm_config: Any, device: Any, is_pin_memory: bool) -> None:
        self._requests = False

    def is_argmax_invariant(self) -> bool:
        return False

    def update_state(self, batch_update: Any) -> None:
        self._requests = self._requests or batch_update is not None

    def apply(self, logits: Any) -> Any:
        if self._requests:
            raise RuntimeError("no token is good enough")
        return logits
