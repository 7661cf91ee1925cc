/// Something that happened, as told to the decision core.
public enum SchedulerEvent: Sendable {
    // Requests
    case request(RequestID, model: String, bytes: Int)
    /// Its client left.
    case withdraw(RequestID)
    /// It was admitted, but the engine's last permit had just gone: it waits again, in its old place.
    case returned(RequestID, model: String, bytes: Int, waitedSince: Moment)
    /// A permit of a watched engine came back.
    case permitReleased(EngineID)

    // Commands
    case load(CommandID, model: String)
    case unload(CommandID, model: String)
    case sleep(CommandID, model: String)
    case wake(CommandID, model: String)
    case park(CommandID, engine: String)
    /// A model that no config names is made and loaded; told as a load. `isAwaited`: it is kept only if it has a place now.
    case create(CommandID, ModelSpecification, isAwaited: Bool)
    /// Such a model is to go with all that was made for it.
    case remove(CommandID, model: String)
    case shutdown

    // Processes
    case zygoteReady(ProcessID)
    /// A process said hello and answered a ping.
    case processIdle(ProcessID)
    /// A process is gone, and all that it left behind is swept.
    case processGone(ProcessID, reason: String)

    // Templates
    /// Answers `inspectForTemplate`.
    case templateInspected(model: String, ModelInspection)
    case templateInspectionFailed(model: String, ControllerError)
    /// A template is ready to fork; `isLoaded`: with the model's weights.
    case prepared(ProcessID, isLoaded: Bool, stages: [StageTime])
    case preparationFailed(ProcessID, reason: String)
    /// What a template holds, in bytes of Pss, with its idle front ends and cores.
    case templateMeasured(ProcessID, bytes: Int)

    // Engines
    case inspected(EngineID, ModelInspection)
    case inspectionFailed(EngineID, ControllerError)
    case stage(EngineID, Generation, StageTime)
    case ready(EngineID, Generation)
    case startFailed(EngineID, Generation, reason: String)
    /// What a ready engine was measured to own, its whole KV cache included.
    case measured(EngineID, bytes: Int)
    /// A request came between the decision to evict and the eviction.
    case evictionRefused(EngineID)
    /// Answers to `suspend` and `resume`.
    case suspended(EngineID, Generation)
    case resumed(EngineID, Generation)
    case suspensionFailed(EngineID, Generation, reason: String)

    // Workers and executors
    case lease(LeaseEvent)
    /// An engine that a user started wants workers of this runtime.
    case externalAsked(ExternalRequest, RuntimeName)

    /// A deadline may have passed.
    case tick
}

/// What the decision core cannot know by itself: how busy an engine is.
public struct EngineUsage: Sendable, Equatable {
    public let inFlight: Int
    /// When a request last ended.
    public let lastUsed: Moment
    /// It takes no more requests, though it is ready as far as the decision core knows: it is dying.
    public let isClosed: Bool

    public init(inFlight: Int, lastUsed: Moment, isClosed: Bool = false) {
        self.inFlight = inFlight
        self.lastUsed = lastUsed
        self.isClosed = isClosed
    }
}
