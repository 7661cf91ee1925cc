import ArgumentParser

/// What can be measured alone.
enum Part: String, CaseIterable, Codable, ExpressibleByArgument {
    case cold, steady, relay, memory
}

/// How often everything is measured, what is discarded left out.
struct Plan: Codable, Equatable {
    var stockStarts: Int
    var cycles: Int
    var refills: Int
    var blocks: Int
    var maxBlocks: Int
    var pairs: Int

    /// The fewest of which a result may be told.
    static let full = Plan(stockStarts: 5, cycles: 20, refills: 10, blocks: 20, maxBlocks: 100, pairs: 200)
    /// To see that everything works.
    static let quick = Plan(stockStarts: 1, cycles: 3, refills: 2, blocks: 3, maxBlocks: 3, pairs: 20)
}
