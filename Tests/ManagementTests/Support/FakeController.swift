import Scheduling

/// A controller whose every answer is set by the test.
struct FakeController: ControllerManaging {
    var current = ControllerStatus.sample
    var onLoad: @Sendable (String) async throws -> EngineStatus = { _ in .sample }
    var onUnload: @Sendable (String) async throws -> UnloadReport = { model in
        UnloadReport(model: model, engines: ["e-3"], freedBytes: 1 << 20, milliseconds: 12.5)
    }
    var onLog: @Sendable (String, Int) async throws -> [String] = { id, lines in ["\(id) \(lines)"] }

    func status() async -> ControllerStatus { current }
    func load(_ model: String) async throws -> EngineStatus { try await onLoad(model) }
    func unload(_ model: String) async throws -> UnloadReport { try await onUnload(model) }
    func log(of id: String, lines: Int) async throws -> [String] { try await onLog(id, lines) }
}

extension EngineStatus {
    static let sample = EngineStatus(
        id: "e-3", model: "org/small", state: "ready", device: "cpu:0", pid: 104, frontEndPid: 105,
        socket: "/run/f/p-5.sock", inFlight: 2, footprintBytes: 700 << 20,
        stages: [StageTime(stage: "config", milliseconds: 12.25), StageTime(stage: "load", milliseconds: 200.5)],
        startMilliseconds: 812.34)
}

extension ControllerStatus {
    /// One model loaded, one not; a leased pair of processes and an idle one.
    static let sample = ControllerStatus(
        version: "1", epoch: 4, pid: 1, isHealthy: true,
        models: [
            ModelStatus(
                name: "org/small", aliases: ["default"], tier: .hot, runtime: "vllm", path: "/models/small",
                engines: ["e-3"], footprintBytes: 700 << 20, waiting: 0, lastError: nil),
            ModelStatus(
                name: "broken", aliases: [], tier: .cold, runtime: "vllm", path: "/models/broken", engines: [],
                footprintBytes: nil, waiting: 3, lastError: "no weights\nsecond line"),
        ],
        engines: [.sample],
        workers: [
            .sample("p-10", .core, pid: 110), .sample("p-11", .frontEnd, pid: 111),
            .sample("p-4", .core, pid: 104, engine: "e-3"), .sample("p-5", .frontEnd, pid: 105, engine: "e-3"),
        ],
        runtimes: [
            RuntimeStatus(
                name: "vllm", state: "ready", pid: 2, versions: ["vllm": "0.32.0"], startMilliseconds: 9000,
                lastError: nil)
        ],
        devices: [DeviceStatus(id: "cpu:0", memoryBytes: 8 << 30, usedBytes: 700 << 20, cores: [0, 1])])
}

extension WorkerStatus {
    static func sample(_ id: String, _ role: ProcessRole, pid: Int, engine: String? = nil) -> WorkerStatus {
        WorkerStatus(
            id: id, role: role, runtime: "vllm", device: "cpu:0", pid: pid, state: engine == nil ? "idle" : "leased",
            engine: engine, privateBytes: 30 << 20, ageSeconds: 61)
    }
}
