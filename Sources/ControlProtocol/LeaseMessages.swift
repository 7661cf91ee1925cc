// The messages about leased workers. Their meaning, units and rules stand in `docs/protocol.md`.

/// An executor wants workers.
public struct LeaseRequest: Codable, Sendable, Equatable {
    public var id: Int
    public var deadlineMilliseconds: Int
    public var worldSize: Int
    public var model: String
    public var deviceType: WireDeviceType
    public var footprintBytes: Int
    public var versions: [String: String]

    public init(
        id: Int, deadlineMilliseconds: Int, worldSize: Int, model: String, deviceType: WireDeviceType,
        footprintBytes: Int, versions: [String: String]
    ) {
        self.id = id
        self.deadlineMilliseconds = deadlineMilliseconds
        self.worldSize = worldSize
        self.model = model
        self.deviceType = deviceType
        self.footprintBytes = footprintBytes
        self.versions = versions
    }

    enum CodingKeys: String, CodingKey {
        case id, model, versions
        case deadlineMilliseconds = "deadline_ms"
        case worldSize = "world_size"
        case deviceType = "device_type"
        case footprintBytes = "footprint_bytes"
    }
}

/// The workers that an executor may use, in the order of their ranks.
public struct LeaseGrant: Codable, Sendable, Equatable {
    public var re: Int
    public var engine: String
    public var generation: WireGeneration
    public var workers: [LeasedWorker]

    public init(re: Int, engine: String, generation: WireGeneration, workers: [LeasedWorker]) {
        self.re = re
        self.engine = engine
        self.generation = generation
        self.workers = workers
    }
}

/// One worker of a lease.
public struct LeasedWorker: Codable, Sendable, Equatable {
    public var process: String
    public var pid: Int
    public var socket: String
    public var device: String
    public var cores: [Int]

    public init(process: String, pid: Int, socket: String, device: String, cores: [Int]) {
        self.process = process
        self.pid = pid
        self.socket = socket
        self.device = device
        self.cores = cores
    }
}

/// There are no workers for an executor.
public struct LeaseRefused: Codable, Sendable, Equatable {
    public var re: Int
    public var reason: String

    public init(re: Int, reason: String) {
        self.re = re
        self.reason = reason
    }
}

/// An executor gives its workers back.
public struct LeaseRelease: Codable, Sendable, Equatable {
    public var id: Int
    public var engine: String
    public var generation: WireGeneration

    public init(id: Int, engine: String, generation: WireGeneration) {
        self.id = id
        self.engine = engine
        self.generation = generation
    }
}

/// Takes an executor's workers away.
public struct LeaseRevoke: Codable, Sendable, Equatable {
    public var id: Int
    public var deadlineMilliseconds: Int
    public var engine: String
    public var generation: WireGeneration

    public init(id: Int, deadlineMilliseconds: Int, engine: String, generation: WireGeneration) {
        self.id = id
        self.deadlineMilliseconds = deadlineMilliseconds
        self.engine = engine
        self.generation = generation
    }

    enum CodingKeys: String, CodingKey {
        case id, engine, generation
        case deadlineMilliseconds = "deadline_ms"
    }
}

/// Tells an idle worker who may attach to it.
public struct Lease: Codable, Sendable, Equatable {
    public var id: Int
    public var deadlineMilliseconds: Int
    public var engine: String
    public var generation: WireGeneration
    public var executorPid: Int
    public var cores: [Int]

    public init(
        id: Int, deadlineMilliseconds: Int, engine: String, generation: WireGeneration, executorPid: Int, cores: [Int]
    ) {
        self.id = id
        self.deadlineMilliseconds = deadlineMilliseconds
        self.engine = engine
        self.generation = generation
        self.executorPid = executorPid
        self.cores = cores
    }

    enum CodingKeys: String, CodingKey {
        case id, engine, generation, cores
        case deadlineMilliseconds = "deadline_ms"
        case executorPid = "executor_pid"
    }
}

/// Makes a worker drop everything that it has of its engine.
public struct Reset: Codable, Sendable, Equatable {
    public var id: Int
    public var deadlineMilliseconds: Int
    public var generation: WireGeneration

    public init(id: Int, deadlineMilliseconds: Int, generation: WireGeneration) {
        self.id = id
        self.deadlineMilliseconds = deadlineMilliseconds
        self.generation = generation
    }

    enum CodingKeys: String, CodingKey {
        case id, generation
        case deadlineMilliseconds = "deadline_ms"
    }
}

/// The kind of device that an executor's workers are to have.
public enum WireDeviceType: String, Codable, Sendable {
    case cpu
    case cuda
}

/// That a worker is reset in place, on the wire.
public struct WireReset: Codable, Sendable, Hashable {
    /// By how much it may own more after a reset than when it was new.
    public var toleranceBytes: Int

    public init(toleranceBytes: Int) {
        self.toleranceBytes = toleranceBytes
    }

    enum CodingKeys: String, CodingKey {
        case toleranceBytes = "tolerance_bytes"
    }
}
