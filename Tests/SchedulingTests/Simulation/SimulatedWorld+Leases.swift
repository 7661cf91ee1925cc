import Scheduling

// Workers, and the executors that lease them.

extension SimulatedWorld {
    /// The connection of a remote executor.
    struct Executor {
        /// The core that it is in; nil: a user's process.
        let core: ProcessID?
        var engine: EngineID?
        var lease: Lease?
        var messages = 0
        /// A request of a user's that is not answered.
        var isWaiting = false
        var isGone = false
    }

    static let baselineBytes = 10 << 20

    mutating func carryOut(_ action: LeaseAction) {
        switch action {
        case .lease(let worker, let lease, _): answerLease(worker, lease)
        case .reset(let worker, let generation): answerReset(worker, generation)
        case .measure(let worker, let generation): answerMeasurement(worker, generation)
        case .retire(let worker, let retirement):
            count("worker retired: \(retirement.cause.rawValue)")
            end(worker)
        case .answer(let message, let answer): take(answer, to: message)
        case .revoke(let executor, let engine, let generation):
            count("revoked")
            if !fails(10) { plan(.lease(.revoked(executor, engine, generation)), after: random.milliseconds(1...200)) }
        case .welcome: break
        case .refuse(let executor, _): executors[executor]?.isGone = true
        case .ended, .returned: fail("\(action) left the scheduler")
        }
    }

    private mutating func answerLease(_ worker: ProcessID, _ lease: Lease) {
        if processes[worker]?.isDying != false || fails(2) { return }
        let delay = random.milliseconds(1...20)
        guard !fails(2) else {
            return plan(.lease(.declined(worker, lease.generation, reason: "simulated")), after: delay)
        }
        plan(.lease(.accepted(worker, lease.generation)), after: delay)
    }

    private mutating func answerReset(_ worker: ProcessID, _ generation: Generation) {
        if processes[worker]?.isDying != false || fails(3) { return }
        let delay = random.milliseconds(1...500)
        guard !fails(3) else {
            return plan(.lease(.resetFailed(worker, generation, reason: "simulated")), after: delay)
        }
        plan(.lease(.resetDone(worker, generation)), after: delay)
    }

    private mutating func answerMeasurement(_ worker: ProcessID, _ generation: Generation) {
        if processes[worker]?.isDying != false || fails(2) { return }
        let bytes = fails(2) ? nil : Self.baselineBytes + (fails(5) ? 1 << 30 : 0)
        plan(.lease(.measured(worker, generation, privateBytes: bytes)), after: random.milliseconds(1...20))
    }

    // MARK: Executors of our engines

    mutating func registerExecutor(of id: EngineID) {
        guard let engine = scheduler.engines[id] else { return }
        lastExecutor += 1
        let executor = ExecutorID(lastExecutor)
        executors[executor] = Executor(core: engine.core, engine: id)
        let delay = random.milliseconds(1...100)
        if fails(3) { return }
        plan(.lease(.registered(executor, id, engine.generation, process: engine.core)), after: delay)
        plan(.lease(.asked(next(executor), worldSize: engine.worldSize)), after: delay + random.milliseconds(1...20))
    }

    private mutating func next(_ executor: ExecutorID) -> ExecutorMessage {
        executors[executor]?.messages += 1
        return ExecutorMessage(executor: executor, number: executors[executor]?.messages ?? 0)
    }

    private mutating func take(_ answer: ExecutorAnswer, to message: ExecutorMessage) {
        guard let executor = executors[message.executor] else { return fail("\(message) was never sent") }
        if executor.core == nil { return takeAsUser(answer, to: message) }
        switch answer {
        case .granted(let lease):
            count("granted")
            executors[message.executor]?.lease = lease
            guard let id = executor.engine, let engine = scheduler.engines[id] else { return }
            if engine.phase == .resuming {
                if !fails(4) { plan(.resumed(id, engine.generation), after: random.milliseconds(1...500)) }
            } else {
                load(id)
            }
        case .refused:
            if let core = executor.core { die(core, after: random.milliseconds(1...50)) }
        case .done, .failed: break
        }
    }

    mutating func loseExecutors(of process: ProcessID, after delay: Duration) {
        for (id, executor) in executors.sorted(by: { $0.key.number < $1.key.number })
        where executor.core == process && !executor.isGone {
            executors[id]?.isGone = true
            plan(.lease(.executorGone(id)), after: delay + random.milliseconds(0...5))
        }
    }

    // MARK: Parking

    mutating func park(_ id: EngineID) {
        guard let engine = scheduler.engines[id],
            let executor = executors.first(where: { $0.value.engine == id && $0.value.core == engine.core })?.key
        else { return fail("\(id) is to be parked, and has no executor") }
        count("park")
        let delay = random.milliseconds(1...200)
        if fails(5) { return plan(.suspensionFailed(id, engine.generation, reason: "simulated"), after: delay) }
        if let lease = executors[executor]?.lease {
            plan(.lease(.released(next(executor), id, lease.generation)), after: delay)
        }
        if fails(3) { return }
        plan(.suspended(id, engine.generation), after: delay + random.milliseconds(0...20))
    }

    mutating func unpark(_ id: EngineID) {
        guard let engine = scheduler.engines[id],
            let executor = executors.first(where: { $0.value.engine == id && $0.value.core == engine.core })?.key
        else { return fail("\(id) is to get workers again, and has no executor") }
        count("unpark")
        engines[id]?.isClosed = false
        if fails(3) { return }
        let delay = random.milliseconds(1...20)
        plan(.lease(.registered(executor, id, engine.generation, process: engine.core)), after: delay)
        plan(.lease(.asked(next(executor), worldSize: engine.worldSize)), after: delay)
    }

    // MARK: Users

    /// Somebody starts a vLLM of his own, or ends one.
    mutating func doAsUser() {
        let own = executors.filter { $0.value.core == nil && !$0.value.isGone }.keys.sorted { $0.number < $1.number }
        if let executor = own.first, random.chance(50) { return endAsUser(executor) }
        guard let runtime = scheduler.runtimes.keys.map(\.description).sorted().first else { return }
        lastExecutor += 1
        let executor = ExecutorID(lastExecutor)
        executors[executor] = Executor(core: nil, isWaiting: true)
        let message = next(executor)
        plan(
            .externalAsked(
                ExternalRequest(
                    message: message, pid: Int32(lastExecutor), model: "own", worldSize: random.number(1...4),
                    deviceKind: random.chance(90) ? userKind : "cuda", footprint: random.number(100...3_000) << 20,
                    patience: .seconds(random.number(1...120)), versions: [:]),
                RuntimeName(runtime)), after: .zero)
    }

    private var userKind: String { scheduler.devices.map(\.kind).last.map(String.init) ?? "" }

    private mutating func endAsUser(_ id: ExecutorID) {
        if let lease = executors[id]?.lease, random.chance(50) {
            plan(.lease(.released(next(id), lease.engine, lease.generation)), after: .zero)
        }
        executors[id]?.isGone = true
        plan(.lease(.executorGone(id)), after: random.milliseconds(0...20))
    }

    private mutating func takeAsUser(_ answer: ExecutorAnswer, to message: ExecutorMessage) {
        switch answer {
        case .granted(let lease):
            count("granted to a user")
            if isGroup(lease.engine) { count("a user's group") }
            if executors[message.executor]?.isWaiting != true { fail("\(message) is answered twice") }
            executors[message.executor]?.lease = lease
        case .refused:
            count("refused to a user")
            if executors[message.executor]?.isWaiting != true { fail("\(message) is answered twice") }
        case .done, .failed: return
        }
        executors[message.executor]?.isWaiting = false
    }

    /// Keeps the books of what is on its way.
    mutating func note(_ event: LeaseEvent) {
        if case .gone(let worker, _) = event { processes[worker]?.isGone = true }
    }

    mutating func checkLeasesAtRest() {
        for (id, executor) in executors where executor.isWaiting && !executor.isGone {
            fail("\(id) asked for workers, and has no answer")
        }
        for worker in scheduler.pool.workers.values where worker.state != .idle {
            guard case .leased = worker.state else { return fail("\(worker.process) is \(worker.state) for ever") }
        }
        for runtime in scheduler.runtimes.keys {
            for device in scheduler.devices where scheduler.pool.count(of: runtime, on: device.id).idle < idleWanted {
                fail("the workers of \(runtime) on \(device.id) are not full")
            }
        }
    }

    private var idleWanted: Int { scheduler.limits.idleRanks }
}
