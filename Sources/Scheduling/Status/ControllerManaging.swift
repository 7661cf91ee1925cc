/// What can be asked of the controller besides requests to models. Implemented by the controller, used by the management
/// API. Every call that can fail throws `ControllerError`.
public protocol ControllerManaging: Sendable {
    func status() async -> ControllerStatus
    /// The status once the processes of engines that serve were asked again what they own.
    func measuredStatus() async -> ControllerStatus
    /// Loads the model (any of its names) and answers when it is ready, with its engine.
    func load(_ model: String) async throws -> EngineStatus
    /// Drains the model's engines, ends them, and answers when their memory is back. A model that is not loaded is no error.
    func unload(_ model: String) async throws -> UnloadReport
    /// Brings the model to the tier `asleep` (from wherever it stands; requests in flight end first) and answers when it is
    /// there.
    func sleep(_ model: String) async throws -> ModelStatus
    /// Loads a model that is asleep, and answers when it is ready, with its engine. One that is loaded is no error.
    func wake(_ model: String) async throws -> EngineStatus
    /// Makes the engine of a model (any of its names) give its leased workers back, and answers when it has. A request, or
    /// `load`, gives it workers again.
    func park(_ model: String) async throws -> ModelStatus
    /// Makes an engine of a model that no config names.
    ///
    /// - Parameters:
    ///   - body: JSON, as `POST /engines` takes it.
    ///   - waits: whether to answer when it is ready; otherwise as soon as it is known.
    func create(_ body: [UInt8], waits: Bool) async throws -> CreatedEngine
    /// Ends an engine when its requests are done, and answers when it is gone; one that was made by `create` with its model.
    func delete(_ engine: String) async throws
    /// The last lines of the log of a model, engine, runtime or process, at most `lines` of them.
    func log(of id: String, lines: Int) async throws -> [String]
    /// Follows what happens.
    ///
    /// - Parameter id: of the last event that was seen; `0`: everything that is kept; nil: what comes from now on.
    func events(after id: String?) async throws -> EventReader
    /// All metrics in Prometheus' text format.
    func metrics() async -> String
}
