import Scheduling

/// Engines that wait in line for groups of one to four workers, on one of two devices with room for four each, or on both:
/// who is first on all its devices is served first. For a while answers get lost and processes die; then nothing fails any more.
struct LeaseLine {
    private static let mostWorkers = 4
    private static let engineCount = 14

    private var random: SplitMix64
    private var run: LeaseRun
    private var now = Moment(nanoseconds: 0)
    private var pending: [LeaseEvent] = []
    private var processCount = LeaseRun.firstWorkers.count
    private var messageCount = 0
    private var line: [LeaseWish] = []
    private var wanted: [LeaseWish] = []
    private var served: [LeaseWish] = []
    /// Of the engines that were served after the last fault.
    private var servedInCalm: Set<EngineID> = []
    private var granted: Set<EngineID> = []
    private(set) var faultCount = 0
    private(set) var failure: String?

    init(seed: UInt64, handler: @escaping LeaseHandler = WorkerPool.sound) {
        random = SplitMix64(seed: seed)
        run = .begin(handler: handler)
    }

    private var isCalm: Bool { wanted.count == Self.engineCount }

    /// Until everybody was served and everything has come back.
    mutating func finish() {
        for _ in 0..<4_000 where failure == nil {
            if !isCalm, random.below(6) == 0 { wish() }
            if !pending.isEmpty {
                let event = pending.remove(at: random.below(pending.count))
                if isCalm || !isFault(insteadOf: event) { send(event) }
            } else if let deadline = run.pool.nextDeadline {
                now = max(now, deadline)
                send(.tick)
            } else if isCalm {
                return check()
            }
        }
        if failure == nil { failure = "it does not come to rest" }
    }

    private mutating func check() {
        for device in LeaseRun.devices {
            let wishes = wanted.filter { $0.place.contains(device) }.map(\.engine)
            let order = served.filter { $0.place.contains(device) }.map(\.engine)
            if order != wishes { failure = "on \(device) the line was \(wishes), and served were \(order)" }
        }
        if !servedInCalm.isSubset(of: granted) { failure = "not all were granted what they were given" }
        if let worker = run.pool.workers.values.first(where: { $0.state != .idle }) { failure = "left over: \(worker)" }
        if let unfinished = run.ledger.unfinished { failure = unfinished }
    }

    private mutating func wish() {
        let number = wanted.count + 1
        let wish = LeaseWish(
            engine: EngineID(number: number), engineGeneration: Generation(epoch: 1, counter: number),
            generation: Generation(epoch: 1, counter: number),
            runtime: .simulated, place: LeaseRun.place(1 + random.below(Self.mostWorkers), &random),
            owner: random.below(3) == 0 ? .user(pid: 77, asked: .of(number, 0)) : .core(.core(of: number)))
        wanted.append(wish)
        line.append(wish)
        serve()
    }

    /// Something else happens, and perhaps the event never does. What executors say is not lost, but they may end.
    private mutating func isFault(insteadOf event: LeaseEvent) -> Bool {
        guard random.below(10) == 0 else { return false }
        faultCount += 1
        switch event {
        case .accepted, .resetDone, .measured, .revoked: return true
        case .idle(let worker, _, _):
            send(.gone(worker, reason: "killed"))
            return true
        case .registered(let executor, _, _, _):
            send(event)
            send(.executorGone(executor))
            return true
        default:
            send(.gone(ProcessID(number: random.below(processCount)), reason: "killed"))
            return false
        }
    }

    private mutating func send(_ event: LeaseEvent) {
        now = now + .milliseconds(random.below(50))
        for action in run.apply(LeaseStep(event: event, now: now)) { carryOut(action) }
        failure = failure ?? run.failure
        serve()
    }

    /// Whoever is first on all its devices has its workers as soon as they are there; those that are missing are forked.
    private mutating func serve() {
        while failure == nil, let first = line.first(where: { isFirst($0) && run.pool.canLease($0) }) {
            line.removeAll { $0.engine == first.engine }
            served.append(first)
            if isCalm { servedInCalm.insert(first.engine) }
            for action in run.apply(LeaseStep(event: .lease(first), now: now)) { carryOut(action) }
            failure = run.failure
        }
        for (index, device) in LeaseRun.devices.enumerated() {
            let count = run.pool.count(of: .simulated, on: device)
            let first = line.first { $0.place.contains(device) }
            let missing = (first?.place.ranks.count { $0 == device } ?? 1) - count.spare
            for _ in 0..<max(0, min(missing, Self.mostWorkers - count.spare - count.leased)) {
                let id = ProcessID(number: processCount)
                _ = run.apply(LeaseStep(event: .forked(id, .simulated, device), now: now))
                pending.append(LeaseRun.greeting(id, on: index, number: processCount))
                processCount += 1
            }
        }
    }

    private func isFirst(_ wish: LeaseWish) -> Bool {
        wish.place.devices.allSatisfy { device in
            line.first { $0.place.contains(device) }?.engine == wish.engine
        }
    }

    private mutating func carryOut(_ action: LeaseAction) {
        switch action {
        case .lease(let worker, let lease, let owner):
            pending.append(.accepted(worker, lease.generation))
            if lease.workers[0] == worker, case .core(let process) = owner {
                let executor = ExecutorID.number(lease.generation.counter)
                pending.append(.registered(executor, lease.engine, lease.generation, process: process))
            }
        case .reset(let worker, let generation): pending.append(.resetDone(worker, generation))
        case .measure(let worker, let generation):
            let isDirty = !isCalm && random.below(8) == 0
            pending.append(.measured(worker, generation, privateBytes: isDirty ? 500 : 100))
        case .retire(let worker, _): pending.append(.gone(worker, reason: "it was asked to"))
        case .welcome(let executor, let engine):
            guard let size = wanted.first(where: { $0.engine == engine })?.worldSize else { return }
            pending.append(.asked(ExecutorMessage(executor: executor, number: 1), worldSize: size))
        case .answer(let message, .granted(let lease)):
            granted.insert(lease.engine)
            pending.append(end(of: lease, message.executor))
        case .revoke(let executor, let engine, let generation):
            pending.append(.revoked(executor, engine, generation))
        case .answer, .refuse, .ended, .returned: break
        }
    }

    /// Every engine ends some time, in one way or another.
    private mutating func end(of lease: Lease, _ executor: ExecutorID) -> LeaseEvent {
        switch random.below(4) {
        case 0: .released(ExecutorMessage(executor: executor, number: 9), lease.engine, lease.generation)
        case 1: .revoke(lease.engine, lease.generation)
        case 2: .reclaim(lease.engine, lease.generation)
        default: .executorGone(executor)
        }
    }
}
