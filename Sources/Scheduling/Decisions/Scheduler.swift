/// Decides what to start, where, what to evict and whom to serve next.
///
/// A value without I/O or clock: `handle` takes an event and the time, changes the state, and says what is to be done.
/// The actor that owns it carries the actions out and tells the outcome as further events.
///
/// Policy, while it is simple: engines are placed in the order in which they were wanted, on the first device where
/// their footprint fits. Where memory is short, idle engines are evicted, least recently used first, and their memory
/// is seen free before the next load. One that waits for memory holds back those behind it on that device, so none
/// starves. Templates are made while no engine is on its way, and never at anybody's cost; their weights are given up like
/// idle engines, they themselves only if that is not enough.
///
/// A model whose engines have as many requests as they may gets a further one, a replica, out of memory that is free: at
/// nobody's cost, and the first to go.
public struct Scheduler: Sendable {
    public let epoch: Int
    public let limits: SchedulingLimits
    public let devices: [DeviceSpecification]
    public internal(set) var models: [String: ModelRecord]
    public internal(set) var engines: [EngineID: EngineRecord] = [:]
    public internal(set) var processes: [ProcessID: ProcessRecord] = [:]
    public internal(set) var runtimes: [RuntimeName: RuntimeRecord]
    public internal(set) var pool: WorkerPool
    public internal(set) var isShuttingDown = false
    /// What ended in the last step.
    public internal(set) var endings: [Ending] = []
    var hasFinished = false
    /// Aliases and names to names.
    var names: [String: String]
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
        pool = WorkerPool(limits: limits.leases)
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
        endings = []
        admitted = [:]
        apply(event)
        expire()
        startZygotes()
        placeEngines()
        placeReplicas()
        startReplicas()
        advanceSleeps()
        fillPools()
        fillTemplates()
        settleCatalog()
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
        case .sleep(let command, let model): sleep(command, name: model)
        case .wake(let command, let model): wake(command, name: model)
        case .park(let command, let engine): park(command, name: engine)
        case .create(let command, let model, let isAwaited): create(command, model, isAwaited: isAwaited)
        case .remove(let command, let model): remove(command, model)
        case .shutdown: shutDown()
        case .zygoteReady(let process): zygoteReady(process)
        case .processIdle(let process): processIdle(process)
        case .processGone(let process, let reason): processGone(process, reason: reason)
        case .templateInspected(let model, let inspection): templateInspected(model, inspection)
        case .templateInspectionFailed(let model, let error): templateInspectionFailed(model, error)
        case .prepared(let process, let isLoaded, let stages): prepared(process, isLoaded: isLoaded, stages: stages)
        case .preparationFailed(let process, let reason): preparationFailed(process, reason: reason)
        case .templateMeasured(let process, let bytes): templateMeasured(process, bytes: bytes)
        case .inspected(let engine, let inspection): inspected(engine, inspection)
        case .inspectionFailed(let engine, let error): inspectionFailed(engine, error)
        case .stage(let engine, let generation, let time): record(time, of: engine, generation)
        case .ready(let engine, let generation): becameReady(engine, generation, from: .starting)
        case .startFailed(let engine, let generation, let reason): startFailed(engine, generation, reason: reason)
        case .measured(let engine, let bytes): measured(engine, bytes: bytes)
        case .evictionRefused(let engine): evictionRefused(engine)
        case .suspended(let engine, let generation): suspended(engine, generation)
        case .resumed(let engine, let generation): becameReady(engine, generation, from: .resuming)
        case .suspensionFailed(let engine, let generation, let reason):
            suspensionFailed(engine, generation, reason: reason)
        case .lease(let event): apply(event)
        case .externalAsked(let request, let runtime): externalAsked(request, runtime)
        case .tick: break
        }
    }

    /// The model that a name means: its own, an alias, or the id of one of its engines.
    public func model(named name: String) -> String? {
        let model = names[name] ?? engines[EngineID(name)].flatMap { $0.isExternal ? nil : $0.model }
        return model.flatMap { models[$0]?.isBeingRemoved == true ? nil : $0 }
    }

    public func tier(of model: String) -> Tier {
        switch models[model]?.engine.flatMap({ engines[$0] })?.phase {
        case .ready: return .hot
        case .asleep, .resuming: return isParked(model) ? .parked : .asleep
        case .placing where isParked(model): return .parked
        case .queued, .placing, .starting, .draining, .stopping, .suspending, nil: break
        }
        // One that loads the weights still has processes to start from.
        guard let template = models[model]?.template, template.readyAt != nil, !template.isEnding else { return .cold }
        return template.isLoaded ? .asleep : .warm
    }

    private func isParked(_ model: String) -> Bool {
        models[model]?.engine.flatMap { engines[$0]?.isParked } ?? false
    }

    func inFlight(_ engine: EngineID) -> Int {
        (usage[engine]?.inFlight ?? 0) + (admitted[engine] ?? 0)
    }

    mutating func nextEngine() -> (EngineID, Generation) {
        let generation = nextGeneration()
        return (EngineID(number: generation.counter), generation)
    }

    mutating func nextGeneration() -> Generation {
        engineCount += 1
        return Generation(epoch: epoch, counter: engineCount)
    }

    mutating func nextProcess(
        _ role: ProcessRole, _ runtime: RuntimeName, device: DeviceID?, model: String? = nil,
        template: ProcessID? = nil, isLoaded: Bool = false
    ) -> ProcessID {
        processCount += 1
        let id = ProcessID(number: processCount)
        processes[id] = ProcessRecord(
            id: id, role: role, runtime: runtime, device: device, model: model, template: template,
            isLoaded: isLoaded, state: .starting, startedAt: now, number: processCount)
        return id
    }

    /// Engines in the order in which they were wanted.
    var enginesInOrder: [EngineRecord] { engines.values.sorted { $0.generation < $1.generation } }
    var processesInOrder: [ProcessRecord] { processes.values.sorted { $0.number < $1.number } }
    var runtimesInOrder: [RuntimeName] { runtimes.keys.sorted { $0.description < $1.description } }
}
