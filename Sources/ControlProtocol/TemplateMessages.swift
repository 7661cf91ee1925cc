// The messages of templates. Their meaning, units and rules stand in `docs/protocol.md`.

/// Tells an idle template its model, or a prepared one to load the model's weights too.
public struct Prepare: Codable, Sendable, Equatable {
    public var id: Int
    public var deadlineMilliseconds: Int
    public var model: String
    public var names: [String]
    public var path: String
    public var arguments: [String: JSONValue]
    public var environment: [String: String]
    public var device: String
    public var cores: [Int]
    public var weights: Bool
    /// Nil: in the core's process.
    public var executor: WireExecutor?
    /// Nil: 1.
    public var worldSize: Int?

    public init(
        id: Int, deadlineMilliseconds: Int, model: String, names: [String], path: String,
        arguments: [String: JSONValue], environment: [String: String], device: String, cores: [Int], weights: Bool,
        executor: WireExecutor? = nil, worldSize: Int? = nil
    ) {
        self.id = id
        self.deadlineMilliseconds = deadlineMilliseconds
        self.model = model
        self.names = names
        self.path = path
        self.arguments = arguments
        self.environment = environment
        self.device = device
        self.cores = cores
        self.weights = weights
        self.executor = executor
        self.worldSize = worldSize
    }

    enum CodingKeys: String, CodingKey {
        case id, model, names, path, arguments, environment, device, cores, weights, executor
        case worldSize = "world_size"
        case deadlineMilliseconds = "deadline_ms"
    }
}

/// A template is ready to fork, or has failed.
public struct Prepared: Codable, Sendable, Equatable {
    public var model: String
    public var weights: Bool
    public var stages: [WireStageTime]
    public var privateBytes: Int
    public var error: String?

    public init(model: String, weights: Bool, stages: [WireStageTime], privateBytes: Int, error: String? = nil) {
        self.model = model
        self.weights = weights
        self.stages = stages
        self.privateBytes = privateBytes
        self.error = error
    }

    enum CodingKeys: String, CodingKey {
        case model, weights, stages, error
        case privateBytes = "private_bytes"
    }
}

/// How long one stage of a template's making took.
public struct WireStageTime: Codable, Sendable, Hashable {
    public var stage: String
    public var milliseconds: Double

    public init(stage: String, milliseconds: Double) {
        self.stage = stage
        self.milliseconds = milliseconds
    }

    enum CodingKeys: String, CodingKey {
        case stage
        case milliseconds = "ms"
    }
}
