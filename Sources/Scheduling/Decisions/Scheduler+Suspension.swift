// Sleep on devices that are no CPU: the engine keeps its processes, and vLLM itself puts the weights away.
//
// Untried: nothing here was ever run on a GPU. How much of the device's memory such an engine gives back is not known
// before it is measured, so its footprint stays what it was.

extension Scheduler {
    mutating func sleepInPlace(_ command: CommandID, _ engine: EngineRecord) {
        switch engine.phase {
        case .asleep: actions.append(.completeSleep(command))
        case .ready:
            beginSleep(of: engine.model, for: command)
            engines[engine.id]?.isToSuspend = true
            drain(engine.id)
        case .suspending: beginSleep(of: engine.model, for: command)
        case .queued, .placing, .starting, .resuming, .draining, .stopping:
            failSleep([command], .cannotSleep(engine.model, "is being started or ended; ask again when it is ready"))
        }
    }

    /// Nothing is in flight any more.
    mutating func suspend(_ id: EngineID) {
        guard let engine = engines[id] else { return }
        engines[id]?.phase = .suspending
        engines[id]?.drainBy = now + (models[engine.model]?.specification.startTimeout ?? .zero)
        actions.append(engine.isToPark ? .park(id) : .suspend(id))
    }

    mutating func suspended(_ id: EngineID, _ generation: Generation) {
        guard let engine = engines[id], engine.generation == generation, engine.phase == .suspending else { return }
        engines[id]?.phase = .asleep
        engines[id]?.isToSuspend = false
        engines[id]?.drainBy = nil
        if engine.isToPark { parked(id) }
        models[engine.model]?.sleep?.step = .suspended
        ensureEngine(engine.model)
    }

    /// Somebody wants it. Its files may have changed since, and weights of old ones are never served.
    mutating func inspectSleeping(_ id: EngineID) {
        guard let engine = engines[id], !engine.isBeingInspected else { return }
        engines[id]?.isBeingInspected = true
        engines[id]?.queuedAt = now
        actions.append(.inspect(id, model: engine.model))
    }

    mutating func wakeInspected(_ engine: EngineRecord, _ inspection: ModelInspection) {
        engines[engine.id]?.isBeingInspected = false
        if inspection.fingerprint != engine.fingerprint {
            // Who waits for it gets another, once it is gone.
            stop(engine.id)
        } else if models[engine.model]?.isWanted == true {
            if engine.isParked { unpark(engine.id) } else { resume(engine.id) }
        }
    }

    /// Nothing is wrong with the engine itself: it sleeps on.
    mutating func refuseWake(_ engine: EngineRecord, _ error: ControllerError) {
        engines[engine.id]?.isBeingInspected = false
        models[engine.model]?.lastError = error
        refuseAll(of: engine.model, error, log: nil)
    }

    private mutating func resume(_ id: EngineID) {
        beginResuming(id, from: .asleep)
        actions.append(.resume(id))
    }

    mutating func beginResuming(_ id: EngineID, from tier: Tier) {
        guard let engine = engines[id], let model = models[engine.model] else { return }
        completeSleep(of: engine.model)  // whether or not its replicas are gone
        engines[id]?.phase = .resuming
        engines[id]?.readyAt = nil
        engines[id]?.startedAt = now
        engines[id]?.startTier = tier
        engines[id]?.stages = []
        engines[id]?.loads = engine.loads + model.loads
        models[engine.model]?.loads = []
    }

    mutating func suspensionFailed(_ id: EngineID, _ generation: Generation, reason: String) {
        guard let engine = engines[id], engine.generation == generation else { return }
        let rest = engine.isToPark ? "parked" : "put to sleep"
        let error = ControllerError(
            .startFailed,
            "'\(engine.model)' could not be \(engine.phase == .resuming ? "woken" : rest): \(reason)")
        switch engine.phase {
        case .resuming: failStart(id, error)
        case .suspending:
            note(endOf: id, error.message)
            models[engine.model]?.lastError = error
            failSleep(of: engine.model, error, log: .engine(id))
            stop(id)
        case .queued, .placing, .starting, .ready, .draining, .stopping, .asleep: break
        }
    }
}
