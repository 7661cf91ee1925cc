import Scheduling

/// A controller whose every answer is set by the test.
struct FakeController: ControllerManaging {
    var current = ControllerStatus.sample
    var onLoad: @Sendable (String) async throws -> EngineStatus = { _ in .sample }
    var onUnload: @Sendable (String) async throws -> UnloadReport = { model in
        UnloadReport(model: model, engines: ["e-3"], freedBytes: 1 << 20, milliseconds: 12.5)
    }
    var onSleep: @Sendable (String) async throws -> ModelStatus = { _ in .asleep }
    var onPark: @Sendable (String) async throws -> ModelStatus = { _ in .asleep }
    var onWake: @Sendable (String) async throws -> EngineStatus = { _ in .sample }
    var onCreate: @Sendable ([UInt8], Bool) async throws -> CreatedEngine = { _, _ in
        CreatedEngine(engine: .sample, warnings: ["'swap_space' has no effect"])
    }
    var onDelete: @Sendable (String) async throws -> Void = { _ in }
    var onLog: @Sendable (String, Int) async throws -> [String] = { id, lines in ["\(id) \(lines)"] }

    var feed = EventFeed(epoch: 4)
    /// Called when somebody follows the events.
    var onFollow: @Sendable () -> Void = {}
    var currentMetrics = "# TYPE up gauge\nup 1\n"

    func status() async -> ControllerStatus { current }
    func measuredStatus() async -> ControllerStatus { current }
    func events(after id: String?) async throws -> EventReader {
        let reader = try feed.follow(after: id)
        onFollow()
        return reader
    }
    func metrics() async -> String { currentMetrics }
    func load(_ model: String) async throws -> EngineStatus { try await onLoad(model) }
    func unload(_ model: String) async throws -> UnloadReport { try await onUnload(model) }
    func sleep(_ model: String) async throws -> ModelStatus { try await onSleep(model) }
    func wake(_ model: String) async throws -> EngineStatus { try await onWake(model) }
    func park(_ model: String) async throws -> ModelStatus { try await onPark(model) }
    func create(_ body: [UInt8], waits: Bool) async throws -> CreatedEngine { try await onCreate(body, waits) }
    func delete(_ engine: String) async throws { try await onDelete(engine) }
    func log(of id: String, lines: Int) async throws -> [String] { try await onLog(id, lines) }
}

extension EngineStatus {
    static let sample = EngineStatus(
        id: "e-3", model: "org/small", state: "ready", devices: ["cpu:0"], pid: 104, frontEndPid: 105,
        socket: "/run/f/p-5.sock", inFlight: 2, footprintBytes: 700 << 20,
        stages: [StageTime(stage: "config", milliseconds: 12.25), StageTime(stage: "load", milliseconds: 200.5)],
        startMilliseconds: 812.34, startTier: .warm)
}

extension ModelStatus {
    static let asleep = ModelStatus(
        name: "quiet", aliases: [], tier: .asleep, runtime: "vllm", path: "/models/quiet", engines: [],
        footprintBytes: 600 << 20, waiting: 0, lastError: nil,
        template: TemplateStatus(
            state: "ready", process: "p-6", pid: 106, hasWeights: true, footprintBytes: 400 << 20,
            privateBytes: 380 << 20, stages: [StageTime(stage: "load", milliseconds: 300.5)], lastError: nil))
}

extension TemplateStatus {
    static let sample = TemplateStatus(
        state: "ready", process: "p-3", pid: 103, hasWeights: false, footprintBytes: 90 << 20, privateBytes: 60 << 20,
        stages: [StageTime(stage: "config", milliseconds: 60.5), StageTime(stage: "app", milliseconds: 900.25)],
        lastError: nil)
    static let failed = TemplateStatus(
        state: "failed", process: nil, pid: nil, hasWeights: false, footprintBytes: nil, privateBytes: nil, stages: [],
        lastError: "its code raised\nsecond line")
}

extension ControllerStatus {
    /// A model in each tier; a leased pair of processes, an idle one, and two templates.
    static let sample = ControllerStatus(
        version: "1", epoch: 4, pid: 1, isHealthy: true,
        models: [
            ModelStatus(
                name: "org/small", aliases: ["default"], tier: .hot, runtime: "vllm", path: "/models/small",
                engines: ["e-3"], footprintBytes: 700 << 20, waiting: 0, lastError: nil, template: .sample),
            .asleep,
            ModelStatus(
                name: "fresh", aliases: [], tier: .warm, runtime: "vllm", path: "/models/fresh", engines: [],
                footprintBytes: nil, waiting: 0, lastError: nil, template: .sample),
            ModelStatus(
                name: "broken", aliases: [], tier: .cold, runtime: "vllm", path: "/models/broken", engines: [],
                footprintBytes: nil, waiting: 3, lastError: "no weights\nsecond line", template: .failed),
        ],
        engines: [.sample],
        workers: [
            .sample("p-10", .core, pid: 110), .sample("p-11", .frontEnd, pid: 111),
            .sample("p-4", .core, pid: 104, engine: "e-3", model: "org/small"),
            .sample("p-5", .frontEnd, pid: 105, engine: "e-3", model: "org/small"),
            .sample("p-3", .template, pid: 103, model: "org/small"),
            .sample("p-6", .template, pid: 106, model: "quiet"),
        ],
        runtimes: [
            RuntimeStatus(
                name: "vllm", state: "ready", pid: 2, versions: ["vllm": "0.32.0"], startMilliseconds: 9000,
                lastError: nil)
        ],
        devices: [DeviceStatus(id: "cpu:0", memoryBytes: 8 << 30, usedBytes: 700 << 20, cores: [0, 1])])
}

extension WorkerStatus {
    static func sample(
        _ id: String, _ role: ProcessRole, pid: Int, engine: String? = nil, model: String? = nil
    ) -> WorkerStatus {
        WorkerStatus(
            id: id, role: role, runtime: "vllm", device: "cpu:0", pid: pid, state: engine == nil ? "idle" : "leased",
            engine: engine, model: model, privateBytes: 30 << 20, ageSeconds: 61)
    }
}
