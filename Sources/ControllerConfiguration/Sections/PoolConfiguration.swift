/// What is kept warm.
public struct PoolConfiguration: Sendable, Equatable {
    /// Idle workers kept for each device.
    public var idleWorkers: Int

    enum Key: String, CaseIterable {
        case idleWorkers = "idle_workers"
    }

    init(_ reader: NodeReader?) {
        idleWorkers = reader?.section(Key.self)?[.idleWorkers]?.integer(in: 0...1_000) ?? 1
    }
}
