/// Something that happened to a worker, an engine, a lease, a template, a model or a runtime. Encoded with the keys below.
public struct ControllerEvent: Sendable, Codable, Equatable {
    public enum Kind: String, Sendable, Codable, CaseIterable {
        case workerForked = "worker_forked"
        case workerIdle = "worker_idle"
        case workerLeased = "worker_leased"
        case workerResetting = "worker_resetting"
        /// It is not used again; `cause` and `reason` say why.
        case workerRetired = "worker_retired"
        /// A device's memory did not come back: somebody should look.
        case alarm

        case engineQueued = "engine_queued"
        /// It has its device, its processes and its workers, and starts.
        case enginePlaced = "engine_placed"
        case engineReady = "engine_ready"
        /// Its start failed, or was refused.
        case engineFailed = "engine_failed"
        /// It was ready once, and ended without having been told to.
        case engineDied = "engine_died"
        case engineDraining = "engine_draining"
        /// It was to be evicted, and a request came first.
        case engineKept = "engine_kept"
        case engineParked = "engine_parked"
        /// It has workers again, and is on its way to ready.
        case engineUnparked = "engine_unparked"
        case engineAsleep = "engine_asleep"
        case engineWaking = "engine_waking"
        /// Nothing of it is left, and so its memory is free.
        case engineGone = "engine_gone"

        case leaseGranted = "lease_granted"
        case leaseReleased = "lease_released"
        case leaseRevoked = "lease_revoked"
        /// Its engine was ended.
        case leaseReclaimed = "lease_reclaimed"
        case leaseBroken = "lease_broken"

        case templateReady = "template_ready"
        case templateFailed = "template_failed"
        case templateGivenUp = "template_given_up"

        case modelTier = "model_tier"
        case runtimeReady = "runtime_ready"
        case runtimeDown = "runtime_down"
    }

    /// Why a worker is retired whose process ended by itself. All other causes are those of `Retirement`.
    public static let died = "died"

    public var kind: Kind
    public var engine: String?
    /// The model's name; of an engine that a user started, what that user calls it.
    public var model: String?
    public var worker: String?
    /// Those of a lease, in the order of their ranks.
    public var workers: [String]?
    /// A worker's place in the pool.
    public var slot: Int?
    public var device: String?
    public var runtime: String?
    /// What an engine was started from; where a model stands now.
    public var tier: Tier?
    public var cause: String?
    /// One line for people.
    public var reason: String?
    /// What it took: of `engine_placed` and `engine_unparked` the wait for the place, of `engine_ready` the whole start, of
    /// `template_ready` its making.
    public var milliseconds: Double?
    /// Of a template.
    public var hasWeights: Bool?

    public init(
        _ kind: Kind, engine: String? = nil, model: String? = nil, worker: String? = nil, workers: [String]? = nil,
        slot: Int? = nil, device: String? = nil, runtime: String? = nil, tier: Tier? = nil, cause: String? = nil,
        reason: String? = nil, milliseconds: Double? = nil, hasWeights: Bool? = nil
    ) {
        self.kind = kind
        self.engine = engine
        self.model = model
        self.worker = worker
        self.workers = workers
        self.slot = slot
        self.device = device
        self.runtime = runtime
        self.tier = tier
        self.cause = cause
        self.reason = reason
        self.milliseconds = milliseconds
        self.hasWeights = hasWeights
    }

    enum CodingKeys: String, CodingKey {
        case kind = "event"
        case engine, model, worker, workers, slot, device, runtime, tier, cause, reason
        case milliseconds = "ms"
        case hasWeights = "has_weights"
    }
}

/// An event with its place in the stream. In JSON its fields stand beside the event's.
public struct RecordedEvent: Sendable, Codable, Equatable {
    /// `3-17`: the controller's epoch, and the event's number in it, from 1 on.
    public let id: String
    /// Seconds since 1970.
    public let time: Double
    public let event: ControllerEvent

    public init(id: String, time: Double, event: ControllerEvent) {
        self.id = id
        self.time = time
        self.event = event
    }

    enum CodingKeys: String, CodingKey { case id, time }

    public init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        id = try container.decode(String.self, forKey: .id)
        time = try container.decode(Double.self, forKey: .time)
        event = try ControllerEvent(from: decoder)
    }

    public func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        try container.encode(id, forKey: .id)
        try container.encode(time, forKey: .time)
        try event.encode(to: encoder)
    }
}
