import Scheduling

/// A pool and the ledger beside it, at some point of a sequence.
struct LeaseRun {
    private(set) var pool: WorkerPool
    private(set) var ledger: LeaseLedger
    let handler: LeaseHandler

    static let tolerance = 10
    static let devices = [DeviceID("cuda:0"), DeviceID("cpu:0")]
    /// The workers that every sequence starts with: idle ones, on a device where most are reset and on one where all are
    /// replaced.
    static let firstWorkers = [0, 0, 0, 1, 1]

    /// On one of the devices, or on both by turns.
    static func place(_ size: Int, _ random: inout SplitMix64) -> Place {
        let number = random.below(3)
        return Place(ranks: (0..<size).map { devices[number == 2 ? $0 % 2 : number] })
    }

    /// What a worker says when it is new. Some of one device differ: a few know nothing of their memory.
    static func greeting(_ id: ProcessID, on device: Int, number: Int) -> LeaseEvent {
        let isReset = device == 0 && number % 5 != 3
        let reset: ResetPolicy = isReset ? .inPlace(toleranceBytes: tolerance) : .replace
        return .idle(id, privateBytes: number % 7 == 5 ? nil : 100, reset: reset)
    }

    private init(handler: @escaping LeaseHandler) {
        pool = WorkerPool(limits: LeaseLimits())
        ledger = LeaseLedger(tolerance: Self.tolerance)
        self.handler = handler
    }

    static func begin(handler: @escaping LeaseHandler = WorkerPool.sound) -> LeaseRun {
        var run = LeaseRun(handler: handler)
        for (index, device) in firstWorkers.enumerated() {
            let id = ProcessID(number: index)
            let start = Moment(nanoseconds: 0)
            _ = run.apply(LeaseStep(event: .forked(id, .simulated, devices[device]), now: start))
            _ = run.apply(LeaseStep(event: greeting(id, on: device, number: 0), now: start))
        }
        return run
    }

    var failure: String? { ledger.failure }

    mutating func apply(_ step: LeaseStep) -> [LeaseAction] {
        ledger.note(step.event)
        let actions = handler(&pool, step.event, step.now)
        for action in actions { ledger.note(action) }
        ledger.check(pool)
        return actions
    }

    /// Everybody ends what there is and answers: nothing may be left over.
    /// - Returns: what is wrong; nil if all is well.
    mutating func settle(at now: Moment) -> String? {
        for executor in pool.executors.values {
            _ = apply(LeaseStep(event: .reclaim(executor.lease.engine, executor.lease.generation), now: now))
        }
        for id in pool.workers.keys {
            while failure == nil, let event = nextStep(of: id) { _ = apply(LeaseStep(event: event, now: now)) }
        }
        if let failure { return failure }
        if let worker = pool.workers.values.first(where: { $0.state != .idle }) { return "\(worker) stays as it is" }
        if let deadline = pool.nextDeadline { return "something is waited for until \(deadline)" }
        return ledger.unfinished
    }

    private func nextStep(of id: ProcessID) -> LeaseEvent? {
        switch pool.workers[id]?.state {
        case .starting: .idle(id, privateBytes: 100, reset: .replace)
        case .resetting(let lease, .clearing): .resetDone(id, lease.generation)
        case .resetting(let lease, .measuring): .measured(id, lease.generation, privateBytes: 100)
        case .retired: .gone(id, reason: "it was asked to")
        case .idle, .leased, nil: nil
        }
    }
}
