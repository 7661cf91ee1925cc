import BenchmarkSupport

/// Decode speed and the first token of further requests: our engines through the gateway, and a stock server.
struct SteadyPart {
    struct Side: Codable {
        let tokensPerSecond: Double
        /// Of the requests after the long one.
        let firstTokenMs: [Double]
    }
    struct Block: Codable {
        let stock: Side
        /// By what the engine was started from.
        let gateway: [StartTier: Side]
    }
    struct Result: Codable {
        var blocks: [Block] = []
        var tiers: [StartTier] = []
        var stockThreads = 0
        var threads: [StartTier: Int] = [:]

        /// Ours by stock's: above 1 is faster.
        func decode(_ tier: StartTier) -> RatioInterval? {
            RatioInterval(
                blocks.compactMap { block in
                    block.gateway[tier].map { ($0.tokensPerSecond, block.stock.tokensPerSecond) }
                })
        }

        /// Ours by stock's: below 1 is faster.
        func firstToken(_ tier: StartTier) -> RatioInterval? {
            RatioInterval(
                blocks.compactMap { block in
                    guard let gateway = block.gateway[tier].flatMap({ Statistics.median($0.firstTokenMs) }),
                        let stock = Statistics.median(block.stock.firstTokenMs)
                    else { return nil }
                    return (gateway, stock)
                })
        }

        /// Whether more blocks could not change what comes out: of every tier both worse ends are good enough, or of one a
        /// better end is not.
        var isSettled: Bool {
            let intervals = tiers.map { (decode: decode($0), first: firstToken($0)) }
            let isBad = intervals.contains { decode, first in
                decode.map { $0.upper < SteadyPart.lowestDecodeRatio } ?? false
                    || first.map { $0.lower > SteadyPart.highestFirstTokenRatio } ?? false
            }
            let isGood = intervals.allSatisfy { decode, first in
                decode.map { $0.lower >= SteadyPart.lowestDecodeRatio } ?? false
                    && first.map { $0.upper <= SteadyPart.highestFirstTokenRatio } ?? false
            }
            return isBad || isGood
        }
    }

    /// How far behind stock the worse end of an interval may be.
    static let lowestDecodeRatio = 0.95
    static let highestFirstTokenRatio = 1.05

    /// More than one, because the first of random weights may be half a character, which is no text yet.
    private static let questionTokens = 4

    /// After so many, all of them are started anew.
    static let blocksOfALife = 5

    private(set) var sides: SideBySide
    let plan: Plan

    mutating func run(_ generator: inout SeededGenerator) throws -> Result {
        var result = Result(tiers: sides.tiers)
        (result.stockThreads, result.threads) = try sides.threads()
        let most = max(sides.subject.maxBlocks, plan.blocks)
        while result.blocks.count < plan.blocks || !result.isSettled && result.blocks.count < most {
            if result.blocks.count.isMultiple(of: Self.blocksOfALife) {
                if !result.blocks.isEmpty { try sides.renew() }
                // The first block of a life is discarded.
                _ = try block(&generator)
            }
            let block = try block(&generator)
            result.blocks.append(block)
            let ours = sides.tiers.compactMap { tier in block.gateway[tier].map { "\(tier) \(Self.describe($0))" } }
            Commentary.say(
                "\(sides.subject.name), block \(result.blocks.count): stock \(Self.describe(block.stock)); "
                    + ours.joined(separator: "; "))
        }
        return result
    }

    private func block(_ generator: inout SeededGenerator) throws -> Block {
        let story = Prompts.story(&generator)
        let questions = (0..<sides.subject.questions).map { _ in Prompts.question(&generator) }
        let order = sides.tiers.shuffled(using: &generator)
        let turn = Int.random(in: 0...order.count, using: &generator)
        var gateway: [StartTier: Side] = [:]
        func measure(_ tiers: some Sequence<StartTier>) throws {
            for tier in tiers {
                gateway[tier] = try side(sides.controller.model(tier), sides.controller.endpoint, story, questions)
            }
        }
        try measure(order.prefix(turn))
        let stock = try side(sides.stock.model, sides.stock.endpoint, story, questions)
        try measure(order.dropFirst(turn))
        return Block(stock: stock, gateway: gateway)
    }

    private func side(_ model: String, _ endpoint: Endpoint, _ story: String, _ questions: [String]) throws -> Side {
        let long = ChatRequest(model: model, prompt: story, maxTokens: sides.subject.decodeTokens, ignoresEnd: true)
        let exchange = try StreamingExchange.run(long, to: endpoint, by: .now + .seconds(120))
        guard let speed = exchange.record.decodeSpeed else {
            throw BenchmarkError("The answer of \(endpoint) does not say how many tokens it has.")
        }
        let firsts = try questions.map {
            try StreamingExchange.run(
                ChatRequest(model: model, prompt: $0, maxTokens: Self.questionTokens, ignoresEnd: true), to: endpoint,
                by: .now + .seconds(60)
            ).firstTokenMilliseconds
        }
        return Side(tokensPerSecond: speed, firstTokenMs: firsts)
    }

    private static func describe(_ side: Side) -> String {
        let first = Statistics.median(side.firstTokenMs).map(Commentary.milliseconds) ?? ""
        return "\(TextTable.number(side.tokensPerSecond, digits: 1)) tokens/s, \(first)"
    }
}
