import BenchmarkSupport

/// What an engine that serves, and one that is started, notice of others that load, hang and crash.
struct IsolationPart {
    struct Phase: Codable {
        /// Between two tokens of one stream.
        let gapMs: [Double]
        /// First tokens of a model that is started.
        let startMs: [Double]
    }
    struct Result: Codable {
        var alone: [Phase] = []
        var disturbed: [Phase] = []
        /// How many programs died with a leased worker meanwhile.
        var crashes: [Int] = []

        static func gaps(_ phases: [Phase]) -> [Double] { phases.flatMap(\.gapMs) }

        static func starts(_ phases: [Phase]) -> [Double] { phases.flatMap(\.startMs) }

        /// How much longer the 99th percentile of the gaps is.
        var addedGapMs: Double? {
            guard let disturbed = Statistics.quantile(0.99, of: Self.gaps(disturbed)),
                let alone = Statistics.quantile(0.99, of: Self.gaps(alone))
            else { return nil }
            return disturbed - alone
        }

        /// By medians: above 1, starts are slower beside the others.
        var startRatio: Double? {
            guard let disturbed = Statistics.median(Self.starts(disturbed)),
                let alone = Statistics.median(Self.starts(alone))
            else { return nil }
            return disturbed / alone
        }
    }

    static let highestAddedGapMs = 2.0
    /// Noise: the others use the processors too.
    static let highestStartRatio = 1.2

    private static let steady = "steady"
    private static let fresh = "fresh"
    private static let tokensPerSecond = 100
    private static let startsPerPhase = 10

    let bed: TestBed
    /// With the simulated runtime.
    let controller: RunningController
    let plan: Plan

    static func models(_ folder: String) -> [ControllerConfig.Model] {
        [
            .init(
                name: steady, path: folder,
                arguments: FairSettings.simulated(["sim-tokens-per-second: \(tokensPerSecond)"]), rest: .cold,
                executor: .remote(size: 1)),
            .init(
                name: fresh, path: folder, arguments: FairSettings.simulated(), rest: .cold, executor: .remote(size: 2)),
        ] + Disturbance.models(folder)
    }

    func run() throws -> Result {
        try controller.management.load(Self.steady)
        var result = Result()
        for _ in 0..<plan.isolationRounds {
            try controller.waitForPool()
            result.alone.append(try phase())
            let disturbance = try Disturbance(controller, bed)
            result.disturbed.append(try phase())
            result.crashes.append(try disturbance.end())
            Commentary.say("gaps and starts alone, and beside others: \(result.crashes.last ?? 0) programs died")
        }
        return result
    }

    private func phase() throws -> Phase {
        let long = ChatRequest(
            model: Self.steady, prompt: Prompts.standard, maxTokens: plan.isolationSeconds * Self.tokensPerSecond)
        let deadline = Duration.seconds(plan.isolationSeconds + 30)
        let stream = try StreamingExchange.run(long, to: controller.endpoint, by: .now + deadline)
        let starts = try (0..<Self.startsPerPhase).map { _ in
            try Interruption.sleep(RunningController.rest)
            let exchange = try controller.ask(Self.fresh, tokens: 1)
            try exchange.expect(.cold)
            try controller.management.unload(Self.fresh)
            return try exchange.firstTokenMilliseconds
        }
        return Phase(gapMs: stream.record.gaps, startMs: starts)
    }
}
