import Scheduling
import Supervision

/// Reads what processes hold. Off the controller's actor: the kernel walks all their pages meanwhile.
struct MemoryMeter: Sendable {
    /// What is to be known of an engine.
    struct Holding: Sendable {
        let processes: [ProcessID]
        /// With its template, with which the shared pages are counted.
        let sharesWeights: Bool
        let kvCacheBytes: Int
    }

    let supervisor: ProcessSupervisor

    /// What an engine holds once its KV cache is full: that is mapped as it fills, so what is there of it now is replaced by
    /// all of it. Nil if one of its processes is gone or does not answer.
    func bytes(of engine: Holding) async -> Int? {
        var sum = engine.kvCacheBytes
        for process in engine.processes {
            guard let reply = await supervisor.memory(of: process), let memory = await memory(of: process) else {
                return nil
            }
            sum += (engine.sharesWeights ? memory.privateBytes : memory.proportionalBytes) - reply.cacheBytes
        }
        return sum
    }

    /// What a template holds, with those of its spare processes that are there, since they share its pages. Nil if it is gone.
    ///
    /// - Parameter clones: processes of engines that share its weights: what is not their own is counted here.
    func bytes(ofTemplate template: ProcessID, spares: [ProcessID], clones: [ProcessID]) async -> Int? {
        guard var sum = await memory(of: template)?.proportionalBytes else { return nil }
        for process in spares { sum += await memory(of: process)?.proportionalBytes ?? 0 }
        for process in clones {
            guard let memory = await memory(of: process) else { continue }
            sum += memory.proportionalBytes - memory.privateBytes
        }
        return sum
    }

    /// Nil if it is gone.
    func memory(of process: ProcessID) async -> (privateBytes: Int, proportionalBytes: Int)? {
        await supervisor.snapshot(of: process)?.pid.flatMap { ProcFS.memory(pid: $0) }
    }
}
