import Foundation

/// A controller of the benchmark's own, with a run directory of its own.
package final class RunningController {
    /// How long everything is left alone before a start is timed, stock or ours.
    package static let rest = Duration.milliseconds(250)

    package let endpoint: Endpoint
    package let management: ManagementClient
    package let models: [ControllerConfig.Model]
    package let runDirectory: String
    private let idleWorkers: Int
    private let process: ChildProcess

    /// Returns at once: `waitUntilAtRest` or `settle` comes next.
    package init(
        _ workspace: Workspace, name: String, program: String, runtime: (key: String, path: String),
        models: [ControllerConfig.Model]
    ) throws {
        let port = try Endpoint.freePort()
        endpoint = .loopback(port: port)
        management = ManagementClient(endpoint: endpoint)
        self.models = models
        runDirectory = "\(workspace.folder)/\(name)"
        let config = "\(workspace.folder)/\(name).yaml"
        let contents = ControllerConfig(port: port, runDirectory: runDirectory, runtime: runtime, models: models)
        idleWorkers = contents.idleWorkers
        try contents.text.write(toFile: config, atomically: true, encoding: .utf8)
        process = try workspace.start([program, "serve", "--config", config], log: name)
    }

    /// Just before it was started.
    package var start: Instant { process.start }

    package var pid: Int { process.pid }

    /// Where processes dial in, those of users too.
    package var controlSocket: String { "\(runDirectory)/control.sock" }

    /// The pids of the controller and of everything below it.
    package var processes: [Int] { [process.pid] + ProcessTable.descendants(of: process.pid) }

    /// The same by what they are: `controller`, the role that the controller knows a process by, or `other`.
    package func processesByKind() throws -> [String: [Int]] {
        let roles = try management.pidsByRole().flatMap { role, pids in pids.map { ($0, role) } }
        let kinds = Dictionary(roles + [(pid, "controller")]) { _, last in last }
        return Dictionary(grouping: processes) { kinds[$0] ?? "other" }
    }

    /// The name of the model that rests in a tier.
    package func model(_ tier: StartTier) throws -> String {
        guard let model = models.first(where: { $0.rest == tier }) else {
            throw BenchmarkError("No model of this controller rests in the tier '\(tier)'.")
        }
        return model.name
    }

    /// Brings every model where it rests and waits until everything is idle; then all rest for a moment.
    package func settle() throws {
        for model in models {
            if model.rest == .asleep {
                try management.sleep(model.name)
            } else {
                try management.unload(model.name)
            }
        }
        try waitUntilAtRest()
        try Interruption.sleep(Self.rest)
    }

    /// Waits for every model's template and idle processes; just after the start a model that is to be asleep may be warm.
    ///
    /// - Parameter interval: between two looks; each of them takes processor time from what is waited for.
    package func waitUntilReady(for limit: Duration, every interval: Duration = .milliseconds(20)) throws {
        try wait(for: limit, every: interval, what: "Templates and idle processes") { [self] in
            let states = try management.models()
            return try states.allSatisfy { $0.tier != "cold" || rest(of: $0.name) == .cold } && isPoolFull()
        }
    }

    private func waitUntilAtRest() throws {
        try wait(for: .seconds(120), every: .milliseconds(5), what: "Models at rest and idle processes") { [self] in
            let states = try management.models()
            return try states.allSatisfy { $0.tier == rest(of: $0.name)?.rawValue } && isPoolFull()
        }
    }

    /// Waits for the idle processes only, whatever the models do; then all rest for a moment.
    package func waitForPool() throws {
        try wait(for: .seconds(120), every: .milliseconds(5), what: "Idle processes") { [self] in try isPoolFull() }
        try Interruption.sleep(Self.rest)
    }

    /// Asks again and again; that nobody listens yet is no answer.
    package func wait(
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

    /// Whether as many pairs as are kept have all answered, of every template and of those that any model can have; and where
    /// models need them, as many workers to be leased, none of them on its way back or to its end.
    package func isPoolFull() throws -> Bool {
        // Nil: those that any model can have.
        let sources: Set<String?> = Set(models.map { $0.rest == .cold ? nil : $0.name })
        let workers = try management.workers()
        func isFull(_ role: String, _ source: String?) -> Bool {
            workers.count { $0.role == role && $0.state == "idle" && $0.model == source } >= idleWorkers
        }
        let isAnyOnItsWay = workers.contains {
            $0.state == "starting" || $0.role == Self.leasedRole && !["idle", "leased"].contains($0.state)
        }
        let areWorkersNeeded = models.contains { $0.workers > 0 }
        return !isAnyOnItsWay && sources.allSatisfy { isFull("core", $0) && isFull("front_end", $0) }
            && (!areWorkersNeeded || isFull(Self.leasedRole, nil))
    }

    private static let leasedRole = "worker"

    /// Front ends and cores that no engine has.
    package func idleProcesses() throws -> [ManagementClient.Worker] {
        try management.workers().filter { $0.state == "idle" }
    }

    package func state(of model: String) throws -> ManagementClient.Model {
        guard let state = try management.models().first(where: { $0.name == model }) else {
            throw BenchmarkError("GET /models does not show '\(model)', which is configured.")
        }
        return state
    }

    /// - Returns: the engine that serves a loaded model.
    package func engine(of model: String) throws -> ManagementClient.Engine {
        guard let engine = try management.engines().first(where: { $0.model == model && $0.state == "ready" }) else {
            throw BenchmarkError("GET /engines shows no ready engine of '\(model)', which was loaded.")
        }
        return engine
    }

    /// The pids of a loaded model's front end and core, and of the workers that it has leased.
    package func processes(of model: String) throws -> [Int] {
        let engine = try engine(of: model)
        let leased = try management.workers().filter { $0.role == Self.leasedRole && $0.engine == engine.id }
        return engine.pids + leased.compactMap(\.pid)
    }

    /// Asks a model the standard question through the gateway, and reads all of the answer.
    package func ask(_ model: String, tokens: Int = 8) throws -> StreamingExchange {
        let request = ChatRequest(model: model, prompt: Prompts.standard, maxTokens: tokens)
        return try StreamingExchange.run(request, to: endpoint, by: .now + .seconds(300))
    }

    package func end() throws {
        guard process.end(grace: .seconds(90)) else {
            throw BenchmarkError(
                "The controller did not end within 90 s of SIGTERM; its last words:\n\(process.lastWords)")
        }
    }
}
