import BenchmarkSupport

/// The first streamed token of a stock server from its start, and of a gateway whose model rests in each of its tiers.
struct StartsPart {
    struct StockStart: Codable {
        let firstTokenMs: Double
        let isDiscarded: Bool
    }
    struct Cycle: Codable {
        let tier: StartTier
        let firstTokenMs: Double
        /// From `Server-Timing`. Front end and core work at the same time, so they do not add up.
        let stages: [TimedStage]
        let isDiscarded: Bool
    }
    struct Result: Codable {
        var stockStarts: [StockStart] = []
        var cycles: [Cycle] = []
        var stockThreads = 0
        var threads: [StartTier: Int] = [:]

        var stockMs: [Double] { stockStarts.filter { !$0.isDiscarded }.map(\.firstTokenMs) }

        func cycles(_ tier: StartTier) -> [Cycle] { cycles.filter { $0.tier == tier && !$0.isDiscarded } }

        func milliseconds(_ tier: StartTier) -> [Double] { cycles(tier).map(\.firstTokenMs) }

        /// Nil where it was not measured.
        func ratio(_ tier: StartTier) -> StartRatio? { StartRatio(stock: stockMs, ours: milliseconds(tier)) }
    }

    let bed: TestBed
    let subject: Subject
    let controller: RunningController
    let plan: Plan

    func run(_ generator: inout SeededGenerator) throws -> Result {
        var result = Result()
        try startStock(isDiscarded: true, &result)
        try round(isDiscarded: true, &result, &generator)
        for rounds in Interleaving.cycles(plan.cycles, after: plan.stockStarts) {
            try startStock(isDiscarded: false, &result)
            for _ in 0..<rounds { try round(isDiscarded: false, &result, &generator) }
        }
        return result
    }

    /// A cycle of each tier, in random order.
    private func round(isDiscarded: Bool, _ result: inout Result, _ generator: inout SeededGenerator) throws {
        for tier in subject.tiers.shuffled(using: &generator) {
            try cycle(tier, isDiscarded: isDiscarded, &result)
        }
    }

    private func startStock(isDiscarded: Bool, _ result: inout Result) throws {
        try controller.settle()
        try subject.folder.makeReady()
        let stock = try StockServer(
            bed.workspace, python: bed.programs.python, model: subject.folder.path,
            log: "stock-\(subject.name)-\(result.stockStarts.count)")
        let request = ChatRequest(model: stock.model, prompt: Prompts.standard, maxTokens: 8)
        let milliseconds = try stock.firstTokenMilliseconds(request)
        if isDiscarded {
            result.stockThreads = try ComputeThreads.count(
                of: stock.model, at: stock.endpoint, processes: stock.processes, tokens: subject.decodeTokens)
        }
        try stock.end()
        result.stockStarts.append(StockStart(firstTokenMs: milliseconds, isDiscarded: isDiscarded))
        Commentary.say(
            "\(subject.name), stock: \(Commentary.milliseconds(milliseconds))\(isDiscarded ? ", discarded" : "")")
    }

    private func cycle(_ tier: StartTier, isDiscarded: Bool, _ result: inout Result) throws {
        let model = try controller.model(tier)
        try controller.settle()
        try subject.folder.makeReady()
        let exchange = try controller.ask(model)
        try exchange.expect(tier)
        if isDiscarded {
            result.threads[tier] = try ComputeThreads.count(
                of: model, at: controller.endpoint, processes: controller.processes(of: model),
                tokens: subject.decodeTokens)
        }
        let milliseconds = try exchange.firstTokenMilliseconds
        result.cycles.append(
            Cycle(
                tier: tier, firstTokenMs: milliseconds, stages: exchange.stages, isDiscarded: isDiscarded))
        Commentary.say(
            "\(subject.name), \(tier): \(Commentary.milliseconds(milliseconds))\(isDiscarded ? ", discarded" : "")")
    }
}
