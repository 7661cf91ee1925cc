/// The grant of workers to an engine.
public struct Lease: Sendable, Equatable {
    public let engine: EngineID
    /// Every message about the lease carries it; one with another generation changes nothing.
    public let generation: Generation
    /// In the order of their ranks.
    public let workers: [ProcessID]

    public init(engine: EngineID, generation: Generation, workers: [ProcessID]) {
        self.engine = engine
        self.generation = generation
        self.workers = workers
    }

    public func rank(of worker: ProcessID) -> Int? { workers.firstIndex(of: worker) }
}

/// The workers that an engine needs: all of them at once, or none.
public struct LeaseWish: Sendable, Equatable {
    public let engine: EngineID
    /// Of the engine, as its executor names it when it registers. Over its life an engine may have several leases.
    public let engineGeneration: Generation
    /// Of this lease: never used before.
    public let generation: Generation
    public let runtime: RuntimeName
    /// Each rank's worker is on that rank's device.
    public let place: Place
    public let owner: ExecutorOwner

    public var worldSize: Int { place.ranks.count }

    public init(
        engine: EngineID, engineGeneration: Generation, generation: Generation, runtime: RuntimeName, place: Place,
        owner: ExecutorOwner
    ) {
        self.engine = engine
        self.engineGeneration = engineGeneration
        self.generation = generation
        self.runtime = runtime
        self.place = place
        self.owner = owner
    }
}

/// How a lease was over.
public enum LeaseEnd: Sendable, Equatable {
    /// Its executor gave the workers back.
    case released
    /// Its executor was told to give them back.
    case revoked
    /// The engine ends, and so its executor is not asked.
    case reclaimed
    /// A worker did not take it, so the executor never had any.
    case notTaken(reason: String)
    /// A worker or the executor failed: the engine has to be ended.
    case broken(reason: String)
}

extension LeaseEnd: CustomStringConvertible {
    /// For people.
    public var description: String {
        switch self {
        case .released: "its executor gave the workers back"
        case .revoked: "the workers were taken back"
        case .reclaimed: "the engine was ended"
        case .notTaken(let reason), .broken(let reason): reason
        }
    }
}
