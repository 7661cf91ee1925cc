/// The messages' fields. Their meaning, units and rules stand in `docs/protocol.md`.

/// The first message of a connection: who dials.
public struct Hello: Codable, Sendable, Equatable {
    public var id: Int
    public var version: Int
    public var epoch: Int
    public var process: String
    public var role: WireRole
    public var pid: Int
    public var runtime: String
    public var state: WireState
    public var device: String?
    public var engine: String?
    public var generation: WireGeneration?
    public var versions: [String: String]?
    /// Of a worker; nil: it is replaced after each engine.
    public var reset: WireReset?

    public init(
        id: Int, version: Int, epoch: Int, process: String, role: WireRole, pid: Int, runtime: String,
        state: WireState, device: String? = nil, engine: String? = nil, generation: WireGeneration? = nil,
        versions: [String: String]? = nil, reset: WireReset? = nil
    ) {
        self.id = id
        self.version = version
        self.epoch = epoch
        self.process = process
        self.role = role
        self.pid = pid
        self.runtime = runtime
        self.state = state
        self.device = device
        self.engine = engine
        self.generation = generation
        self.versions = versions
        self.reset = reset
    }

    enum CodingKeys: String, CodingKey {
        case id, epoch, process, role, pid, runtime, state, device, engine, generation, versions, reset
        case version = "protocol"
    }
}

/// The answer to `hello`: the process belongs here.
public struct Welcome: Codable, Sendable, Equatable {
    public var re: Int
    public var epoch: Int
    public var orphanTimeoutMilliseconds: Int

    public init(re: Int, epoch: Int, orphanTimeoutMilliseconds: Int) {
        self.re = re
        self.epoch = epoch
        self.orphanTimeoutMilliseconds = orphanTimeoutMilliseconds
    }

    enum CodingKeys: String, CodingKey {
        case re, epoch
        case orphanTimeoutMilliseconds = "orphan_timeout_ms"
    }
}

/// The answer to `hello`: the process does not belong here and is to end itself.
public struct Refused: Codable, Sendable, Equatable {
    public var re: Int
    public var reason: String

    public init(re: Int, reason: String) {
        self.re = re
        self.reason = reason
    }
}

/// Asks a zygote or a template for a process.
public struct Fork: Codable, Sendable, Equatable {
    public var id: Int
    public var deadlineMilliseconds: Int
    public var process: String
    public var role: WireRole
    public var device: String
    public var cores: [Int]
    public var log: String
    public var temporaryDirectory: String
    /// Where a worker listens; nil for other roles.
    public var socket: String?

    public init(
        id: Int, deadlineMilliseconds: Int, process: String, role: WireRole, device: String, cores: [Int],
        log: String, temporaryDirectory: String, socket: String? = nil
    ) {
        self.id = id
        self.deadlineMilliseconds = deadlineMilliseconds
        self.process = process
        self.role = role
        self.device = device
        self.cores = cores
        self.log = log
        self.temporaryDirectory = temporaryDirectory
        self.socket = socket
    }

    enum CodingKeys: String, CodingKey {
        case id, process, role, device, cores, log, socket
        case deadlineMilliseconds = "deadline_ms"
        case temporaryDirectory = "temporary_directory"
    }
}

/// The fork is done; the child says its own `hello`.
public struct Forked: Codable, Sendable, Equatable {
    public var re: Int
    public var pid: Int

    public init(re: Int, pid: Int) {
        self.re = re
        self.pid = pid
    }
}

/// A request could not be carried out.
public struct Failed: Codable, Sendable, Equatable {
    public var re: Int
    public var reason: String

    public init(re: Int, reason: String) {
        self.re = re
        self.reason = reason
    }
}

/// A zygote or a template reaped a child.
public struct Exited: Codable, Sendable, Equatable {
    public var process: String
    public var pid: Int
    public var status: Int?
    public var signal: Int?

    public init(process: String, pid: Int, status: Int? = nil, signal: Int? = nil) {
        self.process = process
        self.pid = pid
        self.status = status
        self.signal = signal
    }
}

/// Asks for a sign of life.
public struct Ping: Codable, Sendable, Equatable {
    public var id: Int
    public var deadlineMilliseconds: Int
    /// Whether `pong` is to say what the process owns; nil: yes.
    public var memory: Bool?

    public init(id: Int, deadlineMilliseconds: Int, memory: Bool? = nil) {
        self.id = id
        self.deadlineMilliseconds = deadlineMilliseconds
        self.memory = memory
    }

    public var asksForMemory: Bool { memory ?? true }

    enum CodingKeys: String, CodingKey {
        case id, memory
        case deadlineMilliseconds = "deadline_ms"
    }
}

/// A sign of life.
public struct Pong: Codable, Sendable, Equatable {
    public var re: Int
    public var progress: Int
    /// Nil: it cannot tell, or was not asked.
    public var privateBytes: Int?
    public var cacheBytes: Int

    public init(re: Int, progress: Int, privateBytes: Int?, cacheBytes: Int = 0) {
        self.re = re
        self.progress = progress
        self.privateBytes = privateBytes
        self.cacheBytes = cacheBytes
    }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        re = try container.decode(Int.self, forKey: .re)
        progress = try container.decode(Int.self, forKey: .progress)
        privateBytes = try container.decodeIfPresent(Int.self, forKey: .privateBytes)
        cacheBytes = try container.decodeIfPresent(Int.self, forKey: .cacheBytes) ?? 0
    }

    enum CodingKeys: String, CodingKey {
        case re, progress
        case privateBytes = "private_bytes"
        case cacheBytes = "cache_bytes"
    }
}

/// Asks a process to end itself.
public struct Stop: Codable, Sendable, Equatable {
    public var id: Int
    public var deadlineMilliseconds: Int

    public init(id: Int, deadlineMilliseconds: Int) {
        self.id = id
        self.deadlineMilliseconds = deadlineMilliseconds
    }

    enum CodingKeys: String, CodingKey {
        case id
        case deadlineMilliseconds = "deadline_ms"
    }
}

/// A request was carried out.
public struct Done: Codable, Sendable, Equatable {
    public var re: Int

    public init(re: Int) {
        self.re = re
    }
}

/// A frame was not understood.
public struct ProtocolError: Codable, Sendable, Equatable {
    public var re: Int?
    public var reason: String

    public init(re: Int? = nil, reason: String) {
        self.re = re
        self.reason = reason
    }
}
