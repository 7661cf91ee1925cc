import Scheduling
import Testing

/// A scheduler, a virtual clock, and everything that it ever decided. Tests tell it what happened in the words of the
/// world ("the zygote is ready"), and ask what became of requests and commands.
struct Harness {
    private(set) var scheduler: Scheduler
    private(set) var now = Moment(nanoseconds: 1_000_000_000_000)
    /// All actions so far.
    private(set) var actions: [SchedulerAction] = []
    /// Requests in each engine, as its permits would say.
    var inFlight: [EngineID: Int] = [:]
    var lastUsed: [EngineID: Moment] = [:]
    /// Engines whose permits are closed already, before their end is told.
    var dying: Set<EngineID> = []
    private var requestCount: UInt64 = 0
    private var commandCount: UInt64 = 0

    init(
        models: [ModelSpecification] = [.named("a"), .named("b")], devices: [DeviceSpecification] = [.gibibytes(8)],
        runtimes: [RuntimeName] = [.simulated], limits: SchedulingLimits = .roomy
    ) {
        scheduler = Scheduler(epoch: 3, limits: limits, devices: devices, models: models, runtimes: runtimes)
    }

    // MARK: Events and time

    /// - Returns: what was decided about this event.
    @discardableResult
    mutating func send(_ event: SchedulerEvent, sourceLocation: SourceLocation = #_sourceLocation) -> [SchedulerAction]
    {
        var usage: [EngineID: EngineUsage] = [:]
        for (engine, count) in inFlight {
            usage[engine] = EngineUsage(
                inFlight: count, lastUsed: lastUsed[engine] ?? Moment(nanoseconds: 0), isClosed: dying.contains(engine))
        }
        let decided = scheduler.decide(event, at: now, usage: usage)
        #expect(scheduler.violation == nil, sourceLocation: sourceLocation)
        actions += decided
        return decided
    }

    /// Lets time pass. Ticks come when the scheduler wants them, and only then.
    @discardableResult
    mutating func wait(_ duration: Duration, sourceLocation: SourceLocation = #_sourceLocation) -> [SchedulerAction] {
        let end = now + duration
        var decided: [SchedulerAction] = []
        while let deadline = scheduler.nextDeadline, deadline <= end {
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

    // MARK: Requests and commands

    mutating func request(_ model: String, bytes: Int = 100) -> RequestID {
        requestCount += 1
        send(.request(RequestID(requestCount), model: model, bytes: bytes))
        return RequestID(requestCount)
    }

    mutating func load(_ model: String) -> CommandID {
        commandCount += 1
        send(.load(CommandID(commandCount), model: model))
        return CommandID(commandCount)
    }

    mutating func unload(_ model: String) -> CommandID {
        commandCount += 1
        send(.unload(CommandID(commandCount), model: model))
        return CommandID(commandCount)
    }

    mutating func sleep(_ model: String) -> CommandID {
        commandCount += 1
        send(.sleep(CommandID(commandCount), model: model))
        return CommandID(commandCount)
    }

    mutating func wake(_ model: String) -> CommandID {
        commandCount += 1
        send(.wake(CommandID(commandCount), model: model))
        return CommandID(commandCount)
    }

    mutating func newCommand() -> CommandID {
        commandCount += 1
        return CommandID(commandCount)
    }

    // MARK: What processes do

    /// Brings every zygote up and fills the pools.
    mutating func boot() {
        send(.tick)
        for zygote in processes(.zygote, .starting) { send(.zygoteReady(zygote)) }
        fillPools()
    }

    /// Every process that was forked says hello.
    mutating func fillPools() {
        for process in processes(.core, .starting) + processes(.frontEnd, .starting) { send(.processIdle(process)) }
    }

    /// All that was asked to end does.
    mutating func endProcesses() {
        let ending = scheduler.processes.values.filter { if case .ending = $0.state { true } else { false } }
        for process in ending.map(\.id).sorted(by: { $0.description < $1.description }) {
            send(.processGone(process, reason: "it was asked to"))
        }
    }

    /// One of the engine's processes ends by itself.
    mutating func killCore(of engine: EngineID) throws {
        let core = try #require(scheduler.engines[engine]?.core)
        send(.processGone(core, reason: "killed by signal 9"))
    }

    // MARK: What engines do

    /// A model's engine has looked at its folder, and found no weights worth counting.
    mutating func inspect(
        _ model: String, weightBytes: Int = 0, fingerprint: String = "first"
    ) throws -> EngineID {
        let engine = try #require(scheduler.models[model]?.engine)
        inspect(engine, weightBytes: weightBytes, fingerprint: fingerprint)
        return engine
    }

    @discardableResult
    mutating func inspect(
        _ engine: EngineID, weightBytes: Int = 0, fingerprint: String = "first"
    ) -> [SchedulerAction] {
        send(.inspected(engine, .weighing(weightBytes, fingerprint: fingerprint)))
    }

    @discardableResult
    mutating func becomeReady(_ model: String) throws -> EngineID {
        let engine = try #require(scheduler.models[model]?.engine)
        try becomeReady(engine)
        return engine
    }

    @discardableResult
    mutating func becomeReady(_ engine: EngineID) throws -> [SchedulerAction] {
        send(.ready(engine, try generation(of: engine)))
    }

    /// From whatever it is to ready, with nobody waiting.
    mutating func start(_ model: String, weightBytes: Int = 0) throws -> EngineID {
        _ = load(model)
        _ = try inspect(model, weightBytes: weightBytes)
        try becomeReady(model)
        fillPools()
        return try #require(engine(of: model))
    }
}
