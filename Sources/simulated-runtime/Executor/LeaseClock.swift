import Synchronization

/// How long an executor waited, from any thread.
final class LeaseClock: Sendable {
    private struct Times {
        var requested: ContinuousClock.Instant?
        var granted: ContinuousClock.Instant?
    }

    private let start = ContinuousClock.now
    private let times = Mutex(Times())

    func note(_ milestone: ExecutorMilestone) {
        times.withLock { times in
            switch milestone {
            case .request: times.requested = .now
            case .grant: times.granted = .now
            case .hello, .attach, .load, .keyValueCache, .ready, .step: break
            }
        }
    }

    /// Request to grant; 0 before there was one.
    var leaseMilliseconds: Double {
        times.withLock { times in
            guard let requested = times.requested, let granted = times.granted else { return 0 }
            return (granted - requested).milliseconds
        }
    }

    var sinceStart: Double { (ContinuousClock.now - start).milliseconds }
}
