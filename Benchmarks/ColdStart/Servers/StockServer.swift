/// vLLM's own OpenAI server, as it is installed.
final class StockServer {
    let model = "stock"
    let endpoint: Endpoint
    private let process: ChildProcess

    /// Every 20 ms a connection is tried; the request goes out on the first that is accepted.
    static let pollInterval = Duration.milliseconds(20)

    init(_ workspace: Workspace, python: String, model path: String, log: String) throws {
        let port = try Endpoint.freePort()
        endpoint = .loopback(port: port)
        process = try workspace.start(
            [
                python, "-m", "vllm.entrypoints.openai.api_server", "--host", "127.0.0.1", "--port", "\(port)",
                "--model", path, "--served-model-name", model,
            ] + FairSettings.flags, log: log)
    }

    /// The pids of the server and of everything below it.
    var processes: [Int] { [process.pid] + ProcessTable.descendants(of: process.pid) }

    /// Sends the request as soon as the server takes it.
    ///
    /// - Returns: milliseconds from the start of the process to the first streamed token.
    func firstTokenMilliseconds(_ request: ChatRequest) throws -> Double {
        let exchange: StreamingExchange = try Interruption.poll(
            every: Self.pollInterval, for: .seconds(900), what: "The stock server's first answer"
        ) {
            guard process.isRunning else {
                throw BenchmarkError("The stock server ended before it answered; its last words:\n\(process.lastWords)")
            }
            do {
                return try StreamingExchange.run(request, to: endpoint, by: .now + .seconds(300))
            } catch is Connection.Refused {
                return nil
            }
        }
        guard let first = exchange.record.firstToken else {
            throw BenchmarkError("The stock server's answer has no text in it.")
        }
        return first.milliseconds(since: process.start)
    }

    func end() throws {
        guard process.end(grace: .seconds(60)) else {
            throw BenchmarkError("The stock server did not end within a minute of SIGTERM; see \(process.log).")
        }
    }
}
