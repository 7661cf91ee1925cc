import BenchmarkSupport

/// Whether the engines of all tiers answer as the stock server does, greedily, prompts sent one after another.
struct AnswersPart {
    static let tokens = 64

    struct Difference: Codable {
        let tier: StartTier
        let prompt: String
        let stock: String
        let ours: String
    }
    struct Result: Codable {
        var prompts = 0
        var tiers: [StartTier] = []
        var differences: [Difference] = []
    }

    let sides: SideBySide

    func run() throws -> Result {
        var result = Result(tiers: sides.tiers)
        for prompt in Prompts.various.prefix(sides.subject.answers) {
            let stock = try answer(sides.stock.model, sides.stock.endpoint, prompt)
            for tier in sides.tiers {
                let ours = try answer(sides.controller.model(tier), sides.controller.endpoint, prompt)
                guard ours != stock else { continue }
                result.differences.append(Difference(tier: tier, prompt: prompt, stock: stock, ours: ours))
            }
            result.prompts += 1
        }
        Commentary.say("\(result.prompts) prompts: \(result.differences.count) answers differ from stock's")
        return result
    }

    /// The text, and whether it came to its end.
    private func answer(_ model: String, _ endpoint: Endpoint, _ prompt: String) throws -> String {
        let request = ChatRequest(model: model, prompt: prompt, maxTokens: Self.tokens)
        let record = try StreamingExchange.run(request, to: endpoint, by: .now + .seconds(120)).record
        return "\(record.text) [\(record.finishReason ?? "no end")]"
    }
}
