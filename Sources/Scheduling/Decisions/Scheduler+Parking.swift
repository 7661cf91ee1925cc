// Parking: an engine gives its workers back, and keeps its front end and core. A request, or a load, gives it workers again.

extension Scheduler {
    mutating func park(_ command: CommandID, name: String) {
        guard let known = model(named: name), let model = models[known] else {
            return failSleep([command], .unknownModel(name))
        }
        guard !isShuttingDown else { return failSleep([command], .shuttingDown) }
        guard model.specification.leasedWorkers > 0 else {
            return failSleep(
                [command],
                .cannotPark(
                    known, "has no leased workers; 'executor: remote' gives it some, and sleep keeps its weights"))
        }
        guard let engine = model.engine.flatMap({ engines[$0] }) else {
            return failSleep([command], .cannotPark(known, "is not loaded"))
        }
        switch engine.phase {
        case .asleep where engine.isParked: actions.append(.completeSleep(command))
        case .ready:
            beginSleep(of: known, for: command)
            engines[engine.id]?.isToSuspend = true
            engines[engine.id]?.isToPark = true
            drain(engine.id)
        case .suspending where engine.isToPark, .draining where engine.isToPark: beginSleep(of: known, for: command)
        case .queued, .placing, .starting, .resuming, .draining, .stopping, .suspending, .asleep:
            failSleep([command], .cannotPark(known, "is being started or ended; ask again when it is ready"))
        }
    }

    /// Its executor has let its workers go. Their memory is free when they are proven clean, or gone.
    mutating func parked(_ id: EngineID) {
        engines[id]?.isToPark = false
        engines[id]?.isParked = true
        shrinkIfParked(id)
    }

    /// Nothing of it is left on its device but, where that is the host, its front end and core.
    mutating func shrinkIfParked(_ id: EngineID) {
        guard let engine = engines[id], engine.isParked, engine.lease == nil else { return }
        let held = isCPU(engine.device) ? Footprint.parked : 0
        engines[id]?.footprint = min(engine.footprint ?? held, held)
    }

    /// It takes its place in the line of those that wait for memory and workers.
    mutating func unpark(_ id: EngineID) {
        guard let engine = engines[id] else { return }
        completeSleep(of: engine.model)
        engines[id]?.phase = .placing
        engines[id]?.inspectedAt = now
    }

    /// - Returns: whether there were workers.
    mutating func leaseAgain(_ engine: EngineRecord, _ choice: Choice) -> Bool {
        guard let core = engine.core else { return false }
        let generation = nextGeneration()
        guard leaseWorkers(engine, generation, at: choice.place, for: .core(core)) else { return false }
        engines[engine.id]?.footprint = choice.fullFootprint
        engines[engine.id]?.isParked = false
        engines[engine.id]?.awaitedTemplate = nil
        engines[engine.id]?.awaitedPlace = nil
        beginResuming(engine.id, from: .parked)
        engines[engine.id]?.stages = [
            StageTime(stage: "lease", milliseconds: (now - engine.queuedAt).milliseconds)
        ]
        actions.append(.unpark(engine.id))
        return true
    }

    /// It stays parked; who waits for it is told.
    mutating func refuseUnparking(_ engine: EngineRecord, _ error: ControllerError) {
        engines[engine.id]?.phase = .asleep
        engines[engine.id]?.awaitedTemplate = nil
        engines[engine.id]?.awaitedPlace = nil
        models[engine.model]?.lastError = error
        refuseAll(of: engine.model, error, log: nil)
    }
}

extension ControllerError {
    fileprivate static func cannotPark(_ model: String, _ reason: String) -> ControllerError {
        ControllerError(.conflict, "'\(model)' cannot be parked: it \(reason).")
    }
}
