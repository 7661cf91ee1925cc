import Scheduling

// What must hold.

extension SimulatedWorld {
    /// Before it is carried out.
    mutating func check(_ action: SchedulerAction) {
        checkTemplate(action)
        checkReplica(action)
        checkGroup(action)
        switch action {
        case .startZygote, .fork, .inspect, .assign:
            if isShuttingDown { fail("\(action) after the shutdown began") }
        case .admit(let request, let id, _, _):
            let isReady = scheduler.engines[id]?.phase == .ready && engines[id]?.isReady == true
            if !isReady { fail("\(request) is admitted to \(id), which is not ready") }
        case .evict(let id):
            guard let engine = scheduler.engines[id], let readyAt = engine.readyAt else {
                return fail("\(id) is evicted, and was never ready")
            }
            if drainingBefore[id] != nil { fail("\(id) is evicted while it drains") }
            let model = scheduler.models[engine.model]?.specification
            let lastUsed = max(readyAt, engines[id]?.lastUsed ?? readyAt)
            let isIdleTooLong = model?.idleTimeout.map { lastUsed + $0 <= now } ?? false
            if isIdleTooLong { count("idle timeout") }
            if !isIdleTooLong, readyAt + scheduler.limits.minimumResidency > now {
                fail("\(id) is evicted before its time")
            }
            if engines[id]?.inFlight != 0 { fail("\(id) is evicted while it is busy") }
            if model?.isPinned == true, standingBefore.contains(id) { fail("\(id) is pinned, but evicted") }
        case .finished:
            if !scheduler.engines.isEmpty || processes.values.contains(where: { !$0.isGone }) {
                fail("finished, and something is left")
            }
        default: break
        }
    }

    /// After the actions of one event.
    mutating func checkState(after actions: [SchedulerAction]) {
        if let violation = scheduler.violation { fail(violation) }
        if let mistake = ledger.mistake { fail(mistake) }
        for device in scheduler.devices where scheduler.usedBytes(device.id) > device.memoryBytes {
            fail("the footprints on \(device.id) exceed its memory")
        }
        if let deadline = scheduler.nextDeadline, deadline <= now {
            fail("the next deadline, \(deadline.nanoseconds) ns, has passed already")
        }
        let waiting = scheduler.models.values.reduce(0) { $0 + $1.waitingCount }
        if waiting != ledger.waitingCount { fail("\(ledger.waitingCount) requests wait, \(waiting) are known") }
        checkEngines(after: actions)
        countGroups(in: actions)
        for runtime in scheduler.runtimes.keys {
            let zygotes = scheduler.processes.values.count {
                $0.role == .zygote && $0.runtime == runtime && $0.state != .ending(nil)
            }
            if zygotes > 1 { fail("\(runtime) has \(zygotes) zygotes") }
        }
    }

    private mutating func checkEngines(after actions: [SchedulerAction]) {
        var ready: Set<EngineID> = []
        var draining: [EngineID: Moment?] = [:]
        for engine in scheduler.engines.values {
            switch engine.phase {
            case .ready where engine.isExternal: break
            case .ready:
                ready.insert(engine.id)
                if engines[engine.id]?.isClosed == true { fail("\(engine.id) is ready, but takes no requests") }
            case .draining: draining[engine.id] = engine.drainBy
            case .stopping:
                if let drainBy = drainingBefore[engine.id], let drainBy, drainBy <= now {
                    count("drain timeout")
                    if engines[engine.id]?.inFlight == 0 { fail("\(engine.id) drained on with nothing in flight") }
                }
            case .queued, .placing, .starting, .suspending, .asleep, .resuming: break
            }
        }
        for (id, engine) in engines where scheduler.engines[id] == nil {
            if let process = engine.processes.first(where: { processes[$0]?.isGone != true }) {
                fail("\(id) is taken for gone, and \(process) still lives")
            }
        }
        if ready != readyBefore, !actions.contains(.publishRoutes) {
            fail("the ready engines have changed, and no routes are published")
        }
        checkReplicas(ready)
        readyBefore = ready
        drainingBefore = draining
        standingBefore = Set(scheduler.models.values.compactMap(\.engine))
    }

    /// When nothing is left to happen: nobody waits for anything.
    mutating func checkRest() {
        guard failure == nil else { return }
        if !ledger.unsettled.isEmpty { fail("\(ledger.unsettled) got no answer") }
        if !ledger.openCommands.isEmpty { fail("commands \(ledger.openCommands.map(\.number)) got no answer") }
        if let engine = scheduler.engines.values.first(where: { $0.phase != .ready && $0.phase != .asleep }) {
            fail("\(engine.id) is \(engine.phase) for ever")
        }
        guard !isShuttingDown else { return }
        checkCatalogAtRest()
        checkTemplatesAtRest()
        checkLeasesAtRest()
        for runtime in scheduler.runtimes.values {
            if !runtime.isReady { fail("\(runtime.name) has no zygote") }
            for device in scheduler.devices {
                for role in [ProcessRole.frontEnd, .core] {
                    let idle = scheduler.processes.values.count {
                        $0.template == nil && $0.runtime == runtime.name && $0.device == device.id && $0.role == role
                            && $0.state == .idle
                    }
                    if idle < scheduler.limits.idleWorkers { fail("the pool of \(runtime.name) is not full") }
                }
            }
        }
    }

    /// After the shutdown: everything is gone, and it was said once.
    mutating func checkEnd() {
        guard failure == nil else { return }
        if finishedCount != 1 { fail("finished \(finishedCount) times") }
        if !scheduler.engines.isEmpty { fail("\(scheduler.engines.count) engines are left") }
        if !scheduler.processes.isEmpty { fail("\(scheduler.processes.count) processes are left") }
        let alive = processes.filter { !$0.value.isGone }.keys.map(\.description).sorted()
        if !alive.isEmpty { fail("\(alive) live on") }
        if !ledger.unsettled.isEmpty { fail("\(ledger.unsettled) got no answer") }
        if !ledger.openCommands.isEmpty { fail("commands \(ledger.openCommands.map(\.number)) got no answer") }
    }
}
