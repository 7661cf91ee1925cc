import BenchmarkSupport

/// What goes on beside an engine that serves: one that loads, one that hangs, and others that crash in a loop.
struct Disturbance {
    /// Takes 30 s to load.
    static let loading = "loading"
    /// Its leased worker never ends loading.
    static let hung = "hung"
    /// The core of the first dies when it loads, of the second its leased worker.
    static let crashing = ["crashing-core", "crashing-worker"]

    private static let loadMs = 30_000
    /// Between two tries of the same model; while the controller makes a pause of its own it says so at once.
    private static let pause = Duration.milliseconds(50)
    /// Between two programs that die with a lease: each costs the machine the start of a process.
    private static let executorPause = Duration.milliseconds(500)

    static func models(_ folder: String) -> [ControllerConfig.Model] {
        func model(
            _ name: String, _ arguments: [String], _ executor: ControllerConfig.Executor
        ) -> ControllerConfig.Model {
            .init(
                name: name, path: folder, arguments: FairSettings.simulated(arguments), rest: .cold, executor: executor)
        }
        return [
            model(loading, ["sim-load-ms: \(loadMs)"], .remote(size: 1)),
            model(hung, ["sim-worker-hang-at: load"], .remote(size: 1)),
            model(crashing[0], ["sim-crash-at: load"], .inProcess),
            model(crashing[1], ["sim-worker-crash-at: load"], .remote(size: 1)),
        ]
    }

    private let controller: RunningController
    /// Requests that are not answered.
    private let held: [StreamingExchange]
    private let starts: [BackgroundLoop]
    private let executors: BackgroundLoop

    /// Returns when the first has workers, and loads.
    init(_ controller: RunningController, _ bed: TestBed) throws {
        self.controller = controller
        held = try [Self.loading, Self.hung].map { model in
            try StreamingExchange(
                ChatRequest(model: model, prompt: Prompts.standard, maxTokens: 1), to: controller.endpoint,
                by: .now + .seconds(10))
        }
        try controller.wait(for: .seconds(30), every: .milliseconds(20), what: "Engines that load") {
            try Self.areStarting(controller)
        }
        let management = controller.management
        starts = Self.crashing.map { model in
            BackgroundLoop(pause: Self.pause) {
                // It fails: that is what it is for. `end` sees to it that it did.
                _ = try? management.load(model)
            }
        }
        let command = SimulatedExecutor.command(
            bed, control: controller.controlSocket, size: 1, footprintBytes: 100_000_000,
            options: ["--die-at", "attach"])
        let folder = bed.workspace.folder
        executors = BackgroundLoop(pause: Self.executorPause) { _ = ChildProcess.output(of: command, in: folder) }
    }

    private static func areStarting(_ controller: RunningController) throws -> Bool {
        let engines = try controller.management.engines()
        return [loading, hung].allSatisfy { model in
            engines.contains { $0.model == model && $0.state == "starting" && $0.pid != nil }
        }
    }

    /// Ends all of it.
    ///
    /// - Returns: how many programs died with a leased worker.
    /// - Throws: if it did not go on to this end, so that nothing was disturbed.
    func end() throws -> Int {
        let isComplete = try Self.areStarting(controller)
        for loop in starts { _ = try loop.stop() }
        let deaths = try executors.stop()
        let engines = try controller.management.engines()
        for model in [Self.loading, Self.hung] + Self.crashing { try controller.management.unload(model) }
        withExtendedLifetime(held) {}
        guard isComplete else {
            throw BenchmarkError("An engine that was to load or hang had ended before the measurement had.")
        }
        if let ready = engines.first(where: { Self.crashing.contains($0.model) && $0.state == "ready" }) {
            throw BenchmarkError("'\(ready.model)' was to crash, and is ready.")
        }
        return deaths
    }
}
