/// A process with its device context up, and no model of its own: one rank of an engine at a time.
public struct WorkerRecord: Sendable, Equatable {
    /// `starting -> idle -> leased -> resetting -> idle`, or to `retired` from any of them.
    public enum State: Sendable, Equatable {
        case starting
        case idle
        /// - Parameter hasAccepted: whether it knows, and expects that engine's executor.
        case leased(Lease, hasAccepted: Bool)
        /// It was this engine's, and is not proven clean yet.
        case resetting(Lease, ResetStep)
        /// It is being ended.
        case retired(Retirement)

        /// As people and programs are told it.
        public var word: String {
            switch self {
            case .starting: "starting"
            case .idle: "idle"
            case .leased: "leased"
            case .resetting: "resetting"
            case .retired: "retired"
            }
        }
    }

    public enum ResetStep: Sendable, Equatable {
        /// It lets go of what it has.
        case clearing
        /// It has said so, and its memory is looked at.
        case measuring
    }

    public let process: ProcessID
    /// Its place in the pool: the smallest number that was free. The place of a retired worker is free again.
    public let slot: Int
    public let device: DeviceID
    public let runtime: RuntimeName
    /// Not known before its hello.
    var resetPolicy = ResetPolicy.replace
    public internal(set) var state = State.starting
    /// When it came into this state.
    public internal(set) var since: Moment
    /// What it owned when it was new; nil also where it cannot tell.
    public internal(set) var baselineBytes: Int?
    /// How often it was used.
    public internal(set) var leaseCount = 0
    /// Nothing of any engine is in it: it is new, or was measured after its last one.
    var isProvenClean = true
    /// When the answer that it owes has to be there.
    var deadline: Moment?

    init(process: ProcessID, slot: Int, device: DeviceID, runtime: RuntimeName, since: Moment) {
        self.process = process
        self.slot = slot
        self.device = device
        self.runtime = runtime
        self.since = since
    }

    /// The engine's whose memory it may hold.
    public var lease: Lease? {
        switch state {
        case .leased(let lease, _), .resetting(let lease, _): lease
        case .retired(let retirement): retirement.lease
        case .starting, .idle: nil
        }
    }

    /// What it is to an engine, for people.
    func title(in lease: Lease) -> String {
        let rank = lease.rank(of: process).map { " of rank \($0)" } ?? ""
        return "its worker \(slot)\(rank) (\(process))"
    }

    public var isRetired: Bool { if case .retired = state { true } else { false } }
}

/// Why a worker is not used again.
public struct Retirement: Sendable, Equatable {
    public enum Cause: String, Sendable, CaseIterable {
        /// It was used, and where it is, workers are replaced after that.
        case replaced
        /// It did not take a lease.
        case declined
        /// It owed an answer for too long.
        case unanswered
        /// Its reset failed.
        case resetFailed = "reset_failed"
        /// Its memory did not come back, or nobody can tell whether it did.
        case memory
        /// Nobody needs it.
        case dismissed
    }

    public let cause: Cause
    /// One line for people, with the arithmetic where there is some.
    public let reason: String
    /// Whose memory it may hold until it is gone.
    public let lease: Lease?

    public init(cause: Cause, reason: String, lease: Lease?) {
        self.cause = cause
        self.reason = reason
        self.lease = lease
    }
}
