/// What may wait, and how large it may be.
public struct Limits: Sendable, Equatable {
    /// Requests that may wait at once.
    public var queue: Int
    /// Bytes that they may hold together.
    public var queueBytes: Int
    /// The largest request body, in bytes.
    public var body: Int

    enum Key: String, CaseIterable {
        case queue, body
        case queueBytes = "queue_bytes"
    }

    init(_ reader: NodeReader?) {
        let section = reader?.section(Key.self)
        queue = section?[.queue]?.integer(in: 1...1_000_000) ?? 512
        queueBytes = section?[.queueBytes]?.size() ?? 256 << 20
        body = section?[.body]?.size() ?? 64 << 20
    }
}
