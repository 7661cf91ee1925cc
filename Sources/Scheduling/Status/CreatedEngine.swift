/// An engine of a model that no config names.
public struct CreatedEngine: Sendable, Equatable {
    public var engine: EngineStatus
    /// What of the request had no effect, and why.
    public var warnings: [String]

    public init(engine: EngineStatus, warnings: [String]) {
        self.engine = engine
        self.warnings = warnings
    }
}
