/// What can be measured alone.
enum Part: String, CaseIterable, Codable {
    case decode, sizes, starts, leases, parking, isolation, cycles
    case simulatedCycles = "simulated-cycles"
}

/// How often everything is measured, what is discarded left out.
struct Plan: Codable, Equatable {
    var blocks: Int
    var maxBlocks: Int
    /// Of each kind of start.
    var starts: Int
    var leases: Int
    /// Of each model.
    var parks: Int
    /// Each is a time alone and a time beside others.
    var isolationRounds: Int
    /// How long one of those times is.
    var isolationSeconds: Int
    var cycles: Int
    var simulatedCycles: Int

    /// The fewest of which a result may be told.
    static let full = Plan(
        blocks: 20, maxBlocks: 60, starts: 10, leases: 200, parks: 10, isolationRounds: 3, isolationSeconds: 20,
        cycles: 200, simulatedCycles: 20_000)
    /// To see that everything works.
    static let quick = Plan(
        blocks: 2, maxBlocks: 2, starts: 1, leases: 10, parks: 1, isolationRounds: 1, isolationSeconds: 3, cycles: 8,
        simulatedCycles: 40)
}
