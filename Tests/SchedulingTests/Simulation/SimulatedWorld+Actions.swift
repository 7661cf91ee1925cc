import Scheduling

// How the world does what the scheduler decided.

extension SimulatedWorld {
    mutating func carryOut(_ action: SchedulerAction) {
        switch action {
        case .admit(let request, let engine, _, _): admit(request, to: engine)
        case .refuse(let request, let error, _):
            count(error.code.rawValue)
            ledger.settle(request, as: "refused: \(error.code.rawValue)")
        case .watch(let engine, let below): watch(engine, below: below)
        case .completeLoad(let command, _), .completeUnload(let command, _): ledger.complete(command)
        case .failLoad(let command, let error, _):
            count("not loaded: \(error.code.rawValue)")
            ledger.complete(command)
        case .completeSleep(let command):
            count("asleep")
            ledger.complete(command)
        case .failSleep(let command, let error, _):
            count("not asleep: \(error.code.rawValue)")
            ledger.complete(command)
        case .removed(_, let commands):
            count("removed")
            for command in commands { ledger.complete(command) }
        case .finished: finishedCount += 1
        case .startZygote(let process, let runtime): startZygote(process, runtime)
        case .fork(let process, let role, let runtime, _, let source): fork(process, role, runtime, source)
        case .end(let process): end(process)
        case .inspectForTemplate(let model): inspectForTemplate(model)
        case .prepare(let order): prepare(order)
        case .measureTemplate(let process): measureTemplate(process)
        case .inspect(let engine, let model): inspect(engine, model)
        case .assign(let assignment): assign(assignment)
        case .measure(let engine): measure(engine)
        case .publishRoutes: routes = Set(scheduler.engines.values.filter { $0.phase == .ready }.map(\.id))
        case .drain(let engine): engines[engine]?.isClosed = true
        case .evict(let engine): evict(engine)
        case .suspend(let engine): suspend(engine)
        case .resume(let engine): resume(engine)
        case .park(let engine): park(engine)
        case .unpark(let engine): unpark(engine)
        case .lease(let action): carryOut(action)
        }
    }

    mutating func fails(_ percent: Int) -> Bool { random.chance(percent) && !isCalm }

    // MARK: Processes

    private mutating func startZygote(_ id: ProcessID, _ runtime: RuntimeName) {
        processes[id] = Process(role: .zygote, runtime: runtime)
        if fails(10) { return die(id, after: random.milliseconds(100...2000)) }
        if fails(8) { return }  // it hangs
        plan(.zygoteReady(id), after: random.milliseconds(500...3000))
    }

    private mutating func fork(_ id: ProcessID, _ role: ProcessRole, _ runtime: RuntimeName, _ source: ProcessID) {
        processes[id] = Process(role: role, runtime: runtime, weights: processes[source]?.weights)
        let canFork = processes[source].map { !$0.isDying && !$0.isPreparing } ?? false
        if !canFork || fails(6) { return die(id, after: random.milliseconds(1...50)) }
        if fails(2) { return }
        if role == .worker {
            let bytes = fails(3) ? nil : Self.baselineBytes
            let reset = resets[runtime] ?? .replace
            return plan(
                .lease(.idle(id, privateBytes: bytes, reset: reset)), after: random.milliseconds(5...50))
        }
        plan(.processIdle(id), after: random.milliseconds(5...50))
    }

    mutating func die(_ id: ProcessID, after delay: Duration) {
        guard let process = processes[id], !process.isDying else { return }
        processes[id]?.isDying = true
        plan(.processGone(id, reason: "simulated"), after: delay)
        loseExecutors(of: id, after: delay)
        // The processes of an engine watch each other.
        for other in process.engine.flatMap({ engines[$0] })?.processes ?? [] where other != id {
            die(other, after: delay + random.milliseconds(0...50))
        }
    }

    mutating func end(_ id: ProcessID) {
        if processes[id]?.isAskedToEnd != false { fail("\(id) is ended twice, or never was") }
        processes[id]?.isAskedToEnd = true
        die(
            id,
            after: random.chance(processes[id]?.role == .zygote ? 50 : 95)
                ? random.milliseconds(1...500) : random.milliseconds(500...40_000))
    }

    // MARK: Engines

    private mutating func inspect(_ id: EngineID, _ model: String) {
        let delay = random.milliseconds(1...20)
        if fails(8) {
            plan(.inspectionFailed(id, ControllerError(.startFailed, "no weights")), after: delay)
        } else {
            plan(.inspected(id, inspection(of: model)), after: delay)
        }
    }

    private mutating func assign(_ assignment: EngineAssignment) {
        let members = [assignment.frontEnd, assignment.core]
        let isReplica = scheduler.models[assignment.model]?.replicas.contains(assignment.engine) == true
        let tier = scheduler.engines[assignment.engine]?.startTier?.rawValue ?? "?"
        count(isReplica ? "start of a replica: \(tier)" : "start: \(tier)")
        for member in members {
            if processes[member]?.engine != nil { fail("\(member) is leased twice") }
            processes[member]?.engine = assignment.engine
        }
        engines[assignment.engine] = Engine(
            model: assignment.model, processes: members,
            limit: scheduler.models[assignment.model]?.specification.concurrency ?? 0)
        if members.contains(where: { processes[$0]?.isDying == true }) {
            for member in members { die(member, after: random.milliseconds(1...50)) }
        }
        if assignment.workers.isEmpty { load(assignment.engine) } else { registerExecutor(of: assignment.engine) }
    }

    /// What follows once it has its workers.
    mutating func load(_ id: EngineID) {
        guard let engine = scheduler.engines[id], let core = engine.core else { return }
        var delay = Duration.zero
        for stage in ["config", "config", "attach", "load", "kv_cache", "warm_up", "app"] {
            let time = random.milliseconds(1...500)
            delay += time
            if fails(2) {
                plan(.startFailed(id, engine.generation, reason: "simulated"), after: delay)
                return die(core, after: delay + random.milliseconds(1...50))
            }
            plan(
                .stage(id, engine.generation, StageTime(stage: stage, milliseconds: time.milliseconds)), after: delay)
        }
        if fails(4) { return }
        plan(.ready(id, engine.generation), after: delay + random.milliseconds(1...200))
    }

    /// Less than was reckoned with, so that footprints can be held against the device's memory to the byte.
    private mutating func measure(_ id: EngineID) {
        let footprint = scheduler.engines[id]?.footprint ?? 0
        if fails(10) { return }
        plan(.measured(id, bytes: footprint * random.number(60...100) / 100), after: random.milliseconds(1...50))
    }

    private mutating func evict(_ id: EngineID) {
        count("eviction")
        // A hot request may come just before the routes change.
        if random.chance(40) { _ = take(id) }
        if engines[id]?.inFlight == 0 {
            engines[id]?.isClosed = true
        } else {
            // A command may stand in line already.
            if random.chance(20) { plan(.unload(ledger.newCommand(), model: id.description), after: .zero) }
            if random.chance(5) { plan(.shutdown, after: .zero) }
            plan(.evictionRefused(id), after: .zero)
        }
    }

    // MARK: Permits

    private mutating func admit(_ id: RequestID, to engine: EngineID) {
        ledger.settle(id, as: "admitted")
        // A hot request may take the permit that the scheduler saw.
        if random.chance(20) { _ = take(engine) }
        guard !take(engine), let request = ledger.requests[id] else { return }
        ledger.noPermit(id)
        if random.chance(2) { plan(.shutdown, after: .zero) }
        plan(
            .returned(id, model: request.model, bytes: request.bytes, waitedSince: request.since),
            after: random.milliseconds(0...2))
    }

    /// The permits of an engine that is dying are closed before the scheduler is told of its end.
    func takesNothing(_ engine: Engine) -> Bool {
        engine.isClosed || engine.processes.contains { processes[$0]?.isDying == true }
    }

    mutating func take(_ id: EngineID) -> Bool {
        guard let engine = engines[id], !takesNothing(engine), engine.inFlight < engine.limit else { return false }
        engines[id]?.inFlight += 1
        let length = random.chance(96) ? random.milliseconds(10...3000) : random.milliseconds(3000...90_000)
        agenda.plan(.requestEnds(id), at: now + length)
        return true
    }

    mutating func release(_ id: EngineID) {
        engines[id]?.inFlight -= 1
        engines[id]?.lastUsed = now
        guard engines[id]?.isWatched == true else { return }
        engines[id]?.isWatched = false
        plan(.permitReleased(id), after: .zero)
    }

    private mutating func watch(_ id: EngineID, below: Int) {
        guard let engine = engines[id] else { return }
        if scheduler.engines[id]?.phase != .draining, takesNothing(engine) { return }
        if engine.inFlight < below {
            plan(.permitReleased(id), after: .zero)
        } else {
            engines[id]?.isWatched = true
        }
    }
}
