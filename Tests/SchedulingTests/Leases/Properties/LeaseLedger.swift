import Scheduling

/// What is true of workers and leases, kept in another way than the pool keeps it: from what workers and executors were
/// told and have said. It believes an answer only if it was asked for, once, and about that very generation.
struct LeaseLedger {
    enum Hold {
        /// Nothing of any engine is in it.
        case clean
        case leased(Generation)
        case toldToReset(Generation)
        case reset(Generation)
        case toldToMeasure(Generation)
    }

    struct Worker {
        let runtime: RuntimeName
        let device: DeviceID
        /// What it said first, and once it has.
        var baseline: Int?
        var reset: ResetPolicy?
        var hold = Hold.clean
        var isRetired = false
        var isGone = false

        var isUsable: Bool { !isRetired && !isGone }
        var generation: Generation? {
            switch hold {
            case .clean: nil
            case .leased(let generation), .toldToReset(let generation), .reset(let generation),
                .toldToMeasure(let generation):
                generation
            }
        }
    }

    struct LeaseRecord {
        let lease: Lease
        let owner: ExecutorOwner
        var accepted: [ProcessID] = []
        var executor: ExecutorID?
        var hasEnded = false
        var hasReturned = false
    }

    private(set) var workers: [ProcessID: Worker] = [:]
    /// Of all generations that there ever were.
    private(set) var leases: [Generation: LeaseRecord] = [:]
    /// How many answers each request is owed.
    private(set) var owed: [ExecutorMessage: Int] = [:]
    /// The first thing that was wrong.
    private(set) var failure: String?
    private let tolerance: Int
    // Of the event in hand.
    private var wish: LeaseWish?
    private var toldCount = 0
    private var mustEnd: Generation?

    init(tolerance: Int) { self.tolerance = tolerance }

    /// Everything that was begun has come to its end.
    var unfinished: String? {
        if let record = leases.values.first(where: { !$0.hasEnded || !$0.hasReturned }) {
            return "the lease of \(record.lease.engine) never came to its end"
        }
        return owed.first { $0.value != 0 }.map { "\($0.key) was never answered" }
    }

    private mutating func fail(_ reason: String) { if failure == nil { failure = reason } }

    // MARK: What happens

    mutating func note(_ event: LeaseEvent) {
        wish = nil
        mustEnd = nil
        toldCount = 0
        switch event {
        case .forked(let id, let runtime, let device):
            if workers[id] == nil { workers[id] = Worker(runtime: runtime, device: device) }
        case .idle(let id, let bytes, let reset):
            guard workers[id]?.reset == nil else { return }
            workers[id]?.baseline = bytes
            workers[id]?.reset = reset
        case .gone(let id, _):
            if workers[id]?.isUsable == true { mustEnd = workers[id]?.generation }
            workers[id]?.isGone = true
        case .accepted(let id, let generation):
            guard case .leased(generation) = workers[id]?.hold, leases[generation]?.accepted.contains(id) == false
            else { return }
            leases[generation]?.accepted.append(id)
        case .resetDone(let id, let generation):
            if case .toldToReset(generation) = workers[id]?.hold { workers[id]?.hold = .reset(generation) }
        case .measured(let id, let generation, let bytes):
            guard case .toldToMeasure(generation) = workers[id]?.hold, let baseline = workers[id]?.baseline, let bytes,
                bytes <= baseline + tolerance
            else { return }
            workers[id]?.hold = .clean
        case .registered(let executor, let engine, let generation, let process):
            guard let record = leases[generation], let process, record.lease.engine == engine, !record.hasEnded,
                record.executor == nil, record.owner == .core(process),
                !leases.values.contains(where: { $0.executor == executor && !$0.hasEnded })
            else { return }
            leases[generation]?.executor = executor
        case .asked(let message, _), .released(let message, _, _): owed[message, default: 0] += 1
        case .executorGone(let executor):
            mustEnd = leases.first { $0.value.executor == executor && !$0.value.hasEnded }?.key
        case .lease(let wish): self.wish = wish
        case .reclaim(_, let generation): mustEnd = leases[generation] == nil ? nil : generation
        case .declined, .resetFailed, .revoked, .revoke, .dismiss, .tick: break
        }
    }

    // MARK: What is done about it

    mutating func note(_ action: LeaseAction) {
        switch action {
        case .lease(let id, let lease, let owner): told(id, lease, owner)
        case .reset(let id, let generation):
            guard case .leased(generation) = workers[id]?.hold else { return fail("\(id) is reset, and not leased") }
            guard case .inPlace = workers[id]?.reset, workers[id]?.baseline != nil else {
                return fail("\(id) is reset, and nobody could tell whether it is clean")
            }
            workers[id]?.hold = .toldToReset(generation)
        case .measure(let id, let generation):
            guard case .reset(generation) = workers[id]?.hold else { return fail("\(id) is measured before its reset") }
            workers[id]?.hold = .toldToMeasure(generation)
        case .retire(let id, _):
            if workers[id]?.isUsable != true { fail("\(id) is retired twice, or is gone") }
            workers[id]?.isRetired = true
        case .welcome(let executor, let engine):
            let isKnown = leases.values.contains { $0.executor == executor && $0.lease.engine == engine }
            if !isKnown { fail("\(executor) is welcome, and is not \(engine)'s") }
        case .refuse: break
        case .answer(let message, let answer): answered(message, answer)
        case .revoke(let executor, _, let generation):
            if leases[generation]?.executor != executor { fail("\(executor) is told to let go of what it has not") }
        case .ended(let engine, let generation, _):
            if leases[generation]?.lease.engine != engine || leases[generation]?.hasEnded != false {
                fail("the lease of \(engine) ends twice, or never was")
            }
            leases[generation]?.hasEnded = true
        case .returned(let engine, let generation): returned(engine, generation)
        }
    }

    private mutating func told(_ id: ProcessID, _ lease: Lease, _ owner: ExecutorOwner) {
        toldCount += 1
        guard let wish, wish.engine == lease.engine, wish.generation == lease.generation, wish.owner == owner else {
            return fail("\(id) is leased, and nobody wished it")
        }
        guard let worker = workers[id], worker.isUsable, worker.reset != nil, case .clean = worker.hold else {
            return fail("\(id) is leased to \(lease.engine), and not proven clean")
        }
        guard lease.workers.count == wish.worldSize, Set(lease.workers).count == wish.worldSize else {
            return fail("\(lease.engine) has not \(wish.worldSize) workers, but \(lease.workers)")
        }
        let device = lease.rank(of: id).map { wish.place.ranks[$0] }
        if worker.runtime != wish.runtime || worker.device != device { fail("\(id) is of another pool") }
        if let record = leases[lease.generation] {
            if record.lease != lease { fail("two leases have the generation of \(lease.engine)") }
        } else {
            var record = LeaseRecord(lease: lease, owner: owner)
            if case .user(_, let message) = owner {
                record.executor = message.executor
                owed[message, default: 0] += 1
            }
            leases[lease.generation] = record
        }
        workers[id]?.hold = .leased(lease.generation)
    }

    private mutating func answered(_ message: ExecutorMessage, _ answer: ExecutorAnswer) {
        owed[message, default: 0] -= 1
        if owed[message, default: 0] < 0 { fail("\(message) is answered more often than it asked") }
        guard case .granted(let lease) = answer else { return }
        guard let record = leases[lease.generation], record.lease == lease, !record.hasEnded else {
            return fail("a lease of \(lease.engine) is granted that is over")
        }
        if record.executor != message.executor { fail("the workers of \(lease.engine) are granted to another") }
        if record.accepted.count != lease.workers.count { fail("not all workers of \(lease.engine) have accepted") }
        if lease.workers.contains(where: { workers[$0]?.isUsable != true }) {
            fail("\(lease.engine) is granted a worker that is gone")
        }
    }

    private mutating func returned(_ engine: EngineID, _ generation: Generation) {
        guard let record = leases[generation], record.hasEnded, !record.hasReturned else {
            return fail("the workers of \(engine) came back twice, or too early")
        }
        leases[generation]?.hasReturned = true
        for id in record.lease.workers where workers[id]?.isGone == false && workers[id]?.generation == generation {
            fail("\(id) came back to the pool with what is \(engine)'s")
        }
    }

    // MARK: What must be true then

    mutating func check(_ pool: WorkerPool) {
        if let wish, toldCount != 0, toldCount != wish.worldSize {
            fail("\(wish.engine) got \(toldCount) of \(wish.worldSize) workers")
        }
        if let mustEnd, leases[mustEnd]?.hasEnded == false { fail("a lease outlives what it was for") }
        for (id, worker) in pool.workers {
            guard let truth = workers[id], !truth.isGone else { return fail("\(id) is gone, and the pool has it") }
            switch worker.state {
            case .starting: if truth.reset != nil { fail("\(id) is idle, and the pool waits for it") }
            case .idle:
                guard case .clean = truth.hold, truth.isUsable else { return fail("\(id) is idle, and not clean") }
            case .leased(let lease, _):
                guard case .leased(lease.generation) = truth.hold, truth.isUsable else {
                    return fail("\(id) does not know of its lease")
                }
                if leases[lease.generation]?.hasEnded != false { fail("\(id) is leased, and its lease is over") }
            case .resetting: if !truth.isUsable { fail("\(id) is reset, and is gone") }
            case .retired: if !truth.isRetired { fail("\(id) was never told to end") }
            }
        }
        if let violation = pool.violation { fail(violation) }
    }
}
