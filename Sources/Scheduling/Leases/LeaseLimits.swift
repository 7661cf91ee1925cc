/// The limits that leases keep to.
public struct LeaseLimits: Sendable, Equatable {
    /// How long a worker may take to answer `lease`, or a ping after its reset.
    public var answerTimeout: Duration = .seconds(10)
    /// How long a worker takes to answer `lease` if nothing is wrong.
    public var usualAnswer: Duration = .milliseconds(100)
    /// How long a worker may take to let go of everything.
    public var resetTimeout: Duration = .seconds(10)
    /// How long an executor may take to let its workers go. They are taken back then all the same.
    public var revokeTimeout: Duration = .seconds(10)

    public init() {}
}
