// Nothing waits without a limit.

extension Scheduler {
    /// When `tick` is wanted at the latest; nil: only other events can change anything.
    public var nextDeadline: Moment? {
        var moments: [Moment] = models.values.flatMap { $0.waiting.map(\.deadline) }
        for engine in engines.values {
            if let deadline = deadline(of: engine) { moments.append(deadline) }
        }
        for process in processes.values where process.state == .starting { moments.append(deadline(of: process)) }
        for runtime in runtimes.values where !isShuttingDown {
            if runtime.zygote == nil, let moment = runtime.backoff.notBefore { moments.append(moment) }
            if let moment = runtime.poolBackoff.notBefore, moment > now { moments.append(moment) }
        }
        for (name, model) in models {
            if let sleep = model.sleep { moments.append(sleep.nextDeadline) }
            if !model.waiting.isEmpty, let moment = model.replicaBackoff.notBefore, moment > now {
                moments.append(moment)
            }
            if !isShuttingDown, let moment = model.template?.forkBackoff.notBefore, moment > now {
                moments.append(moment)
            }
            if let deadline = model.template.flatMap({ deadline(of: $0, name) }) { moments.append(deadline) }
            if model.template == nil, model.specification.hasTemplate, !isShuttingDown,
                let moment = model.templateBackoff.notBefore, moment > now
            {
                moments.append(moment)
            }
        }
        if engines.values.contains(where: { $0.phase == .placing }) {
            moments += engines.values.filter { $0.phase == .ready }.map(residentUntil).filter { $0 > now }
            moments += engines.values.filter { $0.phase == .placing }.map(patienceEnd).filter { $0 > now }
        }
        if let moment = pool.nextDeadline { moments.append(moment) }
        return moments.min()
    }

    private func deadline(of engine: EngineRecord) -> Moment? {
        switch engine.phase {
        case .starting, .resuming:
            (engine.startedAt ?? now) + (models[engine.model]?.specification.startTimeout ?? .zero)
        case .draining, .suspending: engine.drainBy
        case .queued: inspectionEnd(engine)
        case .placing: lastWish(for: engine)
        case .ready: idleDeadline(of: engine)
        case .asleep: engine.isBeingInspected ? inspectionEnd(engine) : nil
        case .stopping: nil
        }
    }

    /// To read all of a model's files can take as long as a start.
    private func inspectionEnd(_ engine: EngineRecord) -> Moment { engine.queuedAt + inspectionTimeout(engine.model) }

    private func inspectionTimeout(_ name: String) -> Duration {
        max(limits.queueTimeout, models[name]?.specification.startTimeout ?? .zero)
    }

    /// When nobody waits any more for an engine that cannot be placed.
    private func lastWish(for engine: EngineRecord) -> Moment {
        if let request = engine.external { return engine.queuedAt + request.patience }
        let own = (engine.inspectedAt ?? engine.queuedAt) + limits.queueTimeout
        return models[engine.model]?.waiting.map(\.deadline).max().map { max($0, own) } ?? own
    }

    private func deadline(of process: ProcessRecord) -> Moment {
        process.startedAt + (process.role == .zygote ? limits.zygoteStartTimeout : limits.processStartTimeout)
    }

    mutating func expire() {
        for name in models.keys.sorted() { expireRequests(of: name) }
        for engine in enginesInOrder where deadline(of: engine).map({ $0 <= now }) == true { expire(engine) }
        // The failure of one may have ended others.
        for process in processesInOrder
        where processes[process.id]?.state == .starting && deadline(of: process) <= now {
            processTooSlow(process)
        }
        tell(.tick)
        expireTemplates()
        expireSleeps()
        expireIdleEngines()
    }

    private mutating func expire(_ engine: EngineRecord) {
        let allowed = models[engine.model]?.specification.startTimeout.seconds ?? 0
        switch engine.phase {
        case .starting, .resuming:
            failStart(
                engine.id,
                ControllerError(
                    .startFailed,
                    "'\(engine.model)' was not ready within \(allowed) s (start_timeout); the last stage that "
                        + "ended was '\(engine.stages.last?.stage ?? "none")'."))
        case .queued: refuseStart(engine.id, notInspected(engine.model))
        case .asleep: refuseWake(engine, notInspected(engine.model))
        case .placing where engine.isExternal:
            if let request = engine.external {
                refuseExternal(engine, noPlace(for: request))
            }
        case .placing:
            refuseStart(
                engine.id,
                ControllerError(
                    .deadlinePassed,
                    "'\(engine.model)' waited \(limits.queueTimeout.seconds) s (scheduling.queue_timeout) for memory or "
                        + "a process, and has neither. Unload another model, or look at GET /runtimes.",
                    retryAfter: expectedWait(engine.model)))
        case .suspending:
            suspensionFailed(
                engine.id, engine.generation, reason: "it was not asleep within \(allowed) s (start_timeout)")
        case .draining: stop(engine.id)
        case .ready, .stopping: break
        }
    }

    private func notInspected(_ name: String) -> ControllerError {
        ControllerError(
            .deadlinePassed,
            "'\(name)' was not started: the files of its model folder were not read within "
                + "\(inspectionTimeout(name).seconds) s (the longer of scheduling.queue_timeout and start_timeout). "
                + "Look at the disk or network that they are on, or give it a longer start_timeout.",
            retryAfter: expectedWait(name))
    }

    private mutating func expireRequests(of name: String) {
        guard let model = models[name] else { return }
        for request in model.waiting where request.deadline <= now {
            let state = model.engine.flatMap { engines[$0] }?.phase.rawValue ?? "not started"
            refuse(
                request.id,
                ControllerError(
                    .deadlinePassed,
                    "The request waited \(limits.queueTimeout.seconds) s (scheduling.queue_timeout) for '\(name)', "
                        + "whose engine is \(state).",
                    retryAfter: expectedWait(name)))
        }
        models[name]?.waiting.removeAll { $0.deadline <= now }
    }

    /// It is treated as failed from now on; its end is only tidying up.
    private mutating func processTooSlow(_ process: ProcessRecord) {
        let reason = "process \(process.id) (\(process.role.rawValue)) was not ready in time"
        endProcesses { $0.id == process.id }
        processLost(process, reason: reason)
    }
}
