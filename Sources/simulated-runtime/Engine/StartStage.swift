import ControlProtocol

/// The stages of a start, in their order.
enum StartStage: String, CaseIterable, Codable, Sendable {
    case config
    case attach
    case load
    case keyValueCache = "kv_cache"
    case warmUp = "warm_up"
    case app
    case listen

    /// What a template does ahead of its engines' starts; `attach` and `load` only with weights.
    static let ofTemplate: [StartStage] = [.config, .app, .attach, .load]

    /// What leased workers do, each its part.
    static let ofWorker: [StartStage] = [.load, .keyValueCache]

    /// The process of an engine that fails, crashes or hangs when a test names this stage. `config` is reported by both.
    var owner: WireRole {
        switch self {
        case .config, .attach, .load, .keyValueCache, .warmUp: .core
        case .app, .listen: .frontEnd
        }
    }
}
