/// Something that happened to a worker or an executor, or was decided about a lease.
///
/// What does not fit the present state (it comes late, twice, from somebody else, or about another generation)
/// changes nothing.
public enum LeaseEvent: Sendable, Equatable {
    // Workers
    /// Its fork has been ordered.
    case forked(ProcessID, RuntimeName, DeviceID)
    /// It said hello and answered its first ping: what it owns now is its baseline.
    ///
    /// - Parameters:
    ///   - privateBytes: nil: it cannot tell.
    ///   - reset: as its runtime wants it.
    case idle(ProcessID, privateBytes: Int?, reset: ResetPolicy)
    /// Its process is gone, and all that it left behind is swept.
    case gone(ProcessID, reason: String)
    // Answers to `lease`
    case accepted(ProcessID, Generation)
    case declined(ProcessID, Generation, reason: String)
    // Answers to `reset`
    case resetDone(ProcessID, Generation)
    case resetFailed(ProcessID, Generation, reason: String)
    /// Answers `measure`.
    ///
    /// - Parameter privateBytes: nil: it cannot tell.
    case measured(ProcessID, Generation, privateBytes: Int?)

    // Executors
    /// - Parameter process: nil: none of ours.
    case registered(ExecutorID, EngineID, Generation, process: ProcessID?)
    case asked(ExecutorMessage, worldSize: Int)
    case released(ExecutorMessage, EngineID, Generation)
    /// Answers `revoke`, whatever the answer was.
    case revoked(ExecutorID, EngineID, Generation)
    /// Its connection ended.
    case executorGone(ExecutorID)

    // Decisions
    /// Reserves the workers if they are there (`WorkerPool.canLease`).
    case lease(LeaseWish)
    /// Takes the workers back after their executor was told.
    case revoke(EngineID, Generation)
    /// Takes the workers back at once: their engine is being ended.
    case reclaim(EngineID, Generation)
    /// Nobody needs this worker any more.
    case dismiss(ProcessID, reason: String)

    /// A deadline may have passed.
    case tick
}
