// Workers: leased to engines, ours and users', and taken back.

extension Scheduler {
    mutating func apply(_ event: LeaseEvent) {
        switch event {
        case .idle(let worker, _, _): workerIdle(worker)
        case .executorGone(let executor): forgetWaiting(executor)
        default: break
        }
        tell(event)
    }

    /// Tells the pool, and concludes what follows for engines.
    mutating func tell(_ event: LeaseEvent) {
        for action in pool.handle(event, at: now) {
            switch action {
            case .ended(let engine, let generation, let end):
                endings.append(.lease(engine, end))
                leaseEnded(engine, generation, end)
            case .returned(let engine, let generation): leaseReturned(engine, generation)
            case .retire(let worker, _):
                processes[worker]?.state = .ending(nil)
                actions.append(.lease(action))
            case .lease, .reset, .measure, .welcome, .refuse, .answer, .revoke: actions.append(.lease(action))
            }
        }
    }

    private mutating func workerIdle(_ id: ProcessID) {
        guard let process = processes[id], process.state == .starting else { return }
        processes[id]?.state = .idle
        processes[id]?.idleAt = now
        runtimes[process.runtime]?.poolBackoff.succeeded()
    }

    mutating func workerGone(_ process: ProcessRecord, reason: String) {
        let wasUsed = pool.workers[process.id]?.lease != nil
        // One that is retired was told of then, and one that a shutdown ends is no loss.
        if let worker = pool.workers[process.id], process.state != .ending(nil) {
            endings.append(.worker(worker, reason: reason))
        }
        tell(.gone(process.id, reason: reason))
        // What happens to a worker in use says nothing of those to come.
        if !wasUsed { poolProcessGone(process, reason: reason) }
    }

    private mutating func leaseEnded(_ id: EngineID, _ generation: Generation, _ end: LeaseEnd) {
        guard let engine = engines[id], engine.lease == generation, engine.phase != .stopping else { return }
        switch end {
        case .released where engine.isExternal, .revoked, .reclaimed: stop(id)
        case .released where engine.phase == .suspending && engine.isToPark: break
        case .released: engineDied(id, reason: "its executor gave its workers back")
        case .notTaken(let reason): leaseNotTaken(id, reason: reason)
        case .broken(let reason): engineDied(id, reason: reason)
        }
    }

    /// The model has no part in it: the first time in a row, what waits for the engine gets another one, on other workers.
    private mutating func leaseNotTaken(_ id: EngineID, reason: String) {
        guard let engine = engines[id], engine.phase == .starting, !isReplica(engine),
            models[engine.model]?.isStartedAgain == false
        else { return engineDied(id, reason: reason) }
        note(endOf: id, reason)
        models[engine.model]?.isStartedAgain = true
        models[engine.model]?.lastError = .startFailed(engine.model, reason)
        models[engine.model]?.loads += engine.loads
        engines[id]?.loads = []
        stop(id)
    }

    private mutating func leaseReturned(_ id: EngineID, _ generation: Generation) {
        guard let engine = engines[id], engine.lease == generation else { return }
        engines[id]?.lease = nil
        engines[id]?.workers = []
        shrinkIfParked(id)
        if engine.phase == .stopping, isGone(id) { finish(id) }
    }

    // MARK: Pools of workers

    /// Forks workers that are missing, and lets go of those that nobody needs.
    mutating func fillWorkers(of runtime: RuntimeName, on specification: DeviceSpecification, zygote: ProcessID) {
        let device = specification.id
        let awaited = awaitedWorkers(of: runtime, on: device)
        let wanted = max(awaited, keptWorkers(of: runtime, on: specification))
        let count = pool.count(of: runtime, on: device)
        // A new process takes a processor that a lease on its way needs: one that nobody waits for comes after it.
        let forked = pool.isGranting(at: now) ? awaited : wanted
        for _ in 0..<max(0, min(forked - count.spare, Self.forksAtOnce - count.starting)) {
            let process = nextProcess(.worker, runtime, device: device)
            actions.append(.fork(process, .worker, runtime, device, source: zygote))
            tell(.forked(process, runtime, device))
        }
        let idle = pool.workersInOrder.filter {
            $0.state == .idle && $0.runtime == runtime && $0.device == device
        }
        // Those that start do not count yet: one that has come back is not ended in favour of one that may never be there.
        for worker in idle.suffix(max(0, min(idle.count, count.spare - count.starting - wanted))) {
            tell(.dismiss(worker.process, reason: "more than the pool keeps"))
        }
    }

    /// As many as are kept anyhow, or as the largest group of a model that can be there has there.
    private func keptWorkers(of runtime: RuntimeName, on device: DeviceSpecification) -> Int {
        let groups = models.values.filter { $0.specification.runtime == runtime }.map(\.specification.leasedWorkers)
            .filter { $0 <= mostRanks(on: device) }
            .map { device.isCPU ? $0 : min($0, 1) }
        return max(limits.idleRanks, groups.max() ?? 0)
    }

    /// As many as those need that wait for their place.
    private func awaitedWorkers(of runtime: RuntimeName, on device: DeviceID) -> Int {
        engines.values.reduce(0) { sum, engine in
            guard engine.phase == .placing, engine.worldSize > 0, self.runtime(of: engine) == runtime else {
                return sum
            }
            return sum + (engine.awaitedPlace?.ranks(on: device) ?? 0)
        }
    }

    func runtime(of engine: EngineRecord) -> RuntimeName? {
        engine.externalRuntime ?? models[engine.model]?.specification.runtime
    }
}
