// What must hold after every event. Checked in debug builds and in the simulations.

extension WorkerPool {
    /// What is broken, in words; nil if all is well.
    public var violation: String? {
        var slots: Set<Int> = []
        var holders = 0
        for worker in workers.values {
            if !worker.isRetired, !slots.insert(worker.slot).inserted { return "slot \(worker.slot) is given twice" }
            if let violation = violation(of: worker) { return violation }
            if worker.lease != nil { holders += 1 }
        }
        var generations: Set<Generation> = []
        var connections: Set<ExecutorID> = []
        for (engine, executor) in executors {
            if executor.lease.engine != engine { return "\(engine) has the lease of \(executor.lease.engine)" }
            if !generations.insert(executor.lease.generation).inserted {
                return "two leases have the generation of \(engine)"
            }
            if let id = executor.executor, !executor.isOver, !connections.insert(id).inserted {
                return "\(id) has two leases"
            }
            if let violation = violation(of: executor, holders: &holders) { return violation }
        }
        return holders == 0 ? nil : "a worker holds what is of no lease, or of two"
    }

    private func violation(of worker: WorkerRecord) -> String? {
        if case .idle = worker.state, !worker.isProvenClean { return "\(worker.process) is idle and not proven clean" }
        if case .resetting = worker.state, worker.resetPolicy == .replace || worker.baselineBytes == nil {
            return "\(worker.process) is reset, and nobody could verify it"
        }
        if worker.isProvenClean, worker.lease != nil { return "\(worker.process) is leased and counts as clean" }
        return nil
    }

    /// - Parameter holders: how many workers hold something; those that hold what is this lease's are taken off.
    private func violation(of executor: ProxyExecutor, holders: inout Int) -> String? {
        let (wish, lease) = (executor.wish, executor.lease)
        if lease.workers.count != wish.worldSize {
            return "\(lease.engine) has not \(wish.worldSize) workers, but \(lease.workers)"
        }
        var own = 0
        var accepted = 0
        for (rank, id) in lease.workers.enumerated() {
            if lease.rank(of: id) != rank { return "\(lease.engine) has \(id) twice" }
            guard let worker = workers[id] else { continue }
            if worker.device != wish.place.ranks[rank] || worker.runtime != wish.runtime {
                return "\(lease.engine) has \(id), which is not of \(wish.runtime) on \(wish.place.ranks[rank])"
            }
            guard worker.lease?.generation == lease.generation else { continue }
            own += 1
            if case .leased(_, let hasAccepted) = worker.state {
                if executor.isOver { return "\(id) is leased beyond its lease" }
                accepted += hasAccepted ? 1 : 0
            } else if !executor.isOver {
                return "\(lease.engine) has a lease, and \(id) is being taken from it"
            }
        }
        holders -= own
        guard !executor.isOver else { return own > 0 ? nil : "the lease of \(lease.engine) is over, and not forgotten" }
        if own != wish.worldSize { return "\(lease.engine) has a lease, and not all of its workers" }
        if executor.areWorkersReady != (accepted == own) {
            return "\(lease.engine) does not know how far its workers are"
        }
        switch executor.phase {
        case .expected, .releasing: return nil
        case .registered: return executor.executor == nil ? "\(lease.engine) is registered by nobody" : nil
        case .granted, .revoking:
            return executor.executor == nil || accepted != own ? "\(lease.engine) was granted too early" : nil
        }
    }
}
