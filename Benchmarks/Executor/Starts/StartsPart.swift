import BenchmarkSupport

/// Warm and cold starts with the model in the core and in leased workers, in rounds of random order.
struct StartsPart {
    struct Start: Codable {
        let kind: StartKind
        /// Of the request that caused it.
        let firstTokenMs: Double
        /// From `Server-Timing`.
        let stages: [TimedStage]

        /// What the core and its workers do from the device on.
        private static let attachToReady: Set = ["attach", "load", "kv_cache", "warm_up"]

        /// From the executor's making, with its lease, to the core's readiness.
        var attachToReadyMs: Double {
            stages.filter { Self.attachToReady.contains($0.stage) }.reduce(0) { $0 + $1.milliseconds }
        }
    }
    struct Result: Codable {
        /// One start of each kind, in their order.
        var rounds: [[Start]] = []

        func starts(_ tier: StartTier, _ placement: StartKind.Placement) -> [Start] {
            let kind = StartKind(tier: tier, placement: placement)
            return rounds.joined().filter { $0.kind == kind }
        }

        func firstTokenMs(_ tier: StartTier, _ placement: StartKind.Placement) -> [Double] {
            starts(tier, placement).map(\.firstTokenMs)
        }

        /// By medians: above 1 is slower than the same model in fewer processes.
        func ratio(_ tier: StartTier, _ placement: StartKind.Placement) -> Double? {
            guard let reference = placement.reference, let median = Statistics.median(firstTokenMs(tier, placement)),
                let fewer = Statistics.median(firstTokenMs(tier, reference))
            else { return nil }
            return median / fewer
        }

        /// The same, round by round.
        func interval(_ tier: StartTier, _ placement: StartKind.Placement) -> RatioInterval? {
            guard let reference = placement.reference else { return nil }
            let samples = zip(firstTokenMs(tier, placement), firstTokenMs(tier, reference))
            return RatioInterval(samples.map { (numerator: $0, denominator: $1) })
        }
    }

    /// How much longer a start with one leased worker may take than one in the core.
    static let highestRatio = 1.25

    let controller: RunningController
    let folders: ModelFolders
    let plan: Plan

    static func models(_ folders: ModelFolders) -> [ControllerConfig.Model] {
        StartKind.all.map {
            .init(name: $0.model, path: folders.of($0).path, rest: $0.tier, executor: $0.placement.executor)
        }
    }

    func run(_ generator: inout SeededGenerator) throws -> Result {
        // The first round is discarded.
        _ = try round(&generator)
        var result = Result()
        for _ in 0..<plan.starts { result.rounds.append(try round(&generator)) }
        return result
    }

    private func round(_ generator: inout SeededGenerator) throws -> [Start] {
        try StartKind.all.shuffled(using: &generator).map { try start($0) }
    }

    private func start(_ kind: StartKind) throws -> Start {
        try controller.settle()
        try folders.of(kind).makeReady()
        let exchange = try controller.ask(kind.model)
        try exchange.expect(kind.tier)
        let milliseconds = try exchange.firstTokenMilliseconds
        Commentary.say("\(kind.tier), \(kind.placement.rawValue): \(Commentary.milliseconds(milliseconds))")
        return Start(kind: kind, firstTokenMs: milliseconds, stages: exchange.stages)
    }
}

extension ModelFolders {
    fileprivate func of(_ kind: StartKind) -> ModelFolder { kind.placement.needsDivisibleModel ? divisible : small }
}
