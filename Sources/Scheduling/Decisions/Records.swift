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
    // An engine keeps its processes while it is parked, and on devices that are no CPU while its model sleeps.
    case suspending
    case asleep
    case resuming
}

public struct EngineRecord: Sendable, Equatable {
    public let id: EngineID
    public let generation: Generation
    public let model: String
    public var phase: EnginePhase
    /// When it was wanted, the last time.
    public var queuedAt: Moment
    public var weightBytes: Int?
    /// When it began to wait for its place.
    var inspectedAt: Moment?
    /// Of the model folder when it was looked at.
    public var fingerprint: String?
    public var kvCacheBytes: Int?
    public var place: Place?
    /// Over all its devices; counted against them in equal parts from the lease on.
    public var footprint: Int?
    public var frontEnd: ProcessID?
    public var core: ProcessID?
    /// What it was started from: known from the lease on.
    public var startTier: Tier?
    /// The template that its processes were forked from.
    public var template: ProcessID?
    public var startedAt: Moment?
    public var readyAt: Moment?
    public var drainBy: Moment?
    public var stages: [StageTime] = []
    /// How many workers are leased for it; 0: its one worker lives in its core.
    public var worldSize = 0
    /// In the order of their ranks, as long as they may hold anything of it.
    public var workers: [ProcessID] = []
    /// Of the lease of these workers.
    var lease: Generation?
    /// A user started it, and this is what it asked for. It has no model then.
    public var external: ExternalRequest?
    /// The runtime whose workers fit to it.
    public var externalRuntime: RuntimeName?
    /// Who waits for it to be ready.
    var loads: [CommandID] = []
    /// Who waits for its end, where it has no model.
    var unloads: [CommandID] = []
    /// While it is being placed: the template that has to fork processes for it, and the place whose memory it is to
    /// have.
    var awaitedTemplate: ProcessID?
    var awaitedPlace: Place?
    /// It is asleep and wanted, and its model folder is being looked at: its weights may be old ones.
    var isBeingInspected = false
    /// Suspended, instead of ended, when it has drained.
    var isToSuspend = false
    /// And then parked: its workers are given back.
    var isToPark = false
    /// Its workers are given back, or it waits for new ones.
    public var isParked = false
    /// Its model's loaded template is given up right after it, or after the last of several such engines.
    var takesTemplate = false
    /// The part of its footprint that is weights of a template that is gone. Others that share them do not count them.
    var keptWeights = 0
    /// When it was last found busy as its time for idling was over.
    var busyAt: Moment?

    init(id: EngineID, generation: Generation, model: String, queuedAt: Moment) {
        self.id = id
        self.generation = generation
        self.model = model
        self.phase = .queued
        self.queuedAt = queuedAt
    }

    /// Those that live and die with it. Its workers do not.
    public var processes: [ProcessID] { [frontEnd, core].compactMap(\.self) }
    public var isExternal: Bool { external != nil }
    /// That of its front end and core, and of its first rank.
    public var device: DeviceID? { place?.ranks.first }
    /// What is counted against the device.
    func bytes(on device: DeviceID) -> Int {
        guard let place, place.contains(device) else { return 0 }
        return place.share(of: footprint ?? 0)
    }
    /// On its way to ready.
    var isComing: Bool { isUnplaced || phase == .starting || phase == .resuming || isWaking }
    /// Asleep, and to be resumed if its files are the same.
    var isWaking: Bool { phase == .asleep && isBeingInspected }
    /// Has nothing of any device yet.
    var isUnplaced: Bool { phase == .queued || phase == .placing }
    /// Its memory comes back without anybody's doing.
    var isGoing: Bool { phase == .stopping || (phase == .draining && !isToSuspend) }
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
    /// The model whose template it is, or was forked from; nil for what any model can have.
    public let model: String?
    /// The template that it was forked from; nil: the runtime's zygote.
    public let template: ProcessID?
    /// Forked from it after it had loaded the weights.
    public let isLoaded: Bool
    public var state: State
    public let startedAt: Moment
    var idleAt: Moment?
    /// Order of making.
    let number: Int
    /// Nobody's yet: it lives and ends with the template that forked it.
    var isSpare: Bool { state == .starting || state == .idle }
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
    /// Coming, ready or going. It is what the model is waited for and judged by: of several engines a ready one, if there
    /// is one.
    public var engine: EngineID?
    /// Its further engines, in the order in which they were made or stepped back.
    public var replicas: [EngineID] = []
    public var backoff = Backoff()
    /// For replicas that fail to start or die soon: that is no reason to refuse what the other engines can serve.
    var replicaBackoff = Backoff()
    /// Why its last start or engine failed; nil once one was ready.
    public var lastError: ControllerError?
    public var measuredFootprint: Int?
    /// The same for an engine that shares its weights with its template.
    public var measuredCloneFootprint: Int?
    /// From the wish for its engine to ready, the last time.
    public var lastStart: Duration?
    /// Its last start ended because of a worker that did not take its lease, and the next one is for those that waited.
    var isStartedAgain = false
    /// Engines in a row that died soon after they were ready.
    var quickDeaths = 0
    var waiting: [WaitingRecord] = []
    /// Loads that came while the engine was going.
    var loads: [CommandID] = []
    var unloads: [UnloadRecord] = []
    /// Being made, ready or going.
    public var template: TemplateRecord?
    public var templateBackoff = Backoff()
    /// Why its last template failed; nil once one was ready.
    public var templateError: ControllerError?
    /// Its last start failed, and that was from a template: the next one shows whether the template was at fault.
    var startsGenerically = false
    var sleep: SleepRecord?
    /// When it was last asked for, as far as that was seen here.
    var lastUsed = Moment(nanoseconds: 0)
    /// Nil for a configured model.
    public internal(set) var creation: CreationRecord?

    public var engines: [EngineID] { [engine].compactMap(\.self) + replicas }
    public var wantsSleep: Bool { sleep != nil }
    /// Somebody waits for an engine.
    var isWanted: Bool { !waiting.isEmpty || !loads.isEmpty }
    public var waitingCount: Int { waiting.count }
}

struct WaitingRecord: Sendable, Equatable {
    let id: RequestID
    /// The engine that it named, which alone answers to that name; nil: it named the model.
    let engine: EngineID?
    let bytes: Int
    let since: Moment
    let deadline: Moment
}
