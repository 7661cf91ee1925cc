/// What is kept of what processes write.
public struct LogConfiguration: Sendable, Equatable {
    /// The most that one process's log may take on disk.
    public var bytesPerProcess: Int

    enum Key: String, CaseIterable {
        case bytesPerProcess = "bytes_per_process"
    }

    init(_ reader: NodeReader?) {
        bytesPerProcess = reader?.section(Key.self)?[.bytesPerProcess]?.size() ?? 16 << 20
    }
}
