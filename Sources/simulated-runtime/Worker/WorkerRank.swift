import ControlProtocol

/// What a worker has of the engine that it is leased to.
struct WorkerRank: Sendable {
    var number = 0
    var worldSize = 1
    /// The model's; nil before the first stage.
    var arguments: SimulatedArguments?
    var memory: [OwnedMemory] = []
    private var steps = 0

    /// Of several workers only this one misbehaves.
    var isLast: Bool { number == worldSize - 1 }

    var hangsOnReset: Bool { arguments?.resetHangs == true }

    /// Takes this rank's share of what a stage needs.
    func memory(for stage: StartStage, _ vitals: Vitals) async throws -> OwnedMemory {
        switch stage {
        case .load:
            return try await OwnedMemory.take(bytes: share(of: arguments?.memoryBytes ?? 0))
        case .keyValueCache:
            let bytes = share(of: arguments?.cacheBytes ?? 0)
            let memory = try await OwnedMemory.take(bytes: bytes)
            vitals.hasCache(bytes: bytes)
            return memory
        default:
            throw ArgumentError(message: "a worker has no stage '\(stage.rawValue)'")
        }
    }

    /// One step of the model; dies in its middle if a test wants that.
    mutating func step(_ vitals: Vitals) {
        steps += 1
        vitals.add()
        if isLast, let limit = arguments?.workerCrashAfterSteps, steps >= limit {
            crash("sim-worker-crash-after-steps")
        }
    }

    /// Gives all back; or does not, as a test wants it.
    func letGo(_ vitals: Vitals) async throws {
        try await Task.sleep(for: arguments?.reset ?? .zero)
        if arguments?.resetFails == true { throw ArgumentError(message: "sim-reset-fail") }
        // First what may fail, so that nothing is given back twice.
        try await OwnedMemory.take(bytes: arguments?.resetKeepsBytes ?? 0)
        for memory in memory { memory.giveBack() }
        vitals.hasCache(bytes: 0)
    }

    private func share(of bytes: Int) -> Int {
        (bytes + worldSize - 1) / max(worldSize, 1)
    }
}
