/// What a `worker-controller.yaml` says, with every default filled in and every path absolute.
public struct Configuration: Sendable, Equatable {
    /// The largest configuration file that is read, in bytes.
    public static let largestFile = 1 << 20

    /// Absolute path of the file that it was read from.
    public var file: String
    /// The one public address.
    public var listen: ListenAddress
    /// Sockets, state and logs live here. Absolute.
    public var runDirectory: String
    public var limits: Limits
    /// Sorted by name, never empty.
    public var runtimes: [RuntimeConfiguration]
    public var devices: DeviceSelection
    public var pool: PoolConfiguration
    public var scheduling: SchedulingConfiguration
    /// Whether a model's arguments may let its own code run.
    public var allowTrustRemoteCode: Bool
    /// How long a process that finds no controller waits before it ends itself.
    public var orphanTimeout: Duration
    public var logs: LogConfiguration
    /// Sorted by name; their names and aliases are all different.
    public var models: [ModelConfiguration]

    enum Key: String, CaseIterable {
        case listen, limits, runtimes, devices, pool, scheduling, logs, tls, cors, models
        case runDirectory = "run_directory"
        case apiKeys = "api_keys"
        case allowTrustRemoteCode = "allow_trust_remote_code"
        case orphanTimeout = "orphan_timeout"
    }

    /// Reads the text of a configuration file.
    ///
    /// - Parameter file: its absolute path. Relative paths in it start at its folder.
    /// - Throws: every mistake that was found. The file system is looked at only to tell a model's folder from a hub
    ///   id.
    public static func parse(_ text: String, file: String) throws(ConfigurationErrors) -> Configuration {
        let diagnostics = Diagnostics(file: file)
        guard let section = diagnostics.document(text)?.section(Key.self) else { throw diagnostics.failure }
        let configuration = Configuration(section, paths: PathResolver(file: file), diagnostics: diagnostics)
        guard diagnostics.isEmpty else { throw diagnostics.failure }
        return configuration
    }

    private init(_ section: Section<Key>, paths: PathResolver, diagnostics: Diagnostics) {
        file = diagnostics.file
        listen = section[.listen].flatMap { ListenAddress($0) } ?? ListenAddress(host: "127.0.0.1", port: 8000)
        runDirectory = RunDirectory.read(section[.runDirectory], paths: paths, diagnostics: diagnostics)
        limits = Limits(section[.limits])
        runtimes = RuntimeConfiguration.all(section[.runtimes], paths: paths)
        devices = DeviceSelection(section[.devices])
        pool = PoolConfiguration(section[.pool])
        scheduling = SchedulingConfiguration(section[.scheduling])
        allowTrustRemoteCode = section[.allowTrustRemoteCode]?.boolean() ?? false
        orphanTimeout = section[.orphanTimeout]?.positiveDuration() ?? .seconds(300)
        logs = LogConfiguration(section[.logs])
        models = ModelConfiguration.all(
            section[.models],
            context: ModelContext(
                paths: paths, runtimes: RuntimeConfiguration.names(section[.runtimes]),
                allowsRemoteCode: allowTrustRemoteCode))
        NotBuiltYet.refuse(apiKeys: section[.apiKeys], tls: section[.tls], cors: section[.cors])
    }
}
