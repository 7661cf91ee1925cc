// Further engines of a model that has more requests than its engines may have at once.
//
// Of a model's engines one stands for it (`ModelRecord.engine`); the others are replicas. A replica is started at
// nobody's cost, and nobody is refused because it failed; it never sleeps, and is the first to go. While it is ready, it
// serves like the other, and takes its place when that one goes.

extension Scheduler {
    /// All engines of the model; the one that stands for it comes first.
    func engines(of model: ModelRecord) -> [EngineRecord] { model.engines.compactMap { engines[$0] } }

    func isReplica(_ engine: EngineRecord) -> Bool {
        !engine.isExternal && models[engine.model]?.engine != engine.id
    }

    /// Of a pinned model, one engine is never evicted.
    func isPinned(_ engine: EngineRecord) -> Bool {
        models[engine.model]?.specification.isPinned == true && !isReplica(engine)
    }

    func isAnotherReady(besides engine: EngineRecord) -> Bool {
        models[engine.model].map { engines(of: $0) }?.contains { $0.id != engine.id && $0.phase == .ready } == true
    }

    // MARK: Starting

    /// Begins one more engine of each model that wants one and has room for it: one at a time, since the next may not be
    /// needed once it is there.
    mutating func startReplicas() {
        guard !isShuttingDown else { return }
        for name in models.keys.sorted() {
            // It would be made like the one that is there, whose files are the same.
            guard let model = models[name], wantsReplica(model), let engine = model.engine.flatMap({ engines[$0] }),
                replicaChoice(like: engine) != nil
            else { continue }
            let (id, generation) = nextEngine()
            var replica = EngineRecord(id: id, generation: generation, model: name, queuedAt: now)
            replica.worldSize = model.specification.leasedWorkers
            engines[id] = replica
            models[name]?.replicas.append(id)
            actions.append(.inspect(id, model: name))
        }
    }

    /// Requests wait that any of its engines could serve, and each has all that it may.
    private func wantsReplica(_ model: ModelRecord) -> Bool {
        let present = engines(of: model)
        guard present.count < model.specification.replicas, !present.contains(where: \.isComing), !model.wantsSleep,
            model.waiting.contains(where: { $0.engine == nil }),
            model.backoff.remaining(at: now) == nil, model.replicaBackoff.remaining(at: now) == nil
        else { return false }
        let ready = present.filter { $0.phase == .ready }
        // One that is dying is replaced, or not, when it is known why.
        return !ready.isEmpty && ready.allSatisfy { usage[$0.id]?.isClosed != true && !hasPermit($0.id, of: model) }
    }

    /// Gives those whose files were looked at a place, or calls them off where there is none any more.
    mutating func placeReplicas() {
        for engine in enginesInOrder where engine.phase == .placing && isReplica(engine) {
            engines[engine.id]?.awaitedTemplate = nil
            engines[engine.id]?.awaitedPlace = nil
            guard let choice = replicaChoice(like: engine) else {
                stop(engine.id)
                continue
            }
            awaitPlace(choice, for: engine.id)
            lease(engine.id, choice)
        }
    }

    /// A place in memory that is free and that nobody waits for. A start whose files are still being looked at may want
    /// any of it.
    private func replicaChoice(like engine: EngineRecord) -> Choice? {
        guard let model = models[engine.model], let weightBytes = engine.weightBytes,
            !engines.values.contains(where: { $0.phase == .queued && !isReplica($0) })
        else { return nil }
        let open = options(for: engine, of: model, weightBytes: weightBytes).filter {
            !isStartWaiting(on: $0.device.id) && freeBytes($0.device) >= $0.footprint
        }
        return choice(for: engine, among: open) { freeBytes($0.device) }
    }

    /// Two engines of a model never serve different weights.
    mutating func refuseOtherFiles(_ replica: EngineRecord) {
        let error = ControllerError(
            .conflict,
            "the files of the model folder have changed since '\(replica.model)' was started. Unload it to serve the "
                + "new ones.")
        note(endOf: replica.id, error.message)
        failReplica(replica, error)
        stop(replica.id)
    }

    /// Nobody is refused for it; the next one is tried after a pause.
    mutating func failReplica(_ replica: EngineRecord, _ error: ControllerError) {
        models[replica.model]?.replicaBackoff.failed(at: now)
        models[replica.model]?.lastError = ControllerError(
            error.code, "The replica \(replica.id) of '\(replica.model)' was not started: \(error.message)")
    }

    // MARK: Standing for the model

    /// The engine that stands for the model is ready no more: another takes its place if it is better off. What has no
    /// place yet is called off, because it would only have come beside it, and must not get ahead of others now.
    mutating func stepBack(_ id: EngineID) {
        guard let engine = engines[id], !isReplica(engine) else { return }
        for replica in models[engine.model]?.replicas ?? [] where engines[replica]?.isUnplaced == true { stop(replica) }
        promoteReplica(of: engine.model)
    }

    /// Lets a replica stand for the model where it is better off than the engine that does.
    mutating func promoteReplica(of name: String) {
        guard let model = models[name],
            let best = model.replicas.min(by: { standing($0) < standing($1) }),
            model.engine.map({ standing(best) < standing($0) }) ?? true
        else { return }
        models[name]?.engine = best
        models[name]?.replicas.removeAll { $0 == best }
        guard let previous = model.engine else { return }
        models[name]?.replicas.append(previous)
        guard let engine = engines[previous] else { return }
        // Who waits for it has a ready one now.
        for command in engine.loads { actions.append(.completeLoad(command, best)) }
        engines[previous]?.loads = []
        engines[previous]?.isToSuspend = false
        switch engine.phase {
        case .suspending, .asleep, .resuming: stop(previous)
        case .queued, .placing, .starting, .ready, .draining, .stopping: break
        }
    }

    /// Less is better.
    private func standing(_ id: EngineID) -> Int {
        switch engines[id]?.phase {
        case .ready: 0
        case .queued, .placing, .starting, .resuming: 1
        case .draining, .suspending, .asleep, .stopping, nil: 2
        }
    }

    // MARK: Ending

    /// The model is to have no engine but the one that stands for it.
    mutating func endReplicas(of name: String) {
        for id in models[name]?.replicas ?? [] {
            switch engines[id]?.phase {
            case .queued, .placing, .starting: stop(id)
            case .ready: drain(id)
            case .draining, .stopping, .suspending, .asleep, .resuming, nil: break
            }
        }
    }

    /// The weights of a template that is gone live on in the next engine that shares them.
    mutating func handOnWeights(of engine: EngineRecord) {
        guard engine.keptWeights > 0, let model = models[engine.model],
            let heir = engines(of: model).first(where: {
                $0.template == engine.template && $0.startTier == .asleep
            })
        else { return }
        engines[heir.id]?.keptWeights = engine.keptWeights
        engines[heir.id]?.footprint = (heir.footprint ?? 0) + engine.keptWeights
    }
}
