import Foundation

/// `simulated-runtime executor`, which stands in for a vLLM that a user has started with our executor's name.
public struct UserExecutor: Sendable {
    /// What it writes when all its ranks are ready.
    public struct Ready: Decodable, Sendable {
        public let engine: String
        public let generation: LeaseGeneration
        public let workers: [GrantedWorker]
        public let leaseMs: Double
        public let readyMs: Double
    }

    /// How it ends, where that is not the end of any program: its exit statuses.
    public enum End {
        public static let refused = ChildProcess.Exit.status(4)
        public static let noWorkers = ChildProcess.Exit.status(6)
        public static let workersLost = ChildProcess.Exit.status(7)
        public static let revoked = ChildProcess.Exit.status(8)
    }

    public let process: ChildProcess

    /// Starts it. It keeps its workers until it is ended, or they are taken from it.
    ///
    /// - Parameter options: further ones of the program's.
    public init(
        _ folder: ControllerFolder, workers: Int = 1, footprint: Int = 64 << 20, options: [String] = []
    ) throws {
        // Longer than any test takes: its input has ended from the beginning.
        let lifelong = options.contains("--hold-ms") ? [] : ["--hold-ms", "600000"]
        process = try ChildProcess(
            [
                Binaries.simulatedRuntime, "executor", "--control", "\(folder.runDirectory)/control.sock",
                "--model", "mine", "--world-size", "\(workers)", "--footprint-bytes", "\(footprint)",
            ] + lifelong + options)
    }

    public func ready() async throws -> Ready {
        let line = try await process.waitForOutput()
        let decoder = JSONDecoder()
        decoder.keyDecodingStrategy = .convertFromSnakeCase
        do {
            return try decoder.decode(Ready.self, from: Data(line.utf8))
        } catch {
            throw TestFailure("the executor is not ready: \(line)")
        }
    }

    /// Why it got no workers.
    public func refusal() async throws -> String {
        let line = try await process.waitForOutput()
        guard let reason = try JSONDecoder().decode([String: String].self, from: Data(line.utf8))["refused"] else {
            throw TestFailure("it was not refused: \(line)")
        }
        return reason
    }
}
