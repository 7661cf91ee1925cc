import Foundation
import TestSupport

/// vLLM's own OpenAI server as anybody starts it, with the flags that make the comparison fair.
struct StockServer {
    static let model = "stock"
    let process: ChildProcess
    let address: String

    /// The model in the core, as ours has it.
    static let inProcess = "vllm.v1.executor.uniproc_executor.UniProcExecutor"

    static func start(
        executor: String = inProcess, environment: [String: String] = [:]
    ) async throws -> StockServer {
        let port = try freePort()
        let arguments = RealSetup.arguments.sorted { $0.key < $1.key }.flatMap { ["--\($0.key)", $0.value] }
        let process = try ChildProcess(
            [
                RealSetup.python, "-m", "vllm.entrypoints.openai.api_server", "--model", RealSetup.model,
                "--served-model-name", model, "--host", "127.0.0.1", "--port", String(port), "--enforce-eager",
                "--distributed-executor-backend", executor,
            ] + arguments,
            environment: ["HF_HUB_OFFLINE": "1", "VLLM_NO_USAGE_STATS": "1"].merging(environment) { $1 })
        _ = try await process.waitForError(containing: "Application startup complete", atMost: .seconds(400))
        return StockServer(process: process, address: "http://127.0.0.1:\(port)")
    }

    /// One whose workers are of the controller's pool.
    static func startOnThePool(of folder: ControllerFolder) async throws -> StockServer {
        try await start(
            executor: "worker_controller_vllm.remote_executor.RemoteExecutor",
            environment: ["WORKER_CONTROLLER_SOCKET": folder.runDirectory + "/control.sock"])
    }

    /// Its core is a child of its own, and ends with it.
    func stop() async throws {
        process.send(SIGTERM)
        _ = try await process.waitForEnd()
    }

    /// Free a moment ago; nothing else here takes ports.
    private static func freePort() throws -> Int {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let port = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                bind(descriptor, address, length) == 0 && getsockname(descriptor, address, &length) == 0
            } ? Int(UInt16(bigEndian: pointer.pointee.sin_port)) : 0
        }
        guard port > 0 else { throw TestFailure("no free port: \(String(cString: strerror(errno)))") }
        return port
    }
}
