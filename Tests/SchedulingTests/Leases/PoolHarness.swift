import Scheduling
import Testing

/// A pool of workers, a virtual clock, and everything that was ever to be done.
struct PoolHarness {
    private(set) var pool: WorkerPool
    private(set) var now = Moment(nanoseconds: 1_000_000_000_000)
    /// All actions so far.
    private(set) var actions: [LeaseAction] = []
    private var processCount = 0

    init() { pool = WorkerPool(limits: LeaseLimits()) }

    /// - Returns: what is to be done about this event.
    @discardableResult
    mutating func send(_ event: LeaseEvent, sourceLocation: SourceLocation = #_sourceLocation) -> [LeaseAction] {
        let decided = pool.handle(event, at: now)
        #expect(pool.violation == nil, sourceLocation: sourceLocation)
        actions += decided
        return decided
    }

    /// Lets time pass. Ticks come when the pool wants them, and only then.
    @discardableResult
    mutating func wait(_ duration: Duration, sourceLocation: SourceLocation = #_sourceLocation) -> [LeaseAction] {
        let end = now + duration
        var decided: [LeaseAction] = []
        while let deadline = pool.nextDeadline, deadline <= end {
            guard deadline > now else {
                Issue.record("the next deadline has passed already", sourceLocation: sourceLocation)
                break
            }
            now = deadline
            decided += send(.tick, sourceLocation: sourceLocation)
        }
        now = end
        return decided
    }

    // MARK: Workers

    mutating func fork(on device: DeviceID = .cuda, runtime: RuntimeName = .simulated) -> ProcessID {
        processCount += 1
        let id = ProcessID(number: processCount)
        send(.forked(id, runtime, device))
        return id
    }

    /// Idle ones, each of which owns 100 bytes; on CPUs they are replaced, elsewhere reset in place with 10 bytes of
    /// tolerance.
    @discardableResult
    mutating func addWorkers(_ count: Int, on device: DeviceID = .cuda, runtime: RuntimeName = .simulated)
        -> [ProcessID]
    {
        (0..<count).map { _ in
            let worker = fork(on: device, runtime: runtime)
            send(.idle(worker, privateBytes: 100, reset: .test(on: device)))
            return worker
        }
    }

    func state(of worker: ProcessID) -> WorkerRecord.State? { pool.workers[worker]?.state }

    func retirement(of worker: ProcessID) -> Retirement? {
        if case .retired(let retirement) = state(of: worker) { retirement } else { nil }
    }

    // MARK: Leases

    func wish(_ number: Int, size: Int = 1, on device: DeviceID = .cuda, owner: ExecutorOwner? = nil) -> LeaseWish {
        wish(number, ranks: Array(repeating: device, count: size), owner: owner)
    }

    /// - Parameter ranks: the device of each.
    func wish(_ number: Int, ranks: [DeviceID], owner: ExecutorOwner? = nil) -> LeaseWish {
        LeaseWish(
            engine: EngineID(number: number), engineGeneration: .number(number), generation: .number(number),
            runtime: .simulated, place: Place(ranks: ranks), owner: owner ?? .core(.core(of: number)))
    }

    /// Workers are reserved for the engine of this number.
    @discardableResult
    mutating func lease(_ number: Int, size: Int = 1, on device: DeviceID = .cuda) throws -> Lease {
        send(.lease(wish(number, size: size, on: device)))
        return try #require(pool.executors[EngineID(number: number)]?.lease)
    }

    mutating func accept(_ lease: Lease) {
        for worker in lease.workers { send(.accepted(worker, lease.generation)) }
    }

    @discardableResult
    mutating func register(_ number: Int) -> [LeaseAction] {
        send(.registered(.number(number), EngineID(number: number), .number(number), process: .core(of: number)))
    }

    @discardableResult
    mutating func ask(_ number: Int, size: Int = 1) -> [LeaseAction] {
        send(.asked(.of(number), worldSize: size))
    }

    /// From idle workers to an executor that has them.
    @discardableResult
    mutating func grant(_ number: Int, size: Int = 1, on device: DeviceID = .cuda) throws -> Lease {
        let lease = try lease(number, size: size, on: device)
        accept(lease)
        register(number)
        #expect(ask(number, size: size) == [.answer(.of(number), .granted(lease))])
        return lease
    }

    func phase(of number: Int) -> ProxyExecutor.Phase? { pool.executors[EngineID(number: number)]?.phase }

    /// The worker does its reset and has its memory back.
    mutating func finishReset(_ worker: ProcessID, _ lease: Lease) {
        send(.resetDone(worker, lease.generation))
        send(.measured(worker, lease.generation, privateBytes: 100))
    }
}

extension ResetPolicy {
    static func test(on device: DeviceID) -> ResetPolicy { device == .cpu ? .replace : .inPlace(toleranceBytes: 10) }
}

extension DeviceID {
    static let cuda = DeviceID("cuda:0")
    static let cpu = DeviceID("cpu:0")
}

extension Generation {
    static func number(_ number: Int) -> Generation { Generation(epoch: 3, counter: number) }
}

extension ProcessID {
    static func core(of engine: Int) -> ProcessID { ProcessID("core-\(engine)") }
}

extension ExecutorID {
    static func number(_ number: Int) -> ExecutorID { ExecutorID(UInt64(number)) }
}

extension ExecutorMessage {
    /// A request from the executor of the engine of this number.
    static func of(_ engine: Int, _ number: Int = 1) -> ExecutorMessage {
        ExecutorMessage(executor: .number(engine), number: number)
    }
}

extension Sequence<LeaseAction> {
    var ends: [LeaseEnd] { compactMap { if case .ended(_, _, let how) = $0 { how } else { nil } } }
    var returned: [EngineID] { compactMap { if case .returned(let engine, _) = $0 { engine } else { nil } } }
    var resets: [ProcessID] { compactMap { if case .reset(let worker, _) = $0 { worker } else { nil } } }
    var measurements: [ProcessID] { compactMap { if case .measure(let worker, _) = $0 { worker } else { nil } } }
    var told: [ProcessID] { compactMap { if case .lease(let worker, _, _) = $0 { worker } else { nil } } }
    var retired: [ProcessID] { compactMap { if case .retire(let worker, _) = $0 { worker } else { nil } } }
    var answers: [ExecutorAnswer] { compactMap { if case .answer(_, let answer) = $0 { answer } else { nil } } }
    /// Why something was refused or failed.
    var reasons: [String] {
        compactMap {
            switch $0 {
            case .answer(_, .refused(let reason)), .answer(_, .failed(let reason)), .refuse(_, let reason): reason
            default: nil
            }
        }
    }
}
