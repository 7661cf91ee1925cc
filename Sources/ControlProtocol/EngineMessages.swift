// The messages about one engine. Their meaning, units and rules stand in `docs/protocol.md`.

/// Gives an idle process its engine.
public struct Assign: Codable, Sendable, Equatable {
    public var id: Int
    public var deadlineMilliseconds: Int
    public var engine: String
    public var generation: WireGeneration
    public var names: [String]
    public var path: String
    public var arguments: [String: JSONValue]
    public var environment: [String: String]
    public var socket: String
    public var inputSocket: String
    public var outputSocket: String
    public var device: String
    public var cores: [Int]
    public var worldSize: Int
    /// Nil: in the core's process.
    public var executor: WireExecutor?
    public var peerPid: Int

    public init(
        id: Int, deadlineMilliseconds: Int, engine: String, generation: WireGeneration, names: [String], path: String,
        arguments: [String: JSONValue], environment: [String: String], socket: String, inputSocket: String,
        outputSocket: String, device: String, cores: [Int], worldSize: Int, executor: WireExecutor? = nil, peerPid: Int
    ) {
        self.id = id
        self.deadlineMilliseconds = deadlineMilliseconds
        self.engine = engine
        self.generation = generation
        self.names = names
        self.path = path
        self.arguments = arguments
        self.environment = environment
        self.socket = socket
        self.inputSocket = inputSocket
        self.outputSocket = outputSocket
        self.device = device
        self.cores = cores
        self.worldSize = worldSize
        self.executor = executor
        self.peerPid = peerPid
    }

    enum CodingKeys: String, CodingKey {
        case id, engine, generation, names, path, arguments, environment, socket, device, cores, executor
        case deadlineMilliseconds = "deadline_ms"
        case inputSocket = "input_socket"
        case outputSocket = "output_socket"
        case worldSize = "world_size"
        case peerPid = "peer_pid"
    }
}

/// Where an engine's workers are.
public enum WireExecutor: String, Codable, Sendable {
    /// One, inside the core.
    case inProcess = "in-process"
    /// Leased ones.
    case remote
}

/// The assignment is understood; `stage` tells the rest.
public struct Accepted: Codable, Sendable, Equatable {
    public var re: Int

    public init(re: Int) {
        self.re = re
    }
}

/// A stage of a start has ended, well or with an error.
public struct Stage: Codable, Sendable, Equatable {
    public var engine: String
    public var generation: WireGeneration
    public var stage: String
    public var milliseconds: Double
    public var error: String?

    public init(
        engine: String, generation: WireGeneration, stage: String, milliseconds: Double, error: String? = nil
    ) {
        self.engine = engine
        self.generation = generation
        self.stage = stage
        self.milliseconds = milliseconds
        self.error = error
    }

    enum CodingKeys: String, CodingKey {
        case engine, generation, stage, error
        case milliseconds = "ms"
    }
}

/// Puts a serving engine to sleep.
public struct Sleep: Codable, Sendable, Equatable {
    public var id: Int
    public var deadlineMilliseconds: Int
    public var engine: String
    public var generation: WireGeneration
    public var level: Int

    public init(id: Int, deadlineMilliseconds: Int, engine: String, generation: WireGeneration, level: Int) {
        self.id = id
        self.deadlineMilliseconds = deadlineMilliseconds
        self.engine = engine
        self.generation = generation
        self.level = level
    }

    enum CodingKeys: String, CodingKey {
        case id, engine, generation, level
        case deadlineMilliseconds = "deadline_ms"
    }
}

/// Ends an engine's sleep.
public struct Wake: Codable, Sendable, Equatable {
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

/// Makes an engine give its workers back; its front end stays.
public struct Park: Codable, Sendable, Equatable {
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

/// Makes a parked engine lease workers and load its model anew.
public struct Unpark: Codable, Sendable, Equatable {
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
