/// Everything that an event loop must know to send a request on, as it was at one moment. Immutable: the controller
/// publishes a new one when something changed.
public struct RouteSnapshot: Sendable {
    /// By every name that a request may use: model names, aliases, engine ids.
    public let models: [String: ModelRoute]

    public init(models: [String: ModelRoute] = [:]) {
        self.models = models
    }
}

/// One configured model. With no engine, its requests wait with the broker.
public struct ModelRoute: Sendable {
    /// The model's own name, whatever name led here.
    public let model: String
    public let engines: [EngineRoute]

    public init(model: String, engines: [EngineRoute]) {
        self.model = model
        self.engines = engines
    }
}

/// One ready engine.
public struct EngineRoute: Sendable {
    public let engine: EngineID
    public let generation: Generation
    /// The front end's Unix socket.
    public let socketPath: String
    public let permits: EnginePermits

    public init(engine: EngineID, generation: Generation, socketPath: String, permits: EnginePermits) {
        self.engine = engine
        self.generation = generation
        self.socketPath = socketPath
        self.permits = permits
    }
}
