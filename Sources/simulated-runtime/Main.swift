import ArgumentParser

/// Stands in for Python, vLLM and devices in tests: speaks `docs/protocol.md`, serves OpenAI's routes, and does what the
/// model's `sim-*` arguments and the runtime's `SIM_*` environment variables tell it.
@main
struct SimulatedRuntime: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "simulated-runtime",
        abstract: "A runtime for tests: a zygote whose templates, front ends, cores and workers only pretend.",
        discussion: """
            Environment of the zygote: SIM_ZYGOTE_START_MS, SIM_ZYGOTE_FAIL=1, SIM_FORK_MS, SIM_FORK_FAIL=1,
            SIM_IDLE_CRASH=1, SIM_LEASE_HANG=1, SIM_HELLO_VERSION=2.
            Arguments of a model: sim-config-ms, sim-attach-ms, sim-load-ms, sim-kv-cache-ms, sim-warm-up-ms, sim-app-ms,
            sim-tokens-per-second, sim-first-token-ms, sim-memory-bytes, sim-cache-bytes, sim-sleep-ms, sim-wake-ms,
            sim-fail-at, sim-crash-at, sim-hang-at, sim-crash-after-requests, sim-log-bytes; for its template
            sim-template-ms, sim-template-fail-at, sim-template-crash-at, sim-template-hang-at,
            sim-template-children-crash; for its leased workers sim-worker-fail-at, sim-worker-crash-at,
            sim-worker-hang-at, sim-worker-crash-after-steps, sim-reset-ms, sim-reset-hang, sim-reset-fail,
            sim-reset-keeps-bytes.
            Its folder may have opening.txt, read when the weights are loaded: what its answers begin with.
            """,
        subcommands: [ZygoteCommand.self, ChildCommand.self, ExecutorCommand.self],
        defaultSubcommand: ZygoteCommand.self)
}
