/// vLLM's own OpenAI server, as it is installed.
package final class StockServer {
    /// Where vLLM runs the model; the value of its `--distributed-executor-backend`.
    package enum Executor: String {
        /// In the engine core. By its full name: vLLM's CPU platform replaces the short `uni` by the one below.
        case inProcess = "vllm.v1.executor.uniproc_executor.UniProcExecutor"
        /// In worker processes of its own, which is its default on a CPU.
        case multiprocess = "mp"
    }

    package let model = "stock"
    package let endpoint: Endpoint
    private let process: ChildProcess

    /// Every 20 ms a connection is tried; the request goes out on the first that is accepted.
    private static let pollInterval = Duration.milliseconds(20)

    /// - Parameter environment: what changes in the environment that all servers have.
    package init(
        _ workspace: Workspace, python: String, model path: String, executor: Executor = .inProcess,
        environment: [String: String] = [:], log: String
    ) throws {
        let port = try Endpoint.freePort()
        endpoint = .loopback(port: port)
        process = try workspace.start(
            [
                python, "-m", "vllm.entrypoints.openai.api_server", "--host", "127.0.0.1", "--port", "\(port)",
                "--model", path, "--served-model-name", model, "--distributed-executor-backend", executor.rawValue,
            ] + FairSettings.flags, changes: environment, log: log)
    }

    /// The pids of the server and of everything below it.
    package var processes: [Int] { [process.pid] + ProcessTable.descendants(of: process.pid) }

    /// Sends the request as soon as the server takes it.
    ///
    /// - Returns: milliseconds from the start of the process to the first streamed token.
    package func firstTokenMilliseconds(_ request: ChatRequest) throws -> Double {
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

    package func end() throws {
        guard process.end(grace: .seconds(60)) else {
            throw BenchmarkError("The stock server did not end within a minute of SIGTERM; see \(process.log).")
        }
    }
}
