// Requests that wait.

extension Scheduler {
    mutating func enqueue(_ id: RequestID, name: String, bytes: Int) {
        guard let model = model(named: name) else {
            return refuse(id, .unknownModel(name))
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
            id: id, engine: engines[EngineID(name)]?.id, bytes: bytes, since: now, deadline: now + limits.queueTimeout)
        models[model]?.waiting.append(request)
        models[model]?.lastUsed = now
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
            id: id, engine: engines[EngineID(name)]?.id, bytes: bytes, since: since,
            deadline: since + limits.queueTimeout)
        let place = models[model]?.waiting.firstIndex { $0.id.number > id.number } ?? models[model]?.waiting.count ?? 0
        models[model]?.waiting.insert(request, at: place)
        ensureEngine(model)
        dispatch(model)
    }

    mutating func permitReleased(_ id: EngineID) {
        guard let engine = engines[id] else { return }
        switch engine.phase {
        case .ready: dispatch(engine.model)
        case .draining where inFlight(id) > 0: actions.append(.watch(id, below: 1))
        case .draining: if engine.isToSuspend { suspend(id) } else { stop(id) }
        case .queued, .placing, .starting, .stopping, .suspending, .asleep, .resuming: break
        }
    }

    /// Sends as many waiting requests to the model's engines as these have permits for, each to the one with the fewest.
    mutating func dispatch(_ name: String) {
        guard let model = models[name], !model.waiting.isEmpty else { return }
        var open = engines(of: model).filter { $0.phase == .ready && hasPermit($0.id, of: model) }
        var left: [WaitingRecord] = []
        for request in model.waiting {
            let engine = open.filter { request.engine == nil || request.engine == $0.id }
                .min { inFlight($0.id) < inFlight($1.id) }
            guard let engine else {
                left.append(request)
                continue
            }
            admit(request, to: engine)
            if !hasPermit(engine.id, of: model) { open.removeAll { $0.id == engine.id } }
        }
        models[name]?.waiting = left
        if !left.isEmpty { watchPermits(of: name) }
    }

    private mutating func admit(_ request: WaitingRecord, to engine: EngineRecord) {
        admitted[engine.id, default: 0] += 1
        let waited = StageTime(stage: "queue", milliseconds: (now - request.since).milliseconds)
        let waitedForStart = (engine.readyAt ?? now) >= request.since
        actions.append(
            .admit(
                request.id, engine.id, tier: waitedForStart ? engine.startTier ?? .cold : .hot,
                timings: [waited] + (waitedForStart ? engine.stages : [])))
    }

    func hasPermit(_ id: EngineID, of model: ModelRecord) -> Bool {
        usage[id]?.isClosed != true && inFlight(id) < model.specification.concurrency
    }

    /// Asks to be told of the next permit that comes back to an engine of the model that has none now. (One that has some
    /// is not the one that those who still wait have named.)
    private mutating func watchPermits(of name: String) {
        guard let model = models[name] else { return }
        for engine in engines(of: model) where engine.phase == .ready && !hasPermit(engine.id, of: model) {
            actions.append(.watch(engine.id, below: model.specification.concurrency))
        }
    }

    /// The engine that these requests named is gone, and no other has that name.
    mutating func refuseRequests(naming engine: EngineID, of name: String) {
        for request in models[name]?.waiting ?? [] where request.engine == engine { refuse(request.id, .engineGone) }
        models[name]?.waiting.removeAll { $0.engine == engine }
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
    static func unknownModel(_ name: String) -> ControllerError {
        ControllerError(.unknownModel, "No model is called '\(name)'.")
    }
    static let shuttingDown = ControllerError(
        .shuttingDown, "The controller is shutting down; ask it again once it has been started anew.")
    static func startFailed(_ model: String, _ reason: String) -> ControllerError {
        ControllerError(.startFailed, "'\(model)' could not be started: \(reason)")
    }
    static let engineGone = ControllerError(.engineDied, "The engine that this request named is gone.")
}
