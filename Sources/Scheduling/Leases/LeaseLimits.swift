/// How a worker is made fit for the next engine.
public enum ResetPolicy: Sendable, Equatable {
    /// It lets go of everything, and is used again if it then owns at most so many bytes more than when it was new.
    case inPlace(toleranceBytes: Int)
    /// It is ended, and another forked.
    case replace
}

/// The limits that leases keep to. Which policy is right for a platform is known from measurement.
public struct LeaseLimits: Sendable, Equatable {
    /// On devices that are CPUs.
    public var resetOnCPU: ResetPolicy
    /// On all others.
    public var resetElsewhere: ResetPolicy
    /// How long a worker may take to answer `lease`, or a ping after its reset.
    public var answerTimeout: Duration = .seconds(10)
    /// How long a worker may take to let go of everything.
    public var resetTimeout: Duration = .seconds(30)
    /// How long an executor may take to let its workers go. They are taken back then all the same.
    public var revokeTimeout: Duration = .seconds(10)

    public init(resetOnCPU: ResetPolicy, resetElsewhere: ResetPolicy) {
        self.resetOnCPU = resetOnCPU
        self.resetElsewhere = resetElsewhere
    }
}
