import Scheduling
import Testing

/// A harness whose every step is looked at.
struct ObservedHarness {
    var harness: Harness
    private(set) var observer = StateObserver()
    /// What was told of the last step.
    private(set) var events: [ControllerEvent] = []
    /// All that was told.
    private(set) var all: [ControllerEvent] = []

    /// What its workers say of their reset.
    private let reset: ResetPolicy

    init(_ harness: Harness, reset: ResetPolicy = .replace) {
        self.harness = harness
        self.reset = reset
    }

    /// - Parameter step: one event for the scheduler: what comes and goes between two looks is not seen.
    @discardableResult
    mutating func act<Result>(_ step: (inout Harness) throws -> Result) rethrows -> Result {
        let result = try step(&harness)
        events = observer.look(at: harness.scheduler)
        all += events
        return result
    }

    mutating func send(_ event: SchedulerEvent) { act { _ = $0.send(event) } }

    /// The runtime is up and the pool is full; each worker owns 100 bytes.
    mutating func boot() {
        send(.tick)
        for zygote in harness.processes(.zygote, .starting) { send(.zygoteReady(zygote)) }
        fillPools()
    }

    mutating func fillPools() {
        for process in harness.processes(.core, .starting) + harness.processes(.frontEnd, .starting) {
            send(.processIdle(process))
        }
        for worker in harness.processes(.worker, .starting) {
            send(.lease(.idle(worker, privateBytes: 100, reset: reset)))
        }
    }

    /// All that was asked to end does.
    mutating func endProcesses() {
        let ending = harness.scheduler.processes.values.filter { if case .ending = $0.state { true } else { false } }
        for process in ending.map(\.id).sorted(by: { $0.description < $1.description }) {
            send(.processGone(process, reason: "it was asked to"))
        }
    }

    var kinds: [ControllerEvent.Kind] { events.map(\.kind) }

    func event(_ kind: ControllerEvent.Kind, sourceLocation: SourceLocation = #_sourceLocation) throws
        -> ControllerEvent
    {
        try #require(events.first { $0.kind == kind }, "\(kinds)", sourceLocation: sourceLocation)
    }

    // MARK: Engines with leased workers

    /// Whoever it was told to expect is expected.
    mutating func acceptLeases() {
        for worker in harness.scheduler.pool.workersInOrder {
            if case .leased(let lease, hasAccepted: false) = worker.state {
                send(.lease(.accepted(worker.process, lease.generation)))
            }
        }
    }

    /// The engine's core makes its executor, and that gets its workers.
    mutating func grantLease(of engine: EngineID, executor: ExecutorID = ExecutorID(1)) throws {
        let record = try #require(harness.scheduler.engines[engine])
        acceptLeases()
        send(.lease(.registered(executor, engine, record.generation, process: record.core)))
        send(.lease(.asked(ExecutorMessage(executor: executor, number: 1), worldSize: record.worldSize)))
    }

    /// From the wish to ready.
    mutating func start(_ model: String) throws -> EngineID {
        _ = act { $0.load(model) }
        let engine = try #require(harness.engine(of: model))
        act { _ = $0.inspect(engine) }
        if harness.scheduler.pool.executors[engine] != nil { try grantLease(of: engine) }
        try act { _ = try $0.becomeReady(engine) }
        return engine
    }
}

extension ModelSpecification {
    /// Its engines have leased workers.
    static func leasing(_ name: String, workers: Int = 1) -> ModelSpecification {
        ModelSpecification(
            name: name, runtime: .simulated, concurrency: 4, startTimeout: .seconds(90), kvCacheBytes: 1 << 20,
            tensorParallelSize: workers, executor: .remote)
    }
}
