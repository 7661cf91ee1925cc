/// Decode speed and the first token of further requests: ours through the gateway, and a stock server that is loaded at the same
/// time and idle meanwhile.
struct SteadyPart {
    struct Side: Codable {
        let tokensPerSecond: Double
        /// Of the requests after the long one.
        let firstTokenMs: [Double]
    }
    struct Block: Codable {
        let gateway: Side
        let stock: Side
    }
    struct Result: Codable {
        var blocks: [Block] = []
        var stockThreads = 0
        var gatewayThreads = 0

        /// Ours by stock's: above 1 is faster.
        var decode: RatioInterval? {
            RatioInterval(blocks.map { ($0.gateway.tokensPerSecond, $0.stock.tokensPerSecond) })
        }

        /// Ours by stock's: below 1 is faster.
        var firstToken: RatioInterval? {
            RatioInterval(
                blocks.compactMap {
                    guard let gateway = Statistics.median($0.gateway.firstTokenMs),
                        let stock = Statistics.median($0.stock.firstTokenMs)
                    else { return nil }
                    return (gateway, stock)
                })
        }
    }

    /// How far behind stock the worse end of an interval may be.
    static let lowestDecodeRatio = 0.95
    static let highestFirstTokenRatio = 1.05
    private static let questions = 5

    let workspace: Workspace
    let python: String
    let modelPath: String
    let controller: RunningController
    let model: String
    let plan: Plan

    func run(_ generator: inout SeededGenerator) throws -> Result {
        try controller.settle()
        let stock = try StockServer(workspace, python: python, model: modelPath, number: plan.stockStarts + 1)
        _ = try stock.firstTokenMilliseconds(ChatRequest(model: stock.model, prompt: Prompts.standard, maxTokens: 8))
        try controller.management.load(model)
        let engine = try controller.engine(of: model)

        var result = Result()
        result.stockThreads = try ComputeThreads.count(of: stock.model, at: stock.endpoint, processes: stock.processes)
        result.gatewayThreads = try ComputeThreads.count(
            of: model, at: controller.endpoint, processes: [engine.pid, engine.frontEndPid].compactMap(\.self))
        // The first block is discarded.
        _ = try block(stock, &generator)
        while result.blocks.count < plan.blocks || !Self.isSettled(result) && result.blocks.count < plan.maxBlocks {
            let block = try block(stock, &generator)
            result.blocks.append(block)
            Progress.say(
                "block \(result.blocks.count): gateway \(Self.describe(block.gateway)), stock \(Self.describe(block.stock))"
            )
        }
        try stock.end()
        return result
    }

    /// Whether more blocks could not change what comes out: both worse ends are good enough, or a better end is not.
    static func isSettled(_ result: Result) -> Bool {
        guard let decode = result.decode, let first = result.firstToken else { return false }
        let isGood = decode.lower >= lowestDecodeRatio && first.upper <= highestFirstTokenRatio
        return isGood || decode.upper < lowestDecodeRatio || first.lower > highestFirstTokenRatio
    }

    private func block(_ stock: StockServer, _ generator: inout SeededGenerator) throws -> Block {
        let story = Prompts.story(&generator)
        let questions = (0..<Self.questions).map { _ in Prompts.question(&generator) }
        let isGatewayFirst = Bool.random(using: &generator)
        let measureGateway = { try side(model, controller.endpoint, story, questions) }
        let measureStock = { try side(stock.model, stock.endpoint, story, questions) }
        if isGatewayFirst {
            let gateway = try measureGateway()
            return try Block(gateway: gateway, stock: measureStock())
        }
        let stock = try measureStock()
        return try Block(gateway: measureGateway(), stock: stock)
    }

    private func side(_ model: String, _ endpoint: Endpoint, _ story: String, _ questions: [String]) throws -> Side {
        let long = ChatRequest(model: model, prompt: story, maxTokens: Prompts.decodeTokens, ignoresEnd: true)
        let exchange = try StreamingExchange.run(long, to: endpoint, by: .now + .seconds(120))
        guard let speed = exchange.record.decodeSpeed else {
            throw BenchmarkError("The answer of \(endpoint) does not say how many tokens it has.")
        }
        let firsts = try questions.map {
            try StreamingExchange.run(
                ChatRequest(model: model, prompt: $0, maxTokens: 1), to: endpoint, by: .now + .seconds(60)
            ).firstTokenMilliseconds
        }
        return Side(tokensPerSecond: speed, firstTokenMs: firsts)
    }

    private static func describe(_ side: Side) -> String {
        let first = Statistics.median(side.firstTokenMs).map(Progress.milliseconds) ?? ""
        return "\(Int(side.tokensPerSecond.rounded())) tokens/s, first token \(first)"
    }
}
