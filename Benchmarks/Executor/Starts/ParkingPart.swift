import BenchmarkSupport

/// The first token of a model whose engine is parked, against that of a start of the same model, in turn.
struct ParkingPart {
    struct Cycle: Codable {
        /// Of the request that started it.
        let startMs: Double
        /// Of the next one, for which it got workers again.
        let parkedMs: Double
        /// Of that one.
        let stages: [TimedStage]
    }
    struct Result: Codable {
        /// By what the starts were made from.
        var cycles: [StartTier: [Cycle]] = [:]

        /// By medians: below 1, a parked model answers sooner than one that is started.
        func ratio(_ tier: StartTier) -> Double? {
            let cycles = cycles[tier] ?? []
            guard let parked = Statistics.median(cycles.map(\.parkedMs)),
                let start = Statistics.median(cycles.map(\.startMs))
            else { return nil }
            return parked / start
        }

        /// The same, cycle by cycle.
        func interval(_ tier: StartTier) -> RatioInterval? {
            RatioInterval((cycles[tier] ?? []).map { ($0.parkedMs, $0.startMs) })
        }
    }

    static let tiers: [StartTier] = [.warm, .cold]
    /// How long the first token of a parked model may take by that of a start.
    static let highestRatios: [StartTier: Double] = [.warm: 1.05, .cold: 0.5]
    /// As the gateway calls where such a model stands.
    private static let parkedTier = "parked"

    let controller: RunningController
    let folder: ModelFolder
    let plan: Plan

    static func models(_ folder: ModelFolder) -> [ControllerConfig.Model] {
        tiers.map { .init(name: $0.rawValue, path: folder.path, rest: $0, executor: .remote(size: 1)) }
    }

    func run() throws -> Result {
        // The first of each is discarded.
        for tier in Self.tiers { _ = try cycle(tier) }
        var result = Result()
        for _ in 0..<plan.parks {
            for tier in Self.tiers { result.cycles[tier, default: []].append(try cycle(tier)) }
        }
        return result
    }

    private func cycle(_ tier: StartTier) throws -> Cycle {
        let model = try controller.model(tier)
        try controller.settle()
        try folder.makeReady()
        let start = try controller.ask(model)
        try start.expect(tier)
        try controller.management.park(controller.engine(of: model).id)
        try controller.waitForPool()
        try folder.makeReady()
        let parked = try controller.ask(model)
        try parked.expect(tier: Self.parkedTier)
        let cycle = Cycle(
            startMs: try start.firstTokenMilliseconds, parkedMs: try parked.firstTokenMilliseconds,
            stages: parked.stages)
        Commentary.say(
            "\(tier): \(Commentary.milliseconds(cycle.startMs)), parked: \(Commentary.milliseconds(cycle.parkedMs))")
        return cycle
    }
}
