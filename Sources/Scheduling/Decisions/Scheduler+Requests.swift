// Requests that wait, and the commands to load and unload.

extension Scheduler {
    mutating func enqueue(_ id: RequestID, name: String, bytes: Int) {
        guard let model = model(named: name) else {
            return refuse(id, ControllerError(.unknownModel, "No model is called '\(name)'."))
        }
        guard !isShuttingDown else { return refuse(id, .shuttingDown) }
        let (count, held) = models.values.reduce((0, 0)) { sum, model in
            (sum.0 + model.waiting.count, sum.1 + model.waiting.reduce(0) { $0 + $1.bytes })
        }
        guard count < limits.queue, held + bytes <= limits.queueBytes else {
            return refuse(
                id,
                ControllerError(
                    .queueFull,
                    "\(count) requests with \(held) bytes wait already; the limits are \(limits.queue) requests and "
                        + "\(limits.queueBytes) bytes. Try again later, or raise limits.queue.",
                    retryAfter: expectedWait(model)))
        }
        let request = WaitingRecord(
            id: id, bytes: bytes, since: now, deadline: now + limits.queueTimeout)
        models[model]?.waiting.append(request)
        ensureEngine(model)
        dispatch(model)
    }

    mutating func withdraw(_ id: RequestID) {
        for name in Array(models.keys) { models[name]?.waiting.removeAll { $0.id == id } }
    }

    mutating func putBack(_ id: RequestID, model name: String, bytes: Int, since: Moment) {
        guard let model = model(named: name) else { return refuse(id, .engineGone) }
        guard !isShuttingDown else { return refuse(id, .shuttingDown) }
        let request = WaitingRecord(
            id: id, bytes: bytes, since: since, deadline: since + limits.queueTimeout)
        let place = models[model]?.waiting.firstIndex { $0.id.number > id.number } ?? models[model]?.waiting.count ?? 0
        models[model]?.waiting.insert(request, at: place)
        ensureEngine(model)
        if let engine = models[model]?.engine, engines[engine]?.phase == .ready {
            actions.append(.watch(engine, below: models[model]?.specification.concurrency ?? 0))
        }
    }

    mutating func permitReleased(_ id: EngineID) {
        guard let engine = engines[id] else { return }
        switch engine.phase {
        case .ready: dispatch(engine.model)
        case .draining where inFlight(id) == 0: stop(id)
        case .draining: actions.append(.watch(id, below: 1))
        case .queued, .placing, .starting, .stopping: break
        }
    }

    /// Sends as many waiting requests to the model's engine as it has permits for.
    mutating func dispatch(_ name: String) {
        guard var model = models[name], let id = model.engine, let engine = engines[id], engine.phase == .ready else {
            return
        }
        while !model.waiting.isEmpty, inFlight(id) < model.specification.concurrency {
            let request = model.waiting.removeFirst()
            admitted[id, default: 0] += 1
            let waited = StageTime(stage: "queue", milliseconds: (now - request.since).milliseconds)
            let waitedForStart = (engine.readyAt ?? now) >= request.since
            actions.append(
                .admit(
                    request.id, id, tier: waitedForStart ? .cold : .hot,
                    timings: [waited] + (waitedForStart ? engine.stages : [])))
        }
        models[name] = model
        if !model.waiting.isEmpty { actions.append(.watch(id, below: model.specification.concurrency)) }
    }

    mutating func load(_ command: CommandID, name: String) {
        guard let name = model(named: name) else {
            actions.append(
                .failLoad(command, ControllerError(.unknownModel, "No model is called '\(name)'."), log: nil))
            return
        }
        guard !isShuttingDown else {
            actions.append(.failLoad(command, .shuttingDown, log: nil))
            return
        }
        guard let id = models[name]?.engine, let engine = engines[id] else {
            models[name]?.loads.append(command)
            return ensureEngine(name)
        }
        switch engine.phase {
        case .ready: actions.append(.completeLoad(command, id))
        case .queued, .placing, .starting: engines[id]?.loads.append(command)
        case .draining, .stopping: models[name]?.loads.append(command)
        }
    }

    mutating func unload(_ command: CommandID, name: String) {
        guard let name = model(named: name), let id = models[name]?.engine, let engine = engines[id] else {
            actions.append(.completeUnload(command, engines: []))
            return
        }
        engines[id]?.unloads.append(command)
        switch engine.phase {
        case .queued, .placing, .starting:
            refuseAll(
                of: name, ControllerError(.conflict, "The model was unloaded while this waited for its start."),
                log: nil)
            stop(id)
        case .ready: drain(id)
        case .draining, .stopping: break
        }
    }

    mutating func refuse(_ id: RequestID, _ error: ControllerError, log: LogSource? = nil) {
        actions.append(.refuse(id, error, log: log))
    }

    /// Answers everything that waits for the model.
    mutating func refuseAll(of name: String, _ error: ControllerError, log: LogSource?) {
        guard let model = models[name] else { return }
        for request in model.waiting { refuse(request.id, error, log: log) }
        let commands = model.loads + (model.engine.flatMap { engines[$0] }?.loads ?? [])
        for command in commands { actions.append(.failLoad(command, error, log: log)) }
        models[name]?.waiting = []
        models[name]?.loads = []
        if let engine = model.engine { engines[engine]?.loads = [] }
    }

    /// How long its last start took: the best guess at when another request has a chance.
    func expectedWait(_ name: String) -> Duration? { models[name]?.lastStart }
}

extension ControllerError {
    static let shuttingDown = ControllerError(
        .shuttingDown, "The controller is shutting down; ask it again once it has been started anew.")
    static let engineGone = ControllerError(.engineDied, "The engine that this request named is gone.")
}
