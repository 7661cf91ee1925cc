// A lease's beginning and end.

extension WorkerPool {
    /// Whether all the workers are there, and nothing stands in the way.
    public func canLease(_ wish: LeaseWish) -> Bool {
        guard wish.worldSize > 0, executors[wish.engine] == nil else { return false }
        if executors.values.contains(where: { $0.lease.generation == wish.generation }) { return false }
        if case .user(_, let message) = wish.owner, engine(of: message.executor) != nil { return false }
        return idleWorkers(for: wish) != nil
    }

    mutating func lease(_ wish: LeaseWish) {
        guard canLease(wish), let workers = idleWorkers(for: wish) else { return }
        let lease = Lease(engine: wish.engine, generation: wish.generation, workers: workers)
        executors[wish.engine] = ProxyExecutor(wish: wish, lease: lease)
        for worker in lease.workers {
            self.workers[worker]?.leaseCount += 1
            self.workers[worker]?.isProvenClean = false
            enter(.leased(lease, hasAccepted: false), worker, for: limits.answerTimeout)
            actions.append(.lease(worker, lease, owner: wish.owner))
        }
    }

    /// One on each rank's device; nil: one is missing.
    private func idleWorkers(for wish: LeaseWish) -> [ProcessID]? {
        var idle = workersInOrder.filter { $0.state == .idle && $0.runtime == wish.runtime }
        var chosen: [ProcessID] = []
        for device in wish.place.ranks {
            guard let index = idle.firstIndex(where: { $0.device == device }) else { return nil }
            chosen.append(idle.remove(at: index).process)
        }
        return chosen
    }

    mutating func accepted(_ id: ProcessID, _ generation: Generation) {
        guard case .leased(let lease, hasAccepted: false) = workers[id]?.state, lease.generation == generation else {
            return
        }
        workers[id]?.state = .leased(lease, hasAccepted: true)
        workers[id]?.deadline = nil
        let isReady = lease.workers.allSatisfy { workers[$0]?.state == .leased(lease, hasAccepted: true) }
        if isReady { actions += executors[lease.engine]?.workersAreReady() ?? [] }
    }

    /// It is not what it was taken for.
    mutating func declined(_ id: ProcessID, _ generation: Generation, reason: String) {
        guard case .leased(let lease, hasAccepted: false) = workers[id]?.state, lease.generation == generation else {
            return
        }
        giveUp(id, of: lease, .declined, reason: "did not take the lease of \(lease.engine): \(reason)")
    }

    /// Retires a worker that did not take its lease.
    mutating func giveUp(_ id: ProcessID, of lease: Lease, _ cause: Retirement.Cause, reason: String) {
        guard let worker = workers[id] else { return }
        retire(id, cause, reason: reason)
        end(lease, .notTaken(reason: "\(worker.title(in: lease)) \(reason)"))
    }

    mutating func revoke(_ engine: EngineID, _ generation: Generation) {
        guard let executor = executors[engine], executor.lease.generation == generation, !executor.isOver else {
            return
        }
        if case .revoking = executor.phase { return }
        if let told = executors[engine]?.revoke(until: now + limits.revokeTimeout) {
            actions += told
        } else {
            end(executor.lease, .revoked)
        }
    }

    mutating func reclaim(_ engine: EngineID, _ generation: Generation) {
        guard let lease = executors[engine]?.lease, lease.generation == generation else { return }
        end(lease, .reclaimed)
    }

    /// Takes all its workers back.
    mutating func end(_ lease: Lease, _ how: LeaseEnd) {
        guard executors[lease.engine]?.isOver == false else { return }
        actions += executors[lease.engine]?.end(how) ?? []
        for worker in lease.workers { takeBack(worker, from: lease) }
        finishIfReturned(lease)
    }

    /// Forgets the lease once nobody holds anything of it.
    mutating func finishIfReturned(_ lease: Lease) {
        guard executors[lease.engine]?.isOver == true,
            !lease.workers.contains(where: { workers[$0]?.lease == lease })
        else { return }
        executors[lease.engine] = nil
        actions.append(.returned(lease.engine, lease.generation))
    }
}
