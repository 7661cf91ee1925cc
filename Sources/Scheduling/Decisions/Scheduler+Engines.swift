// The life of an engine: queued -> placing -> starting -> ready -> draining -> stopping -> gone.

extension Scheduler {
    /// What dies this soon after it was ready is at fault itself, or probably so.
    static let quickDeath = Duration.seconds(10)

    /// Makes an engine for a model that is wanted and has none, or wakes the one that it has.
    mutating func ensureEngine(_ name: String) {
        guard let model = models[name], !isShuttingDown, model.isWanted else { return }
        if let engine = model.engine {
            if engines[engine]?.phase == .asleep { inspectSleeping(engine) }
            return
        }
        if let pause = model.backoff.remaining(at: now) {
            let reason = model.lastError?.message ?? "unknown"
            let error = ControllerError(
                .backingOff,
                "The last start of '\(name)' failed, and the next one is tried in \(pause.milliseconds.rounded()) ms. "
                    + "The reason was: \(reason)",
                retryAfter: pause, logTail: model.lastError?.logTail ?? [])
            return refuseAll(of: name, error, log: nil)
        }
        let (id, generation) = nextEngine()
        var engine = EngineRecord(id: id, generation: generation, model: name, queuedAt: now)
        engine.loads = model.loads
        engine.worldSize = model.specification.leasedWorkers
        engines[id] = engine
        models[name]?.loads = []
        models[name]?.engine = id
        actions.append(.inspect(id, model: name))
    }

    mutating func inspected(_ id: EngineID, _ inspection: ModelInspection) {
        guard let engine = engines[id] else { return }
        if engine.isWaking { return wakeInspected(engine, inspection) }
        guard engine.phase == .queued else { return }
        let first = models[engine.model]?.engine.flatMap { engines[$0] }
        if isReplica(engine), first?.fingerprint != inspection.fingerprint {
            refuseOtherFiles(engine)
        } else {
            engines[id]?.weightBytes = inspection.weightBytes
            engines[id]?.fingerprint = inspection.fingerprint
            engines[id]?.phase = .placing
            engines[id]?.inspectedAt = now
        }
        // What was made from other files is never served again.
        if let known = models[engine.model]?.template?.fingerprint, known != inspection.fingerprint {
            giveUpTemplate(of: engine.model, because: Self.otherFiles)
        }
    }

    mutating func inspectionFailed(_ id: EngineID, _ error: ControllerError) {
        guard let engine = engines[id] else { return }
        if engine.isWaking { refuseWake(engine, error) } else { failStart(id, inspectionError(error, of: engine)) }
    }

    mutating func record(_ time: StageTime, of id: EngineID, _ generation: Generation) {
        // One whose workers come back passes the stages of its core again.
        guard let engine = engines[id], engine.generation == generation,
            engine.phase == .starting || (engine.phase == .resuming && engine.startTier == .parked)
        else { return }
        // Both processes report `config`; the start waited for the slower one.
        if let index = engine.stages.firstIndex(where: { $0.stage == time.stage }) {
            if engine.stages[index].milliseconds < time.milliseconds { engines[id]?.stages[index] = time }
        } else {
            engines[id]?.stages.append(time)
        }
    }

    mutating func becameReady(_ id: EngineID, _ generation: Generation, from phase: EnginePhase) {
        guard let engine = engines[id], engine.generation == generation, engine.phase == phase else { return }
        engines[id]?.phase = .ready
        engines[id]?.readyAt = now
        engines[id]?.loads = []
        promoteReplica(of: engine.model)
        models[engine.model]?.lastStart = now - engine.queuedAt
        models[engine.model]?.lastError = nil
        models[engine.model]?.startsGenerically = false
        models[engine.model]?.isStartedAgain = false
        if models[engine.model]?.quickDeaths == 0 { models[engine.model]?.backoff.succeeded() }
        actions.append(.publishRoutes)
        for command in engine.loads { actions.append(.completeLoad(command, id)) }
        dispatch(engine.model)
        actions.append(.measure(id))
    }

    mutating func measured(_ id: EngineID, bytes: Int) {
        guard let engine = engines[id], engine.phase == .ready else { return }
        engines[id]?.footprint = bytes
        engines[id]?.keptWeights = min(engine.keptWeights, bytes)
        if engine.startTier != .asleep {
            models[engine.model]?.measuredFootprint = bytes
        } else if isCPU(engine.device), sharesWeights(engine), models[engine.model]?.template?.isEnding == false {
            // Without its template it has the weights alone, which says nothing about the next one.
            models[engine.model]?.measuredCloneFootprint = bytes
        }
    }

    mutating func startFailed(_ id: EngineID, _ generation: Generation, reason: String) {
        guard let engine = engines[id], engine.generation == generation else { return }
        if engine.phase == .starting {
            failStart(id, .startFailed(engine.model, reason))
        }
    }

    /// Answers all that waited for the start with the reason, and pauses before the next. Where this one was from a
    /// template, perhaps only that is at fault: the next is made without it.
    mutating func failStart(_ id: EngineID, _ error: ControllerError) {
        guard let engine = engines[id], engine.isComing else { return }
        note(endOf: id, error.message)
        models[engine.model]?.isStartedAgain = false
        let usesTemplate = isStartingFromTemplate(engine)
        if engine.phase == .starting { models[engine.model]?.startsGenerically = engine.template != nil }
        if isReplica(engine) {
            failReplica(engine, error)
        } else {
            models[engine.model]?.backoff.failed(at: now)
            models[engine.model]?.lastError = error
            refuseAll(of: engine.model, error, log: engine.startedAt == nil ? nil : .engine(id))
        }
        stop(id)
        if usesTemplate {
            templateFailed(
                of: engine.model,
                .templateFailed(engine.model, "the engine \(id) did not start from it: \(error.message)"),
                log: .engine(id))
        }
    }

    /// Refuses the start without a pause: nothing of the model's own is wrong.
    mutating func refuseStart(_ id: EngineID, _ error: ControllerError, log: LogSource? = nil) {
        guard let engine = engines[id], engine.isComing else { return }
        note(endOf: id, error.message)
        if engine.isParked { return refuseUnparking(engine, error) }
        if isReplica(engine) {
            failReplica(engine, error)
        } else {
            models[engine.model]?.lastError = error
            refuseAll(of: engine.model, error, log: log)
        }
        stop(id)
    }

    /// One of its processes is gone without having been told to.
    mutating func engineDied(_ id: EngineID, reason: String) {
        guard let engine = engines[id] else { return }
        switch engine.phase {
        case .queued, .placing, .starting, .resuming:
            failStart(id, .startFailed(engine.model, reason))
        case .ready:
            note(endOf: id, reason)
            let error = ControllerError(.engineDied, "The engine \(id) of '\(engine.model)' died: \(reason)")
            models[engine.model]?.lastError = error
            let isQuick = now - (engine.readyAt ?? now) < Self.quickDeath
            if isQuick, isReplica(engine) {
                models[engine.model]?.replicaBackoff.failed(at: now)
            } else if isQuick {
                models[engine.model]?.quickDeaths += 1
                // Once is an accident, and its requests may be tried again at once; twice is a habit.
                if models[engine.model]?.quickDeaths ?? 0 > 1 { models[engine.model]?.backoff.failed(at: now) }
            }
            stop(id)
        case .draining, .suspending, .asleep:
            note(endOf: id, reason)
            stop(id)
        case .stopping: break
        }
    }

    mutating func drain(_ id: EngineID) {
        engines[id]?.phase = .draining
        engines[id]?.drainBy = now + limits.drainTimeout
        actions.append(.publishRoutes)
        actions.append(.drain(id))
        actions.append(.watch(id, below: 1))
        stepBack(id)
    }

    mutating func evict(_ id: EngineID) {
        engines[id]?.phase = .draining
        engines[id]?.drainBy = now + limits.drainTimeout
        actions.append(.evict(id))
        actions.append(.publishRoutes)
        actions.append(.watch(id, below: 1))
        stepBack(id)
    }

    mutating func evictionRefused(_ id: EngineID) {
        guard let engine = engines[id], engine.phase == .draining else { return }
        // Meanwhile somebody may have asked for its end, and that can not be refused.
        let model = models[engine.model]
        let isAwaited =
            model?.unloads.contains { $0.engines.contains(id) } == true || model?.sleep?.commands.isEmpty == false
        if isShuttingDown || isAwaited { return drain(id) }
        engines[id]?.phase = .ready
        engines[id]?.drainBy = nil
        engines[id]?.isToSuspend = false
        engines[id]?.isToPark = false
        // With this one here, the others' end does not bring its memory.
        for engine in model?.engines ?? [] { engines[engine]?.takesTemplate = false }
        promoteReplica(of: engine.model)
        actions.append(.publishRoutes)
        dispatch(engine.model)
    }

    /// Ends the engine's processes. It is gone when they are.
    mutating func stop(_ id: EngineID) {
        guard let engine = engines[id], engine.phase != .stopping else { return }
        if engine.phase == .ready || engine.phase == .draining { actions.append(.publishRoutes) }
        if let readyAt = engine.readyAt, now - readyAt >= Self.quickDeath {
            models[engine.model]?.quickDeaths = 0
            models[engine.model]?.replicaBackoff.succeeded()
        }
        if engine.readyAt != nil {
            let lastUsed = max(models[engine.model]?.lastUsed ?? now, lastUse(engine))
            models[engine.model]?.lastUsed = lastUsed
        }
        // One that sleeps already may have been waiting for its replicas' ends.
        if engine.isToSuspend || engine.phase == .asleep {
            failSleep(of: engine.model, .cannotSleep(engine.model, "ended before it was asleep"), log: .engine(id))
        }
        engines[id]?.phase = .stopping
        for process in engine.processes {
            processes[process]?.state = .ending(id)
            actions.append(.end(process))
        }
        if let lease = engine.lease { tell(engine.isExternal ? .revoke(id, lease) : .reclaim(id, lease)) }
        if isGone(id) { finish(id) } else { stepBack(id) }
    }

    /// None of its processes is left, and none of its workers holds anything of it.
    func isGone(_ id: EngineID) -> Bool {
        engines[id].map { $0.processes.isEmpty && $0.lease == nil } ?? false
    }

    /// All of the engine is gone, and so its memory is free.
    mutating func finish(_ id: EngineID) {
        guard let engine = engines.removeValue(forKey: id) else { return }
        for command in engine.unloads { actions.append(.completeUnload(command, engines: [id])) }
        models[engine.model]?.replicas.removeAll { $0 == id }
        if models[engine.model]?.engine == id { models[engine.model]?.engine = nil }
        promoteReplica(of: engine.model)
        handOnWeights(of: engine)
        let others = models[engine.model].map { engines(of: $0) } ?? []
        if engine.takesTemplate, !others.contains(where: \.takesTemplate) {
            giveUpTemplate(of: engine.model, because: "its engine ended, and its weights are not to be kept")
        }
        refuseRequests(naming: id, of: engine.model)
        completeUnloads(of: engine.model)
        ensureEngine(engine.model)
    }
}
