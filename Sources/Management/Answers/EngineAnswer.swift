import Scheduling

/// An engine as the API shows it: the origin's fields, and beside them those of `EngineStatus`.
struct EngineAnswer: Encodable {
    let engine: EngineStatus
    let apiURL: String
    let port: Int
    let assignedRanks: [Int]

    enum CodingKeys: String, CodingKey {
        case engineUUID = "engine_uuid"
        case status
        case apiURL = "api_url"
        case port
        case assignedRanks = "assigned_ranks"
        case pid
    }

    func encode(to encoder: any Encoder) throws {
        try engine.encode(to: encoder)
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(engine.id, forKey: .engineUUID)
        try container.encode(engine.status, forKey: .status)
        try container.encode(apiURL, forKey: .apiURL)
        try container.encode(port, forKey: .port)
        try container.encode(assignedRanks, forKey: .assignedRanks)
        // The origin always has this key: `null` before there is a process.
        try container.encode(engine.pid, forKey: .pid)
    }
}

extension EngineStatus {
    /// The origin's field. `state` tells more finely how an engine comes and goes.
    var status: String {
        switch state {
        case "suspending", "stopping": "draining"
        case "resuming": "starting"
        default: state
        }
    }
}

struct EngineListAnswer: Encodable {
    let engines: [EngineAnswer]

    enum CodingKeys: String, CodingKey {
        case engines
        case count = "num_engines"
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(engines.count, forKey: .count)
        try container.encode(engines, forKey: .engines)
    }
}

/// What an engine was started from, and how long each stage of its start took.
struct LoadTimingsAnswer: Encodable {
    let engine: EngineStatus

    enum CodingKeys: String, CodingKey {
        case engineUUID = "engine_uuid"
        case model, status, stages
        case startTier = "start_tier"
        case startMilliseconds = "start_ms"
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(engine.id, forKey: .engineUUID)
        try container.encode(engine.model, forKey: .model)
        try container.encode(engine.status, forKey: .status)
        try container.encode(engine.stages, forKey: .stages)
        try container.encode(engine.startTier, forKey: .startTier)
        try container.encode(engine.startMilliseconds, forKey: .startMilliseconds)
    }
}

/// Makes engine answers; knows what an engine itself does not: the gateway's address and the slots of workers.
struct EngineDescriber: Sendable {
    let publicAddress: @Sendable () -> PublicAddress
    let slots: WorkerSlotBook

    func describe(_ engine: EngineStatus, in status: ControllerStatus) -> EngineAnswer {
        let address = publicAddress()
        let slots = slots.slots(in: status)
        return EngineAnswer(
            engine: engine, apiURL: address.openAIBase, port: address.port,
            assignedRanks: status.workers.filter { $0.engine == engine.id }.compactMap { slots[$0.id] }.sorted())
    }
}
