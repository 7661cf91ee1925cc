/// What the decision core must know of a model.
public struct ModelSpecification: Sendable, Equatable {
    public let name: String
    public let aliases: [String]
    public let runtime: RuntimeName
    /// Requests in each of its engines at once.
    public let concurrency: Int
    /// The most engines of it at the same time.
    public let replicas: Int
    public let startTimeout: Duration
    /// Never evicted to make room, but for its replicas.
    public let isPinned: Bool
    /// The configured KV cache in bytes; nil: `Footprint.defaultKVCacheBytes`.
    public let kvCacheBytes: Int?
    /// How long its engine may be idle before it is put to sleep; nil: as long as nothing else needs its place.
    public let idleTimeout: Duration?
    /// Whether a template is made of it ahead of its first request.
    public let hasTemplate: Bool
    /// Workers that make up one engine of it.
    public let tensorParallelSize: Int
    public let executor: ExecutorKind

    /// How many workers are leased for an engine of it; 0: its one worker lives in its core.
    public var leasedWorkers: Int { executor == .remote || tensorParallelSize > 1 ? tensorParallelSize : 0 }

    public init(
        name: String, aliases: [String] = [], runtime: RuntimeName, concurrency: Int, replicas: Int = 1,
        startTimeout: Duration, isPinned: Bool = false, kvCacheBytes: Int? = nil, idleTimeout: Duration? = nil,
        hasTemplate: Bool = false, tensorParallelSize: Int = 1, executor: ExecutorKind = .auto
    ) {
        self.name = name
        self.aliases = aliases
        self.runtime = runtime
        self.concurrency = concurrency
        self.replicas = replicas
        self.startTimeout = startTimeout
        self.isPinned = isPinned
        self.kvCacheBytes = kvCacheBytes
        self.idleTimeout = idleTimeout
        self.hasTemplate = hasTemplate
        self.tensorParallelSize = tensorParallelSize
        self.executor = executor
    }
}

/// How an engine's core drives its workers.
public enum ExecutorKind: Sendable, Equatable {
    /// What fits the model.
    case auto
    /// The one worker lives inside the core.
    case inProcess
    /// Workers are processes that the core leases.
    case remote
}

/// What a look at a model's folder found.
public struct ModelInspection: Sendable, Equatable {
    /// Size of its weight files.
    public let weightBytes: Int
    /// Another one means other files: weights that were loaded under it must not be served any more.
    public let fingerprint: String

    public init(weightBytes: Int, fingerprint: String) {
        self.weightBytes = weightBytes
        self.fingerprint = fingerprint
    }
}

/// A device and what may be placed on it.
public struct DeviceSpecification: Sendable, Equatable {
    public let id: DeviceID
    /// What footprints on it may add up to.
    public let memoryBytes: Int
    /// Processor numbers of its processes; empty: all.
    public let cores: [Int]
    /// `cpu` or `cuda`. The ranks of one engine are on devices of one kind.
    public var kind: Substring { id.description.prefix { $0 != ":" } }
    /// Whether it is the host's own memory, so that forked processes share what they have on it.
    public var isCPU: Bool { kind == "cpu" }

    public init(id: DeviceID, memoryBytes: Int, cores: [Int]) {
        self.id = id
        self.memoryBytes = memoryBytes
        self.cores = cores
    }
}

/// The limits that decisions keep to.
public struct SchedulingLimits: Sendable, Equatable {
    /// Requests that may wait, over all models.
    public var queue: Int
    /// What they may hold in memory, in bytes.
    public var queueBytes: Int
    public var queueTimeout: Duration
    /// How long a ready engine is safe from eviction.
    public var minimumResidency: Duration
    /// Pairs of a front end and a core kept warm per runtime and device, and per template.
    public var idleWorkers: Int
    /// Workers without an engine that are kept per runtime and device, for whoever leases them.
    public var idleRanks = 0
    public var leases = LeaseLimits()
    /// How long a stopping engine waits for the requests that it has.
    public var drainTimeout: Duration = .seconds(60)
    /// How long a zygote may take until it can fork.
    public var zygoteStartTimeout: Duration = .seconds(300)
    /// How long a forked process may take until it is idle.
    public var processStartTimeout: Duration = .seconds(30)
    /// Models that may be made at run time, at once.
    public var createdModels = 64

    public init(queue: Int, queueBytes: Int, queueTimeout: Duration, minimumResidency: Duration, idleWorkers: Int) {
        self.queue = queue
        self.queueBytes = queueBytes
        self.queueTimeout = queueTimeout
        self.minimumResidency = minimumResidency
        self.idleWorkers = idleWorkers
    }
}
