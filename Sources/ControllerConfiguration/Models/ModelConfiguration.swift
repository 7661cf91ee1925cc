/// One model that is served.
public struct ModelConfiguration: Sendable, Equatable {
    public var name: String
    /// An absolute folder, or a hub id as written.
    public var path: String
    /// Whether `path` is a hub id.
    public var isHubID: Bool
    /// Name of a runtime of the same configuration.
    public var runtime: String
    /// Further names that requests may use.
    public var aliases: [String]
    /// Set for this model's processes only.
    public var environment: [String: String]
    /// For the model's server, by its names with dashes. Sizes are bytes.
    public var arguments: [String: ConfigurationValue]
    /// Requests in each of its engines at once.
    public var concurrency: Int
    /// The most engines of it at the same time.
    public var replicas: Int
    /// One engine of it is never evicted, and it is never put to sleep for being idle.
    public var pin: Bool
    public var priority: Int
    /// How long it may be idle before it is put to sleep or stopped; nil: as long as nothing else needs its place.
    public var idleTimeout: Duration?
    /// Loaded at the start, before anybody asks.
    public var preload: Bool
    /// How long its start may take.
    public var startTimeout: Duration
    /// Whether a template is made of it ahead of its first request. Without one it always starts cold and cannot sleep.
    public var template: Bool
    /// Whether its files are read whole before weights that were kept are served; otherwise their inodes, sizes and times
    /// are compared.
    public var verifiesContents: Bool
    public var tensorParallelSize: Int
    public var executor: ExecutorChoice

    /// Bytes of KV cache, where the arguments say so.
    public var kvCacheBytes: Int? {
        guard case .integer(let bytes) = arguments[ModelArguments.kvCacheKey] else { return nil }
        return bytes
    }
}

/// How an engine's core drives its workers.
public enum ExecutorChoice: String, Sendable, CaseIterable {
    /// What fits the model.
    case auto
    /// The one worker lives inside the core.
    case inProcess = "in-process"
    /// Workers are processes that the core leases from the controller.
    case remote
}
