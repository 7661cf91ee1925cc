import BenchmarkSupport

/// Whether starts get slower or memory grows: one model is loaded, asked and unloaded, another woken, asked and put to sleep, in turn.
struct DriftPart {
    struct Cycle: Codable {
        let tier: StartTier
        /// From the wish to load or wake to the first token of the request that follows.
        let firstTokenMs: Double
        /// Of all processes of the controller and itself, when everything was at rest again.
        let writtenBytes: Int
    }
    struct Result: Codable {
        var cycles: [Cycle] = []
        /// Nil as long as the controller was not ended.
        var leftovers: Leftovers?

        func firstToken(_ tier: StartTier) -> Trend? {
            Trend(numbered.filter { $0.cycle.tier == tier }.map { (Double($0.number), $0.cycle.firstTokenMs) })
        }

        var memory: Drift? { Drift(numbered.map { (Double($0.number), Double($0.cycle.writtenBytes)) }) }

        private var numbered: [(number: Int, cycle: Cycle)] { cycles.enumerated().map { ($0.offset, $0.element) } }
    }

    /// The largest growth, of the first token over all cycles, of memory over the second half of them.
    static let highestGrowth = 0.05
    static let tiers: [StartTier] = [.warm, .asleep]

    /// With one model that rests warm and one that rests asleep.
    let controller: RunningController
    let plan: Plan

    func run() throws -> Result {
        var result = Result()
        try controller.settle()
        // The first of each kind is discarded.
        for tier in Self.tiers { _ = try cycle(tier) }
        for number in 0..<plan.driftCycles {
            let cycle = try cycle(Self.tiers[number % Self.tiers.count])
            result.cycles.append(cycle)
            Commentary.say(
                "cycle \(number + 1), \(cycle.tier): \(Commentary.milliseconds(cycle.firstTokenMs)), "
                    + "\(cycle.writtenBytes / 1_000_000) MB")
        }
        return result
    }

    private func cycle(_ tier: StartTier) throws -> Cycle {
        let model = try controller.model(tier)
        let start = Instant.now
        if tier == .asleep {
            try controller.management.wake(model)
        } else {
            try controller.management.load(model)
        }
        let exchange = try controller.ask(model)
        let milliseconds = exchange.start.milliseconds(since: start) + (try exchange.firstTokenMilliseconds)
        let found = try controller.engine(of: model).startTier ?? "none"
        guard found == tier.rawValue else {
            throw BenchmarkError("'\(model)' was started from the tier '\(found)', not '\(tier)'.")
        }
        try controller.settle()
        return Cycle(
            tier: tier, firstTokenMs: milliseconds,
            writtenBytes: try ProcessTable.writtenBytes(of: controller.processes))
    }
}
