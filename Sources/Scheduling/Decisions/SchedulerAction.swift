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
    /// The shutdown is complete.
    case finished

    // Processes
    case startZygote(ProcessID, RuntimeName)
    case fork(ProcessID, ProcessRole, RuntimeName, DeviceID)
    /// End it and sweep what it leaves behind; then say `processGone`.
    case end(ProcessID)

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
}
