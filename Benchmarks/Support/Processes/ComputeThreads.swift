/// How many threads a server computes with, seen from outside and so in the same way for every server: the threads of its
/// busiest process that used at least a quarter of the time that the busiest of them used.
package enum ComputeThreads {
    /// - Parameter body: what keeps the server busy for a second or more; ticks are 10 ms long.
    package static func count(in processes: [Int], during body: () throws -> Void) rethrows -> Int {
        let before = processes.map { ProcessTable.threadTicks(of: $0) }
        try body()
        let used = zip(processes, before).map { pid, before in
            ProcessTable.threadTicks(of: pid).map { $0.value - (before[$0.key] ?? 0) }
        }
        return count(ticks: used)
    }

    /// Of a loaded model, while it decodes.
    package static func count(of model: String, at endpoint: Endpoint, processes: [Int], tokens: Int) throws -> Int {
        let request = ChatRequest(model: model, prompt: Prompts.standard, maxTokens: tokens, ignoresEnd: true)
        return try count(in: processes) {
            _ = try StreamingExchange.run(request, to: endpoint, by: .now + .seconds(120))
        }
    }

    /// - Parameter ticks: what each thread of each process used.
    static func count(ticks: [[Int]]) -> Int {
        let busiest = ticks.max { $0.reduce(0, +) < $1.reduce(0, +) } ?? []
        guard let most = busiest.max(), most > 0 else { return 0 }
        return busiest.count { $0 * 4 >= most }
    }
}
