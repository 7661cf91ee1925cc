/// Something that is to be done now.
public enum SchedulerAction: Sendable, Equatable {
    // Requests
    /// Take a permit and answer; where none is left, say `returned`.
    case admit(RequestID, EngineID, tier: Tier, timings: [StageTime])
    /// Answer with the error, with the last log lines of the engine or runtime that it is about.
    case refuse(RequestID, ControllerError, log: LogSource?)
    /// Say `permitReleased` at the engine's next release, or at once if fewer than `below` requests are in flight: a release
    /// may have come since the decision was made.
    case watch(EngineID, below: Int)

    // Commands
    case completeLoad(CommandID, EngineID)
    case failLoad(CommandID, ControllerError, log: LogSource?)
    case completeUnload(CommandID, engines: [EngineID])
    case completeSleep(CommandID)
    case failSleep(CommandID, ControllerError, log: LogSource?)
    /// A model that was made at run time is gone, and so is all that was made for it.
    case removed(model: String, for: [CommandID])
    /// The shutdown is complete.
    case finished

    // Processes
    case startZygote(ProcessID, RuntimeName)
    /// `source`: a runtime's zygote or a template.
    case fork(ProcessID, ProcessRole, RuntimeName, DeviceID, source: ProcessID)
    /// End it and sweep what it leaves behind; then say `processGone`.
    case end(ProcessID)

    // Templates
    case inspectForTemplate(model: String)
    /// Tell an idle template its model, or one that is ready to load the weights too.
    case prepare(TemplateOrder)
    case measureTemplate(ProcessID)

    // Engines
    case inspect(EngineID, model: String)
    case assign(EngineAssignment)
    case measure(EngineID)
    /// The set of ready engines has changed.
    case publishRoutes
    /// Take no more requests.
    case drain(EngineID)
    /// Take no more requests if nothing is in flight; otherwise say `evictionRefused`.
    case evict(EngineID)
    /// On devices that are no CPU: vLLM's own sleep, and its end.
    case suspend(EngineID)
    case resume(EngineID)
    /// Make its executor give its workers back; say `suspended`.
    case park(EngineID)
    /// Make its executor take its new workers; say `resumed`.
    case unpark(EngineID)

    // Workers and executors
    case lease(LeaseAction)
}

/// Whose log tells more about an error.
public enum LogSource: Sendable, Equatable {
    case engine(EngineID)
    case process(ProcessID)
}

/// An engine and the processes that it is given.
public struct EngineAssignment: Sendable, Equatable {
    public let engine: EngineID
    public let generation: Generation
    public let model: String
    public let device: DeviceID
    public let frontEnd: ProcessID
    public let core: ProcessID
    public let kvCacheBytes: Int
    /// Leased to it, in the order of their ranks; empty: its one worker lives in its core.
    public let workers: [ProcessID]
}

/// A template and what it is to hold.
public struct TemplateOrder: Sendable, Equatable {
    public let process: ProcessID
    public let model: String
    public let device: DeviceID
    public let kvCacheBytes: Int
    /// Whether the weights are loaded too.
    public let isLoaded: Bool

    public init(process: ProcessID, model: String, device: DeviceID, kvCacheBytes: Int, isLoaded: Bool) {
        self.process = process
        self.model = model
        self.device = device
        self.kvCacheBytes = kvCacheBytes
        self.isLoaded = isLoaded
    }
}
