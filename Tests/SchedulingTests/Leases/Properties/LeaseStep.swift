import Scheduling

/// One event of a sequence, and when it happens.
struct LeaseStep: Sendable {
    let event: LeaseEvent
    let now: Moment
}

extension LeaseStep: CustomStringConvertible {
    var description: String { "\(now.nanoseconds / 1_000_000) ms: \(event)" }
}

/// Who takes the events: the pool itself, or one that is broken on purpose.
typealias LeaseHandler = @Sendable (inout WorkerPool, LeaseEvent, Moment) -> [LeaseAction]

extension WorkerPool {
    /// The pool as it is.
    static let sound: LeaseHandler = { pool, event, now in pool.handle(event, at: now) }
}

extension SplitMix64 {
    /// Much cheaper than a random number of the standard library where nothing is optimised.
    mutating func below(_ limit: Int) -> Int { Int(truncatingIfNeeded: next() >> 33) % limit }
}
