// What executors say. Each message is for one lease: that of the executor that sent it.

extension WorkerPool {
    mutating func registered(
        _ id: ExecutorID, _ engine: EngineID, _ generation: Generation, process: ProcessID?
    ) {
        guard executors[engine] != nil else {
            return actions.append(.refuse(id, reason: "no workers are reserved for \(engine)"))
        }
        if let other = self.engine(of: id), other != engine {
            return actions.append(.refuse(id, reason: "it has the lease of \(other)"))
        }
        actions += executors[engine]?.register(id, generation, process: process) ?? []
    }

    mutating func asked(_ message: ExecutorMessage, worldSize: Int) {
        guard let engine = engine(of: message.executor) else {
            let reason = "no workers are reserved for it, or they were taken back"
            return actions.append(.answer(message, .refused(reason: reason)))
        }
        actions += executors[engine]?.ask(message, worldSize: worldSize) ?? []
    }

    mutating func released(_ message: ExecutorMessage, _ engine: EngineID, _ generation: Generation) {
        guard let executor = executors[engine], executor.isHeard(message.executor, generation) else {
            let reason = "it has no lease of this generation for \(engine)"
            return actions.append(.answer(message, .failed(reason: reason)))
        }
        actions.append(.answer(message, .done))
        end(executor.lease, .released)
    }

    /// Nobody speaks of a revocation that was not asked for.
    mutating func revoked(_ id: ExecutorID, _ engine: EngineID, _ generation: Generation) {
        guard let executor = executors[engine], executor.isHeard(id, generation),
            case .revoking = executor.phase
        else { return }
        end(executor.lease, .revoked)
    }

    mutating func executorGone(_ id: ExecutorID) {
        guard let engine = engine(of: id), let lease = executors[engine]?.lease else { return }
        end(lease, .broken(reason: "the connection of its executor ended"))
    }

    /// Whose lease it has, or is to have.
    func engine(of id: ExecutorID) -> EngineID? {
        executors.values.first { $0.executor == id && !$0.isOver }?.lease.engine
    }
}
