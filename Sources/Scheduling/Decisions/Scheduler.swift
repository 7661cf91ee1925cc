/// Decides what to start, where, what to evict and whom to serve next.
///
/// A value without I/O or clock: `handle` takes an event and the time, changes the state, and says what is to be done.
/// The actor that owns it carries the actions out and tells the outcome as further events.
///
/// Policy, while it is simple: engines are placed in the order in which they were wanted, on the first device where
/// their footprint fits. Where memory is short, idle engines are evicted, least recently used first, and their memory
/// is seen free before the next load. One that waits for memory holds back those behind it on that device, so none
/// starves.
public struct Scheduler: Sendable {
    public let epoch: Int
    public let limits: SchedulingLimits
    public let devices: [DeviceSpecification]
    public internal(set) var models: [String: ModelRecord]
    public internal(set) var engines: [EngineID: EngineRecord] = [:]
    public internal(set) var processes: [ProcessID: ProcessRecord] = [:]
    public internal(set) var runtimes: [RuntimeName: RuntimeRecord]
    public internal(set) var isShuttingDown = false
    var hasFinished = false
    /// Aliases and names to names.
    let names: [String: String]
    private var engineCount = 0
    private var processCount = 0

    // What belongs to the event in hand.
    var now = Moment(nanoseconds: 0)
    var usage: [EngineID: EngineUsage] = [:]
    var actions: [SchedulerAction] = []
    /// Admitted in this step, so not yet in `usage`.
    var admitted: [EngineID: Int] = [:]

    public init(
        epoch: Int, limits: SchedulingLimits, devices: [DeviceSpecification], models: [ModelSpecification],
        runtimes: [RuntimeName]
    ) {
        self.epoch = epoch
        self.limits = limits
        self.devices = devices
        self.models = Dictionary(uniqueKeysWithValues: models.map { ($0.name, ModelRecord(specification: $0)) })
        self.runtimes = Dictionary(uniqueKeysWithValues: runtimes.map { ($0, RuntimeRecord(name: $0)) })
        var names: [String: String] = [:]
        for model in models {
            for name in [model.name] + model.aliases { names[name] = model.name }
        }
        self.names = names
    }

    /// Takes one event.
    ///
    /// - Parameters:
    ///   - usage: how busy the ready and draining engines are at this moment; one that is missing counts as idle.
    /// - Returns: what to do, in this order.
    public mutating func handle(
        _ event: SchedulerEvent, at now: Moment, usage: [EngineID: EngineUsage]
    ) -> [SchedulerAction] {
        let actions = decide(event, at: now, usage: usage)
        assert(violation == nil, violation ?? "")
        return actions
    }

    /// `handle` without its check: the simulation looks at `violation` itself, so that it can name its seed.
    package mutating func decide(
        _ event: SchedulerEvent, at now: Moment, usage: [EngineID: EngineUsage]
    ) -> [SchedulerAction] {
        self.now = now
        self.usage = usage
        actions = []
        admitted = [:]
        apply(event)
        expire()
        startZygotes()
        placeEngines()
        fillPools()
        finishShutdown()
        return actions
    }

    private mutating func apply(_ event: SchedulerEvent) {
        switch event {
        case .request(let id, let model, let bytes): enqueue(id, name: model, bytes: bytes)
        case .withdraw(let id): withdraw(id)
        case .returned(let id, let model, let bytes, let since):
            putBack(id, model: model, bytes: bytes, since: since)
        case .permitReleased(let engine): permitReleased(engine)
        case .load(let command, let model): load(command, name: model)
        case .unload(let command, let model): unload(command, name: model)
        case .shutdown: shutDown()
        case .zygoteReady(let process): zygoteReady(process)
        case .processIdle(let process): processIdle(process)
        case .processGone(let process, let reason): processGone(process, reason: reason)
        case .inspected(let engine, let weightBytes): inspected(engine, weightBytes: weightBytes)
        case .inspectionFailed(let engine, let error): failStart(engine, error)
        case .stage(let engine, let generation, let time): record(time, of: engine, generation)
        case .ready(let engine, let generation): becameReady(engine, generation)
        case .startFailed(let engine, let generation, let reason): startFailed(engine, generation, reason: reason)
        case .measured(let engine, let bytes): measured(engine, bytes: bytes)
        case .evictionRefused(let engine): evictionRefused(engine)
        case .tick: break
        }
    }

    /// The model that a name means: its own, an alias, or the id of one of its engines.
    public func model(named name: String) -> String? {
        names[name] ?? engines[EngineID(name)]?.model
    }

    public func tier(of model: String) -> Tier {
        models[model]?.engine.flatMap { engines[$0] }?.phase == .ready ? .hot : .cold
    }

    func inFlight(_ engine: EngineID) -> Int {
        (usage[engine]?.inFlight ?? 0) + (admitted[engine] ?? 0)
    }

    mutating func nextEngine() -> (EngineID, Generation) {
        engineCount += 1
        return (EngineID(number: engineCount), Generation(epoch: epoch, counter: engineCount))
    }

    mutating func nextProcess(
        _ role: ProcessRole, _ runtime: RuntimeName, device: DeviceID?
    ) -> ProcessID {
        processCount += 1
        let id = ProcessID(number: processCount)
        processes[id] = ProcessRecord(
            id: id, role: role, runtime: runtime, device: device, state: .starting, startedAt: now,
            number: processCount)
        return id
    }

    /// Engines in the order in which they were wanted.
    var enginesInOrder: [EngineRecord] { engines.values.sorted { $0.generation < $1.generation } }
    var processesInOrder: [ProcessRecord] { processes.values.sorted { $0.number < $1.number } }
    var runtimesInOrder: [RuntimeName] { runtimes.keys.sorted { $0.description < $1.description } }
}
