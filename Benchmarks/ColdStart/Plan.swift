/// What can be measured alone.
enum Part: String, CaseIterable, Codable {
    case relay, smollm2, large, memory, drift, eight
}

/// How often everything is measured, what is discarded left out.
struct Plan: Codable, Equatable {
    var stockStarts: Int
    /// Of each kind of start.
    var cycles: Int
    var refills: Int
    var blocks: Int
    var maxBlocks: Int
    var pairs: Int
    /// Of both kinds together.
    var driftCycles: Int

    /// The fewest of which a result may be told.
    static let full = Plan(
        stockStarts: 5, cycles: 20, refills: 10, blocks: 20, maxBlocks: 60, pairs: 200, driftCycles: 200)
    /// To see that everything works.
    static let quick = Plan(stockStarts: 1, cycles: 2, refills: 2, blocks: 3, maxBlocks: 3, pairs: 20, driftCycles: 8)
}
