import Synchronization

/// How many requests one engine has, how many it may have, and whether it still takes any.
///
/// Event loops take and release permits without asking anybody: one atomic word holds the count and the closed flag, so
/// that "closed with nothing in flight" is one fact that no loop can get between.
public final class EnginePermits: Sendable {
    /// Requests that the engine may have at once.
    public let limit: Int
    private let word = Atomic<Int>(0)
    private let lastRelease = Atomic<Int64>(0)
    private let isWatched = Atomic<Bool>(false)
    private let onRelease: @Sendable () -> Void
    private static let closed = 1 << 62

    /// - Parameter onRelease: called on the releasing thread, once for each `watch()`; must not block.
    public init(limit: Int, onRelease: @escaping @Sendable () -> Void = {}) {
        self.limit = limit
        self.onRelease = onRelease
    }

    /// Requests in the engine now.
    public var inFlight: Int { word.load(ordering: .sequentiallyConsistent) & ~Self.closed }
    public var isClosed: Bool { word.load(ordering: .sequentiallyConsistent) & Self.closed != 0 }
    /// When a request last ended here; the origin if none has.
    public var lastUsed: Moment { Moment(nanoseconds: lastRelease.load(ordering: .relaxed)) }

    /// Takes one permit, unless all are taken or the engine is draining.
    public func take() -> Bool {
        var seen = word.load(ordering: .relaxed)
        while seen < limit {  // a closed word is larger than any limit
            let (exchanged, original) = word.weakCompareExchange(
                expected: seen, desired: seen + 1, ordering: .sequentiallyConsistent)
            if exchanged { return true }
            seen = original
        }
        return false
    }

    /// Gives one permit back.
    public func release(at now: Moment) {
        lastRelease.store(now.nanoseconds, ordering: .relaxed)
        word.subtract(1, ordering: .sequentiallyConsistent)
        if isWatched.exchange(false, ordering: .sequentiallyConsistent) { onRelease() }
    }

    /// Takes no more requests; those in flight go on.
    public func close() {
        word.bitwiseOr(Self.closed, ordering: .sequentiallyConsistent)
    }

    /// Closes if nothing is in flight; otherwise changes nothing and says false.
    public func closeIfIdle() -> Bool {
        word.compareExchange(expected: 0, desired: Self.closed, ordering: .sequentiallyConsistent).exchanged
            || isClosed && inFlight == 0
    }

    /// Asks for one call of `onRelease` at the next release. Look at the counts again *after* this call: a release may
    /// have come just before it.
    public func watch() {
        isWatched.store(true, ordering: .sequentiallyConsistent)
    }
}
