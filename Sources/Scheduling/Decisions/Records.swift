/// An engine's life. `failed` has no case: a failed engine is `stopping` with its reason kept by the model.
public enum EnginePhase: String, Sendable, Equatable {
    /// Its model folder is being looked at.
    case queued
    /// Waits for memory, or for idle processes.
    case placing
    case starting
    case ready
    /// Takes no more requests, ends those it has.
    case draining
    /// Its processes are being ended.
    case stopping
}

public struct EngineRecord: Sendable, Equatable {
    public let id: EngineID
    public let generation: Generation
    public let model: String
    public var phase: EnginePhase
    public let queuedAt: Moment
    public var weightBytes: Int?
    public var kvCacheBytes: Int?
    public var device: DeviceID?
    /// Counted against its device from the lease on.
    public var footprint: Int?
    public var frontEnd: ProcessID?
    public var core: ProcessID?
    public var startedAt: Moment?
    public var readyAt: Moment?
    public var drainBy: Moment?
    public var stages: [StageTime] = []
    /// Who waits for it to be ready, and who for its end.
    var loads: [CommandID] = []
    var unloads: [CommandID] = []

    init(id: EngineID, generation: Generation, model: String, queuedAt: Moment) {
        self.id = id
        self.generation = generation
        self.model = model
        self.phase = .queued
        self.queuedAt = queuedAt
    }

    public var processes: [ProcessID] { [frontEnd, core].compactMap(\.self) }
    /// On its way to ready.
    var isComing: Bool { phase == .queued || phase == .placing || phase == .starting }
}

public struct ProcessRecord: Sendable, Equatable {
    public enum State: Sendable, Equatable {
        case starting
        case idle
        case leased(EngineID)
        /// Being ended, for this engine if it was one's.
        case ending(EngineID?)
    }

    public let id: ProcessID
    public let role: ProcessRole
    public let runtime: RuntimeName
    /// Nil for a zygote.
    public let device: DeviceID?
    public var state: State
    public let startedAt: Moment
    var idleAt: Moment?
    /// Order of making.
    let number: Int
}

public struct RuntimeRecord: Sendable, Equatable {
    public let name: RuntimeName
    public var zygote: ProcessID?
    public var isReady = false
    public var backoff = Backoff()
    public var lastError: String?
    /// For processes that end before they were idle.
    var poolBackoff = Backoff()
}

public struct ModelRecord: Sendable, Equatable {
    public let specification: ModelSpecification
    /// Coming, ready or going.
    public var engine: EngineID?
    public var backoff = Backoff()
    /// Why its last start or engine failed; nil once one was ready.
    public var lastError: ControllerError?
    public var measuredFootprint: Int?
    /// From the wish for its engine to ready, the last time.
    public var lastStart: Duration?
    /// Engines in a row that died soon after they were ready.
    var quickDeaths = 0
    var waiting: [WaitingRecord] = []
    /// Loads that came while the engine was going.
    var loads: [CommandID] = []

    public var waitingCount: Int { waiting.count }
}

struct WaitingRecord: Sendable, Equatable {
    let id: RequestID
    let bytes: Int
    let since: Moment
    let deadline: Moment
}
