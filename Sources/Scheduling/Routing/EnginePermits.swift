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
    /// Others wait for permits: what comes straight from a client has to wait behind them.
    private static let awaited = 1 << 61

    /// - Parameter onRelease: called on the releasing thread, once for each `watch()`; must not block.
    public init(limit: Int, onRelease: @escaping @Sendable () -> Void = {}) {
        self.limit = limit
        self.onRelease = onRelease
    }

    /// Requests in the engine now.
    public var inFlight: Int { word.load(ordering: .sequentiallyConsistent) & ~(Self.closed | Self.awaited) }
    public var isClosed: Bool { word.load(ordering: .sequentiallyConsistent) & Self.closed != 0 }
    /// When a request last ended here; the origin if none has.
    public var lastUsed: Moment { Moment(nanoseconds: lastRelease.load(ordering: .relaxed)) }

    /// Takes one permit, unless all are taken, others wait for them, or the engine is draining.
    public func take() -> Bool { take(ignoring: 0) }

    /// Takes one permit for a request that has waited, unless all are taken or the engine is draining.
    public func takeForWaiting() -> Bool { take(ignoring: Self.awaited) }

    private func take(ignoring flag: Int) -> Bool {
        var seen = word.load(ordering: .relaxed)
        while seen & ~flag < limit {  // a word with another flag is larger than any limit
            let (exchanged, original) = word.weakCompareExchange(
                expected: seen, desired: seen + 1, ordering: .sequentiallyConsistent)
            if exchanged { return true }
            seen = original
        }
        return false
    }

    /// Whether requests wait for permits, so that none may overtake them.
    public func setAwaited(_ isAwaited: Bool) {
        if isAwaited {
            word.bitwiseOr(Self.awaited, ordering: .sequentiallyConsistent)
        } else {
            word.bitwiseAnd(~Self.awaited, ordering: .sequentiallyConsistent)
        }
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
        var seen = word.load(ordering: .relaxed)
        while seen & ~(Self.awaited | Self.closed) == 0 {
            let (exchanged, original) = word.weakCompareExchange(
                expected: seen, desired: seen | Self.closed, ordering: .sequentiallyConsistent)
            if exchanged { return true }
            seen = original
        }
        return false
    }

    /// Asks for one call of `onRelease` at the next release. Look at the counts again *after* this call: a release may
    /// have come just before it.
    public func watch() {
        isWatched.store(true, ordering: .sequentiallyConsistent)
    }
}
