// The words for the other end of a lease.

/// The control connection of one RemoteExecutor; unique in one life of the controller. A process may have several.
public struct ExecutorID: Hashable, Sendable, CustomStringConvertible {
    public let number: UInt64
    public init(_ number: UInt64) { self.number = number }
    public var description: String { "x-\(number)" }
}

/// A request that an executor sent, to be answered once.
public struct ExecutorMessage: Hashable, Sendable {
    public let executor: ExecutorID
    /// Its `id` on that connection.
    public let number: Int

    public init(executor: ExecutorID, number: Int) {
        self.executor = executor
        self.number = number
    }
}

/// Whose executor may have a lease.
public enum ExecutorOwner: Sendable, Equatable {
    /// An engine of ours: its core makes an executor, which registers and asks after the workers were reserved.
    case core(ProcessID)
    /// A process that a user started: it has asked, and so there is a lease.
    case user(pid: Int32, asked: ExecutorMessage)
}

public enum ExecutorAnswer: Sendable, Equatable {
    /// To `lease.request`: all workers expect the executor.
    case granted(Lease)
    /// To `lease.request`.
    case refused(reason: String)
    /// To `lease.release`: the workers are being taken back.
    case done
    /// To `lease.release`: nothing has changed.
    case failed(reason: String)
}
