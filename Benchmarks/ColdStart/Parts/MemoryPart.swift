import BenchmarkSupport

/// What each process of one model owns beyond what it shares, by the kernel's accounting.
struct MemoryPart {
    struct Result: Codable {
        let weightBytes: Int
        /// Of the template without weights, before it forked anything that shares its pages.
        var templateBytes = 0
        var idleFrontEndBytes = 0
        var idleCoreBytes = 0
        /// Right after the first answer, the cache that it touched included; started warm, so the weights are the core's own.
        var hotFrontEndBytes = 0
        var hotCoreBytes = 0
        /// By how much all processes together grew when the template loaded the weights.
        var loadingBytes = 0
        /// A core that shares the template's weights, without its KV cache, and its front end, right after the first answer.
        var cloneCoreBytes = 0
        var cloneFrontEndBytes = 0

        var idleBytes: Int { max(idleFrontEndBytes, idleCoreBytes) }
        /// What keeping the weights costs above the size of their files.
        var beyondWeightsBytes: Int { loadingBytes - weightBytes }
    }

    /// How long processes have been idle when they are looked at.
    private static let rest = Duration.seconds(2)

    let subject: Subject
    /// With one model, which rests warm.
    let controller: RunningController

    func run() throws -> Result {
        let model = try controller.model(.warm)
        try controller.settle()
        try Interruption.sleep(Self.rest)
        var result = Result(weightBytes: try subject.folder.weightBytes)
        guard let template = try controller.state(of: model).template?.privateBytes else {
            throw BenchmarkError("GET /models does not show what the template of '\(model)' owns.")
        }
        result.templateBytes = template
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
        result.cloneCoreBytes = try privateBytes(clone.pid) - ProcessTable.cacheBytes(of: clone.pid ?? 0)
        result.cloneFrontEndBytes = try privateBytes(clone.frontEndPid)
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
        try controller.ask(model).expect(tier)
        return try controller.engine(of: model)
    }
}
