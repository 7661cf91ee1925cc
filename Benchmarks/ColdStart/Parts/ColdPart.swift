/// (a) and (b): the first streamed token of a stock server from its start, and of a gateway whose model is not loaded.
struct ColdPart {
    struct StockStart: Codable {
        let firstTokenMs: Double
        let isDiscarded: Bool
    }
    struct Cycle: Codable {
        let model: String
        let firstTokenMs: Double
        /// From `Server-Timing`. Front end and core work at the same time, so they do not add up.
        let stages: [TimedStage]
        let isDiscarded: Bool
    }
    struct Result: Codable {
        var stockStarts: [StockStart] = []
        var cycles: [Cycle] = []
        var stockThreads = 0
        var gatewayThreads = 0

        var stockMs: [Double] { stockStarts.filter { !$0.isDiscarded }.map(\.firstTokenMs) }
        var gatewayMs: [Double] { cycles.filter { !$0.isDiscarded }.map(\.firstTokenMs) }
    }

    let workspace: Workspace
    let python: String
    let model: String
    let controller: RunningController
    let plan: Plan

    func run(_ generator: inout SeededGenerator) throws -> Result {
        var result = Result()
        try startStock(0, isDiscarded: true, &result)
        try cycle(controller.models.randomElement(using: &generator), isDiscarded: true, &result)
        for (index, cycles) in Interleaving.cycles(plan.cycles, after: plan.stockStarts).enumerated() {
            try startStock(index + 1, isDiscarded: false, &result)
            for _ in 0..<cycles {
                try cycle(controller.models.randomElement(using: &generator), isDiscarded: false, &result)
            }
        }
        return result
    }

    private func startStock(_ number: Int, isDiscarded: Bool, _ result: inout Result) throws {
        try controller.settle()
        let stock = try StockServer(workspace, python: python, model: model, number: number)
        let request = ChatRequest(model: stock.model, prompt: Prompts.standard, maxTokens: 8)
        let milliseconds = try stock.firstTokenMilliseconds(request)
        if isDiscarded {
            result.stockThreads = try ComputeThreads.count(
                of: stock.model, at: stock.endpoint, processes: stock.processes)
        }
        try stock.end()
        result.stockStarts.append(StockStart(firstTokenMs: milliseconds, isDiscarded: isDiscarded))
        Progress.say("stock start: \(Progress.milliseconds(milliseconds))\(isDiscarded ? ", discarded" : "")")
    }

    private func cycle(_ model: String?, isDiscarded: Bool, _ result: inout Result) throws {
        guard let model else { return }
        try controller.settle()
        let exchange = try StreamingExchange.run(
            ChatRequest(model: model, prompt: Prompts.standard, maxTokens: 8), to: controller.endpoint,
            by: .now + .seconds(300))
        let tier = exchange.parser.headers["x-start-tier"] ?? "none"
        guard tier == "cold" else {
            throw BenchmarkError("'\(model)' was unloaded, and yet its request found the tier '\(tier)', not 'cold'.")
        }
        if isDiscarded {
            let engine = try controller.engine(of: model)
            result.gatewayThreads = try ComputeThreads.count(
                of: model, at: controller.endpoint, processes: [engine.pid, engine.frontEndPid].compactMap(\.self))
        }
        let milliseconds = try exchange.firstTokenMilliseconds
        result.cycles.append(
            Cycle(
                model: model, firstTokenMs: milliseconds,
                stages: TimedStage.parse(exchange.parser.headers["server-timing"] ?? ""), isDiscarded: isDiscarded))
        Progress.say(
            "cold request of \(model): \(Progress.milliseconds(milliseconds))\(isDiscarded ? ", discarded" : "")")
    }
}

extension ComputeThreads {
    /// Of a loaded model, while it decodes.
    static func count(of model: String, at endpoint: Endpoint, processes: [Int]) throws -> Int {
        let request = ChatRequest(
            model: model, prompt: Prompts.standard, maxTokens: Prompts.decodeTokens, ignoresEnd: true)
        return try count(in: processes) {
            _ = try StreamingExchange.run(request, to: endpoint, by: .now + .seconds(120))
        }
    }
}
