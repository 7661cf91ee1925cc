/// What a process says of its own memory, in bytes.
public struct ProcessMemory: Sendable, Equatable {
    /// What it owns alone; nil: it cannot tell.
    public let privateBytes: Int?
    /// What its KV cache has of that.
    public let cacheBytes: Int
}
