"""vLLM's OpenAI application, built before the engine that it serves is there."""

from collections.abc import Callable

from worker_controller_vllm.compat import fallback
from worker_controller_vllm.compat import front_end as compat
from worker_controller_vllm.prepared import Application, Prepared


async def build_early(contents: Prepared, mark: Callable[[str], None] = lambda stage: None) -> Application | None:
    """The application and what it was built for; None where only a running engine can tell.

    `mark` is told when the tokenizer is there.

    Only for models whose tasks are known by then; adapters are loaded into a running engine while the application is
    built. Names of vLLM's that are not as expected are no error here: it is then built when the engine is there.
    """
    tasks = compat.predicted_tasks(contents.config)
    if tasks is None or contents.args.lora_modules:
        return None
    try:
        compat.load_tokenizer(contents.config)
        mark("tokenizer")
        engine = compat.make_early_engine(contents.config, tasks)
        return Application(engine, await compat.build_application(engine, contents.args, tasks), tasks)
    except (AttributeError, ImportError, TypeError) as error:
        fallback("building the application before the core is ready", error)
        return None
