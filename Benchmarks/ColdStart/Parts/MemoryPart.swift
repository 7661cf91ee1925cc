/// What each process of one model owns beyond what it shares, by the kernel's accounting.
struct MemoryPart {
    struct Result: Codable {
        let weightBytes: Int
        /// Of the template without weights.
        var templateBytes = 0
        var idleFrontEndBytes = 0
        var idleCoreBytes = 0
        /// Right after the first answer, the cache that it touched included; started warm, so the weights are the core's own.
        var hotFrontEndBytes = 0
        var hotCoreBytes = 0
        /// By how much all processes together grew when the template loaded the weights.
        var loadingBytes = 0
        /// Front end and core that share the template's weights, right after the first answer, the cache that they touched
        /// included.
        var cloneBytes = 0
        /// The same a few seconds later without the cache. Nobody sees from outside which pages are the cache's, so this is the
        /// controller's own measurement: what it counts for the engine, less the cache that was configured.
        var cloneBesidesCacheBytes = 0

        var idleBytes: Int { max(idleFrontEndBytes, idleCoreBytes) }
        /// What keeping the weights costs above the size of their files.
        var beyondWeightsBytes: Int { loadingBytes - weightBytes }
    }

    /// How long processes have been idle when they are looked at.
    private static let rest = Duration.seconds(2)
    /// The controller measures an engine 2 s after it is ready.
    private static let measurement = Duration.seconds(5)

    let subject: Subject
    /// With one model, which rests warm.
    let controller: RunningController

    func run() throws -> Result {
        let model = try controller.model(.warm)
        try controller.settle()
        try Interruption.sleep(Self.rest)
        var result = Result(weightBytes: try subject.weightBytes)
        guard let template = try controller.state(of: model).template?.pid else {
            throw BenchmarkError("GET /models shows no process of the template of '\(model)'.")
        }
        result.templateBytes = try ProcessTable.privateBytes(of: template)
        result.idleFrontEndBytes = try idleBytes("front_end", of: model)
        result.idleCoreBytes = try idleBytes("core", of: model)
        let before = try ProcessTable.proportionalBytes(of: controller.processes)

        let warm = try ask(model, .warm)
        result.hotFrontEndBytes = try privateBytes(warm.frontEndPid)
        result.hotCoreBytes = try privateBytes(warm.pid)

        try controller.management.sleep(model)
        try controller.waitUntilReady(for: .seconds(60))
        try Interruption.sleep(Self.rest)
        result.loadingBytes = try ProcessTable.proportionalBytes(of: controller.processes) - before

        let clone = try ask(model, .asleep)
        result.cloneBytes = try privateBytes(clone.frontEndPid) + privateBytes(clone.pid)
        try Interruption.sleep(Self.measurement)
        guard let footprint = try controller.engine(of: model).footprintBytes else {
            throw BenchmarkError("GET /engines shows no footprint of the engine of '\(model)'.")
        }
        result.cloneBesidesCacheBytes = footprint - FairSettings.cacheBytes
        return result
    }

    private func idleBytes(_ role: String, of model: String) throws -> Int {
        let idle = try controller.idleProcesses().first { $0.role == role && $0.model == model }
        return try privateBytes(idle?.pid)
    }

    private func privateBytes(_ pid: Int?) throws -> Int {
        guard let pid else {
            throw BenchmarkError("GET /workers or GET /engines does not show a process that must be there.")
        }
        return try ProcessTable.privateBytes(of: pid)
    }

    private func ask(_ model: String, _ tier: StartTier) throws -> ManagementClient.Engine {
        let request = ChatRequest(model: model, prompt: Prompts.standard, maxTokens: 8)
        try StreamingExchange.run(request, to: controller.endpoint, by: .now + .seconds(300)).expect(tier)
        return try controller.engine(of: model)
    }
}
