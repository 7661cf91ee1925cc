/// What the executor of an engine that the controller did not start (a vLLM of a user's own) asks for.
///
/// It makes an `EngineRecord` with no model and no processes of ours but its workers: it waits for memory and workers in
/// the line of all engines, is never evicted, and is over with its lease.
public struct ExternalRequest: Sendable, Equatable {
    /// What is to be answered.
    public let message: ExecutorMessage
    /// Of the process that its executor is in.
    public let pid: Int32
    /// What its user calls it; only to be shown.
    public let model: String
    public let worldSize: Int
    /// `cpu` or `cuda`: the part of a device's id before its colon.
    public let deviceKind: String
    /// In bytes, KV cache included; counted against its device from the lease on.
    public let footprint: Int
    /// How long it waits.
    public let patience: Duration
    /// Of what it runs with, by name.
    public let versions: [String: String]

    public init(
        message: ExecutorMessage, pid: Int32, model: String, worldSize: Int, deviceKind: String, footprint: Int,
        patience: Duration, versions: [String: String]
    ) {
        self.message = message
        self.pid = pid
        self.model = model
        self.worldSize = worldSize
        self.deviceKind = deviceKind
        self.footprint = footprint
        self.patience = patience
        self.versions = versions
    }
}
