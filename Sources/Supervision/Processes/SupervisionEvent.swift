import Scheduling

/// What the supervisor tells the controller.
public enum SupervisionEvent: Sendable {
    case zygoteReady(ProcessID)
    /// It said hello and answered a ping.
    case processIdle(ProcessID)
    /// It has ended; why, and that it is tidied up, is told by `processGone` a moment later.
    case processEnded(ProcessID)
    /// It has ended, and what it left behind is removed.
    case processGone(ProcessID, reason: String)
    case stage(EngineID, Generation, StageTime)
    case ready(EngineID, Generation)
    case startFailed(EngineID, Generation, reason: String)
    /// A template can fork now; `isLoaded`: with its model's weights.
    case prepared(ProcessID, isLoaded: Bool, stages: [StageTime])
    case preparationFailed(ProcessID, reason: String)
    case suspended(EngineID, Generation)
    case resumed(EngineID, Generation)
    case suspensionFailed(EngineID, Generation, reason: String)
    /// Of a worker, or of an engine's executor.
    case lease(LeaseEvent)
    /// An executor that belongs to no process of ours wants workers.
    case externalAsked(ExternalRequest)
}

/// A program that makes workers.
public struct RuntimeProgram: Sendable {
    /// The program and its first arguments.
    public let command: [String]
    /// Added to our own environment when the zygote starts.
    public let environment: [String: String]

    public init(command: [String], environment: [String: String]) {
        self.command = command
        self.environment = environment
    }
}

/// A process as it is now.
public struct ProcessSnapshot: Sendable {
    public let pid: Int?
    public let ageSeconds: Double
    public let versions: [String: String]
    /// From the spawn to the first hello; absent before.
    public let startMilliseconds: Double?
    /// What it owned alone when it last answered a ping.
    public let privateBytes: Int?

    init(_ process: SupervisedProcess) {
        pid = process.watch?.pid
        ageSeconds = (ContinuousClock.now - process.madeAt).seconds
        versions = process.versions
        startMilliseconds = process.greetedAt.map { ($0 - process.madeAt).milliseconds }
        privateBytes = process.privateBytes
    }
}
