import Scheduling

/// A random sequence of events around a pool: decisions and faults at any time, replies in any order, late, repeated, and
/// from the wrong side. What is generated are plain events, so that any part of a sequence can be run again.
struct LeaseSequence {
    private var random: SplitMix64
    private var run: LeaseRun
    private(set) var steps: [LeaseStep] = []
    /// How often what was done: sequences in which little happens prove little.
    private(set) var tally: [String: Int]
    /// Answers that are under way.
    private var replies: [LeaseEvent] = []
    private var past: [LeaseEvent] = []
    private var recent: [(lease: Lease, executor: ExecutorID)] = []
    private var now = Moment(nanoseconds: 0)
    private var processCount = LeaseRun.firstWorkers.count
    private var leaseCount = 0
    private var messageCount = 0

    private init(seed: UInt64, start: LeaseRun, tally: [String: Int]) {
        random = SplitMix64(seed: seed)
        run = start
        self.tally = tally
    }

    /// - Returns: its steps up to the first failure, and what that was; nil: nothing is wrong.
    static func generate(
        seed: UInt64, from start: LeaseRun, tally: inout [String: Int]
    ) -> (steps: [LeaseStep], failure: String?) {
        var sequence = LeaseSequence(seed: seed, start: start, tally: tally)
        // Most are short, some are long.
        let length = seed % 16 == 0 ? 60 : 8 + sequence.random.below(8)
        while sequence.steps.count < length, sequence.run.failure == nil { sequence.step() }
        tally = sequence.tally
        let failure = sequence.run.failure ?? sequence.run.settle(at: sequence.now)
        return (sequence.steps, failure)
    }

    /// Runs given steps.
    static func failure(of steps: [LeaseStep], from start: LeaseRun) -> String? {
        var run = start
        for step in steps where run.failure == nil { _ = run.apply(step) }
        return run.failure ?? run.settle(at: steps.last?.now ?? Moment(nanoseconds: 0))
    }

    private mutating func step() {
        now = now + .milliseconds(random.below(400))
        guard let event = nextEvent() else { return }
        let step = LeaseStep(event: event, now: now)
        steps.append(step)
        for action in run.apply(step) { expectReply(to: action) }
    }

    // MARK: What comes next

    private mutating func nextEvent() -> LeaseEvent? {
        switch random.below(100) {
        case 0..<42: return reply(isKept: false)
        case 42..<48: return reply(isKept: true)
        case 48..<54: return past.isEmpty ? nil : past[random.below(past.count)]
        case 54..<68: return lease()
        case 68..<71: return fork()
        case 71..<76: return .gone(anyWorker(), reason: "killed")
        case 76..<78: return .dismiss(anyWorker(), reason: "nobody needs it")
        case 78..<97: return recent.isEmpty ? lease() : aboutLease()
        default:
            now = now + .seconds(random.below(40))
            return .tick
        }
    }

    private mutating func reply(isKept: Bool) -> LeaseEvent? {
        guard !replies.isEmpty else { return lease() }
        let index = random.below(replies.count)
        let event = isKept ? replies[index] : replies.remove(at: index)
        past.append(event)
        return event
    }

    private mutating func anyWorker() -> ProcessID { ProcessID(number: random.below(processCount)) }

    private mutating func fork() -> LeaseEvent {
        let (id, device) = (ProcessID(number: processCount), random.below(2))
        replies.append(LeaseRun.greeting(id, on: device, number: processCount))
        processCount += 1
        return .forked(id, .simulated, LeaseRun.devices[device])
    }

    private mutating func lease() -> LeaseEvent {
        leaseCount += 1
        let number = leaseCount
        let place = LeaseRun.place(1 + random.below(3), &random)
        let owner: ExecutorOwner =
            random.below(3) == 0 ? .user(pid: 77, asked: .of(number, 0)) : .core(.core(of: number))
        return .lease(
            LeaseWish(
                engine: EngineID(number: number), engineGeneration: Generation(epoch: 1, counter: number),
                generation: Generation(epoch: 1, counter: number), runtime: .simulated, place: place, owner: owner))
    }

    /// Of a lease that may be over: a decision, the end of its executor, or a message that makes no sense.
    private mutating func aboutLease() -> LeaseEvent {
        let (lease, executor) = recent[random.below(recent.count)]
        let other = recent[random.below(recent.count)]
        let worker = lease.workers[random.below(lease.workers.count)]
        messageCount += 1
        let message = ExecutorMessage(executor: executor, number: messageCount)
        switch random.below(12) {
        case 0, 1: return .reclaim(lease.engine, lease.generation)
        case 2, 3: return .revoke(lease.engine, lease.generation)
        case 4: return .executorGone(executor)
        case 5: return .released(message, lease.engine, lease.generation)
        case 6: return .asked(message, worldSize: 1 + random.below(3))
        case 7:
            let generation = random.below(2) == 0 ? lease.generation : other.lease.generation
            let process = ProcessID.core(of: (random.below(2) == 0 ? lease : other.lease).generation.counter)
            return .registered(other.executor, lease.engine, generation, process: process)
        case 8: return .released(message, other.lease.engine, lease.generation)
        case 9: return .revoked(other.executor, lease.engine, lease.generation)
        case 10: return .resetDone(worker, other.lease.generation)
        default: return .measured(worker, other.lease.generation, privateBytes: 100)
        }
    }

    // MARK: What is answered

    private mutating func expectReply(to action: LeaseAction) {
        tally[Self.name(of: action), default: 0] += 1
        switch action {
        case .lease(let worker, let lease, let owner):
            let declines = random.below(12) == 0
            replies.append(
                declines
                    ? .declined(worker, lease.generation, reason: "not idle") : .accepted(worker, lease.generation))
            guard lease.workers[0] == worker else { return }
            recent.append((lease, .number(lease.generation.counter)))
            if case .core(let process) = owner {
                replies.append(
                    .registered(
                        .number(lease.generation.counter), lease.engine, lease.generation, process: process))
            }
        case .reset(let worker, let generation):
            let fails = random.below(12) == 0
            replies.append(
                fails ? .resetFailed(worker, generation, reason: "busy") : .resetDone(worker, generation))
        case .measure(let worker, let generation):
            let bytes = random.below(20)
            replies.append(.measured(worker, generation, privateBytes: bytes == 19 ? nil : 95 + bytes))
        case .retire(let worker, _): replies.append(.gone(worker, reason: "it was asked to"))
        case .welcome(let executor, _):
            messageCount += 1
            guard let lease = recent.last(where: { $0.executor == executor })?.lease else { return }
            replies.append(
                .asked(
                    ExecutorMessage(executor: executor, number: messageCount), worldSize: lease.workers.count))
        case .answer(let message, .granted(let lease)):
            messageCount += 1
            replies.append(
                .released(
                    ExecutorMessage(executor: message.executor, number: messageCount), lease.engine,
                    lease.generation))
        case .revoke(let executor, let engine, let generation):
            replies.append(.revoked(executor, engine, generation))
        case .answer, .refuse, .ended, .returned: break
        }
    }

    private static func name(of action: LeaseAction) -> String {
        switch action {
        case .lease: "lease"
        case .reset: "reset"
        case .measure: "measure"
        case .retire(_, let retirement): retirement.cause.rawValue
        case .welcome: "welcome"
        case .refuse: "refuse"
        case .answer(_, .granted): "granted"
        case .answer(_, .refused): "refused"
        case .answer(_, .done): "done"
        case .answer(_, .failed): "failed"
        case .revoke: "revoke"
        case .ended(_, _, .released): "released"
        case .ended(_, _, .revoked): "revoked"
        case .ended(_, _, .reclaimed): "reclaimed"
        case .ended(_, _, .notTaken): "not taken"
        case .ended(_, _, .broken): "broken"
        case .returned: "returned"
        }
    }
}
