/// A new engine: the origin's answer, and what of the request had no effect.
struct CreatedEngineAnswer: Encodable {
    let engine: EngineAnswer
    let warnings: [String]

    enum CodingKeys: String, CodingKey {
        case timings = "create_timings"
        case warnings
    }

    func encode(to encoder: any Encoder) throws {
        try engine.encode(to: encoder)
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(timings, forKey: .timings)
        try container.encode(warnings, forKey: .warnings)
    }

    /// In milliseconds; empty before it is ready.
    private var timings: [String: Double] {
        guard let total = engine.engine.startMilliseconds else { return [:] }
        let stages = engine.engine.stages.map { ("\($0.stage)_ms", $0.milliseconds) }
        return Dictionary(stages + [("total_ms", total)]) { _, last in last }
    }
}

/// The origin's answer to the end of an engine.
struct DeletedEngineAnswer: Encodable {
    let id: String
    let ranks: [Int]

    enum CodingKeys: String, CodingKey {
        case message
        case ranks = "released_ranks"
        case port = "released_port"
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode("Engine \(id) is deleted", forKey: .message)
        try container.encode(ranks, forKey: .ranks)
        // Engines have no ports of their own.
        try container.encodeNil(forKey: .port)
    }
}
