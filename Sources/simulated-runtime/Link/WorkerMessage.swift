import ControlProtocol

/// What an executor and its workers tell each other over a worker's socket.
///
/// `attach` and its two answers are those of `docs/protocol.md`. What follows there are vLLM's own objects; here it is
/// `stage` and `step`, which are answered with `done` or `failed`.
enum WorkerMessage: Sendable {
    case attach(engine: String, generation: WireGeneration, rank: Int)
    case attached
    case refused(reason: String)
    /// Do this rank's part of a stage of the engine's start.
    case stage(StartStage, arguments: [String: JSONValue], worldSize: Int)
    /// Do one step of the model.
    case step
    case done
    case failed(reason: String)
}

extension WorkerMessage: Codable {
    private enum Kind: String, Codable {
        case attach, attached, refused, stage, step, done, failed
    }

    private enum CodingKeys: String, CodingKey {
        case type, engine, generation, rank, reason, stage, arguments
        case worldSize = "world_size"
    }

    init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: CodingKeys.self)
        switch try fields.decode(Kind.self, forKey: .type) {
        case .attach:
            self = .attach(
                engine: try fields.decode(String.self, forKey: .engine),
                generation: try fields.decode(WireGeneration.self, forKey: .generation),
                rank: try fields.decode(Int.self, forKey: .rank))
        case .attached: self = .attached
        case .refused: self = .refused(reason: try fields.decode(String.self, forKey: .reason))
        case .stage:
            self = .stage(
                try fields.decode(StartStage.self, forKey: .stage),
                arguments: try fields.decode([String: JSONValue].self, forKey: .arguments),
                worldSize: try fields.decode(Int.self, forKey: .worldSize))
        case .step: self = .step
        case .done: self = .done
        case .failed: self = .failed(reason: try fields.decode(String.self, forKey: .reason))
        }
    }

    func encode(to encoder: any Encoder) throws {
        var fields = encoder.container(keyedBy: CodingKeys.self)
        try fields.encode(kind, forKey: .type)
        switch self {
        case .attach(let engine, let generation, let rank):
            try fields.encode(engine, forKey: .engine)
            try fields.encode(generation, forKey: .generation)
            try fields.encode(rank, forKey: .rank)
        case .stage(let stage, let arguments, let worldSize):
            try fields.encode(stage, forKey: .stage)
            try fields.encode(arguments, forKey: .arguments)
            try fields.encode(worldSize, forKey: .worldSize)
        case .refused(let reason), .failed(let reason):
            try fields.encode(reason, forKey: .reason)
        case .attached, .step, .done: break
        }
    }

    private var kind: Kind {
        switch self {
        case .attach: .attach
        case .attached: .attached
        case .refused: .refused
        case .stage: .stage
        case .step: .step
        case .done: .done
        case .failed: .failed
        }
    }
}
