"""An unmodified offline script of a user's: `python user_script.py MODEL EXECUTOR SIZE TOKENS`.

Reads prompts as JSON from standard input; prints the greedy answers' tokens as JSON.
"""

import json
import sys

from vllm import LLM, SamplingParams


def main() -> None:
    model, executor, size, tokens = sys.argv[1:]
    llm = LLM(
        model=model,
        distributed_executor_backend=executor,
        tensor_parallel_size=int(size),
        dtype="float32",
        enforce_eager=True,
        max_model_len=512,
        max_num_seqs=8,
        kv_cache_memory_bytes=64 << 20,
        enable_prefix_caching=True,
        disable_log_stats=True,
    )
    print("READY", flush=True)
    parameters = SamplingParams(temperature=0, max_tokens=int(tokens), ignore_eos=True)
    outputs = llm.generate(json.load(sys.stdin), parameters, use_tqdm=False)
    print("ANSWERS", json.dumps([list(output.outputs[0].token_ids) for output in outputs]), flush=True)


if __name__ == "__main__":
    main()
