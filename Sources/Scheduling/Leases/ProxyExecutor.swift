/// The controller's side of one lease: knows whose executor may have it, and drops what is older or from anybody else.
///
/// `expected -> registered -> granted -> releasing`, over `revoking` where the executor is told first. It is forgotten
/// when the last worker has come back.
public struct ProxyExecutor: Sendable, Equatable {
    public enum Phase: Sendable, Equatable {
        /// The workers are reserved, and the engine's core has yet to register its executor.
        case expected
        /// It may ask, or has asked and waits until its workers expect it.
        case registered
        /// It has the workers.
        case granted
        /// It has been told to give them back.
        case revoking(until: Moment)
        /// The lease is over, and its workers are on their way back.
        case releasing(LeaseEnd)
    }

    public let wish: LeaseWish
    public let lease: Lease
    public private(set) var phase: Phase
    /// Its connection, once there is one.
    public private(set) var executor: ExecutorID?
    /// The request that is not answered yet.
    private var request: ExecutorMessage?
    /// All workers expect it.
    private(set) var areWorkersReady = false

    init(wish: LeaseWish, lease: Lease) {
        self.wish = wish
        self.lease = lease
        switch wish.owner {
        case .core: phase = .expected
        case .user(_, let message):
            phase = .registered
            executor = message.executor
            request = message
        }
    }

    var isOver: Bool { if case .releasing = phase { true } else { false } }

    mutating func register(_ id: ExecutorID, _ generation: Generation, process: ProcessID?) -> [LeaseAction] {
        guard executor != id else { return [] }
        guard generation == wish.engineGeneration else {
            return [.refuse(id, reason: "\(lease.engine) has another generation by now")]
        }
        guard let process, wish.owner == .core(process) else {
            return [.refuse(id, reason: "it does not belong to the core of \(lease.engine)")]
        }
        guard phase == .expected else {
            return [.refuse(id, reason: "\(lease.engine) has its executor already, or had it")]
        }
        phase = .registered
        executor = id
        return [.welcome(id, lease.engine)]
    }

    /// Who asks again for what it has is told again.
    mutating func ask(_ message: ExecutorMessage, worldSize: Int) -> [LeaseAction] {
        guard worldSize == lease.workers.count else {
            return [
                .answer(
                    message,
                    .refused(
                        reason: "\(worldSize) workers are asked for, and \(lease.workers.count) are reserved for "
                            + "\(lease.engine)"))
            ]
        }
        switch phase {
        case .granted: return [.answer(message, .granted(lease))]
        case .registered where request == nil:
            request = message
            return grantIfReady()
        case .registered:
            return [.answer(message, .refused(reason: "an earlier request for \(lease.engine) is not answered yet"))]
        case .expected, .revoking, .releasing:
            return [.answer(message, .refused(reason: "the lease of \(lease.engine) is being ended"))]
        }
    }

    mutating func workersAreReady() -> [LeaseAction] {
        areWorkersReady = true
        return grantIfReady()
    }

    /// Not before all workers know whom to expect: one that does not would turn its executor away.
    private mutating func grantIfReady() -> [LeaseAction] {
        guard phase == .registered, areWorkersReady, let message = request else { return [] }
        request = nil
        phase = .granted
        return [.answer(message, .granted(lease))]
    }

    /// - Returns: nil: there is nobody who could let the workers go.
    mutating func revoke(until deadline: Moment) -> [LeaseAction]? {
        guard phase == .granted, let executor else { return nil }
        phase = .revoking(until: deadline)
        return [.revoke(executor, lease.engine, lease.generation)]
    }

    /// Whether this executor may speak about this generation, and there is something left to say.
    func isHeard(_ id: ExecutorID, _ generation: Generation) -> Bool {
        id == executor && generation == lease.generation && !isOver
    }

    /// The lease is over. Whatever ends it while it is being revoked, it was revoked.
    mutating func end(_ how: LeaseEnd) -> [LeaseAction] {
        var how = how
        if case .revoking = phase { how = .revoked }
        phase = .releasing(how)
        let refusal = request.map {
            LeaseAction.answer($0, .refused(reason: "the lease of \(lease.engine) is over: \(how.description)"))
        }
        request = nil
        return [refusal, .ended(lease.engine, lease.generation, how)].compactMap(\.self)
    }
}
