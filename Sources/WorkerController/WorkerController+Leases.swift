import Logging
import Scheduling
import Supervision

// Carrying out what was decided about workers and their leases.

extension WorkerController {
    func perform(_ action: LeaseAction) {
        switch action {
        case .lease(let worker, let lease, let owner):
            jobs.start { await self.supervisor.lease(worker, lease, owner: owner) }
        case .reset(let worker, let generation):
            let limit = scheduler.pool.limits.resetTimeout
            jobs.start { await self.supervisor.reset(worker, generation, within: limit) }
        case .measure(let worker, let generation):
            jobs.start { await self.supervisor.measure(worker, generation) }
        case .retire(let worker, let retirement): retire(worker, retirement)
        case .welcome(let executor, _): jobs.start { await self.supervisor.welcome(executor) }
        case .refuse(let executor, let reason):
            jobs.start { await self.supervisor.refuse(executor, reason: reason) }
        case .answer(let message, let answer): jobs.start { await self.supervisor.answer(message, answer) }
        case .revoke(let executor, let engine, let generation):
            let limit = scheduler.pool.limits.revokeTimeout
            jobs.start { await self.supervisor.revoke(executor, engine, generation, within: limit) }
        // The decision core drew its conclusions.
        case .ended, .returned: break
        }
    }

    /// Those of ready engines that have requests; a user's engine may have some at any time.
    var workersAtWork: [ProcessID] {
        scheduler.engines.values.filter { engine in
            engine.phase == .ready && (engine.isExternal || permits[engine.id]?.inFlight ?? 0 > 0)
        }.flatMap(\.workers)
    }

    /// An engine that a user started: its workers have to be of a runtime with the same vLLM.
    func externalAsked(_ request: ExternalRequest) {
        unplaced.append(request)
        place(request)
    }

    /// A runtime is up.
    func placeAgain() {
        for request in unplaced { place(request) }
    }

    private func place(_ request: ExternalRequest) {
        jobs.start {
            let snapshots = await self.supervisor.snapshots()
            await self.place(request, snapshots)
        }
    }

    private func place(_ request: ExternalRequest, _ snapshots: [ProcessID: ProcessSnapshot]) {
        // Its executor may be gone by now, and what is leased to nobody is never given back.
        guard unplaced.contains(request) else { return }
        let runtimes = scheduler.runtimes.values.sorted { $0.name.description < $1.name.description }
        let versions = runtimes.map { ($0.name, $0.zygote.flatMap { snapshots[$0]?.versions } ?? [:]) }
        let own = request.versions
        let fits = { (versions: [String: String]) in
            !own.isEmpty && own.allSatisfy { versions[$0.key] == $0.value }
        }
        let fitting = versions.first { fits($0.1) }
        // Otherwise it waits for the others.
        guard fitting != nil || versions.allSatisfy({ !$0.1.isEmpty }) else { return }
        unplaced.removeAll { $0 == request }
        if let fitting { return feed(.externalAsked(request, fitting.0)) }
        let known = versions.map { "'\($0.0)' has \(Self.text($0.1))" }.joined(separator: ", ")
        let reason = "it runs with \(Self.text(own)), and its workers have to be of the same version: runtime \(known)"
        jobs.start { await self.supervisor.answer(request.message, .refused(reason: reason)) }
    }

    private static func text(_ versions: [String: String]) -> String {
        versions.isEmpty
            ? "nothing that it tells"
            : versions.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }
                .joined(separator: ", ")
    }

    private func retire(_ worker: ProcessID, _ retirement: Retirement) {
        logger.log(
            level: retirement.cause.isExpected ? .info : .warning, "worker retired",
            metadata: [
                "process.id": "\(worker)", "cause": "\(retirement.cause.rawValue)", "reason": "\(retirement.reason)",
            ])
        jobs.start { await self.supervisor.end(worker) }
    }
}

extension Retirement.Cause {
    fileprivate var isExpected: Bool { self == .replaced || self == .dismissed }
}
