/// What runs the model of an engine: the core itself, or leased workers.
protocol Executor: Sendable {
    /// Gets what it runs the model on.
    func attach() async throws

    /// Does a stage of the engine's start, `load` or `kv_cache`.
    func run(_ stage: StartStage, _ arguments: SimulatedArguments) async throws

    /// The engine serves from now on. If something that it runs on ends later, so does the engine.
    func started() async

    /// One step of the model.
    func step() async throws

    /// Gives back what it runs the model on; does nothing where it has nothing.
    func release() async
}

extension Executor {
    /// From nothing to serving: the stages of a core's start, or of its workers' return.
    func start(
        _ arguments: SimulatedArguments, _ stages: inout Stages, whileLoading body: @Sendable () -> Void = {}
    ) async throws {
        try await stages.run(.attach) { try await attach() }
        try await stages.run(.load) {
            body()
            try await run(.load, arguments)
        }
        try await stages.run(.keyValueCache) { try await run(.keyValueCache, arguments) }
        try await stages.run(.warmUp) {}
        await started()
    }
}

/// Without workers: the model's memory is the core's own.
struct InProcessExecutor: Executor {
    let vitals: Vitals

    func attach() {}

    func run(_ stage: StartStage, _ arguments: SimulatedArguments) async throws {
        switch stage {
        case .load:
            try await OwnedMemory.take(bytes: arguments.memoryBytes)
        case .keyValueCache:
            try await OwnedMemory.take(bytes: arguments.cacheBytes)
            vitals.hasCache(bytes: arguments.cacheBytes)
        default: break
        }
    }

    func started() {}

    func step() {}

    func release() {}
}
