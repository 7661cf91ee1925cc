import BenchmarkSupport

/// (c) and (d): a loaded model through the gateway and at the front end's own socket, in turn.
struct RelayPart {
    struct Pair: Codable {
        let gatewayMs: Double
        let directMs: Double
    }
    struct Result: Codable {
        var pairs: [Pair] = []

        var gatewayMs: [Double] { pairs.map(\.gatewayMs) }
        var directMs: [Double] { pairs.map(\.directMs) }
        var addedMs: [Double] { pairs.map { $0.gatewayMs - $0.directMs } }
    }

    /// Discarded.
    private static let warmUp = 20

    let controller: RunningController
    let model: String
    let plan: Plan

    func run(_ generator: inout SeededGenerator) throws -> Result {
        try controller.management.load(model)
        guard let socket = try controller.engine(of: model).socket else {
            throw BenchmarkError("GET /engines shows no socket of the engine of '\(model)'.")
        }
        try Interruption.sleep(RunningController.rest)
        var result = Result()
        for number in 0..<(Self.warmUp + plan.pairs) {
            let isGatewayFirst = Bool.random(using: &generator)
            let first = try once(isGatewayFirst ? controller.endpoint : .unix(path: socket))
            let second = try once(isGatewayFirst ? .unix(path: socket) : controller.endpoint)
            guard number >= Self.warmUp else { continue }
            result.pairs.append(
                isGatewayFirst ? Pair(gatewayMs: first, directMs: second) : Pair(gatewayMs: second, directMs: first))
        }
        return result
    }

    private func once(_ endpoint: Endpoint) throws -> Double {
        let request = ChatRequest(model: model, prompt: Prompts.standard, maxTokens: 1)
        return try StreamingExchange.run(request, to: endpoint, by: .now + .seconds(60)).firstTokenMilliseconds
    }
}
