/// The whole state as shown to people and programs. Encoded with the keys below; a client decodes the same types.
public struct ControllerStatus: Sendable, Codable, Equatable {
    public var version: String
    public var epoch: Int
    public var pid: Int
    /// False while shutting down, or while a runtime has no zygote.
    public var isHealthy: Bool
    public var models: [ModelStatus]
    public var engines: [EngineStatus]
    public var workers: [WorkerStatus]
    public var runtimes: [RuntimeStatus]
    public var devices: [DeviceStatus]

    public init(
        version: String, epoch: Int, pid: Int, isHealthy: Bool, models: [ModelStatus], engines: [EngineStatus],
        workers: [WorkerStatus], runtimes: [RuntimeStatus], devices: [DeviceStatus]
    ) {
        self.version = version
        self.epoch = epoch
        self.pid = pid
        self.isHealthy = isHealthy
        self.models = models
        self.engines = engines
        self.workers = workers
        self.runtimes = runtimes
        self.devices = devices
    }
}

public struct ModelStatus: Sendable, Codable, Equatable {
    public var name: String
    public var aliases: [String]
    public var tier: Tier
    public var runtime: String
    public var path: String
    /// Ids of its engines, failed ones excluded; the one that stands for it comes first.
    public var engines: [String]
    /// What its engines and its template hold of their device's memory, measured or else estimated; with neither, what was
    /// measured last; absent while nothing is known.
    public var footprintBytes: Int?
    /// Requests that wait for it.
    public var waiting: Int
    /// Why its last start failed; absent once it has worked again.
    public var lastError: String?
    /// Its template; absent while there is none.
    public var template: TemplateStatus?

    public init(
        name: String, aliases: [String], tier: Tier, runtime: String, path: String, engines: [String],
        footprintBytes: Int?, waiting: Int, lastError: String?, template: TemplateStatus? = nil
    ) {
        self.name = name
        self.aliases = aliases
        self.tier = tier
        self.runtime = runtime
        self.path = path
        self.engines = engines
        self.footprintBytes = footprintBytes
        self.waiting = waiting
        self.lastError = lastError
        self.template = template
    }

    enum CodingKeys: String, CodingKey {
        case name, aliases, tier, runtime, path, engines, waiting, template
        case footprintBytes = "footprint_bytes"
        case lastError = "last_error"
    }
}

public struct TemplateStatus: Sendable, Codable, Equatable {
    /// `starting`, `preparing`, `ready`, `loading` or `failed`.
    public var state: String
    public var process: String?
    public var pid: Int?
    /// Whether it holds the model's weights.
    public var hasWeights: Bool
    /// What it and its idle processes hold, as last measured; absent before.
    public var footprintBytes: Int?
    /// What it owned alone when it was last asked.
    public var privateBytes: Int?
    /// What its making consisted of, in order.
    public var stages: [StageTime]
    /// Why it could not be made; absent once it was.
    public var lastError: String?

    public init(
        state: String, process: String?, pid: Int?, hasWeights: Bool, footprintBytes: Int?, privateBytes: Int?,
        stages: [StageTime], lastError: String?
    ) {
        self.state = state
        self.process = process
        self.pid = pid
        self.hasWeights = hasWeights
        self.footprintBytes = footprintBytes
        self.privateBytes = privateBytes
        self.stages = stages
        self.lastError = lastError
    }

    enum CodingKeys: String, CodingKey {
        case state, process, pid, stages
        case hasWeights = "has_weights"
        case footprintBytes = "footprint_bytes"
        case privateBytes = "private_bytes"
        case lastError = "last_error"
    }
}

public struct EngineStatus: Sendable, Codable, Equatable {
    /// Of an engine that was made through the API, the id that it was given, whichever process serves it now.
    public var id: String
    /// The model's name; of an engine that was made through the API, the model as its maker wrote it.
    public var model: String
    /// A phase of the engine's life; of one that was made through the API and is not loaded: `failed`, `stopped` or
    /// `asleep`.
    public var state: String
    /// The first of its devices; absent before it has one.
    public var device: String?
    /// All its devices, each once: that of its first rank, of its front end and of its core comes first.
    public var devices: [String]
    /// The core's; absent before it has one.
    public var pid: Int?
    public var frontEndPid: Int?
    /// The front end's Unix socket.
    public var socket: String?
    public var inFlight: Int
    /// Over all its devices.
    public var footprintBytes: Int?
    /// The stages of its start, or of the last return of its workers, in order of their ends.
    public var stages: [StageTime]
    /// From the wish for it to ready; absent before.
    public var startMilliseconds: Double?
    /// What it was started from; absent before it has processes.
    public var startTier: Tier?
    /// Ids of the workers that are leased to it, in the order of their ranks; empty where its one worker lives in its core.
    public var workers: [String]
    /// Whether a user started it.
    public var isExternal: Bool
    /// Why it failed; absent unless it did.
    public var reason: String?

    public init(
        id: String, model: String, state: String, devices: [String], pid: Int?, frontEndPid: Int?, socket: String?,
        inFlight: Int, footprintBytes: Int?, stages: [StageTime], startMilliseconds: Double?, startTier: Tier? = nil,
        workers: [String] = [], isExternal: Bool = false, reason: String? = nil
    ) {
        self.id = id
        self.model = model
        self.state = state
        self.device = devices.first
        self.devices = devices
        self.pid = pid
        self.frontEndPid = frontEndPid
        self.socket = socket
        self.inFlight = inFlight
        self.footprintBytes = footprintBytes
        self.stages = stages
        self.startMilliseconds = startMilliseconds
        self.startTier = startTier
        self.workers = workers
        self.isExternal = isExternal
        self.reason = reason
    }

    enum CodingKeys: String, CodingKey {
        case startTier = "start_tier"
        case id, model, state, device, devices, pid, socket, stages, workers, reason
        case isExternal = "is_external"
        case frontEndPid = "front_end_pid"
        case inFlight = "in_flight"
        case footprintBytes = "footprint_bytes"
        case startMilliseconds = "start_ms"
    }
}

/// One process of the pool or of an engine.
public struct WorkerStatus: Sendable, Codable, Equatable {
    public var id: String
    public var role: ProcessRole
    public var runtime: String
    public var device: String
    public var pid: Int?
    /// `starting`, `idle`, `leased`, `resetting` or `retired`.
    public var state: String
    public var engine: String?
    /// The model whose template it is, or was forked from; absent for those that any model can have.
    public var model: String?
    /// What it owns alone, in bytes; absent where the kernel did not say.
    public var privateBytes: Int?
    public var ageSeconds: Double
    /// Of a worker that is leased to engines: its place in the pool, which another takes when it is retired.
    public var slot: Int?
    /// And how often it was leased.
    public var timesUsed: Int?

    public init(
        id: String, role: ProcessRole, runtime: String, device: String, pid: Int?, state: String, engine: String?,
        model: String? = nil, privateBytes: Int?, ageSeconds: Double, slot: Int? = nil, timesUsed: Int? = nil
    ) {
        self.id = id
        self.role = role
        self.runtime = runtime
        self.device = device
        self.pid = pid
        self.state = state
        self.engine = engine
        self.model = model
        self.privateBytes = privateBytes
        self.ageSeconds = ageSeconds
        self.slot = slot
        self.timesUsed = timesUsed
    }

    enum CodingKeys: String, CodingKey {
        case id, role, runtime, device, pid, state, engine, model, slot
        case timesUsed = "times_used"
        case privateBytes = "private_bytes"
        case ageSeconds = "age_s"
    }
}

public struct RuntimeStatus: Sendable, Codable, Equatable {
    public var name: String
    /// `starting`, `ready`, or `down`.
    public var state: String
    public var pid: Int?
    public var versions: [String: String]
    /// From process start to the first fork being possible; absent before.
    public var startMilliseconds: Double?
    public var lastError: String?

    public init(
        name: String, state: String, pid: Int?, versions: [String: String], startMilliseconds: Double?,
        lastError: String?
    ) {
        self.name = name
        self.state = state
        self.pid = pid
        self.versions = versions
        self.startMilliseconds = startMilliseconds
        self.lastError = lastError
    }

    enum CodingKeys: String, CodingKey {
        case name, state, pid, versions
        case startMilliseconds = "start_ms"
        case lastError = "last_error"
    }
}

public struct DeviceStatus: Sendable, Codable, Equatable {
    public var id: String
    public var memoryBytes: Int
    /// The sum of the footprints placed on it.
    public var usedBytes: Int
    public var cores: [Int]

    public init(id: String, memoryBytes: Int, usedBytes: Int, cores: [Int]) {
        self.id = id
        self.memoryBytes = memoryBytes
        self.usedBytes = usedBytes
        self.cores = cores
    }

    enum CodingKeys: String, CodingKey {
        case id, cores
        case memoryBytes = "memory_bytes"
        case usedBytes = "used_bytes"
    }
}

public struct UnloadReport: Sendable, Codable, Equatable {
    public var model: String
    /// Engines that were ended; empty if none was loaded.
    public var engines: [String]
    /// What its processes owned alone when they were ended; of a model whose weights a template kept, with the template and
    /// what shares its pages.
    public var freedBytes: Int
    public var milliseconds: Double

    public init(model: String, engines: [String], freedBytes: Int, milliseconds: Double) {
        self.model = model
        self.engines = engines
        self.freedBytes = freedBytes
        self.milliseconds = milliseconds
    }

    enum CodingKeys: String, CodingKey {
        case model, engines
        case freedBytes = "freed_bytes"
        case milliseconds = "ms"
    }
}
