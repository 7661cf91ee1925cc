import Foundation

/// A controller of the benchmark's own, with a run directory of its own.
final class RunningController {
    /// Kept warm for each model that has a template, and for all others together, on the one device that there is.
    static let idleWorkers = 1
    /// How long everything is left alone before a start is timed, stock or ours.
    static let rest = Duration.milliseconds(250)

    let endpoint: Endpoint
    let management: ManagementClient
    let models: [ControllerConfig.Model]
    let runDirectory: String
    private let process: ChildProcess

    /// Returns at once: `waitUntilAtRest` or `settle` comes next.
    init(
        _ workspace: Workspace, name: String, program: String, runtime: (key: String, path: String),
        models: [ControllerConfig.Model]
    ) throws {
        let port = try Endpoint.freePort()
        endpoint = .loopback(port: port)
        management = ManagementClient(endpoint: endpoint)
        self.models = models
        runDirectory = "\(workspace.folder)/\(name)"
        let config = "\(workspace.folder)/\(name).yaml"
        try ControllerConfig(port: port, runDirectory: runDirectory, runtime: runtime, models: models)
            .text.write(toFile: config, atomically: true, encoding: .utf8)
        process = try workspace.start([program, "serve", "--config", config], log: name)
    }

    /// Just before it was started.
    var start: Instant { process.start }

    /// The pids of the controller and of everything below it.
    var processes: [Int] { [process.pid] + ProcessTable.descendants(of: process.pid) }

    /// The name of the model that rests in a tier.
    func model(_ tier: StartTier) throws -> String {
        guard let model = models.first(where: { $0.rest == tier }) else {
            throw BenchmarkError("No model of this controller rests in the tier '\(tier)'.")
        }
        return model.name
    }

    /// Brings every model where it rests and waits until everything is idle; then all rest for a moment.
    func settle() throws {
        for model in models {
            if model.rest == .asleep {
                try management.sleep(model.name)
            } else {
                try management.unload(model.name)
            }
        }
        try waitUntilAtRest(for: .seconds(120))
        try Interruption.sleep(Self.rest)
    }

    /// Waits for every model's template and idle processes; just after the start a model that is to be asleep may be warm.
    ///
    /// - Parameter interval: between two looks; each of them takes processor time from what is waited for.
    func waitUntilReady(for limit: Duration, every interval: Duration = .milliseconds(20)) throws {
        try wait(for: limit, every: interval, what: "Templates and idle processes") { [self] in
            let states = try management.models()
            return try states.allSatisfy { $0.tier != "cold" || rest(of: $0.name) == .cold } && isPoolFull()
        }
    }

    private func waitUntilAtRest(for limit: Duration) throws {
        try wait(for: limit, every: .milliseconds(5), what: "Models at rest and idle processes") { [self] in
            let states = try management.models()
            return try states.allSatisfy { $0.tier == rest(of: $0.name)?.rawValue } && isPoolFull()
        }
    }

    /// Asks again and again; that nobody listens yet is no answer.
    func wait(
        for limit: Duration, every interval: Duration, what: String, until condition: () throws -> Bool
    ) throws {
        try Interruption.poll(every: interval, for: limit, what: what) {
            guard process.isRunning else {
                throw BenchmarkError("The controller ended; its last words:\n\(process.lastWords)")
            }
            do {
                return try condition() ? () : nil
            } catch is Connection.Refused {
                return nil
            } catch is ManagementClient.Unavailable {
                return nil
            }
        }
    }

    private func rest(of model: String) -> StartTier? { models.first { $0.name == model }?.rest }

    /// Whether as many pairs as are kept have all answered, of every template and of those that any model can have.
    func isPoolFull() throws -> Bool {
        // Nil: those that any model can have.
        let sources: Set<String?> = Set(models.map { $0.rest == .cold ? nil : $0.name })
        let workers = try management.workers()
        return !workers.contains { $0.state == "starting" }
            && sources.allSatisfy { source in
                ["core", "front_end"].allSatisfy { role in
                    workers.count { $0.role == role && $0.state == "idle" && $0.model == source } >= Self.idleWorkers
                }
            }
    }

    /// Front ends and cores that no engine has.
    func idleProcesses() throws -> [ManagementClient.Worker] {
        try management.workers().filter { $0.state == "idle" }
    }

    func state(of model: String) throws -> ManagementClient.Model {
        guard let state = try management.models().first(where: { $0.name == model }) else {
            throw BenchmarkError("GET /models does not show '\(model)', which is configured.")
        }
        return state
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
