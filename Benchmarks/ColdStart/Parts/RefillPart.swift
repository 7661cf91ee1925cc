import BenchmarkSupport

/// How soon the pool is full again when an engine has taken its processes. In cycles of its own, because whoever asks every
/// 10 ms disturbs what is timed elsewhere.
struct RefillPart {
    struct Result: Codable {
        /// From before the request that causes the start, so a little more than from the lease, to the answer that shows a full
        /// pool again.
        var refillMs: [Double] = []
    }

    let controller: RunningController
    let model: String
    let plan: Plan

    func run() throws -> Result {
        var result = Result()
        for _ in 0..<plan.refills {
            try controller.settle()
            var exchange = try StreamingExchange(
                ChatRequest(model: model, prompt: Prompts.standard, maxTokens: 1), to: controller.endpoint,
                by: .now + .seconds(10))
            let full = try Interruption.poll(every: .milliseconds(10), for: .seconds(60), what: "A full pool") {
                let isLeased = try controller.management.workers().contains { $0.state == "leased" }
                return try isLeased && controller.isPoolFull() ? Instant.now : nil
            }
            try exchange.finish(by: .now + .seconds(300))
            let milliseconds = full.milliseconds(since: exchange.start)
            result.refillMs.append(milliseconds)
            Commentary.say("pool full again after \(Commentary.milliseconds(milliseconds))")
        }
        return result
    }
}
