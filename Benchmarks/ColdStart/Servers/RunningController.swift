import Foundation

/// A controller of the benchmark's own, with a run directory of its own.
final class RunningController {
    /// Kept warm on the one device that there is.
    static let idleWorkers = 1
    /// How long everything is left alone before a start is timed, stock or ours.
    static let rest = Duration.milliseconds(250)

    let endpoint: Endpoint
    let management: ManagementClient
    let models: [String]
    private let process: ChildProcess

    /// Returns when the pool is full.
    init(
        _ workspace: Workspace, name: String, program: String, runtime: (key: String, path: String),
        models: [ControllerConfig.Model]
    ) throws {
        let port = try Endpoint.freePort()
        endpoint = .loopback(port: port)
        management = ManagementClient(endpoint: endpoint)
        self.models = models.map(\.name)
        let config = "\(workspace.folder)/\(name).yaml"
        try ControllerConfig(
            port: port, runDirectory: "\(workspace.folder)/\(name)", runtime: runtime, models: models
        ).text.write(toFile: config, atomically: true, encoding: .utf8)
        process = try workspace.start([program, "serve", "--config", config], log: name)
        try waitUntilPoolIsFull(for: .seconds(300))
    }

    /// Unloads everything and waits until the pool is full; then all rest for a moment.
    func settle() throws {
        for model in models { try management.unload(model) }
        try waitUntilPoolIsFull(for: .seconds(60))
        try Interruption.sleep(Self.rest)
    }

    func waitUntilPoolIsFull(for limit: Duration) throws {
        try Interruption.poll(every: .milliseconds(5), for: limit, what: "A full pool of idle processes") {
            guard process.isRunning else {
                throw BenchmarkError("The controller ended; its last words:\n\(process.lastWords)")
            }
            do {
                return try isPoolFull() ? () : nil
            } catch is Connection.Refused {
                return nil
            } catch is ManagementClient.Unavailable {
                return nil
            }
        }
    }

    /// Whether as many pairs as are kept have all answered.
    func isPoolFull() throws -> Bool {
        let workers = try management.workers()
        return ["core", "front_end"].allSatisfy { role in
            workers.count { $0.role == role && $0.state == "idle" } >= Self.idleWorkers
        } && !workers.contains { $0.state == "starting" }
    }

    /// The pids of the front ends and cores that no engine has.
    func idleProcesses() throws -> [Int] {
        try management.workers().filter { $0.state == "idle" }.compactMap(\.pid)
    }

    /// - Returns: the engine that serves a loaded model.
    func engine(of model: String) throws -> ManagementClient.Engine {
        guard let engine = try management.engines().first(where: { $0.model == model && $0.state == "ready" }) else {
            throw BenchmarkError("GET /engines shows no ready engine of '\(model)', which was loaded.")
        }
        return engine
    }

    func end() throws {
        guard process.end(grace: .seconds(90)) else {
            throw BenchmarkError(
                "The controller did not end within 90 s of SIGTERM; its last words:\n\(process.lastWords)")
        }
    }
}
