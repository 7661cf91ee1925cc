import BenchmarkSupport

/// The time per token of several servers that are all loaded, one of them busy at a time, in blocks.
struct DecodePart<Side: DecodeSide> {
    /// A server with its model loaded.
    struct Opponent {
        let side: Side
        let model: String
        let endpoint: Endpoint
        let processes: [Int]
    }
    typealias Result = DecodeResult<Side>

    /// After its last use vLLM spins on a message queue for a second, in which nobody else may be measured.
    private static var rest: Duration { .milliseconds(1500) }
    /// More than one, because the first of random weights may be half a character, which is no text yet.
    private static var questionTokens: Int { 4 }

    let opponents: [Opponent]
    /// Of the long answer.
    let tokens: Int
    /// Short requests after it.
    let questions: Int
    let blocks: Int
    let maxBlocks: Int
    /// Whether more than `blocks` could not change what comes out.
    let isSettled: (Result) -> Bool

    func run(_ generator: inout SeededGenerator) throws -> Result {
        var result = Result(sides: opponents.map(\.side))
        for opponent in opponents {
            try Interruption.sleep(Self.rest)
            result.threads[opponent.side] = try ComputeThreads.count(
                of: opponent.model, at: opponent.endpoint, processes: opponent.processes, tokens: tokens)
        }
        // The first block is discarded.
        _ = try block(&generator)
        while result.blocks.count < blocks || !isSettled(result) && result.blocks.count < maxBlocks {
            let block = try block(&generator)
            result.blocks.append(block)
            let steps = opponents.compactMap { opponent in
                block[opponent.side].map { "\(opponent.side.rawValue) \(Commentary.milliseconds($0.stepMs))" }
            }
            Commentary.say("block \(result.blocks.count), per token: \(steps.joined(separator: "; "))")
        }
        return result
    }

    private func block(_ generator: inout SeededGenerator) throws -> Result.Block {
        let story = Prompts.story(&generator)
        let questions = (0..<questions).map { _ in Prompts.question(&generator) }
        var block: Result.Block = [:]
        for opponent in opponents.shuffled(using: &generator) {
            block[opponent.side] = try sample(opponent, story, questions)
        }
        return block
    }

    private func sample(_ opponent: Opponent, _ story: String, _ questions: [String]) throws -> Result.Sample {
        try Interruption.sleep(Self.rest)
        let long = ChatRequest(model: opponent.model, prompt: story, maxTokens: tokens, ignoresEnd: true)
        let exchange = try StreamingExchange.run(long, to: opponent.endpoint, by: .now + .seconds(120))
        guard let speed = exchange.record.decodeSpeed else {
            throw BenchmarkError("The answer of \(opponent.endpoint) does not say how many tokens it has.")
        }
        let firsts = try questions.map { question in
            let request = ChatRequest(
                model: opponent.model, prompt: question, maxTokens: Self.questionTokens, ignoresEnd: true)
            return try StreamingExchange.run(request, to: opponent.endpoint, by: .now + .seconds(60))
                .firstTokenMilliseconds
        }
        return Result.Sample(stepMs: 1000 / speed, firstTokenMs: firsts)
    }
}
